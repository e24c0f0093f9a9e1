//! The defaults that a schema states: they must be valid, and hold no field that the schema would drop.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::structural::{children, descend};
use crate::schema::check_values;

/// What is wrong with the defaults of a structural schema, and of what lies below it.
pub(super) fn check(schema: &Value, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    walk(schema, path, &mut errors);
    errors
}

fn walk(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        let path = path.child("default");
        if !is_pruned(default, schema) {
            errors.push(Error::invalid(&path, default, "must not have unknown fields"));
        }
        errors.extend(check_values(schema, default).into_iter().map(|error| below(&path, error)));
    }
    for (key, step, child) in children(schema) {
        if matches!(key, "items" | "properties") {
            descend(path, key, step, |path| walk(child, path, errors));
        }
    }
}

/// The error, with its field below the path.
fn below(path: &Path<'_>, mut error: Error) -> Error {
    error.field = match error.field.as_str() {
        "" | "<nil>" => path.to_string(),
        field => path.child(field).to_string(),
    };
    error
}

/// Whether a schema would keep all of a value.
fn is_pruned(value: &Value, schema: &Value) -> bool {
    let keeps = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| match schema["properties"].get(key) {
            Some(schema) => is_pruned(value, schema),
            None => match &schema["additionalProperties"] {
                values @ Value::Object(_) => is_pruned(value, values),
                Value::Bool(true) => true,
                _ => keeps || is_own(key, schema),
            },
        }),
        Value::Array(list) => match &schema["items"] {
            Value::Null => true,
            items => list.iter().all(|value| is_pruned(value, items)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn is_own(key: &str, schema: &Value) -> bool {
    schema["x-kubernetes-embedded-resource"] == true && matches!(key, "apiVersion" | "kind" | "metadata")
}
