//! Takes over from client-side apply: what kubectl's annotation says it applied, `kubectl` may apply from the server.

use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Text, Value};

use super::compare::compare;
use super::conflict::Conflicts;
use super::field_set;
use super::paths::Paths;
use super::typed;
use crate::json_text::for_pages;
use crate::schema::Schema;

/// The manager that takes over.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

const ANNOTATIONS: &str = "/metadata/annotations";

/// The limit of all annotations together, in bytes; upstream's `TotalAnnotationSizeLimitB`.
const LIMIT: usize = 256 * 1024;

/// Leaves out of `sets` what client-side apply has set and nobody has changed since: no conflict for `kubectl`. Nothing
/// is left out if the annotation is of another version or kind, or one of both does not have the types of the schema.
pub(super) fn let_go(kind: &GroupVersionKind, schema: &Schema, live: &Value, sets: &mut Conflicts<'_>) {
    let last = live["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default();
    let Ok(last @ Value::Object(_)) = serde_json::from_str::<Value>(last) else { return };
    let is_alike = last["apiVersion"] == kind.api_version() && last["kind"] == *kind.kind;
    if !is_alike || [live, &last].into_iter().any(|object| typed::check(schema, object).is_err()) {
        return;
    }
    let changes = compare(schema, live, &last, Paths::NONE);
    let mut still = field_set::of(schema, &last);
    for changed in [&changes.added, &changes.modified, &changes.removed] {
        still.subtract(changed);
    }
    sets.iter_mut().for_each(|(_, set)| set.subtract(&still));
    sets.retain(|(_, set)| !set.is_empty());
}

/// Keeps the annotation of an object that has one up to date, or drops it if it grows too large.
pub(super) fn renew(object: &mut Value, config: &Value) {
    let annotations = object.pointer_mut(ANNOTATIONS).and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    if annotations.get(ANNOTATION).and_then(Value::as_str).is_none_or(str::is_empty) {
        return;
    }
    let mut config = config.clone();
    if let Some(own) = config.pointer_mut(ANNOTATIONS).and_then(Value::as_object_mut) {
        own.remove(ANNOTATION);
    }
    annotations.insert(ANNOTATION.to_owned(), for_pages(&format!("{config}\n")).into());
    let size = |(key, value): (&Text, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(size).sum::<usize>() > LIMIT {
        annotations.remove(ANNOTATION);
    }
}
