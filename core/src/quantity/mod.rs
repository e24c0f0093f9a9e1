//! Amounts of resources: `500m`, `1.5Gi`, `12e6`, with upstream's arithmetic, rounding and canonical form.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/api/resource`. Exact up to 37 significant digits; where more
//! would be needed (upstream's are unlimited) the value is rounded away from zero. Nothing overflows or panics.

mod amount;
mod parse;
mod print;
mod serde;

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource as wire;

use amount::Amount;

/// The power of ten of a thousandth.
const MILLI: i32 = -3;

/// An exact amount that remembers how it is written.
///
/// Equality and order are those of the value: `1Ki` equals `1024`. A quantity that was read and not changed prints as
/// upstream prints it, which for some forms (`1.500`, `+1`) is as it was written.
///
/// ```
/// use steersman_core::Quantity;
///
/// let request: Quantity = "1.5Gi".parse()?;
/// assert_eq!(request.to_string(), "1536Mi");
/// assert_eq!(request.value(), 1_610_612_736);
/// assert_eq!("100m".parse::<Quantity>()?.value(), 1);
/// # Ok::<(), steersman_core::quantity::InvalidQuantity>(())
/// ```
#[derive(Clone, Default)]
pub struct Quantity {
    amount: Amount,
    format: Format,
    /// The text it was read from, where that is printed and not the canonical form.
    written: Option<Box<str>>,
}

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`, which is 12 × 2^20.
    BinarySI,
    /// `12M`, which is 12 × 10^6.
    #[default]
    DecimalSI,
}

/// A text that is no quantity, with upstream's words for why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuantity {
    /// It is no number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The suffix is none of those there are.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { amount: Amount::ZERO, format: Format::DecimalSI, written: None };

    /// A whole number.
    pub fn new(value: i64, format: Format) -> Self {
        Quantity { amount: Amount::new(value.into(), 0), format, written: None }
    }

    /// The value as a whole number, rounded away from zero; the nearest `i64` if it does not fit.
    pub fn value(&self) -> i64 {
        self.amount.rounded_to_i64(0)
    }

    /// The value in thousandths, rounded away from zero; the nearest `i64` if it does not fit.
    pub fn milli_value(&self) -> i64 {
        self.amount.rounded_to_i64(MILLI)
    }

    /// The quantity itself if it is no finer than thousandths; otherwise rounded to them, away from zero.
    #[must_use]
    pub fn rounded_to_milli(self) -> Self {
        match self.amount.is_multiple_of(MILLI) {
            true => self,
            false => Quantity { amount: self.amount.rounded(MILLI), format: self.format, written: None },
        }
    }

    /// Whether the value is a whole number.
    pub fn is_whole(&self) -> bool {
        self.amount.is_multiple_of(0)
    }

    /// Whether the value is 0.
    pub fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }

    /// Whether the value is below 0.
    pub fn is_negative(&self) -> bool {
        self.amount.is_negative()
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    /// Parses a number and a suffix: none, `n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei`, or `e` and an exponent. Values
    /// finer than a billionth are rounded away from zero, binary ones are capped at 2^63-1.
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        parse::parse(text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => f.write_str(written),
            None => print::canonical(self.amount, self.format, f),
        }
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({self})")
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.amount == other.amount
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.amount.cmp(&other.amount)
    }
}

impl AddAssign<&Quantity> for Quantity {
    /// Adds; zero takes over the other's format.
    fn add_assign(&mut self, other: &Quantity) {
        if self.is_zero() {
            self.format = other.format;
        }
        self.amount = self.amount + other.amount;
        self.written = None;
    }
}

impl SubAssign<&Quantity> for Quantity {
    /// Subtracts; zero takes over the other's format.
    fn sub_assign(&mut self, other: &Quantity) {
        *self += &-other.clone();
    }
}

impl Add for Quantity {
    type Output = Quantity;

    fn add(mut self, other: Quantity) -> Quantity {
        self += &other;
        self
    }
}

impl Sub for Quantity {
    type Output = Quantity;

    fn sub(mut self, other: Quantity) -> Quantity {
        self -= &other;
        self
    }
}

impl Neg for Quantity {
    type Output = Quantity;

    fn neg(self) -> Quantity {
        Quantity { amount: -self.amount, format: self.format, written: None }
    }
}

impl TryFrom<&wire::Quantity> for Quantity {
    type Error = InvalidQuantity;

    /// Parses the text, around which white space is allowed, as in JSON.
    fn try_from(text: &wire::Quantity) -> Result<Self, InvalidQuantity> {
        text.0.trim().parse()
    }
}

impl From<&Quantity> for wire::Quantity {
    fn from(quantity: &Quantity) -> Self {
        wire::Quantity(quantity.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn values_are_rounded_away_from_zero() {
        let cases = [
            ("0", 0, 0),
            ("1", 1, 1000),
            ("100m", 1, 100),
            ("-100m", -1, -100),
            ("1500m", 2, 1500),
            ("1n", 1, 1),
            ("1Ki", 1024, 1_024_000),
            ("-1.5Gi", -1_610_612_736, -1_610_612_736_000),
            ("1e100", i64::MAX, i64::MAX),
            ("-100E", i64::MIN, i64::MIN),
        ];
        for (text, value, milli) in cases {
            assert_eq!((quantity(text).value(), quantity(text).milli_value()), (value, milli), "{text}");
        }
    }

    #[test]
    fn what_is_finer_than_thousandths_is_rounded_to_them() {
        let cases = [
            ("0.1m", "1m"),
            ("-100u", "-1m"),
            ("1000000001n", "1001m"),
            ("1.500", "1.500"),
            ("1.0001e3", "1000100e-3"),
            ("0.0001Ki", "103m"),
            ("1Ki", "1Ki"),
            ("0", "0"),
        ];
        for (text, rounded) in cases {
            assert_eq!(quantity(text).rounded_to_milli().to_string(), rounded, "{text}");
        }
    }

    #[test]
    fn sums_keep_the_format_of_the_first_that_is_not_zero() {
        let cases = [
            ("1Ki", "1", "1025"),
            ("1Mi", "1Ki", "1025Ki"),
            ("0", "1Mi", "1Mi"),
            ("1", "1Mi", "1048577"),
            ("1.5", "500m", "2"),
            ("1e3", "1k", "2e3"),
            ("1n", "1G", "1000000000000000001n"),
            ("-1", "1", "0"),
        ];
        for (a, b, sum) in cases {
            assert_eq!((quantity(a) + quantity(b)).to_string(), sum, "{a} + {b}");
            assert_eq!((quantity(sum) - quantity(b)), quantity(a), "{sum} - {b}");
        }
    }

    #[test]
    fn sums_too_long_for_zeros_are_printed_with_an_exponent() {
        let sum = quantity("1") + quantity("1e2000000001");
        assert_eq!(sum.to_string(), format!("1{}1e1999999965", "0".repeat(35)));
        assert_eq!(quantity(&sum.to_string()), sum);
    }

    #[test]
    fn order_is_that_of_the_values() {
        let ascending =
            ["-1e50", "-1Ki", "-1", "-1n", "0", "1n", "999u", "1m", "1", "1k", "1Ki", "1Ei", "100E", "1e50"];
        let sorted: Vec<Quantity> = ascending.map(quantity).into();
        assert!(sorted.is_sorted_by(|a, b| a < b));
        assert_eq!(quantity("1Ki"), quantity("1.024k"));
    }

    fn model() -> impl Strategy<Value = (i64, u32)> {
        (any::<i64>(), 0..=9_u32)
    }

    /// The value in billionths.
    fn nano((digits, decimals): (i64, u32)) -> i128 {
        i128::from(digits) * 10_i128.pow(9 - decimals)
    }

    fn decimal((digits, decimals): (i64, u32)) -> Quantity {
        quantity(&format!("{digits}e-{decimals}"))
    }

    proptest! {
        #[test]
        fn printing_and_parsing_give_the_same_value(number in model(), suffix in "|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]{1,2}") {
            let (digits, decimals) = number;
            let (whole, rest) = (digits / 1000, (digits % 1000).unsigned_abs() >> decimals.min(3));
            let read = quantity(&format!("{whole}.{rest}{suffix}"));
            prop_assert_eq!(quantity(&read.to_string()), read);
        }

        #[test]
        fn sums_are_those_of_whole_numbers(a in model(), b in model(), c in model()) {
            let sum = decimal(a) + decimal(b) + decimal(c);
            prop_assert_eq!(&sum, &(decimal(c) + (decimal(b) + decimal(a))));
            let expected = nano(a) + nano(b) + nano(c);
            prop_assert_eq!(&sum, &quantity(&format!("{expected}n")));
            prop_assert_eq!(decimal(a).cmp(&decimal(b)), nano(a).cmp(&nano(b)));
        }
    }
}
