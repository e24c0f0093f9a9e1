//! JSON merge patch (RFC 7386), as upstream's library applies it.

use steersman_core::api::FieldValidation;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result};

use super::wrong_type;

/// What upstream's library says of a patch that is none.
pub(crate) const INVALID: &str = "Invalid JSON Patch";

/// Merges `patch` into `current`. Where nothing is validated, nobody but the library reads the patch, which takes a list
/// for the whole.
pub(super) fn apply(patch: &Value, current: Value, validation: FieldValidation) -> Result<Value> {
    match patch {
        Value::Object(_) => Ok(merged(Some(current), patch)),
        Value::Array(_) if validation == FieldValidation::Ignore => Ok(without_nulls(patch)),
        Value::Null => Err(Error::bad_request(INVALID)),
        _ if validation == FieldValidation::Ignore => Err(Error::bad_request(INVALID)),
        other => Err(Error::bad_request(format!(
            "error decoding patch: {}",
            wrong_type(other, "map[string]interface {}")
        ))),
    }
}

fn merged(current: Option<Value>, patch: &Value) -> Value {
    match (current, patch) {
        (Some(Value::Object(mut current)), Value::Object(patch)) => {
            merge(&mut current, patch);
            Value::Object(current)
        }
        (Some(Value::Object(_)), other) => other.clone(),
        (_, other) => without_nulls(other),
    }
}

fn merge(current: &mut Map, patch: &Map) {
    for (key, value) in patch {
        if value.is_null() {
            current.remove(key);
        } else {
            let value = merged(current.get_mut(key).map(Value::take), value);
            current.insert(key.clone(), value);
        }
    }
}

/// A new value has nothing that its nulls could delete; those in lists are values.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": "foo"}), json!({"b": {"c": null, "d": {}}}), json!({"a": "foo", "b": {"d": {}}})),
            (json!({}), json!({"a": [null, {"b": null, "c": 1}]}), json!({"a": [null, {"c": 1}]})),
        ];
        for (current, patch, target) in cases {
            assert_eq!(apply(&patch, current, FieldValidation::Warn).unwrap(), target);
        }
    }

    #[test]
    fn a_patch_that_is_no_object_is_refused() {
        let unread = "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}";
        let cases = [
            (json!(null), FieldValidation::Warn, INVALID),
            (json!([]), FieldValidation::Strict, unread),
            (json!("x"), FieldValidation::Ignore, INVALID),
        ];
        for (patch, validation, why) in cases {
            assert_eq!(apply(&patch, json!({}), validation).unwrap_err().message(), why, "{patch}");
        }
        assert_eq!(apply(&json!([1]), json!({}), FieldValidation::Ignore).unwrap(), json!([1]));
    }
}
