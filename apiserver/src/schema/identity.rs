//! What must be unique or named in a custom resource: elements of sets and maps, and objects within the object.

use serde::Deserialize;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::object::Metadata;
use steersman_core::resource::Scope;
use steersman_core::tree::{Map, Value};
use steersman_core::{formats, metadata, names};

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

/// What an embedded object says of itself: upstream's `validateEmbeddedResource`.
fn named(map: &Map, path: &Path<'_>, errors: &mut ErrorList) {
    for (key, faults) in
        [("apiVersion", api_version_faults as fn(&str) -> Option<String>), ("kind", kind_faults)]
    {
        let at = path.child(key);
        errors.extend(match map.get(key) {
            None => Some(Error::required(&at, "")),
            Some(Value::String(text)) if text.is_empty() => {
                Some(Error::invalid(&at, "", "must not be empty"))
            }
            Some(Value::String(text)) => faults(text).map(|why| Error::invalid(&at, text.as_str(), why)),
            Some(other) => Some(Error::invalid(&at, other.clone(), "must be a string")),
        });
    }
    errors.extend(
        map.get("metadata")
            .map_or_else(ErrorList::new, |metadata| metadata_errors(metadata, &path.child("metadata"))),
    );
}

fn api_version_faults(api_version: &str) -> Option<String> {
    let is_too_deep = api_version.matches('/').count() > 1;
    is_too_deep.then(|| format!("unexpected GroupVersion string: {api_version}"))
}

fn kind_faults(kind: &str) -> Option<String> {
    let faults = names::dns1035_label(&kind.to_lowercase());
    let must = "may have mixed case, but should otherwise match: ";
    (!faults.is_empty()).then(|| format!("{must}{}", faults.join(",")))
}

fn metadata_errors(value: &Value, path: &Path<'_>) -> ErrorList {
    // Of the wrong types it is found earlier.
    let Ok(mut metadata) = Metadata::deserialize(value) else { return ErrorList::new() };
    if metadata.name.is_empty() {
        metadata.name = "unnamed".to_owned();
    }
    let scope = if metadata.namespace.is_empty() { Scope::Cluster } else { Scope::Namespaced };
    metadata::validate(&metadata, scope, formats::path_segment, path)
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

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn an_embedded_object_says_what_it_is() {
        let cases = [
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "A_"}}), &[][..]),
            (json!({}), &["e.apiVersion: Required value", "e.kind: Required value"]),
            (
                json!({"apiVersion": "", "kind": 5}),
                &[
                    r#"e.apiVersion: Invalid value: "": must not be empty"#,
                    "e.kind: Invalid value: 5: must be a string",
                ],
            ),
            (
                json!({"apiVersion": "a/b/c", "kind": "Pod", "metadata": {"name": ".."}}),
                &[
                    r#"e.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
                    r#"e.metadata.name: Invalid value: "..": may not be '..'"#,
                ],
            ),
        ];
        for (object, expected) in cases {
            let mut errors = ErrorList::new();
            named(object.as_object().unwrap(), &Path::new("e"), &mut errors);
            let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(shown, expected, "{object}");
        }
        let mut errors = ErrorList::new();
        named(json!({"apiVersion": "v1", "kind": "p od"}).as_object().unwrap(), &Path::new("e"), &mut errors);
        let shown = errors[0].to_string();
        let start = r#"e.kind: Invalid value: "p od": may have mixed case, but should otherwise match: "#;
        assert!(shown.starts_with(start), "{shown}");
    }
}
