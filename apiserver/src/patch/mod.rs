//! Patches: what an object becomes when a change is applied to it.

mod json;
pub(crate) mod merge;
mod order;
mod refusal;
mod strategic;
mod text;

use steersman_core::api::{FieldValidation, Patch};
use steersman_core::error::Reason;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use crate::schema::{Duplicates, Schema, refusal};

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

/// Applies a patch to what `current` makes, whose schema it is; `duplicates` is what its text told. Nothing is defaulted or
/// validated yet. The object is made once, and again only for the words of a refusal.
///
/// # Errors
/// 400 for a patch that is malformed, 413 for one that is too large, 415 for a strategic merge into a custom resource,
/// 422 if it does not apply or its result does not have the types of the schema; 500, as upstream answers, for
/// strategic directives that cannot be followed; 501 for server-side apply, which is no patch of this kind.
pub fn apply(
    patch: &Patch,
    duplicates: &Duplicates,
    schema: &Schema,
    current: impl Fn() -> Result<Value>,
    validation: FieldValidation,
) -> Result<Patched> {
    let patched = |current| match patch {
        Patch::Json(operations) => json::apply(operations, current, validation),
        Patch::Merge(patch) => merge::apply(patch, current, validation),
        Patch::Strategic(patch) => strategic::apply(patch, schema, current),
        _ => Err(Error::not_implemented("this kind of patch is not supported")),
    };
    let refused = |reason: &str| match (patch, current().and_then(patched)) {
        // Upstream shows the patch where it merged trees, and else what the patch made of the text.
        (Patch::Strategic(patch), _) => undecodable(&show(patch), reason),
        (_, Ok(object)) => undecodable(&text::of(&object, schema.cursor(), patch), reason),
        (_, Err(error)) => error,
    };
    let current = current()?;
    let kind = [current["apiVersion"].clone(), current["kind"].clone()];
    let mut object = patched(current.clone())?;
    if let Some(why) = settle_kind(&mut object, kind, schema, matches!(patch, Patch::Strategic(_))) {
        return Err(refused(&why));
    }
    let checked = schema.check_over(&mut object, Some(&current), duplicates, validation);
    let warnings = checked.map_err(|unfit| match patch {
        Patch::Strategic(_) => refused(&unfit.restoring()),
        _ => refused(&unfit.to_string()),
    })?;
    Ok(Patched { object, warnings })
}

/// Why the operations of a policy do not apply.
#[derive(Debug, PartialEq)]
pub(crate) enum Misfit {
    /// A test failed; which, in the same words.
    Test(String),
    /// Anything else, in the words of upstream's library.
    Other(String),
}

/// What an object becomes by a list of operations that a policy made.
pub(crate) fn perform(operations: &Value, object: &Value) -> std::result::Result<Value, Misfit> {
    json::perform(operations, object)
}

/// Gives an object of a built-in kind its kind and version again where a patch has taken them; what upstream says of one
/// that a patch has given others. A strategic merge knows the kind, and does not read it.
fn settle_kind(object: &mut Value, current: [Value; 2], schema: &Schema, is_known: bool) -> Option<String> {
    if schema.is_custom() {
        return None;
    }
    let (wanted_version, wanted_kind) = (current[0].as_str()?, current[1].as_str()?);
    for (field, current) in ["apiVersion", "kind"].into_iter().zip(&current) {
        let is_lost = match &object[field] {
            Value::Null => object.is_object(),
            Value::String(text) => is_known || text.is_empty(),
            _ => false,
        };
        if is_lost && object[field] != *current {
            object[field] = current.clone();
        }
    }
    let (api_version, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
    if (api_version, kind) == (wanted_version, wanted_kind) {
        return None;
    }
    let wanted = GroupVersionKind::from_api_version(wanted_version, wanted_kind);
    let found = GroupVersionKind::from_api_version(api_version, kind);
    if found == wanted {
        return None;
    }
    refusal(object, schema.beside(&found).as_ref(), &found, &wanted)
}

/// 415: no custom resource is patched so.
pub(crate) fn not_for_custom() -> Error {
    let why = "the body of the request was in an unknown format - accepted media types include: \
               application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
    Error::new(Reason::UnsupportedMediaType, why)
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
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.to_string(),
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
