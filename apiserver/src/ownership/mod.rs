//! Who owns which field of an object: tracking of writes, and server-side apply; upstream's structured-merge-diff and
//! the field managers above it.
//!
//! - [`set`] holds sets of paths, [`codec`] reads and writes them as `fieldsV1`;
//! - [`place`] says how a schema wants the values at a place to be owned;
//! - [`compare`], [`field_set`], [`merge`], [`remove`] and [`typed`] walk objects along a schema;
//! - [`managed`] is the list of owners, [`track`] keeps it over writes, [`apply`] uses it, [`scale`] carries it over.

mod apply;
mod codec;
mod compare;
mod conflict;
mod element;
mod field_set;
mod last_applied;
mod managed;
mod merge;
pub(crate) mod name;
mod place;
#[cfg(test)]
mod properties;
mod remove;
mod reset;
mod scale;
mod set;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod track;
mod typed;

use jiff::Timestamp;
use serde_json::{Map, Value};
use steersman_core::resource::GroupVersionKind;

use crate::schema::Schema;
use managed::Managed;
pub(crate) use scale::Replicas;

/// The schema of another version of the same resource; `None` if that version is not served any more.
pub(crate) type Versions<'a> = dyn Fn(&str) -> Option<Schema> + Send + Sync + 'a;

/// A write, as far as ownership is concerned.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// The manager.
    pub(crate) name: &'a str,
    /// The kind, in the version that the write is made in.
    pub(crate) kind: &'a GroupVersionKind,
    /// Its schema.
    pub(crate) schema: &'a Schema,
    /// The subresource that the write goes through; empty for the object itself.
    pub(crate) subresource: &'a str,
    /// Whether `status` is written through a door of its own.
    pub(crate) separates_status: bool,
    /// When it is made.
    pub(crate) now: Timestamp,
    /// An object of the kind that has nothing.
    pub(crate) blank: &'a Value,
    /// The schemas of other versions.
    pub(crate) versions: &'a Versions<'a>,
}

const MANAGED_FIELDS: &str = "managedFields";

/// Gives an object back its times of ownership if they are all that a write would change.
pub(crate) fn settle(new: &mut Value, old: &Value) {
    let is_alike = match (new["metadata"].get(MANAGED_FIELDS), old["metadata"].get(MANAGED_FIELDS)) {
        (Some(Value::Array(new)), Some(Value::Array(old))) => {
            new != old
                && new.len() == old.len()
                && new.iter().zip(old).all(|(new, old)| differ_in_time(new, old))
        }
        _ => false,
    };
    if is_alike
        && same_but(new.as_object(), old.as_object(), "metadata")
        && same_but(new["metadata"].as_object(), old["metadata"].as_object(), MANAGED_FIELDS)
    {
        new["metadata"][MANAGED_FIELDS] = old["metadata"][MANAGED_FIELDS].clone();
    }
}

/// Whether two entries are equal, their times aside.
fn differ_in_time(a: &Value, b: &Value) -> bool {
    same_but(a.as_object(), b.as_object(), "time")
}

fn same_but(a: Option<&Map<String, Value>>, b: Option<&Map<String, Value>>, field: &str) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    let rest = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key(field));
    rest(a) == rest(b) && a.iter().all(|(key, value)| key == field || b.get(key) == Some(value))
}

/// Takes `managedFields` out of an object.
pub(crate) fn take(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove(MANAGED_FIELDS)
}

/// Puts `managedFields` into an object.
pub(crate) fn put(object: &mut Value, managed: Option<Value>) {
    if let (Some(managed), Some(metadata)) =
        (managed, object.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert(MANAGED_FIELDS.to_owned(), managed);
    }
}

/// The `managedFields` of an object.
pub(crate) fn given(object: &Value) -> Option<Value> {
    object["metadata"].get(MANAGED_FIELDS).cloned()
}

/// Reads the managers of a live object.
fn live_managers(live: &Value) -> Option<Managed> {
    match live["metadata"].get(MANAGED_FIELDS) {
        None | Some(Value::Null) => Some(Managed::default()),
        Some(list) => Managed::decode(list.clone()),
    }
}
