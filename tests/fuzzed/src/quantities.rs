//! Quantities: what is printed is read again as the same amount, and arithmetic neither overflows nor loses.

use steersman_core::Quantity;

/// Reads two quantities, adds one to the other and takes it away again.
pub fn quantities(a: &str, b: &str) {
    let (Ok(a), Ok(b)) = (a.parse::<Quantity>(), b.parse::<Quantity>()) else { return };
    assert_eq!(a.to_string().parse::<Quantity>().as_ref(), Ok(&a));
    let mut sum = a.clone();
    sum += &b;
    assert_eq!(sum >= a, !b.is_negative() || sum == a);
    sum -= &b;
    let _ = (sum.value(), sum.milli_value(), sum.to_string());
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    /// Two quantities a line.
    const QUANTITIES: &[&str] = &[
        "100m 0.5",
        "1.5Gi 1500Mi",
        "12e6 -3E",
        "+0.000000001n 9223372036854775807",
        "1e-9 -1E3",
        "16Ei 999999999999P",
        "-0 0Ki",
        "1. .5k",
    ];

    #[test]
    fn sums_of_quantities_neither_overflow_nor_lose() {
        hold(QUANTITIES, |text| {
            let text = String::from_utf8_lossy(text);
            let (a, b) = text.split_once(' ').unwrap_or((&text, "1"));
            super::quantities(a, b);
        });
    }
}
