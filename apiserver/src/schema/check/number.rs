//! Numbers: whether they are whole, whether they fit, and how Go prints them.

use steersman_core::tree::Number;

/// Whole numbers beyond this are not exact in JSON, and upstream does not take a float for one.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Whether a number is an integer: a float counts if it is whole and exact.
pub(super) fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.as_f64().is_some_and(|float| float.fract() == 0.0 && float.abs() <= MAX_EXACT)
}

/// Whether a number is in the range of the type with that format.
pub(super) fn is_in_range(number: &Number, kind: &str, format: Option<&str>) -> bool {
    if kind == "integer" {
        let Some(whole) = whole(number) else { return false };
        return match format {
            Some("int32") => i32::try_from(whole).is_ok(),
            Some("uint32") => u32::try_from(whole).is_ok(),
            Some("uint64") => whole >= 0,
            _ => true,
        };
    }
    match (format, number.as_f64()) {
        (Some("float"), Some(float)) => float.abs() <= f64::from(f32::MAX),
        _ => true,
    }
}

fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0).then_some(float as i64)
    })
}

/// Whether a number is a multiple of a factor.
pub(super) fn is_multiple(number: &Number, factor: f64) -> bool {
    let Some(float) = number.as_f64() else { return false };
    let times = if factor < 1.0 { float * (1.0 / factor) } else { float / factor };
    times.fract() == 0.0 && times.abs() <= MAX_EXACT
}

/// A number as Go prints it with `%v`: a float has an exponent from seven digits on, and behind four zeros.
pub(crate) fn shown(number: &Number) -> String {
    match number.as_i64() {
        Some(whole) => whole.to_string(),
        None => float(number.as_f64().unwrap_or_default()),
    }
}

/// A float as Go prints it with `%v`.
pub(crate) fn float(value: f64) -> String {
    if !value.is_finite() {
        let sign = if value == f64::INFINITY { "+" } else { "" };
        return format!("{sign}{value}").replace("inf", "Inf");
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (5.0, "5"),
            (0.5, "0.5"),
            (1e20, "1e+20"),
            (1234567.0, "1.234567e+06"),
            (1.5e-7, "1.5e-07"),
            (-2.25, "-2.25"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}
