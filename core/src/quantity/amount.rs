//! A decimal number: at most 37 significant digits times a power of ten.

use std::cmp::Ordering;
use std::ops::{Add, Neg};

/// `mantissa × 10^scale`, with the mantissa below `10^37` in magnitude and not divisible by ten, so that equal values
/// are equal in both parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    mantissa: i128,
    scale: i32,
}

/// The most significant digits; the sum of two such numbers still fits an `i128`.
const DIGITS: u32 = 37;
const LIMIT: u128 = 10_u128.pow(DIGITS);

impl Amount {
    pub(super) const ZERO: Amount = Amount { mantissa: 0, scale: 0 };

    /// The number, rounded away from zero where it has too many digits.
    pub(super) fn new(mut mantissa: i128, mut scale: i32) -> Self {
        while mantissa.unsigned_abs() >= LIMIT {
            mantissa = divide_away(mantissa, 1);
            scale = scale.saturating_add(1);
        }
        if mantissa == 0 {
            return Self::ZERO;
        }
        // Most numbers are small, and small ones are divided much faster.
        if let Ok(small) = i64::try_from(mantissa) {
            let (mantissa, zeros) = without_zeros(small);
            return Amount { mantissa: mantissa.into(), scale: scale.saturating_add(zeros) };
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            scale = scale.saturating_add(1);
        }
        Amount { mantissa, scale }
    }

    pub(super) fn mantissa(self) -> i128 {
        self.mantissa
    }

    pub(super) fn scale(self) -> i32 {
        self.scale
    }

    pub(super) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub(super) fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whether the value is a multiple of `10^scale`.
    pub(super) fn is_multiple_of(self, scale: i32) -> bool {
        self.scale >= scale || self.is_zero()
    }

    /// A multiple of `10^scale`, rounded away from zero.
    pub(super) fn rounded(self, scale: i32) -> Self {
        match scale.checked_sub(self.scale) {
            Some(drop) if drop > 0 => Self::new(divide_away(self.mantissa, drop.unsigned_abs()), scale),
            Some(_) => self,
            // The distance exceeds an i32: the value is next to nothing, or a multiple anyway.
            None if self.scale < scale => Self::new(self.mantissa.signum(), scale),
            None => self,
        }
    }

    /// The value in units of `10^scale`, rounded away from zero; the nearest `i64` if it does not fit.
    pub(super) fn rounded_to_i64(self, scale: i32) -> i64 {
        let bound = if self.is_negative() { i64::MIN } else { i64::MAX };
        self.rounded(scale).whole(scale).and_then(|whole| i64::try_from(whole).ok()).unwrap_or(bound)
    }

    /// How many times `10^scale` the value is; `None` if that is not whole or has too many digits.
    pub(super) fn whole(self, scale: i32) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let up = u32::try_from(self.scale.checked_sub(scale)?).ok()?;
        multiply(self.mantissa, up)
    }

    /// The exponent of the highest digit, plus one.
    fn magnitude(self) -> i64 {
        let digits = match u64::try_from(self.mantissa.unsigned_abs()) {
            Ok(small) => small.checked_ilog10(),
            Err(_) => self.mantissa.unsigned_abs().checked_ilog10(),
        };
        i64::from(digits.unwrap_or(0)) + 1 + i64::from(self.scale)
    }

    fn cmp_magnitude(self, other: Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // Of equal magnitude, the one with the higher scale has fewer digits: brought to the other's scale it has
            // as many, which fits.
            let scale = self.scale.min(other.scale);
            let mantissa = |amount: Amount| amount.whole(scale).map_or(u128::MAX, i128::unsigned_abs);
            mantissa(self).cmp(&mantissa(other))
        })
    }
}

/// A number that is not zero without the zeros at its end, and how many they are.
fn without_zeros(mut number: i64) -> (i64, i32) {
    let mut zeros = 0;
    while number % 10 == 0 {
        number /= 10;
        zeros += 1;
    }
    (number, zeros)
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = self.mantissa.signum();
        sign.cmp(&other.mantissa.signum()).then_with(|| match sign {
            0 => Ordering::Equal,
            1 => self.cmp_magnitude(*other),
            _ => other.cmp_magnitude(*self),
        })
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        if self.is_zero() || other.is_zero() {
            return if self.is_zero() { other } else { self };
        }
        // The finest scale at which the larger number has no more digits than it may have.
        let larger = self.magnitude().max(other.magnitude());
        let finest = i32::try_from(larger - i64::from(DIGITS)).unwrap_or(i32::MIN);
        let scale = self.scale.min(other.scale).max(finest);
        let mantissa = |amount: Amount| amount.rounded(scale).whole(scale).unwrap_or(0);
        Amount::new(mantissa(self) + mantissa(other), scale)
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        Amount { mantissa: -self.mantissa, scale: self.scale }
    }
}

/// `mantissa × 10^digits`, if that has at most [`DIGITS`] digits and one more for a rounded carry.
fn multiply(mantissa: i128, digits: u32) -> Option<i128> {
    let product = mantissa.checked_mul(10_i128.checked_pow(digits)?)?;
    (product.unsigned_abs() <= LIMIT).then_some(product)
}

/// `mantissa / 10^digits`, rounded away from zero.
fn divide_away(mantissa: i128, digits: u32) -> i128 {
    let Some(divisor) = 10_i128.checked_pow(digits) else { return mantissa.signum() };
    let carry = if mantissa % divisor == 0 { 0 } else { mantissa.signum() };
    mantissa / divisor + carry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_rounded_away_from_zero() {
        let huge = Amount::new(1, 100);
        assert_eq!(huge + Amount::new(1, 0), Amount::new(10_i128.pow(36) + 1, 64));
        assert_eq!(Amount::new(i128::MAX, 0), Amount::new(i128::MAX / 100 + 1, 2));
        assert_eq!(Amount::new(1, i32::MIN).rounded(-9), Amount::new(1, -9));
        assert_eq!(
            Amount::new(1, i32::MAX) + Amount::new(1, i32::MIN),
            Amount::new(10_i128.pow(36) + 1, i32::MAX - 36)
        );
        assert!(Amount::new(1, i32::MAX) > Amount::new(i128::MAX, 0));
    }

    #[test]
    fn the_largest_mantissas_add_up() {
        let nines = Amount::new(i128::try_from(LIMIT).unwrap() - 1, 0);
        assert_eq!(nines + Amount::new(1, 0), Amount::new(1, 37));
        assert_eq!(nines + -nines, Amount::ZERO);
        assert_eq!(nines + nines, Amount::new(2, 37));
    }
}
