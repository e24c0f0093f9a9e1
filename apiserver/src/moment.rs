//! Prints moments as the API does.

use jiff::Timestamp;
use jiff::tz::Offset;
use steersman_core::tree::Text;

/// Whole seconds, as in every time of an object's metadata; Go's `metav1.Time`.
pub(crate) fn seconds(moment: Timestamp) -> Text {
    let second = moment.as_second() - i64::from(moment.subsec_nanosecond() < 0);
    let moment = Timestamp::from_second(second).unwrap_or(moment);
    plain(moment).unwrap_or_else(|| Text::of(&moment))
}

/// The same for a moment of the years 0 to 9999, put together digit by digit: every write has one.
fn plain(moment: Timestamp) -> Option<Text> {
    let at = Offset::UTC.to_datetime(moment);
    let mut text = *b"0000-00-00T00:00:00Z";
    let (century, year) = (i8::try_from(at.year() / 100).ok()?, i8::try_from(at.year() % 100).ok()?);
    let numbers = [century, year, at.month(), at.day(), at.hour(), at.minute(), at.second()];
    for (number, place) in numbers.into_iter().zip([0, 2, 5, 8, 11, 14, 17]) {
        let number = u8::try_from(number).ok()?;
        text[place] += number / 10;
        text[place + 1] += number % 10;
    }
    std::str::from_utf8(&text).ok().map(Text::from)
}

/// Microseconds, as in leases and events; Go's `metav1.MicroTime`.
pub(crate) fn microseconds(moment: Timestamp) -> Text {
    Text::of(&format_args!("{moment:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_finer_is_cut_off() {
        let moment = Timestamp::from_nanosecond(1_999_999_999).unwrap();
        assert_eq!(seconds(moment), "1970-01-01T00:00:01Z");
        assert_eq!(microseconds(moment), "1970-01-01T00:00:01.999999Z");
    }

    #[test]
    fn seconds_are_as_a_timestamp_is_printed() {
        let moments = [
            Timestamp::MIN.as_second(),
            -62_167_219_201,
            -62_167_219_200,
            -1,
            0,
            951_827_696,
            4_102_444_799,
            Timestamp::MAX.as_second(),
        ];
        for second in moments {
            let moment = Timestamp::from_second(second).unwrap();
            assert_eq!(seconds(moment), moment.to_string());
        }
    }
}
