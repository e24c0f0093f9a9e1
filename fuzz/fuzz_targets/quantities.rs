//! Quantities: what is printed is read again as the same amount, and arithmetic neither overflows nor loses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_core::Quantity;

fuzz_target!(|texts: (&str, &str)| {
    let (Ok(a), Ok(b)) = (texts.0.parse::<Quantity>(), texts.1.parse::<Quantity>()) else { return };
    assert_eq!(a.to_string().parse::<Quantity>().as_ref(), Ok(&a));
    let mut sum = a.clone();
    sum += &b;
    assert_eq!(sum >= a, !b.is_negative() || sum == a);
    sum -= &b;
    let _ = (sum.value(), sum.milli_value(), sum.to_string());
});
