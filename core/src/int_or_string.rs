//! How many of a total an `IntOrString` means: a number, or a percentage such as `25%`.
//!
//! The counterpart of upstream's `GetScaledValueFromIntOrPercent` (`k8s.io/apimachinery/pkg/util/intstr`).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Where a percentage of a total goes that is no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next higher number: `maxSurge`.
    Up,
    /// To the next lower number: `maxUnavailable`.
    Down,
}

/// A string that is no percentage, with upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPercentage {
    /// There is no percent sign at the end.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NoPercentage,
    /// What stands before the percent sign is no number.
    #[error("invalid value for IntOrString: invalid value {value}: strconv.Atoi: parsing {number}: {why}")]
    NoNumber {
        /// The whole string, quoted.
        value: String,
        /// What stands before the percent sign, quoted.
        number: String,
        /// Go's words for what is wrong with it.
        why: &'static str,
    },
}

/// The number itself, or that percentage of `total`, rounded; the nearest `i32` where it does not fit.
pub fn scaled(value: &IntOrString, total: i32, rounding: Rounding) -> Result<i32, InvalidPercentage> {
    let percent = match value {
        IntOrString::Int(number) => return Ok(*number),
        IntOrString::String(text) => percent(text)?,
    };
    let hundredths = i128::from(percent) * i128::from(total);
    let whole = match rounding {
        // Towards zero would round negative numbers the wrong way.
        Rounding::Up => -(-hundredths).div_euclid(100),
        Rounding::Down => hundredths.div_euclid(100),
    };
    Ok(i32::try_from(whole).unwrap_or(if whole < 0 { i32::MIN } else { i32::MAX }))
}

/// The number before the percent sign.
fn percent(text: &str) -> Result<i64, InvalidPercentage> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};

    let number = text.strip_suffix('%').ok_or(InvalidPercentage::NoPercentage)?;
    number.parse().map_err(|error: std::num::ParseIntError| InvalidPercentage::NoNumber {
        value: crate::field::quote(text),
        number: crate::field::quote(number),
        why: match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_as_asked() {
        let cases = [
            ("25%", 10, 3, 2),
            ("0%", 10, 0, 0),
            ("100%", 7, 7, 7),
            ("1%", 1, 1, 0),
            ("-25%", 10, -2, -3),
            ("150%", 3, 5, 4),
        ];
        for (text, total, up, down) in cases {
            let text = IntOrString::String(text.to_owned());
            assert_eq!(scaled(&text, total, Rounding::Up), Ok(up), "{text:?}");
            assert_eq!(scaled(&text, total, Rounding::Down), Ok(down), "{text:?}");
        }
        assert_eq!(scaled(&IntOrString::Int(-3), 10, Rounding::Up), Ok(-3));
        assert_eq!(
            scaled(&IntOrString::String("9223372036854775807%".into()), i32::MAX, Rounding::Up),
            Ok(i32::MAX)
        );
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        let cases = [
            ("5", "invalid value for IntOrString: invalid type: string is not a percentage"),
            (
                "x%",
                r#"invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax"#,
            ),
            (
                "99999999999999999999%",
                r#"invalid value for IntOrString: invalid value "99999999999999999999%": strconv.Atoi: parsing "99999999999999999999": value out of range"#,
            ),
        ];
        for (text, fault) in cases {
            let outcome = scaled(&IntOrString::String(text.to_owned()), 1, Rounding::Down);
            assert_eq!(outcome.unwrap_err().to_string(), fault);
        }
    }
}
