//! How long a container that keeps failing, or an image that cannot be pulled, has to wait.
//!
//! The counterpart of upstream's `k8s.io/client-go/util/flowcontrol.Backoff`, for one key.

use jiff::{SignedDuration, Timestamp};

/// The first and the longest wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) first: SignedDuration,
    pub(crate) longest: SignedDuration,
}

/// A wait that doubles with every failure, and starts over after twice the longest wait without one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    wait: SignedDuration,
    last: Option<Timestamp>,
}

impl Backoff {
    /// The current wait; zero before the first failure.
    pub(crate) fn wait(&self) -> SignedDuration {
        self.wait
    }

    /// Until when a failure at `failed` has to wait; `None` where it need not.
    pub(crate) fn until(&self, failed: Timestamp, limits: Limits) -> Option<Timestamp> {
        (!self.is_expired(failed, limits)).then(|| failed.saturating_add(self.wait).unwrap_or(Timestamp::MAX))
    }

    /// Counts an attempt after a failure at `failed`: the next failure waits longer.
    pub(crate) fn next(&mut self, failed: Timestamp, now: Timestamp, limits: Limits) {
        self.wait = if self.is_expired(failed, limits) {
            limits.first
        } else {
            self.wait.saturating_add(self.wait).min(limits.longest)
        };
        self.last = Some(now);
    }

    fn is_expired(&self, failed: Timestamp, limits: Limits) -> bool {
        self.last
            .is_none_or(|last| failed.duration_since(last) > limits.longest.saturating_add(limits.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { first: SignedDuration::from_secs(10), longest: SignedDuration::from_secs(300) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_failure_does_not_wait_and_later_ones_wait_twice_as_long_each_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        let mut now = 0;
        for _ in 0..8 {
            let until = backoff.until(at(now), LIMITS).unwrap_or(at(now));
            waits.push(until.as_second() - now);
            backoff.next(at(now), until, LIMITS);
            now = until.as_second() + 1;
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn ten_quiet_minutes_start_over() {
        let mut backoff = Backoff::default();
        backoff.next(at(0), at(0), LIMITS);
        backoff.next(at(1), at(10), LIMITS);
        assert_eq!(backoff.until(at(610), LIMITS), Some(at(630)));
        assert_eq!(backoff.until(at(611), LIMITS), None);
    }
}
