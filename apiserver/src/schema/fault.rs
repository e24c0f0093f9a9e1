//! A value of the wrong type, told as Go's JSON decoder tells it.

use std::borrow::Cow;

use serde_json::Value;

use super::shape::{Field, ObjectType};

/// Why a value cannot be decoded. Filled in from the inside out, so that decoding what is right costs nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The value has another type than the field.
    Mismatch {
        /// What was found: `string`, `number 1.5`.
        found: Cow<'static, str>,
        /// The Go type that it should have had.
        go: String,
        /// The Go struct that the innermost field belongs to; empty outside of structs.
        owner: String,
        /// The names of the fields on the way, innermost first.
        fields: Vec<String>,
    },
    /// The value is malformed in a way of its own.
    Malformed(String),
}

impl Fault {
    /// The value has another type than `go`.
    pub(super) fn mismatch(value: &Value, go: &str) -> Self {
        Self::found(kind_of(value), go)
    }

    /// The number does not fit into `go`.
    pub(super) fn number(value: &Value, go: &str) -> Self {
        Self::found(format!("number {value}"), go)
    }

    fn found(found: impl Into<Cow<'static, str>>, go: &str) -> Self {
        Fault::Mismatch { found: found.into(), go: go.to_owned(), owner: String::new(), fields: Vec::new() }
    }

    /// The same, in a field of an object.
    pub(super) fn within(mut self, object: &ObjectType, field: &Field) -> Self {
        if let Fault::Mismatch { owner, fields, .. } = &mut self {
            if owner.is_empty() {
                owner.clone_from(&object.name);
            }
            fields.push(field.name.clone());
        }
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Malformed(text) => f.write_str(text),
            Fault::Mismatch { found, go, owner, .. } if owner.is_empty() => {
                write!(f, "json: cannot unmarshal {found} into Go value of type {go}")
            }
            Fault::Mismatch { found, go, owner, fields } => {
                let path: Vec<&str> = fields.iter().rev().map(String::as_str).collect();
                let path = path.join(".");
                write!(f, "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go}")
            }
        }
    }
}

/// What Go's decoder calls a JSON value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
