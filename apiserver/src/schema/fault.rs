//! A value of the wrong type, told as Go's JSON decoder tells it.

use std::borrow::Cow;

use steersman_core::tree::Value;

use super::shape::{Field, ObjectType};

/// Why a value cannot be decoded. Filled in from the inside out, so that decoding what is right costs nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The value has another type than the field.
    Mismatch {
        /// What was found: `string`, `number 1.5`.
        found: Cow<'static, str>,
        /// The Go type that it should have had.
        go: String,
        /// What Go's reflection calls the found value and the wanted one, for [`Fault::restoring`].
        kinds: (&'static str, &'static str),
        /// The Go struct that the innermost field belongs to; empty outside of structs.
        owner: String,
        /// The names of the fields on the way, innermost first.
        fields: Vec<String>,
    },
    /// The value is malformed in a way of its own.
    Malformed(String),
}

impl Fault {
    /// The value has another type than `go`, which is of the kind `wanted`: `struct`, `slice`, `int32`, …
    pub(super) fn mismatch(value: &Value, go: &str, wanted: &'static str) -> Self {
        Self::found(kind_of(value), value, go, wanted)
    }

    /// The number does not fit into `go`.
    pub(super) fn number(value: &Value, go: &str, wanted: &'static str) -> Self {
        Self::found(format!("number {value}"), value, go, wanted)
    }

    fn found(found: impl Into<Cow<'static, str>>, value: &Value, go: &str, wanted: &'static str) -> Self {
        let kinds = (reflected(value), wanted);
        Fault::Mismatch {
            found: found.into(),
            go: go.to_owned(),
            kinds,
            owner: String::new(),
            fields: Vec::new(),
        }
    }

    /// The same, as it is told where a tree and not a text is decoded.
    pub(super) fn restoring(&self) -> String {
        let Fault::Mismatch { go, kinds: (found, wanted), .. } = self else { return self.to_string() };
        match (*wanted, *found) {
            ("slice" | "map", _) => format!("cannot restore {wanted} from {found}"),
            ("struct", _) => format!("cannot restore struct from: {found}"),
            ("string", "int64") | ("int32" | "int64", "float64") => format!("cannot convert {found} to {go}"),
            _ => format!("unrecognized type: {wanted}"),
        }
    }

    /// Says that it is in a field of an object.
    pub(super) fn place_within(&mut self, object: &ObjectType, field: &Field) {
        if let Fault::Mismatch { owner, fields, .. } = self {
            if owner.is_empty() {
                owner.clone_from(&object.name);
            }
            fields.push(field.name.clone());
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Malformed(text) => f.write_str(text),
            Fault::Mismatch { found, go, owner, .. } if owner.is_empty() => {
                write!(f, "json: cannot unmarshal {found} into Go value of type {go}")
            }
            Fault::Mismatch { found, go, owner, fields, .. } => {
                let path: Vec<&str> = fields.iter().rev().map(String::as_str).collect();
                let path = path.join(".");
                write!(f, "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go}")
            }
        }
    }
}

/// What Go's reflection calls a JSON value.
fn reflected(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
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
