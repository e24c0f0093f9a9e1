//! Reads and writes durations as Go does: `1h30m`, `1.5s`, `200ms`.

use std::time::Duration;

use jiff::SignedDuration;

const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Reads a duration; the error is Go's.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (name, after) = rest.split_at(unit);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let known = UNITS.iter().find(|(unit, _)| *unit == name);
        let (_, factor) = known.ok_or_else(|| format!("time: unknown unit {name:?} in duration {text:?}"))?;
        nanos += number * factor;
        rest = after;
    }
    if nanos > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(SignedDuration::from_nanos(if negative { -(nanos as i64) } else { nanos as i64 }))
}

/// Writes a duration: minutes where there is one, and the smaller units even where there are none.
pub(crate) fn show(duration: Duration) -> String {
    let (minutes, rest) = (duration.as_secs() / 60, duration.as_secs() % 60);
    if minutes == 0 {
        return if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") };
    }
    let fraction = format!("{:09}", duration.subsec_nanos());
    let seconds = match fraction.trim_end_matches('0') {
        "" => format!("{rest}s"),
        digits => format!("{rest}.{digits}s"),
    };
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let cases = [
            (0, "0s"),
            (200, "200ms"),
            (1_500, "1.5s"),
            (30_000, "30s"),
            (60_500, "1m0.5s"),
            (900_000, "15m0s"),
            (3_661_000, "1h1m1s"),
        ];
        for (millis, text) in cases {
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases =
            [("5s", 5_000), ("1h30m", 5_400_000), ("1.5s", 1_500), ("200ms", 200), ("-1s", -1_000), ("0", 0)];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(SignedDuration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("5"), Err("time: missing unit in duration \"5\"".to_owned()));
        assert_eq!(parse("5d"), Err("time: unknown unit \"d\" in duration \"5d\"".to_owned()));
        assert!(parse("").is_err() && parse("s").is_err() && parse("1e300h").is_err());
    }
}
