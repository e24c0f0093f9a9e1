//! What must be unique or named in a custom resource: elements of sets and maps, and objects within the object.

use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};

use super::cursor::Cursor;
use super::shape::{ListKind, Shape};

/// Objects within an object that do not say what they are.
pub(super) fn embedded(at: Cursor<'_>, value: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    walk(at, value, &Path::ROOT, &mut |at, value, path| {
        // The object itself is named by the request.
        let is_embedded = at.object().is_some_and(|object| object.embedded);
        if let Value::Object(map) = value
            && is_embedded
            && !path.to_string().is_empty()
        {
            named(map, path, &mut errors);
        }
    });
    errors
}

/// Elements of sets, and of lists with keys, that stand twice.
pub(super) fn repeated(at: Cursor<'_>, value: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    walk(at, value, &Path::ROOT, &mut |at, value, path| {
        if let (Value::Array(list), Shape::List(_, kind)) = (value, at.shape()) {
            unique(kind, list, path, &mut errors);
        }
    });
    errors
}

fn walk(
    at: Cursor<'_>,
    value: &Value,
    path: &Path<'_>,
    visit: &mut impl FnMut(Cursor<'_>, &Value, &Path<'_>),
) {
    visit(at, value, path);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let Some(below) = at.child(key).filter(|_| value.is_object() || value.is_array()) {
                    walk(below, value, &path.child(key), visit);
                }
            }
        }
        Value::Array(list) if matches!(at.shape(), Shape::List(..)) => {
            for (index, value) in list.iter().enumerate() {
                walk(at.items(), value, &path.index(index), visit);
            }
        }
        _ => {}
    }
}

fn named(map: &Map<String, Value>, path: &Path<'_>, errors: &mut ErrorList) {
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
