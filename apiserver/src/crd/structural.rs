//! The rules that make a schema structural: every value has one type, stated once, outside of junctors.

use regex::Regex;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value, json};

use crate::go_regexp;

const UNSUPPORTED: [&str; 7] =
    ["id", "$schema", "$ref", "additionalItems", "patternProperties", "definitions", "dependencies"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Whether a schema uses what no structural schema has; other rules report that.
pub(super) fn has_unsupported(schema: &Value) -> bool {
    let stated = |value: &Value| !matches!(value, Value::Null) && value.as_str() != Some("");
    UNSUPPORTED.iter().any(|key| stated(&schema[*key]))
        || schema["items"].is_array()
        || children(schema).any(|(_, _, child)| has_unsupported(child))
}

/// What keeps a schema from being structural, ordered by text as upstream orders it.
pub(super) fn check(schema: &Value, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    invariants(schema, Level::Root, path, &mut errors);
    complete(schema, Some(schema), path, path, &mut errors);
    errors.sort_by_key(ToString::to_string);
    errors
}

/// The schemas right below a schema, in the order in which upstream looks at them: the key, the property or index
/// under it, and the schema.
pub(super) fn children(schema: &Value) -> impl Iterator<Item = (&'static str, Step<'_>, &Value)> {
    let one = |key: &'static str| {
        let child = schema.get(key).filter(|child| child.is_object());
        child.map(|child| (key, Step::None, child)).into_iter()
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties = properties.map(|(name, child)| ("properties", Step::Key(name), child));
    let several = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|key| {
        let list = schema[key].as_array().into_iter().flatten().enumerate();
        list.map(move |(index, child)| (key, Step::Index(index), child))
    });
    one("additionalProperties").chain(properties).chain(one("not")).chain(several).chain(one("items"))
}

/// Where under a key a schema stands.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    None,
    Key(&'a str),
    Index(usize),
}

/// Calls `then` with the path of a schema that is right below `path`.
pub(super) fn descend<T>(path: &Path<'_>, key: &str, step: Step<'_>, then: impl FnOnce(&Path<'_>) -> T) -> T {
    let path = path.child(key);
    match step {
        Step::None => then(&path),
        Step::Key(key) => then(&path.key(key)),
        Step::Index(index) => then(&path.index(index)),
    }
}

fn is_set(schema: &Value, flag: &str) -> bool {
    schema[flag] == true
}

fn type_of(schema: &Value) -> &str {
    schema["type"].as_str().unwrap_or_default()
}

fn invariants(schema: &Value, level: Level, path: &Path<'_>, errors: &mut ErrorList) {
    if type_of(schema) == "array" && !schema["items"].is_object() {
        errors.push(Error::required(&path.child("items"), "must be specified"));
    }
    if level == Level::Root && !schema["additionalProperties"].is_null() {
        errors.push(Error::forbidden(&path.child("additionalProperties"), "must not be used at the root"));
    }
    for (key, step, child) in children(schema) {
        let level = match key {
            "items" => Level::Item,
            "properties" | "additionalProperties" => Level::Field,
            _ => continue,
        };
        descend(path, key, step, |path| invariants(child, level, path, errors));
    }
    extensions(schema, path, errors);
    values(schema, skipped_any_of(schema), path, errors);
    types(schema, level, path, errors);
    own_fields(schema, level, path, errors);
}

fn extensions(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    for flag in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if is_set(schema, "x-kubernetes-int-or-string") && is_set(schema, flag) {
            let must = "must be false if x-kubernetes-int-or-string is true";
            errors.push(Error::invalid(&path.child(flag), true, must));
        }
    }
}

fn types(schema: &Value, level: Level, path: &Path<'_>, errors: &mut ErrorList) {
    let (kind, at) = (type_of(schema), path.child("type"));
    let is_embedded = is_set(schema, "x-kubernetes-embedded-resource");
    let is_free = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"];
    if is_embedded && kind != "object" {
        let must = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(if kind.is_empty() {
            Error::required(&at, must)
        } else {
            Error::invalid(&at, kind, must)
        });
    } else if kind.is_empty() && !is_free.iter().any(|flag| is_set(schema, flag)) {
        errors.push(Error::required(
            &at,
            match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            },
        ));
    }
    if is_embedded && !schema["additionalProperties"].is_null() {
        let must = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(Error::forbidden(&path.child("additionalProperties"), must));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        errors.push(Error::invalid(&at, kind, "must be object at the root"));
    }
}

/// An object of its own has `apiVersion`, `kind` and `metadata`, which a schema may hardly restrict.
fn own_fields(schema: &Value, level: Level, path: &Path<'_>, errors: &mut ErrorList) {
    let is_embedded = is_set(schema, "x-kubernetes-embedded-resource");
    let properties = path.child("properties");
    let stated = |name: &str| schema["properties"].get(name);
    if level == Level::Root || is_embedded {
        for (name, wanted) in [("kind", "string"), ("apiVersion", "string"), ("metadata", "object")] {
            if let Some(odd) = stated(name).map(type_of).filter(|kind| *kind != wanted) {
                let at = properties.key(name);
                errors.push(Error::invalid(&at.child("type"), odd, format!("must be {wanted}")));
            }
        }
    }
    if level == Level::Root && stated("metadata").is_some_and(|metadata| !restricts_only_names(metadata)) {
        let must = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(Error::forbidden(&properties.key("metadata"), must));
    }
    let has_none = schema["properties"].as_object().is_none_or(Map::is_empty);
    if is_embedded && has_none && !is_set(schema, "x-kubernetes-preserve-unknown-fields") {
        let must = "must not be empty if x-kubernetes-embedded-resource is true without \
                    x-kubernetes-preserve-unknown-fields";
        errors.push(Error::required(&properties, must));
    }
}

fn restricts_only_names(metadata: &Value) -> bool {
    let others = metadata.as_object().into_iter().flatten().filter(|(key, value)| {
        let allowed = matches!(key.as_str(), "type" | "properties" | "default");
        !allowed && !value.is_null() && **value != json!(false) && **value != json!("")
    });
    let properties = metadata["properties"].as_object().into_iter().flatten();
    others.count() == 0 && properties.into_iter().all(|(key, _)| key == "name" || key == "generateName")
}

/// How much of the junctors of an int-or-string says only that it is one.
#[derive(Clone, Copy)]
struct Skip {
    any_of: bool,
    first_all_of: bool,
}

fn skipped_any_of(schema: &Value) -> Skip {
    let pattern = json!([{"type": "integer"}, {"type": "string"}]);
    Skip { any_of: schema["anyOf"] == pattern, first_all_of: schema["allOf"][0]["anyOf"] == pattern }
}

/// The rules of a schema's values: what stands in junctors must not state structure.
fn values(schema: &Value, skip: Skip, path: &Path<'_>, errors: &mut ErrorList) {
    for (key, step, child) in children(schema) {
        let inner = Skip {
            any_of: key == "allOf" && skip.first_all_of && matches!(step, Step::Index(0)),
            first_all_of: false,
        };
        match key {
            "anyOf" if skip.any_of => {}
            "anyOf" | "allOf" | "oneOf" | "not" => {
                descend(path, key, step, |path| nested(child, inner, path, errors));
            }
            _ => {}
        }
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && let Err(error) = Regex::new(pattern)
    {
        let why =
            format!("must be a valid regular expression, but isn't: {}", go_regexp::refusal(pattern, &error));
        errors.push(Error::invalid(&path.child("pattern"), pattern, why));
    }
}

fn nested(schema: &Value, skip: Skip, path: &Path<'_>, errors: &mut ErrorList) {
    values(schema, skip, path, errors);
    for (key, step, child) in children(schema) {
        if matches!(key, "items" | "properties") {
            let none = Skip { any_of: false, first_all_of: false };
            descend(path, key, step, |path| nested(child, none, path, errors));
        }
    }
    const FORBIDDEN: [(&str, &str); 12] = [
        ("type", "must be empty to be structural"),
        ("additionalProperties", "must be undefined to be structural"),
        ("default", "must be undefined to be structural"),
        ("title", "must be empty to be structural"),
        ("description", "must be empty to be structural"),
        ("nullable", "must be false to be structural"),
        ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
        ("x-kubernetes-embedded-resource", "must be false to be structural"),
        ("x-kubernetes-int-or-string", "must be false to be structural"),
        ("x-kubernetes-list-map-keys", "must be empty to be structural"),
        ("x-kubernetes-list-type", "must be undefined to be structural"),
        ("x-kubernetes-map-type", "must be undefined to be structural"),
    ];
    for (key, must) in FORBIDDEN {
        let stated = &schema[key];
        if !stated.is_null() && *stated != json!("") && *stated != json!(false) {
            errors.push(Error::forbidden(&path.child(key), must));
        }
    }
    if schema["x-kubernetes-validations"].as_array().is_some_and(|list| !list.is_empty()) {
        errors.push(Error::forbidden(
            &path.child("x-kubernetes-validations"),
            "must be empty to be structural",
        ));
    }
    if schema["properties"].get("metadata").is_some() {
        let properties = path.child("properties");
        errors
            .push(Error::forbidden(&properties.key("metadata"), "must not be specified in a nested context"));
    }
}

/// Whatever a junctor restricts must be stated outside of it.
fn complete(
    junctors: &Value,
    structure: Option<&Value>,
    at: &Path<'_>,
    defined_in: &Path<'_>,
    errors: &mut ErrorList,
) {
    for (key, step, child) in children(junctors) {
        if matches!(key, "not" | "allOf" | "anyOf" | "oneOf") {
            descend(defined_in, key, step, |path| complete_nested(child, structure, at, path, errors));
        }
    }
}

fn complete_nested(
    junctor: &Value,
    structure: Option<&Value>,
    at: &Path<'_>,
    defined_in: &Path<'_>,
    errors: &mut ErrorList,
) {
    let Some(structure) = structure else {
        errors.push(Error::required(at, format!("because it is defined in {defined_in}")));
        return;
    };
    complete(junctor, Some(structure), at, defined_in, errors);
    for (key, step, child) in children(junctor) {
        let below = match step {
            Step::Key(name) if key == "properties" => structure["properties"].get(name),
            Step::None if key == "items" => structure.get("items").filter(|items| items.is_object()),
            _ => continue,
        };
        descend(at, key, step, |at| {
            descend(defined_in, key, step, |defined_in| {
                complete_nested(child, below, at, defined_in, errors)
            });
        });
    }
}
