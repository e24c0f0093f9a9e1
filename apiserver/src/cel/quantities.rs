//! Quantities of resources: the library that Kubernetes adds to the language, over the type that all of Steersman uses.

use std::cmp::Ordering;
use std::sync::Arc;

use steersman_core::Quantity;
use steersman_core::quantity::Format;

use super::eval::Outcome;
use super::failure::Failure;
use super::value::Value;

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (function, args) {
        ("quantity", [Value::String(text)]) => match text.as_str().parse::<Quantity>() {
            Ok(quantity) => Ok(made(quantity)),
            Err(error) => Err(Failure::Error(error.to_string())),
        },
        ("isQuantity", [Value::String(text)]) => Ok(Value::Bool(text.as_str().parse::<Quantity>().is_ok())),
        (_, [Value::Quantity(own), rest @ ..]) => upon(function, own, rest)?,
        _ => return None,
    })
}

fn made<'a>(quantity: Quantity) -> Value<'a> {
    Value::Quantity(Arc::new(quantity))
}

fn upon<'a>(function: &str, own: &Quantity, rest: &[Value<'a>]) -> Option<Outcome<'a>> {
    let order = |order: Ordering| match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    };
    Some(Ok(match (function, rest) {
        ("sign", []) => Value::Int(match (own.is_zero(), own.is_negative()) {
            (true, _) => 0,
            (_, true) => -1,
            _ => 1,
        }),
        ("isInteger", []) => Value::Bool(own.is_whole() && fits(own)),
        ("asInteger", []) if own.is_whole() && fits(own) => Value::Int(own.value()),
        ("asInteger", []) => {
            return Some(Err(Failure::Error("cannot convert value to integer".to_owned())));
        }
        ("asApproximateFloat", []) => Value::Double(approximate(own)),
        ("isGreaterThan", [Value::Quantity(other)]) => Value::Bool(own > other.as_ref()),
        ("isLessThan", [Value::Quantity(other)]) => Value::Bool(own < other.as_ref()),
        ("compareTo", [Value::Quantity(other)]) => Value::Int(order(own.cmp(other))),
        ("add", [Value::Quantity(other)]) => made(own.clone() + other.as_ref().clone()),
        ("add", [Value::Int(other)]) => made(own.clone() + whole(*other)),
        ("sub", [Value::Quantity(other)]) => made(own.clone() - other.as_ref().clone()),
        ("sub", [Value::Int(other)]) => made(own.clone() - whole(*other)),
        _ => return None,
    }))
}

fn whole(value: i64) -> Quantity {
    Quantity::new(value, Format::DecimalSI)
}

/// Whether it is no larger than what a whole number can be.
fn fits(quantity: &Quantity) -> bool {
    *quantity == whole(quantity.value())
}

/// The nearest float: exact as long as thousandths are.
#[expect(clippy::cast_precision_loss, reason = "that is what is asked for")]
fn approximate(quantity: &Quantity) -> f64 {
    let text = quantity.to_string();
    for (suffix, factor) in [("n", 1e-9), ("u", 1e-6), ("m", 1e-3)] {
        if let Some(number) = text.strip_suffix(suffix).and_then(|number| number.parse::<f64>().ok()) {
            return number * factor;
        }
    }
    quantity.value() as f64
}
