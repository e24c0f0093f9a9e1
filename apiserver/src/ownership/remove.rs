//! Removes paths from an object, by the rules of its schema.

use steersman_core::tree::{List, Map, Value};

use super::element::Element;
use super::place::{Form, Place};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// An object without these paths and without what is below them. Where nothing is left of a list, an empty one is.
pub(super) fn remove(schema: &Schema, object: &Value, paths: &Set<'_>) -> Value {
    at(Place::root(schema), object, paths)
}

fn at(place: Place<'_>, value: &Value, paths: &Set<'_>) -> Value {
    if paths.is_leaf() {
        return value.clone();
    }
    match (place.form(value), value) {
        (Form::Map, Value::Object(map)) => map_without(place, map, paths),
        (Form::List(kind), Value::Array(list)) => list_without(place, kind, list, paths),
        // Upstream looks for the paths in what is owned as a whole, and finds nothing to keep.
        (Form::Whole, Value::Object(_)) => Value::Object(Map::new()),
        (Form::Whole, Value::Array(_)) => Value::Array(List::new()),
        _ => value.clone(),
    }
}

fn map_without(place: Place<'_>, map: &Map, paths: &Set<'_>) -> Value {
    let kept = map.iter().filter_map(|(key, value)| match paths.get(&Element::field(key)) {
        Some(set) if set.member => None,
        Some(set) => Some((key.clone(), at(place.child(key), value, set))),
        None => Some((key.clone(), value.clone())),
    });
    Value::Object(kept.collect())
}

fn list_without(place: Place<'_>, kind: &ListKind, list: &[Value], paths: &Set<'_>) -> Value {
    let kept = list.iter().filter_map(|value| {
        let step = place.identity(kind, value).ok();
        match step.and_then(|step| paths.get(&step)) {
            Some(set) if set.member => None,
            Some(set) => Some(at(place.items(), value, set)),
            None => Some(value.clone()),
        }
    });
    Value::Array(kept.collect())
}
