//! What must be unique or named in a custom resource: elements of sets and maps, and objects within the object.

use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};

use super::cursor::Cursor;
use super::shape::{ListKind, Shape};

/// Reports elements that stand twice, and embedded objects that do not say what they are.
pub(super) fn check(at: Cursor<'_>, value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    match value {
        Value::Object(map) => {
            // The object itself is named by the request.
            if at.object().is_some_and(|object| object.embedded) && !path.to_string().is_empty() {
                embedded(map, path, errors);
            }
            for (key, value) in map {
                if let Some(below) = at.child(key).filter(|_| value.is_object() || value.is_array()) {
                    check(below, value, &path.child(key), errors);
                }
            }
        }
        Value::Array(list) => {
            if let Shape::List(_, kind) = at.shape() {
                unique(kind, list, path, errors);
                for (index, value) in list.iter().enumerate() {
                    check(at.items(), value, &path.index(index), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn embedded(map: &Map<String, Value>, path: &Path<'_>, errors: &mut ErrorList) {
    for key in ["apiVersion", "kind"] {
        if map.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            errors.push(Error::required(&path.child(key), "must not be empty"));
        }
    }
}

fn unique(kind: &ListKind, list: &[Value], path: &Path<'_>, errors: &mut ErrorList) {
    let identity = |value: &Value| match kind {
        ListKind::Map(keys) => {
            let keys = keys.iter().filter_map(|key| Some((key.clone(), value.get(key)?.clone())));
            Value::Object(keys.collect())
        }
        ListKind::Set | ListKind::Atomic => value.clone(),
    };
    if *kind == ListKind::Atomic {
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let identity = identity(value);
        // The text of a tree is the same for equal trees, whose keys are ordered.
        if !seen.insert(identity.to_string()) {
            errors.push(Error::duplicate(&path.index(index), identity));
        }
    }
}
