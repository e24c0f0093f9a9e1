//! Drops from an object of a built-in kind what upstream loses once it knows who has set it: fields behind gates that are
//! off, and empty lists where they are always written, of which upstream's store makes null.

use steersman_core::tree::{Map, Value};

use super::cursor::Cursor;
use super::document::Document;
use super::shape::{Field, ObjectType, Presence, Shape, TypeId};

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
    match (value, at.shape()) {
        (Value::Object(map), Shape::Object(id)) => {
            let mut losing = losing(at.document(), *id);
            losing.any(|field| map.get(&field.name).is_some_and(|value| loses_in(at, field, value, old)))
        }
        (Value::Object(map), Shape::Map(values)) => {
            map.values().any(|value| loses(at.below(values), value, None))
        }
        (Value::Array(list), Shape::List(items, _)) => {
            list.iter().any(|item| loses(at.below(items), item, None))
        }
        _ => false,
    }
}

/// Whether a field of what stands at `at`, in place of `old`, is lost or loses something.
fn loses_in(at: Cursor<'_>, field: &Field, value: &Value, old: Option<&Value>) -> bool {
    let old = old.and_then(|old| old.get(&field.name));
    old != Some(value)
        && (is_gated(kind(at), field)
            || is_always_written(field, value)
            || loses(at.below(&field.node), value, old))
}

fn settle(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| settle(at.items(), item)),
        Value::Object(map) => {
            drop_gated(at, map);
            for (key, value) in map.iter_mut() {
                match at.field(key).is_some_and(|field| is_always_written(field, value)) {
                    true => *value = Value::Null,
                    false => at.child(key).into_iter().for_each(|at| settle(at, value)),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields of a type that may be lost, or have something to lose: hardly any status has such.
fn losing(document: &Document, id: TypeId) -> impl Iterator<Item = &Field> {
    let object = document.get(id);
    let loses = |field: &Field| {
        let below = holder(&field.node.shape);
        is_lost(object, field) || below.is_some_and(|id| can_lose(document, id, &mut Vec::new()))
    };
    let find = || (0..object.fields.len()).filter(|index| loses(&object.fields[*index])).collect();
    object.losing.get_or_init(find).iter().map(|index| &object.fields[*index])
}

/// Whether a type, or one that it holds, has a field that may be lost.
fn can_lose(document: &Document, id: TypeId, seen: &mut Vec<TypeId>) -> bool {
    if seen.contains(&id) {
        return false;
    }
    seen.push(id);
    let object = document.get(id);
    let mut below = object.fields.iter().filter_map(|field| holder(&field.node.shape));
    object.fields.iter().any(|field| is_lost(object, field)) || below.any(|id| can_lose(document, id, seen))
}

/// Whether a field of a type may be lost.
fn is_lost(object: &ObjectType, field: &Field) -> bool {
    let is_collection = matches!(field.node.shape, Shape::List(..) | Shape::Map(_));
    is_gated(&object.name, field) || is_collection && field.presence == Presence::Always
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

/// Whether a field of a type is behind a gate.
fn is_gated(kind: &str, field: &Field) -> bool {
    gated(kind).any(|gated| gated == field.name)
}

/// Whether this is the empty list or map of a field that is written even if it is empty.
fn is_always_written(field: &Field, value: &Value) -> bool {
    let is_empty = match (value, &field.node.shape) {
        (Value::Array(list), Shape::List(..)) => list.is_empty(),
        (Value::Object(map), Shape::Map(_)) => map.is_empty(),
        _ => false,
    };
    is_empty && field.presence == Presence::Always
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
