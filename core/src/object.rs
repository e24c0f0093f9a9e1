//! One version of an object: encoded once, decoded at most once, shared cheaply.

mod heritage;
mod metadata;

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::tree::{Text, Value};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::json_text;
use crate::resource::{GroupVersionKind, Resource};

use heritage::Heritage;
pub use heritage::Renew;
pub use metadata::{Lasting, Metadata};

/// An immutable version of any object, as JSON bytes with its metadata read out.
///
/// Cloning shares. The bytes are what the server stored and what every watcher receives; [`Object::decode`] turns
/// them into a typed struct once, and every later caller shares that struct.
#[derive(Clone)]
pub struct Object(Arc<Inner>);

struct Inner {
    written: Arc<Written>,
    /// The bytes with the version, once somebody has asked for them.
    json: OnceLock<Bytes>,
    decoded: OnceLock<Typed>,
    lean: OnceLock<Typed>,
    heritage: Heritage,
    /// Whether somebody follows the kind, who will read this version.
    followed: AtomicBool,
    encoded: OnceLock<Bytes>,
}

type Typed = Arc<dyn Any + Send + Sync>;

/// What was read or stored, and stays with every holder of the version.
struct Written {
    bytes: Bytes,
    /// Where in them the version belongs, if they lack it.
    lacks_version_at: Option<usize>,
    head: Head,
    /// Where in them `managedFields` stand, once somebody has looked or has said it.
    managed: OnceLock<Option<Range<usize>>>,
}

/// A version without what was decoded of it and is kept for others: for whoever holds it long after everybody else has gone
/// on to newer ones. To make one of an object costs nothing, and cloning shares.
#[derive(Clone)]
pub struct Bare(Arc<Written>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: Text,
    #[serde(default)]
    kind: Text,
    #[serde(default)]
    metadata: Metadata,
}

impl Object {
    /// Reads the JSON of an object; 400 if it is not a JSON object or its metadata has wrong types.
    pub fn from_json(json: impl Into<Bytes>) -> Result<Self> {
        let json = json.into();
        let head = parse(&json)?;
        Ok(Object::new(json, None, head))
    }

    /// Reads an object from bytes that lack its version, as a store holds them; what they become with it,
    /// `"resourceVersion":"…"` at the place in them that is given, is put together only when [`Object::json`] is asked for.
    /// Fails as [`Object::from_json`] does.
    pub fn from_stored(json: impl Into<Bytes>, place: usize, version: impl Into<String>) -> Result<Self> {
        let json = json.into();
        let mut head: Head = parse(&json)?;
        head.metadata.resource_version = version.into();
        Ok(Object::new(json, Some(place), head))
    }

    /// Encodes a JSON tree; fails as [`Object::from_json`] does.
    pub fn from_value(value: &Value) -> Result<Self> {
        let json = serde_json::to_vec(value).map_err(Error::internal)?;
        let head = Head::deserialize(value).map_err(undecodable)?;
        Ok(Object::new(json.into(), None, head))
    }

    /// Puts bytes and metadata together that the caller knows to belong together; nothing is parsed.
    pub fn from_parts(
        json: impl Into<Bytes>,
        api_version: impl Into<Text>,
        kind: impl Into<Text>,
        metadata: Metadata,
    ) -> Self {
        let head = Head { api_version: api_version.into(), kind: kind.into(), metadata };
        Object::new(json.into(), None, head)
    }

    /// The same for bytes that lack the version, which the metadata has and which belongs at `place` in them.
    pub fn from_stored_parts(
        json: impl Into<Bytes>,
        place: usize,
        api_version: impl Into<Text>,
        kind: impl Into<Text>,
        metadata: Metadata,
    ) -> Self {
        let head = Head { api_version: api_version.into(), kind: kind.into(), metadata };
        Object::new(json.into(), Some(place), head)
    }

    /// The same object at another version; `None` if its version stands in its bytes.
    pub fn at_version(&self, version: impl Into<String>) -> Option<Self> {
        let Written { bytes, lacks_version_at, managed, .. } = &*self.0.written;
        let place = (*lacks_version_at)?;
        let mut metadata = self.metadata().clone();
        metadata.resource_version = version.into();
        let kind = self.kind();
        let other = Object::from_stored_parts(bytes.clone(), place, self.api_version(), kind, metadata);
        if let Some(Some(place)) = managed.get() {
            other.set_managed_fields(place.clone());
        }
        Some(other)
    }

    /// The same version, without what was decoded of it.
    pub fn bare(&self) -> Bare {
        Bare(self.0.written.clone())
    }

    fn new(bytes: Bytes, lacks_version_at: Option<usize>, head: Head) -> Self {
        Object::holding(Arc::new(Written { bytes, lacks_version_at, head, managed: OnceLock::new() }))
    }

    fn holding(written: Arc<Written>) -> Self {
        let (json, encoded) = (OnceLock::new(), OnceLock::new());
        let (decoded, lean) = (OnceLock::new(), OnceLock::new());
        let (heritage, followed) = (Heritage::default(), AtomicBool::new(false));
        Object(Arc::new(Inner { written, json, decoded, lean, heritage, followed, encoded }))
    }

    /// Encodes a typed object, with its `apiVersion` and `kind`.
    pub fn from_typed<K: Resource>(typed: &K) -> Result<Self> {
        Self::from_value(&to_value(typed)?)
    }

    /// The `apiVersion`: `apps/v1`.
    pub fn api_version(&self) -> &str {
        &self.0.written.head.api_version
    }

    /// The kind: `Deployment`.
    pub fn kind(&self) -> &str {
        &self.0.written.head.kind
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::from_api_version(self.api_version(), self.kind())
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.0.written.head.metadata
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.metadata().name
    }

    /// The namespace; empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        &self.metadata().namespace
    }

    /// The uid.
    pub fn uid(&self) -> &str {
        &self.metadata().uid
    }

    /// The resource version; empty for an object that was not stored.
    pub fn resource_version(&self) -> &str {
        &self.metadata().resource_version
    }

    /// The encoded form.
    pub fn json(&self) -> &Bytes {
        match self.0.written.lacks_version_at {
            Some(_) => self.0.json.get_or_init(|| self.pieces().concat().into()),
            None => self.stored_json(),
        }
    }

    /// The same, in pieces and without keeping what is put together of them.
    pub fn pieces(&self) -> [&[u8]; 5] {
        let stored: &[u8] = self.stored_json();
        let Some(place) = self.0.written.lacks_version_at else {
            return [stored, b"", b"", b"", b""];
        };
        let (before, after) = stored.split_at_checked(place).unwrap_or((stored, b""));
        let end: &[u8] = if after.starts_with(b"}") { b"\"" } else { b"\"," };
        [before, b"\"resourceVersion\":\"", self.resource_version().as_bytes(), end, after]
    }

    /// The bytes without the version, if the object was made of such; otherwise [`Object::json`].
    pub fn stored_json(&self) -> &Bytes {
        &self.0.written.bytes
    }

    /// A JSON tree of one's own to change.
    pub fn to_value(&self) -> Result<Value> {
        let mut value: Value = parse(self.stored_json())?;
        if self.0.written.lacks_version_at.is_some() {
            value["metadata"]["resourceVersion"] = self.resource_version().into();
        }
        Ok(value)
    }

    /// The JSON of `metadata.managedFields`, found without reading the rest; `None` if there are none, and for JSON that
    /// is written with spaces.
    pub fn managed_fields(&self) -> Option<&str> {
        let place = self.0.written.managed.get_or_init(|| find_managed_fields(self.stored_json()));
        std::str::from_utf8(self.stored_json().get(place.clone()?)?).ok()
    }

    /// Has [`Object::managed_fields`] look there, in [`Object::stored_json`], instead of searching for them: for whoever has written them.
    pub fn set_managed_fields(&self, place: Range<usize>) {
        // Another task may have found them.
        let _ = self.0.written.managed.set(Some(place));
    }

    /// The typed object. Decoded at most once for the type that is first asked for, and shared from then on;
    /// 400 if the object does not have the shape of `K`.
    pub fn decode<K: Resource>(&self) -> Result<Arc<K>> {
        decode_once(&self.0.decoded, || match self.known_lean::<K>() {
            Some(lean) => self.with_owners::<K>(&lean),
            None => self.read(self.stored_json()),
        })
    }

    /// The same without `managedFields`, which as a typed tree weigh several times what the rest of a small object does
    /// and which no component reads: what caches hold. Decoded and shared as by [`Object::decode`], apart from it.
    pub fn lean<K: Resource>(&self) -> Result<Arc<K>> {
        if let Some(known) = self.known_lean() {
            return Ok(known);
        }
        decode_once(&self.0.lean, || self.read_lean())
    }

    /// What [`Object::lean`] gives, if it was decoded before or is known by an older version.
    pub fn known_lean<K: Resource>(&self) -> Option<Arc<K>> {
        if self.0.lean.get().is_none() {
            self.come_into();
        }
        self.known_typed()
    }

    fn known_typed<K: Resource>(&self) -> Option<Arc<K>> {
        self.0.lean.get().and_then(|any| any.clone().downcast().ok())
    }

    /// Has [`Object::lean`] give this, which the caller knows to be what the bytes say without `managedFields`: one who
    /// has made the object from another version spares everybody the decoding. Nothing happens if it was decoded.
    pub fn set_lean<K: Resource>(&self, typed: K) {
        // Another task may have been faster.
        let _ = self.0.lean.set(Arc::new(typed));
    }

    /// Says that somebody follows the kind, who will read this version, too.
    pub fn set_followed(&self) {
        self.0.followed.store(true, Ordering::Relaxed);
    }

    /// The typed object for the client who wrote it. Where somebody follows the kind, what is decoded here is kept without
    /// `managedFields`, and [`Object::lean`] shares it; else nothing is kept.
    pub fn answer<K: Resource>(&self) -> Result<Arc<K>> {
        if let Some(decoded) = self.0.decoded.get().and_then(|any| any.clone().downcast().ok()) {
            return Ok(decoded);
        }
        if !self.0.followed.load(Ordering::Relaxed) {
            return self.read(self.stored_json()).map(Arc::new);
        }
        let lean = self.lean()?;
        if self.managed_fields().is_none() { Ok(lean) } else { self.with_owners::<K>(&lean).map(Arc::new) }
    }

    /// What the bytes say, given what they say without `managedFields`.
    fn with_owners<K: Resource>(&self, lean: &K) -> Result<K> {
        let mut whole = lean.clone();
        if let Some(managed) = self.managed_fields() {
            whole.metadata_mut().managed_fields = parse(managed.as_bytes())?;
        }
        Ok(whole)
    }

    fn read_lean<K: Resource>(&self) -> Result<K> {
        let json: &[u8] = self.stored_json();
        let Some(managed) = self.managed_fields() else {
            return self.read(json);
        };
        let start = managed.as_ptr() as usize - json.as_ptr() as usize;
        let parts = [&json[..start], b"null", &json[start + managed.len()..]];
        self.read(&parts.concat())
    }

    /// Reads bytes that lack the version if the stored ones do.
    fn read<K: Resource>(&self, json: &[u8]) -> Result<K> {
        let mut typed: K = parse(json)?;
        if self.0.written.lacks_version_at.is_some() {
            typed.metadata_mut().resource_version = Some(self.resource_version().to_owned());
        }
        Ok(typed)
    }

    /// The same version in one other encoding, made by whoever asks first and shared from then on: what makes a list
    /// or an event in that encoding as cheap for the next reader as one in JSON.
    ///
    /// # Errors
    /// What `make` fails with; it is then called again the next time.
    pub fn encoded<E>(&self, make: impl FnOnce(&Bytes) -> Result<Bytes, E>) -> Result<Bytes, E> {
        if let Some(encoded) = self.0.encoded.get() {
            return Ok(encoded.clone());
        }
        let encoded = match self.0.json.get() {
            Some(json) => make(json)?,
            None => make(&self.pieces().concat().into())?,
        };
        Ok(self.0.encoded.get_or_init(|| encoded).clone())
    }

    /// Whether both are the same shared version, not merely equal.
    pub fn is_same(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Bare {
    /// The object, of which nothing is decoded yet.
    pub fn object(&self) -> Object {
        Object::holding(self.0.clone())
    }
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object().fmt(f)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}@{}", self.kind(), self.metadata().key(), self.resource_version())
    }
}

fn find_managed_fields(json: &[u8]) -> Option<Range<usize>> {
    let text = std::str::from_utf8(json).ok()?;
    let metadata = json_text::member(text.strip_prefix('{')?, "metadata")?;
    let managed = json_text::member(metadata.strip_prefix('{')?, "managedFields")?;
    let start = managed.as_ptr() as usize - text.as_ptr() as usize;
    Some(start..start + managed.len())
}

fn decode_once<K: Resource>(slot: &OnceLock<Typed>, read: impl FnOnce() -> Result<K>) -> Result<Arc<K>> {
    if let Some(decoded) = slot.get().and_then(|any| any.clone().downcast().ok()) {
        return Ok(decoded);
    }
    let decoded = Arc::new(read()?);
    // Another task may have been faster, or the slot may hold another type: both are answers of their own.
    let _ = slot.set(decoded.clone());
    Ok(decoded)
}

/// The JSON tree of a typed object, with its `apiVersion` and `kind`.
pub fn to_value<K: k8s_openapi::Resource + Serialize>(typed: &K) -> Result<Value> {
    let mut value = crate::tree::to_value(typed).map_err(Error::internal)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion", K::API_VERSION.into());
        fields.insert("kind", K::KIND.into());
    }
    Ok(value)
}

/// Reads JSON. Text that was found to be text as a whole is read faster than string by string; that `T` is read from text
/// alone keeps programs small, as there is a reader for each kind.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(json).map_err(|_| not_text(json))?;
    serde_json::from_str(text).map_err(undecodable)
}

/// What a parser says of JSON that is no UTF-8.
fn not_text(json: &[u8]) -> Error {
    let found = serde_json::from_slice::<Value>(json);
    found.map_or_else(undecodable, |_| Error::bad_request("the object provided is not UTF-8"))
}

fn undecodable(error: serde_json::Error) -> Error {
    Error::bad_request(format!("the object provided is unrecognized (must be of type Object): {error}"))
}

#[cfg(test)]
mod tests {
    use crate::tree::json;
    use k8s_openapi::api::core::v1::Pod;

    use super::*;

    fn pod() -> Object {
        let value = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "b", "labels": null, "managedFields": [{"manager": "m"}]},
            "spec": {"containers": []}
        });
        Object::from_value(&value).unwrap()
    }

    #[test]
    fn decoding_happens_once_and_is_shared() {
        let pod = pod();
        let first: Arc<Pod> = pod.clone().decode().unwrap();
        assert!(Arc::ptr_eq(&first, &pod.decode().unwrap()));
        assert_eq!(first.metadata.name.as_deref(), Some("a"));
    }

    #[test]
    fn an_object_as_it_is_stored_has_its_version_in_all_that_is_read_of_it() {
        for fields in ["", r#""name":"a","managedFields":[{"manager":"m"}]"#] {
            let stored =
                [r#"{"kind":"Pod","apiVersion":"v1","metadata":{"#, fields, r#"},"spec":null}"#].concat();
            let place = stored.find("},").unwrap() - fields.len();
            let read = || Object::from_stored(stored.clone(), place, "7").unwrap();
            let told: serde_json::Value = serde_json::from_slice(read().json()).unwrap();
            assert_eq!(told["metadata"]["resourceVersion"], "7");
            assert_eq!(read().pieces().concat(), **read().json());
            assert_eq!(read().to_value().unwrap(), Value::from(told));
            let whole = Object::from_json(read().json().clone()).unwrap();
            assert_eq!(read().managed_fields(), whole.managed_fields());
            assert_eq!(read().decode::<Pod>().unwrap(), whole.decode::<Pod>().unwrap());
            assert_eq!(read().lean::<Pod>().unwrap(), whole.lean::<Pod>().unwrap());
            let later = read().at_version("8").unwrap();
            assert_eq!((later.resource_version(), later.bare().object().json()), ("8", later.json()));
            assert!(whole.at_version("8").is_none());
        }
    }

    #[test]
    fn what_was_decoded_goes_with_its_last_holder() {
        let pod = pod();
        let decoded: Arc<Pod> = pod.lean().unwrap();
        let bare = pod.bare();
        assert_eq!((bare.object().json(), bare.object().metadata()), (pod.json(), pod.metadata()));
        drop(pod);
        assert_eq!(Arc::strong_count(&decoded), 1);
        assert_eq!(bare.object().lean::<Pod>().unwrap(), decoded);
    }

    #[test]
    fn caches_hold_objects_without_their_owners() {
        let pod = pod();
        assert_eq!(pod.managed_fields(), Some(r#"[{"manager":"m"}]"#));
        let (whole, lean): (Arc<Pod>, Arc<Pod>) = (pod.decode().unwrap(), pod.lean().unwrap());
        assert!(Arc::ptr_eq(&lean, &pod.lean().unwrap()));
        assert!(Arc::ptr_eq(&whole, &pod.answer().unwrap()));
        assert_eq!((whole.metadata.managed_fields.is_some(), &lean.metadata.managed_fields), (true, &None));
        assert_eq!((&lean.metadata.name, &lean.spec), (&whole.metadata.name, &whole.spec));
    }

    #[test]
    fn who_wrote_an_object_decodes_it_for_those_who_follow_it() {
        let pod = pod();
        let answer: Arc<Pod> = pod.answer().unwrap();
        assert_eq!(pod.known_lean::<Pod>(), None, "nobody else will ask");
        pod.set_followed();
        assert_eq!(answer, pod.answer().unwrap());
        assert_eq!(pod.known_lean::<Pod>().unwrap().metadata.managed_fields, None);
        assert_eq!((&answer, &answer), (&pod.decode().unwrap(), &pod.bare().object().decode().unwrap()));
    }

    #[test]
    fn owners_are_found_where_their_writer_says() {
        let (pod, owners) = (pod(), r#"[{"manager":"m"}]"#);
        let start = std::str::from_utf8(pod.json()).unwrap().find(owners).unwrap();
        pod.set_managed_fields(start..start + owners.len());
        assert_eq!(
            (pod.managed_fields(), pod.bare().object().managed_fields()),
            (Some(owners), Some(owners))
        );
        let nowhere = self::pod();
        nowhere.set_managed_fields(0..1 << 20);
        assert_eq!(nowhere.managed_fields(), None);
    }

    #[test]
    fn what_is_known_need_not_be_decoded() {
        let pod = pod();
        assert_eq!(pod.known_lean::<Pod>(), None);
        pod.set_lean(Pod::default());
        assert_eq!(*pod.lean::<Pod>().unwrap(), Pod::default());
        assert_eq!(pod.known_lean::<Pod>(), Some(pod.lean().unwrap()));
    }

    #[test]
    fn json_that_is_no_object_is_refused() {
        assert_eq!(Object::from_json("[1]").unwrap_err().code(), 400);
        assert_eq!(Object::from_json(r#"{"metadata":{"name":1}}"#).unwrap_err().code(), 400);
        let broken = Object::from_json(&b"{\"kind\":\"\xff\"}"[..]).unwrap_err();
        assert!(broken.message().contains("invalid unicode code point at line 1 column"), "{broken}");
    }

    #[test]
    fn typed_objects_know_their_kind() {
        let object = Object::from_typed(&Pod::default()).unwrap();
        assert_eq!((object.api_version(), object.kind()), ("v1", "Pod"));
        assert_eq!(pod().metadata().key(), "b/a");
    }
}
