//! Prints a quantity in canonical form: no precision lost, no fraction, the largest suffix that allows both.

use std::fmt;

use super::Format;
use super::amount::Amount;

const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Past `E`, a number gets no more zeros than this; then an exponent stands instead.
const MOST_ZEROS: i32 = 36;

/// Upstream has no suffix past `E` and `Ei` either, but then prints none at all; here the number gets the zeros, or
/// where they would be too many, an exponent.
pub(super) fn canonical(amount: Amount, format: Format, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if amount.is_zero() {
        return f.write_str("0");
    }
    match (format, binary_mantissa(amount)) {
        (Format::BinarySI, Some(whole)) => print_binary(whole, f),
        (Format::BinarySI | Format::DecimalSI, _) => print_decimal(amount, f),
        (Format::DecimalExponent, _) => print_exponent(amount, f),
    }
}

/// The number to print with a binary suffix: a whole one of at least 1024. Others would have to be rounded.
fn binary_mantissa(amount: Amount) -> Option<i128> {
    amount.whole(0).filter(|whole| whole.unsigned_abs() >= 1024)
}

fn print_binary(mut whole: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut power = 0;
    while whole % 1024 == 0 && power + 1 < BINARY.len() {
        whole /= 1024;
        power += 1;
    }
    write!(f, "{whole}{}", BINARY[power])
}

fn print_decimal(amount: Amount, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let exponent = amount.scale().div_euclid(3).saturating_mul(3).clamp(-9, 18);
    if amount.scale().saturating_sub(exponent) > MOST_ZEROS {
        return print_exponent(amount, f);
    }
    let suffix = usize::try_from(exponent / 3 + 3).ok().and_then(|index| DECIMAL.get(index)).unwrap_or(&"");
    print_with_zeros(amount, exponent, f)?;
    f.write_str(suffix)
}

fn print_exponent(amount: Amount, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let exponent = amount.scale().div_euclid(3).saturating_mul(3);
    print_with_zeros(amount, exponent, f)?;
    if exponent == 0 { Ok(()) } else { write!(f, "e{exponent}") }
}

/// The number in units of `10^exponent`, which is not above its scale.
fn print_with_zeros(amount: Amount, exponent: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let zeros = usize::try_from(amount.scale().saturating_sub(exponent)).unwrap_or(0);
    write!(f, "{}{:0<zeros$}", amount.mantissa(), "")
}
