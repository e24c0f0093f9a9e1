//! Reads the text form of a quantity.

use super::amount::Amount;
use super::{Format, InvalidQuantity, Quantity};

/// The finest power of ten that is kept.
const NANO: i32 = -9;
/// The most digits of a number that upstream reads in one step, and may then print as it was written.
const SHORT_DIGITS: usize = 18;
/// The same for numbers with a binary suffix, whose exponent takes its share.
const SHORT_BINARY_DIGITS: usize = 14;

pub(super) fn parse(text: &str) -> Result<Quantity, InvalidQuantity> {
    let parts = Parts::split(text)?;
    let suffix = suffix(parts.suffix).ok_or(InvalidQuantity::Suffix)?;
    let magnitude = match suffix {
        Suffix::Decimal(exponent) | Suffix::Exponent(exponent) => decimal(&parts, exponent).rounded(NANO),
        Suffix::Binary(exponent) => binary(&parts, exponent),
    };
    let format = match suffix {
        Suffix::Decimal(_) => Format::DecimalSI,
        Suffix::Exponent(_) => Format::DecimalExponent,
        Suffix::Binary(_) if magnitude < Amount::new(1, 0) && !magnitude.is_zero() => Format::DecimalSI,
        Suffix::Binary(_) => Format::BinarySI,
    };
    let written = prints_as_written(&parts, suffix).then(|| text.into());
    let amount = if parts.negative { -magnitude } else { magnitude };
    Ok(Quantity { amount, format, written })
}

#[derive(Clone, Copy)]
enum Suffix {
    /// A power of ten.
    Decimal(i32),
    /// A power of ten, written as such.
    Exponent(i32),
    /// A power of two.
    Binary(u32),
}

fn suffix(text: &str) -> Option<Suffix> {
    Some(match text {
        "n" => Suffix::Decimal(-9),
        "u" => Suffix::Decimal(-6),
        "m" => Suffix::Decimal(-3),
        "" => Suffix::Decimal(0),
        "k" => Suffix::Decimal(3),
        "M" => Suffix::Decimal(6),
        "G" => Suffix::Decimal(9),
        "T" => Suffix::Decimal(12),
        "P" => Suffix::Decimal(15),
        "E" => Suffix::Decimal(18),
        "Ki" => Suffix::Binary(10),
        "Mi" => Suffix::Binary(20),
        "Gi" => Suffix::Binary(30),
        "Ti" => Suffix::Binary(40),
        "Pi" => Suffix::Binary(50),
        "Ei" => Suffix::Binary(60),
        other => Suffix::Exponent(other.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// The pieces of a text: sign, digits before the point without leading zeros, digits after it, suffix.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    decimals: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, InvalidQuantity> {
        if text.is_empty() {
            return Err(InvalidQuantity::Format);
        }
        let negative = text.starts_with('-');
        let number = text.strip_prefix(['+', '-']).unwrap_or(text).trim_start_matches('0');
        let (whole, rest) = leading(number, |byte| byte.is_ascii_digit());
        let (decimals, suffix) = match rest.strip_prefix('.') {
            Some(rest) => leading(rest, |byte| byte.is_ascii_digit()),
            None => ("", rest),
        };
        let (_, exponent) = leading(suffix, |byte| b"eEinumkKMGTP".contains(&byte));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidQuantity::Format);
        }
        Ok(Parts { negative, whole, decimals, suffix })
    }
}

fn leading(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// The number times a power of ten, with digits past what an [`Amount`] holds rounded away from zero.
fn decimal(parts: &Parts<'_>, exponent: i32) -> Amount {
    let digits = || parts.whole.bytes().chain(parts.decimals.bytes()).map(|byte| byte - b'0');
    if parts.whole.len() + parts.decimals.len() <= SHORT_DIGITS {
        let mantissa = digits().fold(0_i64, |number, digit| number * 10 + i64::from(digit));
        return Amount::new(mantissa.into(), exponent.saturating_sub(parts.decimals.len() as i32));
    }
    let mut mantissa: i128 = 0;
    let mut dropped: i32 = 0;
    let mut carry = false;
    for digit in digits().map(i128::from) {
        match mantissa.checked_mul(10).and_then(|shifted| shifted.checked_add(digit)) {
            Some(longer) if dropped == 0 => mantissa = longer,
            _ => {
                dropped = dropped.saturating_add(1);
                carry |= digit != 0;
            }
        }
    }
    let mantissa = if carry { mantissa.saturating_add(1) } else { mantissa };
    let decimals = i32::try_from(parts.decimals.len()).unwrap_or(i32::MAX);
    Amount::new(mantissa, exponent.saturating_sub(decimals).saturating_add(dropped))
}

/// The number times a power of two, rounded to billionths away from zero and capped at 2^63-1.
fn binary(parts: &Parts<'_>, exponent: u32) -> Amount {
    let number = decimal(parts, 0);
    let (mut mantissa, mut scale) = (number.mantissa(), number.scale());
    let factor = 1_i128 << exponent;
    let product = loop {
        match mantissa.checked_mul(factor) {
            Some(product) => break Amount::new(product, scale),
            // At most twenty times: the factor has no more digits.
            None => (mantissa, scale) = (mantissa / 10 + 1, scale.saturating_add(1)),
        }
    };
    product.rounded(NANO).min(Amount::new(i64::MAX.into(), 0))
}

/// Whether upstream keeps the text: it does for short numbers that by a quick look are in canonical form, and that look
/// takes `1.500`, `+1` and `001` for canonical.
fn prints_as_written(parts: &Parts<'_>, suffix: Suffix) -> bool {
    let (whole, decimals) = (if parts.whole.is_empty() { "0" } else { parts.whole }, parts.decimals);
    let digits = whole.len() + decimals.len();
    match suffix {
        Suffix::Decimal(exponent) | Suffix::Exponent(exponent) => {
            let scale = i64::from(exponent) - decimals.len() as i64;
            let ends_in_zeros = digits >= 3
                && whole.bytes().chain(decimals.bytes()).skip(digits - 3).all(|byte| byte == b'0');
            let fits = digits <= SHORT_DIGITS && scale >= i64::from(NANO);
            fits && scale % 3 == 0 && !ends_in_zeros && !whole.starts_with('0')
        }
        Suffix::Binary(exponent) => {
            let fits = decimals.is_empty() && whole.len() + exponent as usize * 3 / 10 <= SHORT_BINARY_DIGITS;
            fits && whole.parse::<u64>().is_ok_and(|value| value % 8 != 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_printed_as_upstream_does() {
        let cases = [
            ("0", "0"),
            ("0Mi", "0"),
            ("-", "0"),
            (".", "0"),
            ("100", "100"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1024Ki", "1Mi"),
            ("1025Ki", "1025Ki"),
            ("1Ei", "1Ei"),
            ("0.5Ei", "512Pi"),
            ("8Ei", "9223372036854775807"),
            ("-100Ei", "-9223372036854775807"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("0.1Ki", "102400m"),
            ("0.0001Ki", "102400u"),
            ("1023", "1023"),
            ("1.5", "1500m"),
            (".5", "500m"),
            ("1.", "1."),
            ("100m", "100m"),
            ("1000m", "1"),
            ("0.1m", "100u"),
            ("0.1n", "1n"),
            ("-0.1n", "-1n"),
            ("100.1n", "101n"),
            ("1.1E", "1100P"),
            ("1000E", "1000E"),
            ("12e6", "12e6"),
            ("12E6", "12E6"),
            ("1000e3", "1e6"),
            ("12e2", "1200"),
            ("1e-3", "1e-3"),
            ("1e-10", "1e-9"),
            ("+1", "+1"),
            ("001", "001"),
            ("1.500", "1.500"),
            ("1.234k", "1.234k"),
            ("1.000", "1"),
            ("1234567890123456789012", "1234567890123456789012"),
            ("0.000000000000000000000000000000000000000000000000001", "1n"),
        ];
        for (text, printed) in cases {
            assert_eq!(parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        let format = ["", " 1", "1 ", "abc", "1.2.3", "1a", "1Ki ", "1é", "1e1.5", "1KI", "1KI"];
        format
            .iter()
            .for_each(|text| assert_eq!(parse(text).unwrap_err(), InvalidQuantity::Format, "{text}"));
        let suffixes = ["1K", "--1", "1ki", "1e", "1ee3", "1Ki5", "1mm", "1i", "1e99999999999", "1+", "1-5"];
        suffixes
            .iter()
            .for_each(|text| assert_eq!(parse(text).unwrap_err(), InvalidQuantity::Suffix, "{text}"));
        assert_eq!(InvalidQuantity::Suffix.to_string(), "unable to parse quantity's suffix");
    }
}
