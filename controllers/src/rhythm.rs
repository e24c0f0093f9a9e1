//! Keeps a rhythm over pauses in which nobody listened.

use std::time::Duration;

/// The first beat of a rhythm that is not over.
pub(crate) fn next_beat(beat: Duration, period: Duration, now: Duration) -> Duration {
    let missed = now.saturating_sub(beat).as_nanos().div_ceil(period.as_nanos().max(1));
    beat + period * u32::try_from(missed).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_stays_however_long_nobody_listens() {
        let beats = [(0, 0), (1, 5), (5, 5), (6, 10), (5_000_001, 5_000_005)];
        for (now, expected) in beats {
            let beat = next_beat(Duration::ZERO, Duration::from_secs(5), Duration::from_secs(now));
            assert_eq!(beat, Duration::from_secs(expected), "{now}");
        }
        let ahead = next_beat(Duration::from_secs(10), Duration::from_secs(5), Duration::from_secs(7));
        assert_eq!(ahead, Duration::from_secs(10));
    }
}
