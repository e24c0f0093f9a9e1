//! Drops from an object of a built-in kind what upstream loses once it knows who has set it: fields behind gates that are
//! off, and empty lists where they are always written, of which upstream's store makes null.

use steersman_core::tree::{Map, Value};

use super::cursor::Cursor;
use super::document::Document;
use super::shape::{Field, Presence, Shape, TypeId};

/// The types of structs, and their fields that are behind a gate which is off by default.
const GATED: [(&str, &str); 3] = [
    ("Lifecycle", "stopSignal"),
    ("VolumeProjection", "clusterTrustBundle"),
    ("VolumeProjection", "podCertificate"),
];

/// Settles an object, or a part of it that stands at `at`; `old`, which it replaces, is settled.
pub(super) fn object(at: Cursor<'_>, value: &mut Value, old: Option<&Value>) {
    if loses(at, value, old) {
        settle(at, value);
    }
}

/// Whether something is lost here or below. Most objects lose nothing, and stay shared with whoever else has them.
fn loses(at: Cursor<'_>, value: &Value, old: Option<&Value>) -> bool {
    can_lose(at)
        && match value {
            Value::Array(list) => list.iter().any(|item| loses(at.items(), item, None)),
            Value::Object(map) => {
                gated(kind(at)).any(|field| map.contains_key(field))
                    || map.iter().any(|(key, value)| loses_in(at, key, value, old))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
}

/// Whether a field of what stands at `at`, in place of `old`, loses something.
fn loses_in(at: Cursor<'_>, key: &str, value: &Value, old: Option<&Value>) -> bool {
    if !matches!(value, Value::Array(_) | Value::Object(_)) {
        return false;
    }
    let old = old.and_then(|old| old.get(key));
    let below = || at.child(key).is_some_and(|at| loses(at, value, old));
    old != Some(value) && (is_always_written(at, key, value) || below())
}

fn settle(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| settle(at.items(), item)),
        Value::Object(map) => {
            drop_gated(at, map);
            for (key, value) in map.iter_mut() {
                match is_always_written(at, key, value) {
                    true => *value = Value::Null,
                    false => at.child(key).into_iter().for_each(|at| settle(at, value)),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a value that stands at `at` has anything to lose, as far as the schema tells: hardly any status has.
fn can_lose(at: Cursor<'_>) -> bool {
    holder(at.shape()).is_some_and(|id| {
        let document = at.document();
        *document.get(id).can_lose.get_or_init(|| find(document, id, &mut Vec::new()))
    })
}

/// Whether a type, or one that it holds, has a field that may be lost.
fn find(document: &Document, id: TypeId, seen: &mut Vec<TypeId>) -> bool {
    if seen.contains(&id) {
        return false;
    }
    seen.push(id);
    let object = document.get(id);
    let is_lost = |field: &Field| {
        let is_collection = matches!(field.node.shape, Shape::List(..) | Shape::Map(_));
        gated(&object.name).any(|gated| gated == field.name)
            || is_collection && field.presence == Presence::Always
    };
    let mut below = object.fields.iter().filter_map(|field| holder(&field.node.shape));
    object.fields.iter().any(is_lost) || below.any(|id| find(document, id, seen))
}

/// The type of the objects that stand at a place, or in the lists and maps there.
fn holder(shape: &Shape) -> Option<TypeId> {
    match shape {
        Shape::Object(id) => Some(*id),
        Shape::Map(values) => holder(&values.shape),
        Shape::List(items, _) => holder(&items.shape),
        Shape::Scalar(_) => None,
    }
}

/// The fields of a type that are behind a gate.
fn gated(kind: &str) -> impl Iterator<Item = &'static str> {
    GATED.iter().filter(move |(own, _)| *own == kind).map(|(_, field)| *field)
}

/// Whether this is the empty list or map of a field that is written even if it is empty.
fn is_always_written(at: Cursor<'_>, key: &str, value: &Value) -> bool {
    let is_always = |is_alike: fn(&Shape) -> bool| {
        let field = at.field(key);
        field.is_some_and(|field| field.presence == Presence::Always && is_alike(&field.node.shape))
    };
    match value {
        Value::Array(list) if list.is_empty() => is_always(|shape| matches!(shape, Shape::List(..))),
        Value::Object(map) if map.is_empty() => is_always(|shape| matches!(shape, Shape::Map(_))),
        _ => false,
    }
}

/// A lifecycle that is left with nothing goes too.
fn drop_gated(at: Cursor<'_>, map: &mut Map) {
    let own = kind(at);
    gated(own).for_each(|field| drop(map.remove(field)));
    if let Some(lifecycle) = map.get_mut("lifecycle").and_then(Value::as_object_mut)
        && at.child("lifecycle").is_some_and(|at| kind(at) == "Lifecycle")
        && lifecycle.remove("stopSignal").is_some()
        && lifecycle.is_empty()
    {
        map.remove("lifecycle");
    }
}

fn kind(at: Cursor<'_>) -> &str {
    at.object().map_or("", |object| &object.name)
}

#[cfg(test)]
mod tests {
    use steersman_core::resource::GroupVersionKind;
    use steersman_core::tree::json;

    use super::*;
    use crate::Tables;

    #[test]
    fn what_upstream_loses_goes_and_nothing_else() {
        let container =
            |lifecycle: Value| json!({"spec": {"containers": [{"name": "c", "lifecycle": lifecycle}]}});
        let cases = [
            ("LimitRange", json!({"spec": {"limits": []}}), json!({"spec": {"limits": null}})),
            ("ConfigMap", json!({"data": {"stopSignal": "x"}}), json!({"data": {"stopSignal": "x"}})),
            (
                "Pod",
                container(json!({"stopSignal": "SIGUSR1"})),
                json!({"spec": {"containers": [{"name": "c"}]}}),
            ),
            (
                "Pod",
                container(json!({"stopSignal": "SIGUSR1", "preStop": {}})),
                container(json!({"preStop": {}})),
            ),
            (
                "Pod",
                json!({"spec": {"volumes": [{"name": "v", "projected": {"sources": [{"podCertificate": {"keyType": "x"}}]}}]}}),
                json!({"spec": {"volumes": [{"name": "v", "projected": {"sources": [{}]}}]}}),
            ),
        ];
        for (kind, mut object, settled) in cases {
            let schema = Tables::load().schema(&GroupVersionKind::new("", "v1", kind)).unwrap();
            schema.settle(&mut object, None);
            assert_eq!(object, settled);
        }
    }
}
