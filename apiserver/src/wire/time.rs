//! Times between their text and the seconds since 1970.

use jiff::Timestamp;
use steersman_core::tree::Text;

use super::Malformed;
use crate::moment;

const WRONG: Malformed = Malformed("a time that is none");

/// The seconds and nanoseconds of a time, which has microseconds at the finest, or whole seconds.
pub(super) fn parse(text: &[u8], is_micro: bool) -> Result<(i64, i64), Malformed> {
    if let Some(seconds) = canonical(text) {
        return Ok((seconds, 0));
    }
    let text = std::str::from_utf8(text).map_err(|_| WRONG)?;
    let moment: Timestamp = text.parse().map_err(|_| WRONG)?;
    let nanos = moment.as_nanosecond().rem_euclid(1_000_000_000) as i64;
    let seconds = moment.as_nanosecond().div_euclid(1_000_000_000) as i64;
    Ok((seconds, if is_micro { nanos / 1000 * 1000 } else { 0 }))
}

/// The text of a time.
pub(super) fn print(seconds: i64, nanos: i64, is_micro: bool) -> Result<Text, Malformed> {
    let nanos = i32::try_from(nanos).map_err(|_| WRONG)?;
    let moment = Timestamp::new(seconds, nanos).map_err(|_| WRONG)?;
    Ok(if is_micro { moment::microseconds(moment) } else { moment::seconds(moment) })
}

/// The seconds of a time in the form in which the server writes nearly all: `2006-01-02T15:04:05Z`.
fn canonical(text: &[u8]) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if separators.iter().any(|(at, byte)| text[*at] != *byte) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (month, day) = (number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days that not every month has take the slower way.
    let is_plain =
        (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_plain.then(|| {
        days(number(0, 4)?, month, day).map(|days| days * 86_400 + hour * 3600 + minute * 60 + second)
    })?
}

/// The days since 1970 of a day, by counting years from March, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_way_agrees_with_the_calendar() {
        for text in
            ["1970-01-01T00:00:00Z", "2000-02-28T23:59:59Z", "2024-03-01T12:00:00Z", "0001-01-01T00:00:00Z"]
        {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(canonical(text.as_bytes()), Some(moment.as_second()), "{text}");
        }
        assert_eq!(canonical(b"2024-02-29T00:00:00Z"), None);
    }

    #[test]
    fn times_are_cut_off_as_their_type_has_it() {
        assert_eq!(parse(b"1970-01-01T00:00:01.123456789Z", true), Ok((1, 123_456_000)));
        assert_eq!(parse(b"1970-01-01T00:00:01.9Z", false), Ok((1, 0)));
        assert_eq!(print(1, 123_456_000, true).unwrap(), "1970-01-01T00:00:01.123456Z");
        assert!(parse(b"yesterday", false).is_err());
        assert!(print(i64::MAX, 0, false).is_err());
    }
}
