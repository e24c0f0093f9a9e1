//! Who owns which field of an object: tracking of writes, and server-side apply; upstream's structured-merge-diff and
//! the field managers above it.
//!
//! - [`set`] holds sets of paths, [`codec`] reads and writes them as `fieldsV1`;
//! - [`paths`] are fields that the program knows, [`reset`] those that a write cannot own;
//! - [`place`] says how a schema wants the values at a place to be owned;
//! - [`compare`], [`field_set`], [`first`], [`merge`], [`remove`] and [`typed`] walk objects along a schema;
//! - [`overlay`] merges what a policy wants, which nobody owns;
//! - [`managed`] is the list of owners, kept [`by_manager`], [`written`] reads it fast, [`owners`] is how it travels with an object, [`track`] keeps it over writes,
//!   [`apply`] uses it, [`scale`] carries it over.

mod apply;
mod by_manager;
mod codec;
mod compare;
mod conflict;
mod element;
mod field_set;
mod first;
mod last_applied;
mod managed;
mod merge;
pub(crate) mod name;
mod overlay;
mod owners;
mod paths;
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
mod written;

use jiff::Timestamp;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;

use crate::schema::Schema;

pub(crate) use overlay::overlay;
pub(crate) use owners::Owners;
pub(crate) use scale::Replicas;
pub(crate) use typed::go_type;

/// The schema of another version of the same resource; `None` if that version is not served any more.
pub(crate) type Versions<'a> = dyn Fn(&str) -> Option<Schema> + Send + Sync + 'a;

/// A write, as far as ownership is concerned.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// The manager.
    pub(crate) name: &'a str,
    /// The kind, in the version that the write is made in.
    pub(crate) kind: &'a GroupVersionKind,
    /// The same group and version, as objects have them.
    pub(crate) api_version: &'a str,
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
