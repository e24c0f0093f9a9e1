//! Drops from an object of a built-in kind what upstream loses once it knows who has set it: fields behind gates that are
//! off, and empty lists where they are always written, of which upstream's store makes null.

use steersman_core::tree::{Map, Value};

use super::cursor::Cursor;
use super::shape::{Presence, Shape};

/// The types of structs, and their fields that are behind a gate which is off by default.
const GATED: [(&str, &str); 3] = [
    ("Lifecycle", "stopSignal"),
    ("VolumeProjection", "clusterTrustBundle"),
    ("VolumeProjection", "podCertificate"),
];

/// Settles an object, or a part of it that stands at `at`; `old`, which it replaces, is settled.
pub(super) fn object(at: Cursor<'_>, value: &mut Value, old: Option<&Value>) {
    let trail = Trail::Start(at);
    if may_lose(&trail, value, old) {
        settle(&trail, value);
    }
}

/// The way to a value: where it stands in the schema is asked only where something may be lost.
enum Trail<'t, 'a> {
    Start(Cursor<'a>),
    Key(&'t Trail<'t, 'a>, &'t str),
    Items(&'t Trail<'t, 'a>),
}

impl<'a> Trail<'_, 'a> {
    /// Where it ends; nowhere, if the schema does not know the way.
    fn end(&self) -> Option<Cursor<'a>> {
        match self {
            Trail::Start(at) => Some(*at),
            Trail::Key(above, key) => above.end()?.child(key),
            Trail::Items(above) => above.end().map(Cursor::items),
        }
    }
}

/// Whether something is lost here or below; it may be said of fields that are only named like those behind gates. Most
/// objects lose nothing, and stay shared with whoever else has them.
fn may_lose(trail: &Trail<'_, '_>, value: &Value, old: Option<&Value>) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|item| may_lose(&Trail::Items(trail), item, None)),
        Value::Object(map) => map.iter().any(|(key, value)| {
            let old = old.and_then(|old| old.get(key));
            let is_new_and_has_parts =
                matches!(value, Value::Array(_) | Value::Object(_)) && old != Some(value);
            let loses =
                || is_always_written(trail, key, value) || may_lose(&Trail::Key(trail, key), value, old);
            is_gated(key) || is_new_and_has_parts && loses()
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn settle(trail: &Trail<'_, '_>, value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| settle(&Trail::Items(trail), item)),
        Value::Object(map) => {
            if let Some(at) = trail.end() {
                drop_gated(at, map);
            }
            for (key, value) in map.iter_mut() {
                match is_always_written(trail, key, value) {
                    true => *value = Value::Null,
                    false => settle(&Trail::Key(trail, key), value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_gated(field: &str) -> bool {
    GATED.iter().any(|(_, gated)| *gated == field)
}

/// Whether this is the empty list or map of a field that is written even if it is empty.
fn is_always_written(trail: &Trail<'_, '_>, key: &str, value: &Value) -> bool {
    let is_always = |is_alike: fn(&Shape) -> bool| {
        let field = trail.end().and_then(|at| at.field(key));
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
