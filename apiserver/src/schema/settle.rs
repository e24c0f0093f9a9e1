//! Drops from an object of a built-in kind what upstream loses once it knows who has set it: fields behind gates that are
//! off, and empty lists where they are always written, of which upstream's store makes null.

use serde_json::{Map, Value};

use super::cursor::Cursor;
use super::shape::{Presence, Shape};

/// The types of structs, and their fields that are behind a gate which is off by default.
const GATED: [(&str, &str); 3] = [
    ("Lifecycle", "stopSignal"),
    ("VolumeProjection", "clusterTrustBundle"),
    ("VolumeProjection", "podCertificate"),
];

/// Settles an object, or a part of it that stands at `at`.
pub(super) fn object(at: Cursor<'_>, value: &mut Value) {
    if may_lose(value) {
        settle(at, value);
    }
}

/// Whether there may be something to do: in most objects, and in most of what an object holds, there is not.
fn may_lose(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty() || list.iter().any(may_lose),
        Value::Object(map) => {
            map.is_empty() || map.iter().any(|(key, value)| is_gated(key) || may_lose(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn settle(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.iter_mut().filter(|item| may_lose(item)).for_each(|item| settle(at.items(), item));
        }
        Value::Object(map) => {
            drop_gated(at, map);
            for (key, value) in map.iter_mut().filter(|(_, value)| may_lose(value)) {
                match at.field(key) {
                    Some(field)
                        if field.presence == Presence::Always && is_empty(value, &field.node.shape) =>
                    {
                        *value = Value::Null;
                    }
                    Some(field) => settle(at.below(&field.node), value),
                    None => at.child(key).into_iter().for_each(|below| settle(below, value)),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_gated(field: &str) -> bool {
    GATED.iter().any(|(_, gated)| *gated == field)
}

/// A lifecycle that is left with nothing goes too.
fn drop_gated(at: Cursor<'_>, map: &mut Map<String, Value>) {
    let own = kind(at);
    map.retain(|field, _| !GATED.iter().any(|(kind, gated)| *kind == own && gated == field));
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

fn is_empty(value: &Value, shape: &Shape) -> bool {
    match (value, shape) {
        (Value::Array(list), Shape::List(..)) => list.is_empty(),
        (Value::Object(map), Shape::Map(_)) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steersman_core::resource::GroupVersionKind;

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
            schema.settle(&mut object);
            assert_eq!(object, settled);
        }
    }
}
