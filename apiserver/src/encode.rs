//! Writes an object as JSON once, in a form into which its version can be put without parsing it again.
//!
//! The store holds objects without a `resourceVersion`, because the version is the revision of the very write. The
//! form is `{"kind":…,"apiVersion":…,"metadata":{…},…}`: the version goes right behind `"metadata":{`, and finding
//! that place means skipping two strings.

use std::cell::Cell;
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

/// Texts up to this length are put together in memory that is kept at hand.
const USUAL: usize = 64 << 10;

thread_local! {
    /// Where texts are put together, to be copied from there at their own length.
    static WORKPLACE: Cell<String> = const { Cell::new(String::new()) };
}

/// The stored form of an object.
pub(crate) struct Encoded {
    pub(crate) json: Bytes,
    /// Where in it the version belongs.
    version_at: usize,
    /// Where in it the owners of its fields stand, if it has any.
    owners: Option<Range<usize>>,
    /// Where in it its parts stand.
    pub(crate) parts: Parts,
}

/// Where the largest parts of an object stand in its text: empty if there are none, or nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Parts {
    /// The fields of the metadata, without the owners.
    metadata: (usize, usize),
    spec: (usize, usize),
    status: (usize, usize),
}

impl Parts {
    fn of(&mut self, name: &str) -> Option<&mut (usize, usize)> {
        match name {
            "metadata" => Some(&mut self.metadata),
            "spec" => Some(&mut self.spec),
            "status" => Some(&mut self.status),
            _ => None,
        }
    }
}

/// An older version of an object: its tree, its text, and where its parts stand in that.
#[derive(Clone, Copy)]
pub(crate) struct Older<'a> {
    pub(crate) tree: &'a Value,
    pub(crate) json: &'a [u8],
    pub(crate) parts: Parts,
}

impl<'a> Older<'a> {
    const NONE: Older<'static> = Older {
        tree: &Value::Null,
        json: b"",
        parts: Parts { metadata: (0, 0), spec: (0, 0), status: (0, 0) },
    };

    /// The text of a part that a newer version shares, if it is known.
    fn text(mut self, name: &str, newer: &Map) -> Option<&'a str> {
        let (start, end) = *self.parts.of(name)?;
        let shares = self.tree.get(name)?.as_object()?.shares(newer);
        let text = std::str::from_utf8(self.json.get(start..end).filter(|_| shares)?).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }
}

impl Encoded {
    /// Writes an object and the owners of its fields. A `resourceVersion` in the tree is left out.
    pub(crate) fn of(object: &Value, owners: &Owners) -> Self {
        Encoded::over(object, owners, Older::NONE)
    }

    /// The same, given an older version: what the trees share is copied from its text.
    pub(crate) fn over(object: &Value, owners: &Owners, old: Older<'_>) -> Self {
        let empty = Map::new();
        let fields = object.as_object().unwrap_or(&empty);
        let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
        let mut out = WORKPLACE.take();
        out.clear();
        out.push_str("{\"kind\":");
        quote(text("kind"), &mut out);
        out.push_str(",\"apiVersion\":");
        quote(text("apiVersion"), &mut out);
        out.push_str(METADATA);
        let version_at = out.len();
        match old.text("metadata", metadata) {
            Some(text) => out.push_str(text),
            None => write_metadata(metadata, &mut out),
        }
        let mut parts = Parts { metadata: (version_at, out.len()), ..Parts::default() };
        let owners = owners.text().map(|owners| {
            let before = if out.len() == version_at { "\"" } else { ",\"" };
            json_text::write_name(before, "managedFields", &mut out);
            out.push_str(owners);
            out.len() - owners.len()..out.len()
        });
        out.push('}');
        write_fields(fields, old, &mut parts, &mut out);
        out.push('}');
        let json = Bytes::copy_from_slice(out.as_bytes());
        if out.capacity() <= USUAL {
            WORKPLACE.set(out);
        }
        Encoded { json, version_at, owners, parts }
    }

    /// The owners of the object's fields, which share its text.
    pub(crate) fn owners(&self) -> Owners {
        self.owners.clone().map(|place| Owners::part(&self.json, place)).unwrap_or_default()
    }
}

fn write_metadata(metadata: &Map, out: &mut String) {
    let mut before = "\"";
    for (name, value) in metadata.iter().filter(|field| field.0 != "resourceVersion") {
        json_text::write_name(std::mem::replace(&mut before, ",\""), name, out);
        json_text::write(value, out);
    }
}

/// Writes the fields of an object but for those that its text begins with, and tells where its parts are.
fn write_fields(fields: &Map, old: Older<'_>, parts: &mut Parts, out: &mut String) {
    let begin = ["kind", "apiVersion", "metadata"];
    for (name, value) in fields.iter().filter(|field| !begin.contains(&field.0.as_str())) {
        json_text::write_name(",\"", name, out);
        let start = out.len();
        match value.as_object().and_then(|value| old.text(name, value)) {
            Some(text) => out.push_str(text),
            None => json_text::write(value, out),
        }
        if let Some(part) = parts.of(name) {
            *part = (start, out.len());
        }
    }
}

/// The object that `stored` is once it was written at `revision`. `tree` is what `stored` was encoded from, `metadata`
/// what it has.
pub(crate) fn finish(stored: &Encoded, tree: &Value, mut metadata: Metadata, revision: Revision) -> Object {
    metadata.resource_version = revision.to_string();
    let text = |field: &str| tree.get(field).and_then(Value::as_str).unwrap_or_default();
    let (json, place) = (stored.json.clone(), stored.version_at);
    let object = Object::from_stored_parts(json, place, text("apiVersion"), text("kind"), metadata);
    if let Some(owners) = &stored.owners {
        object.set_managed_fields(owners.clone());
    }
    object
}

/// The object that a tree is without ever being stored: the answer to a dry run.
pub(crate) fn unstored(tree: &Value, owners: &Owners) -> Result<Object> {
    let metadata = metadata_of(tree)?;
    let text = |field: &str| tree.get(field).and_then(Value::as_str).unwrap_or_default();
    Ok(Object::from_parts(Encoded::of(tree, owners).json, text("apiVersion"), text("kind"), metadata))
}

/// An object without a version, at a version.
pub(crate) fn stamped(object: &Object, revision: Revision) -> Result<Object> {
    let (json, place) = placed(object.stored_json())?;
    let mut metadata = object.metadata().clone();
    metadata.resource_version = revision.to_string();
    Ok(Object::from_stored_parts(json, place, object.api_version(), object.kind(), metadata))
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
    let (json, place) = placed(stored)?;
    Object::from_stored(json, place, revision.to_string())
}

/// The same object at another version: what a watch delivers as the last state of a deleted object.
pub(crate) fn at_version(object: &Object, revision: Revision) -> Result<Object> {
    match object.at_version(revision.to_string()) {
        Some(other) => Ok(other),
        None => read(&rewritten(object.json())?, revision),
    }
}

/// What follows `kind` and `apiVersion` in our own writing; `None` for the writing of others.
pub(crate) fn headless(json: &[u8]) -> Option<&[u8]> {
    metadata_place(json).map(|at| &json[at - METADATA.len() + 1..])
}

/// Stored bytes in our own writing, and where in them the version belongs.
fn placed(stored: &Bytes) -> Result<(Bytes, usize)> {
    if let Some(place) = metadata_place(stored) {
        return Ok((stored.clone(), place));
    }
    let own = rewritten(stored)?;
    let place = metadata_place(&own).ok_or_else(|| Error::internal("an encoded object has no metadata"))?;
    Ok((own, place))
}

/// The writing of another program, which has put an object into the store, in our own.
fn rewritten(json: &[u8]) -> Result<Bytes> {
    let mut tree: Value = serde_json::from_slice(json).map_err(Error::internal)?;
    let owners = Owners::take(&mut tree);
    Ok(Encoded::of(&tree, &owners).json)
}

/// Where the fields of the metadata begin in our own writing.
fn metadata_place(json: &[u8]) -> Option<usize> {
    let kind = after_string(json, b"{\"kind\":\"")?;
    let api_version = after_string(&json[kind..], b",\"apiVersion\":\"")? + kind;
    json[api_version..].starts_with(METADATA.as_bytes()).then_some(api_version + METADATA.len())
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
        Encoded::of(&tree(), &owners()).json
    }

    #[test]
    fn the_version_is_the_revision_of_the_write() {
        let encoded = Encoded::of(&tree(), &owners());
        let stored = encoded.json.clone();
        assert_eq!(encoded.owners(), owners());
        assert!(!std::str::from_utf8(&stored).unwrap().contains("resourceVersion"));
        let finished = finish(&encoded, &tree(), metadata_of(&tree()).unwrap(), Revision(42));
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
    fn what_an_older_version_shares_is_copied_from_its_text() {
        let mut object = tree();
        object["spec"] = json!({"a": "\"", "b": [1]});
        object["status"] = json!({"c": {}});
        let old = Encoded::of(&object, &owners());
        let mut newer = object.clone();
        newer["status"]["c"]["d"] = json!("more");
        newer["metadata"]["labels"] = json!({"l": "before the spec"});
        // Text that nobody else would write shows that it is copied.
        let json = old.json.iter().map(|byte| if *byte == b'a' { b'A' } else { *byte }).collect::<Vec<u8>>();
        let doctored = Older { tree: &object, json: &json, parts: old.parts };
        let copied = Encoded::over(&newer, &owners(), doctored);
        let written = Encoded::of(&newer, &owners());
        assert_eq!(copied.json, String::from_utf8_lossy(&written.json).replace("{\"a\":", "{\"A\":"));
        assert_eq!((copied.parts, copied.owners), (written.parts, written.owners));
        let mut described = object.clone();
        described["spec"]["b"] = json!([2]);
        let text = String::from_utf8_lossy(&Encoded::of(&described, &owners()).json).into_owned();
        let expected = text.replace("\"name\":\"a\"", "\"nAme\":\"A\"");
        assert_eq!(Encoded::over(&described, &owners(), doctored).json, expected);
        let unshared = json!({"kind": "K", "spec": {"a": "\"", "b": [1]}});
        let unshared_written = Encoded::over(&unshared, &owners(), doctored);
        assert_eq!(unshared_written.json, Encoded::of(&unshared, &owners()).json);
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
        let object = read(&Encoded::of(&bare, &owners()).json, Revision(9)).unwrap();
        assert_eq!(
            Stored::of(&object).unwrap(),
            Stored { tree: bare, owners: owners(), parts: Parts::default() }
        );
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
