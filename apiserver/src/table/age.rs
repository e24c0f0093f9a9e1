//! Tells how long ago something was, coarser the longer ago: `45s`, `5m20s`, `3h`, `2d4h`, `1y20d`.

use jiff::Timestamp;
use steersman_core::tree::Value;

/// How long before `now` a time of an object was; `<unknown>` if it has none.
pub(super) fn since(time: &Value, now: Timestamp) -> String {
    let parsed: Option<Timestamp> = time.as_str().and_then(|text| text.parse().ok());
    parsed.map_or_else(|| "<unknown>".to_owned(), |then| duration(nanoseconds(now) - nanoseconds(then)))
}

/// How long it was from one time to another; empty if there is none.
pub(super) fn between(from: &Value, to: &Value) -> Option<String> {
    let [from, to]: [Timestamp; 2] = [from.as_str()?.parse().ok()?, to.as_str()?.parse().ok()?];
    Some(duration(nanoseconds(to) - nanoseconds(from)))
}

/// A duration in whole seconds.
pub(super) fn seconds(seconds: i64) -> String {
    duration(i128::from(seconds) * 1_000_000_000)
}

fn nanoseconds(time: Timestamp) -> i128 {
    time.as_nanosecond()
}

fn duration(nanoseconds: i128) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match () {
        // Two seconds are allowed for, by which clocks may differ.
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => pair(days, 'd', hours % 24, 'h'),
        () if days < 365 * 2 => format!("{days}d"),
        () if days < 365 * 8 => pair(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

/// Two units, the finer one if there is anything of it.
fn pair(coarse: i128, unit: char, fine: i128, finer: char) -> String {
    if fine == 0 { format!("{coarse}{unit}") } else { format!("{coarse}{unit}{fine}{finer}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_ago_the_coarser_it_is_told() {
        const DAY: i64 = 86_400;
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (320, "5m20s"),
            (179 * 60 + 59, "179m"),
            (3 * 3600, "3h"),
            (7 * 3600 + 60, "7h1m"),
            (47 * 3600, "47h"),
            (2 * DAY + 4 * 3600, "2d4h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (750 * DAY, "2y20d"),
            (9 * 365 * DAY, "9y"),
        ];
        for (given, expected) in cases {
            assert_eq!(seconds(given), expected);
        }
    }

    #[test]
    fn what_has_no_time_has_no_age() {
        assert_eq!(since(&Value::Null, Timestamp::UNIX_EPOCH), "<unknown>");
        assert_eq!(since(&"1969-12-31T23:59:30Z".into(), Timestamp::UNIX_EPOCH), "30s");
    }
}
