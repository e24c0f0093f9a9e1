//! Writes an object as JSON once, in a form into which its version can be put without parsing it again.
//!
//! The store holds objects without a `resourceVersion`, because the version is the revision of the very write. The
//! form is `{"kind":…,"apiVersion":…,"metadata":{…},…}`: the version goes right behind `"metadata":{`, and finding
//! that place means skipping two strings.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use steersman_core::object::Metadata;
use steersman_core::store::Revision;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Object, Result};

use crate::json_text::{self, quote};
use crate::ownership::Owners;

const METADATA: &str = ",\"metadata\":{";
const VERSION: &[u8] = b"\"resourceVersion\":\"";

/// The stored form of an object.
pub(crate) struct Encoded {
    pub(crate) json: Bytes,
    /// Where in it the owners of its fields stand, if it has any.
    owners: Option<Range<usize>>,
}

/// Writes an object and the owners of its fields. A `resourceVersion` in the tree is left out.
pub(crate) fn encode(object: &Value, owners: &Owners) -> Encoded {
    let empty = Map::new();
    let fields = object.as_object().unwrap_or(&empty);
    let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut out = String::with_capacity(4096);
    out.push_str("{\"kind\":");
    quote(text("kind"), &mut out);
    out.push_str(",\"apiVersion\":");
    quote(text("apiVersion"), &mut out);
    out.push_str(METADATA);
    let comma = write_fields(&mut out, metadata, &["resourceVersion"], false);
    let owners = owners.text().map(|owners| {
        out.push_str(if comma { "," } else { "" });
        out.extend(["\"managedFields\":", owners]);
        out.len() - owners.len()..out.len()
    });
    out.push('}');
    write_fields(&mut out, fields, &["kind", "apiVersion", "metadata"], true);
    out.push('}');
    // It is kept for as long as the object is: no byte more than it needs.
    Encoded { json: out.into_boxed_str().into_boxed_bytes().into(), owners }
}

/// Writes fields, behind others if `comma` says so; whether another that follows needs a comma.
fn write_fields(out: &mut String, fields: &Map, skip: &[&str], mut comma: bool) -> bool {
    for (name, value) in fields.iter().filter(|field| !skip.contains(&field.0.as_str())) {
        if std::mem::replace(&mut comma, true) {
            out.push(',');
        }
        quote(name, out);
        out.push(':');
        json_text::write(value, out);
    }
    comma
}

/// The object that `stored` is once it was written at `revision`. `tree` is what `stored` was encoded from, `metadata`
/// what it has.
pub(crate) fn finish(
    stored: &Encoded,
    tree: &Value,
    mut metadata: Metadata,
    revision: Revision,
) -> Result<Object> {
    metadata.resource_version = revision.to_string();
    let text = |field: &str| tree.get(field).and_then(Value::as_str).unwrap_or_default();
    let json = stamp(&stored.json, revision)?;
    let inserted = json.len() - stored.json.len();
    let object = Object::from_parts(json, text("apiVersion"), text("kind"), metadata);
    if let Some(owners) = &stored.owners {
        object.set_managed_fields(owners.start + inserted..owners.end + inserted);
    }
    Ok(object)
}

/// The object that a tree is without ever being stored: the answer to a dry run.
pub(crate) fn unstored(tree: &Value, owners: &Owners) -> Result<Object> {
    let metadata = metadata_of(tree)?;
    let text = |field: &str| tree.get(field).and_then(Value::as_str).unwrap_or_default();
    Ok(Object::from_parts(encode(tree, owners).json, text("apiVersion"), text("kind"), metadata))
}

/// An object without a version, at a version.
pub(crate) fn stamped(object: &Object, revision: Revision) -> Result<Object> {
    let mut metadata = object.metadata().clone();
    metadata.resource_version = revision.to_string();
    Ok(Object::from_parts(stamp(object.json(), revision)?, object.api_version(), object.kind(), metadata))
}

/// The typed metadata of a tree.
pub(crate) fn metadata_of(tree: &Value) -> Result<Metadata> {
    match tree.get("metadata") {
        Some(metadata) => Metadata::deserialize(metadata).map_err(Error::internal),
        None => Ok(Metadata::default()),
    }
}

/// The object that stored bytes, as written at `revision`, hold.
pub(crate) fn read(stored: &Bytes, revision: Revision) -> Result<Object> {
    Object::from_json(stamp(stored, revision)?)
}

/// The same object at another version: what a watch delivers as the last state of a deleted object.
pub(crate) fn at_version(object: &Object, revision: Revision) -> Result<Object> {
    let json = object.json();
    let mut metadata = object.metadata().clone();
    let Some((start, end)) = version_place(json) else {
        return read(&rewritten(json)?, revision);
    };
    metadata.resource_version = revision.to_string();
    let bytes = [&json[..start], metadata.resource_version.as_bytes(), &json[end..]].concat();
    Ok(Object::from_parts(bytes, object.api_version(), object.kind(), metadata))
}

/// What follows `kind` and `apiVersion` in our own writing; `None` for the writing of others.
pub(crate) fn headless(json: &[u8]) -> Option<&[u8]> {
    metadata_place(json).map(|at| &json[at - METADATA.len() + 1..])
}

fn stamp(stored: &Bytes, revision: Revision) -> Result<Bytes> {
    let Some(at) = metadata_place(stored) else {
        return stamp_at(&rewritten(stored)?, revision);
    };
    Ok(insert(stored, at, revision))
}

/// The writing of another program, which has put an object into the store, in our own.
fn rewritten(json: &[u8]) -> Result<Bytes> {
    let mut tree: Value = serde_json::from_slice(json).map_err(Error::internal)?;
    let owners = Owners::take(&mut tree);
    Ok(encode(&tree, &owners).json)
}

fn stamp_at(stored: &Bytes, revision: Revision) -> Result<Bytes> {
    let at = metadata_place(stored).ok_or_else(|| Error::internal("an encoded object has no metadata"))?;
    Ok(insert(stored, at, revision))
}

fn insert(stored: &[u8], at: usize, revision: Revision) -> Bytes {
    let revision = revision.to_string();
    let end: &[u8] = if stored.get(at) == Some(&b'}') { b"\"" } else { b"\"," };
    let parts = [&stored[..at], VERSION, revision.as_bytes(), end, &stored[at..]];
    parts.concat().into()
}

/// Where the fields of the metadata begin in our own writing.
fn metadata_place(json: &[u8]) -> Option<usize> {
    let kind = after_string(json, b"{\"kind\":\"")?;
    let api_version = after_string(&json[kind..], b",\"apiVersion\":\"")? + kind;
    json[api_version..].starts_with(METADATA.as_bytes()).then_some(api_version + METADATA.len())
}

/// Where the version stands in our own writing, without its quotes.
fn version_place(json: &[u8]) -> Option<(usize, usize)> {
    let at = metadata_place(json)?;
    let end = after_string(&json[at..], VERSION)? + at;
    Some((at + VERSION.len(), end - 1))
}

/// Where the string ends that `json` begins with after `prefix`; kinds and versions have no escapes.
fn after_string(json: &[u8], prefix: &[u8]) -> Option<usize> {
    let rest = json.strip_prefix(prefix)?;
    let quote = rest.iter().position(|c| *c == b'"' || *c == b'\\')?;
    (rest[quote] == b'"').then_some(prefix.len() + quote + 1)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;
    use crate::stored::Stored;

    fn tree() -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"metadata": "{\"metadata\":{"},
            "metadata": {"name": "a", "resourceVersion": "7"}
        })
    }

    fn owners() -> Owners {
        Owners::of(r#"[{"manager":"m"}]"#)
    }

    fn written() -> Bytes {
        encode(&tree(), &owners()).json
    }

    #[test]
    fn the_version_is_the_revision_of_the_write() {
        let encoded = encode(&tree(), &owners());
        let stored = encoded.json.clone();
        assert!(!std::str::from_utf8(&stored).unwrap().contains("resourceVersion"));
        let finished = finish(&encoded, &tree(), metadata_of(&tree()).unwrap(), Revision(42)).unwrap();
        for object in [finished, read(&stored, Revision(42)).unwrap()] {
            assert_eq!((object.resource_version(), object.name(), object.kind()), ("42", "a", "ConfigMap"));
            let value = object.to_value().unwrap();
            assert_eq!(value["metadata"]["resourceVersion"], "42");
            assert_eq!(value["metadata"]["managedFields"], json!([{"manager": "m"}]));
            assert_eq!(value["data"], tree()["data"]);
            assert_eq!(object.managed_fields(), owners().text());
        }
    }

    #[test]
    fn the_version_can_be_exchanged_without_parsing() {
        let object = read(&written(), Revision(9)).unwrap();
        let later = at_version(&object, Revision(1000)).unwrap();
        assert_eq!(later.resource_version(), "1000");
        assert_eq!(later.to_value().unwrap()["metadata"]["resourceVersion"], "1000");
        assert_eq!(Stored::of(&later).unwrap(), Stored::of(&object).unwrap());
    }

    #[test]
    fn the_owners_are_read_apart_from_the_tree() {
        let stored = Stored::of(&read(&written(), Revision(9)).unwrap()).unwrap();
        assert_eq!(stored.tree["metadata"], json!({"name": "a"}));
        assert_eq!(stored.owners, owners());
        let bare = json!({"apiVersion": "v1", "kind": "K", "metadata": {}});
        let object = read(&encode(&bare, &owners()).json, Revision(9)).unwrap();
        assert_eq!(Stored::of(&object).unwrap(), Stored { tree: bare, owners: owners() });
    }

    #[test]
    fn the_writing_of_another_program_is_understood() {
        let foreign = br#"{"metadata":{"name":"b","managedFields":[ {} ]},"kind":"K","apiVersion":"g/v1"}"#;
        let object = read(&Bytes::from_static(foreign), Revision(3)).unwrap();
        assert_eq!((object.name(), object.resource_version()), ("b", "3"));
        assert_eq!(object.to_value().unwrap()["metadata"]["resourceVersion"], "3");
        assert_eq!(Stored::of(&object).unwrap().owners, Owners::of("[{}]"));
    }
}
