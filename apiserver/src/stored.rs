//! Reads a stored object: its tree, without the version that it was read at, and apart from that the owners of its
//! fields, which stay text.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use steersman_core::tree::{Map, Text, Value};
use steersman_core::{Error, Object, Result};

use crate::encode::Parts;
use crate::ownership::Owners;

/// An object apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// Its tree, without `resourceVersion` and `managedFields`.
    pub(crate) tree: Value,
    /// The owners of its fields.
    pub(crate) owners: Owners,
    /// Where its parts stand in its text.
    pub(crate) parts: Parts,
}

impl Stored {
    /// Reads an object in the server's own writing.
    pub(crate) fn of(object: &Object) -> Result<Self> {
        let Tree(tree) = serde_json::from_slice(object.stored_json()).map_err(Error::internal)?;
        let within = |text| Owners::within(object.stored_json(), text);
        let owners = object.managed_fields().map(within).unwrap_or_default();
        Ok(Stored { tree, owners, parts: Parts::default() })
    }
}

const MANAGED_FIELDS: &str = "managedFields";

/// The tree alone.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Part::Object).map(Tree)
    }
}

/// Which part of the object is read.
#[derive(Clone, Copy)]
enum Part {
    Object,
    Metadata,
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<Text>()? {
            let value = match (self, name.as_str()) {
                (Part::Object, "metadata") => entries.next_value_seed(Part::Metadata)?,
                (Part::Metadata, MANAGED_FIELDS | "resourceVersion") => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
                _ => entries.next_value()?,
            };
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
