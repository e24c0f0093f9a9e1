//! Writes empty lists and maps as null where a built-in kind always writes them: upstream's store knows no empty ones,
//! so that whoever sends one has set the field, and reads null.

use serde_json::Value;

use super::cursor::Cursor;
use super::shape::{Presence, Shape};

/// Settles an object, or a part of it that stands at `at`.
pub(super) fn object(at: Cursor<'_>, value: &mut Value) {
    if holds_empty(value) {
        settle(at, value);
    }
}

/// Whether there may be something to do: most objects hold no empty list.
fn holds_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty() || list.iter().any(holds_empty),
        Value::Object(map) => map.is_empty() || map.values().any(holds_empty),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn settle(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| settle(at.items(), item)),
        Value::Object(map) => {
            for (key, value) in map {
                let Some(below) = at.child(key) else { continue };
                let is_written = at.field(key).is_some_and(|field| field.presence == Presence::Always);
                if is_written && is_empty(value, below.shape()) {
                    *value = Value::Null;
                } else {
                    settle(below, value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_empty(value: &Value, shape: &Shape) -> bool {
    match (value, shape) {
        (Value::Array(list), Shape::List(..)) => list.is_empty(),
        (Value::Object(map), Shape::Map(_)) => map.is_empty(),
        _ => false,
    }
}
