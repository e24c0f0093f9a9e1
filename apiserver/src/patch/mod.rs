//! Patches: what an object becomes when a change is applied to it.

mod json;
mod merge;
mod order;
mod refusal;
mod strategic;

use serde_json::Value;
use steersman_core::api::{FieldValidation, Patch};
use steersman_core::error::Reason;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::{Error, Result};

use crate::schema::{Duplicates, Schema};

/// An object after a patch. It has the right types and no unknown fields: it needs no second
/// [`Schema::admit`](crate::Schema::admit).
#[derive(Debug)]
#[must_use]
pub struct Patched {
    /// The object.
    pub object: Value,
    /// Warnings for the client.
    pub warnings: Vec<String>,
}

/// Applies a patch to `current`, whose schema it is. Nothing is defaulted or validated yet.
///
/// # Errors
/// 400 for a patch that is malformed, 413 for one that is too large, 415 for a strategic merge into a custom resource,
/// 422 if it does not apply or its result does not have the types of the schema; 500, as upstream answers, for
/// strategic directives that cannot be followed; 501 for server-side apply.
pub fn apply(
    patch: &Patch,
    schema: &Schema,
    current: &Value,
    validation: FieldValidation,
) -> Result<Patched> {
    let (mut object, shown) = match patch {
        Patch::Json(operations) => {
            let object = json::apply(operations, current)?;
            let shown = object.to_string();
            (object, shown)
        }
        Patch::Merge(patch) => {
            let object = merge::apply(patch, current)?;
            let shown = object.to_string();
            (object, shown)
        }
        Patch::Strategic(patch) => (strategic::apply(patch, schema, current)?, show(patch)),
        _ => return Err(Error::not_implemented("server-side apply is not supported yet")),
    };
    let warnings = schema
        .check(&mut object, &Duplicates::default(), validation)
        .map_err(|why| undecodable(&shown, &why))?;
    Ok(Patched { object, warnings })
}

/// The result of the patch is no object of its kind.
fn undecodable(shown: &str, why: &str) -> Error {
    let invalid = field::Error::invalid(&Path::new("patch"), shown, why);
    Error::invalid(&GroupVersionKind::new("", "", ""), "", &[invalid])
}

/// The operations do not apply to the object; upstream does not say why.
fn inapplicable() -> Error {
    Error::new(Reason::Invalid, "the server rejected our request due to an error in our request")
        .about("", "", "")
}

/// What Go's decoder says of a patch of the wrong type.
fn wrong_type(patch: &Value, go: &str) -> String {
    let found = crate::schema::kind_of(patch);
    format!("json: cannot unmarshal {found} into Go value of type {go}")
}

/// A tree as Go prints it with `%v`: `map[a:1 b:[x y]]`.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
    }
}

#[cfg(test)]
mod tests;
