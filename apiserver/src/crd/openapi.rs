//! The rules of an `openAPIV3Schema`, structural or not: which keywords there are, and what they ask of each other.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{List, Value, json};

use super::structural::{children, descend};
use super::validations;

/// What stands around a schema.
#[derive(Clone, Copy, Default)]
struct Around {
    is_root: bool,
    /// Within `metadata` (or `apiVersion`, `kind`) of an object of its own.
    in_meta: bool,
    /// Why there may be no default here; empty if there may.
    no_default: Option<&'static str>,
}

/// Reports what is wrong with a schema and with what lies below it.
pub(super) fn check(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    walk(schema, Around { is_root: true, ..Around::default() }, path, errors);
}

/// With a status subresource, the root may use only what still holds for `properties.status` alone.
pub(super) fn check_root(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    const ALLOWED: [(&str, &str); 22] = [
        ("Description", "description"),
        ("Type", "type"),
        ("Format", "format"),
        ("Title", "title"),
        ("Maximum", "maximum"),
        ("ExclusiveMaximum", "exclusiveMaximum"),
        ("Minimum", "minimum"),
        ("ExclusiveMinimum", "exclusiveMinimum"),
        ("MaxLength", "maxLength"),
        ("MinLength", "minLength"),
        ("Pattern", "pattern"),
        ("MaxItems", "maxItems"),
        ("MinItems", "minItems"),
        ("UniqueItems", "uniqueItems"),
        ("MultipleOf", "multipleOf"),
        ("Required", "required"),
        ("Items", "items"),
        ("Properties", "properties"),
        ("ExternalDocs", "externalDocs"),
        ("Example", "example"),
        ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields"),
        ("XValidations", "x-kubernetes-validations"),
    ];
    let why = "is allowed as the type at the root of the schema if the status subresource is enabled";
    if let Some(kind) = schema["type"].as_str().filter(|kind| *kind != "object") {
        errors.push(Error::invalid(&path.child("type"), kind, format!("only \"object\" {why}")));
        return;
    }
    let stated = schema.as_object().into_iter().flatten().filter(|(_, value)| !is_zero(value));
    if stated.into_iter().any(|(key, _)| !ALLOWED.iter().any(|(_, allowed)| allowed == key)) {
        let names: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
        let why = "fields are allowed at the root of the schema if the status subresource is enabled";
        errors.push(Error::invalid(path, schema, format!("only [{}] {why}", names.join(" "))));
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) => false,
    }
}

fn walk(schema: &Value, around: Around, path: &Path<'_>, errors: &mut ErrorList) {
    keywords(schema, around, path, errors);
    for (key, step, child) in children(schema) {
        let below = around.below(schema, key, step);
        descend(path, key, step, |path| walk(child, below, path, errors));
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == false {
        let at = path.child("x-kubernetes-preserve-unknown-fields");
        errors.push(Error::invalid(&at, false, "must be true or undefined"));
    }
    map_type(schema, path, errors);
    list_type(schema, path, errors);
    list_keys(schema, path, errors);
    key_fields(schema, path, errors);
    validations::check(schema, path, errors);
}

impl Around {
    fn below(self, schema: &Value, key: &str, step: super::structural::Step<'_>) -> Self {
        let mut below = Around { is_root: false, ..self };
        if let super::structural::Step::Key(name) = step {
            let is_own = self.is_root || schema["x-kubernetes-embedded-resource"] == true;
            below.in_meta |= is_own && matches!(name, "apiVersion" | "kind" | "metadata");
            if self.is_root {
                below.no_default = match name {
                    "apiVersion" => Some("in top-level apiVersion"),
                    "kind" => Some("in top-level kind"),
                    "metadata" => Some("in top-level metadata"),
                    _ => self.no_default,
                };
            }
        } else if key == "additionalProperties" && self.in_meta {
            below.no_default = Some("inside additionalProperties applying to object metadata");
        }
        below
    }
}

fn keywords(schema: &Value, around: Around, path: &Path<'_>, errors: &mut ErrorList) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let kind = schema["type"].as_str().unwrap_or_default();
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.push(Error::not_supported(&path.child("type"), kind, &TYPES));
    }
    if let Some(why) = around.no_default.filter(|_| !schema["default"].is_null()) {
        errors.push(Error::forbidden(&path.child("default"), format!("must not be set {why}")));
    }
    for key in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if !is_zero(&schema[key]) {
            errors.push(Error::forbidden(&path.child(key), format!("{key} is not supported")));
        }
    }
    if kind == "null" {
        let must = "type cannot be set to null, use nullable as an alternative";
        errors.push(Error::forbidden(&path.child("type"), must));
    }
    if schema["items"].is_array() {
        let must = "items must be a schema object and not an array";
        errors.push(Error::forbidden(&path.child("items"), must));
    }
    if around.in_meta && schema["x-kubernetes-embedded-resource"] == true {
        let at = path.child("x-kubernetes-embedded-resource");
        errors.push(Error::forbidden(&at, "must not be used inside of resource meta"));
    }
    if schema["uniqueItems"] == true {
        let must = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(Error::forbidden(&path.child("uniqueItems"), must));
    }
    let additional = &schema["additionalProperties"];
    if !is_zero(&schema["properties"]) && (additional.is_object() || *additional == false) {
        let must = "additionalProperties and properties are mutual exclusive";
        errors.push(Error::forbidden(&path.child("additionalProperties"), must));
    }
}

/// Reports a type that a keyword does not go with.
fn wants_type(schema: &Value, wanted: &str, keyword: &str, path: &Path<'_>, errors: &mut ErrorList) {
    let kind = schema["type"].as_str().unwrap_or_default();
    let (at, must) = (path.child("type"), format!("must be {wanted} if {keyword} is specified"));
    if kind.is_empty() {
        errors.push(Error::required(&at, must));
    } else if kind != wanted {
        errors.push(Error::invalid(&at, kind, must));
    }
}

fn map_type(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    const KEYWORD: &str = "x-kubernetes-map-type";
    let Some(kind) = schema[KEYWORD].as_str() else { return };
    wants_type(schema, "object", KEYWORD, path, errors);
    if !matches!(kind, "atomic" | "granular") {
        errors.push(Error::not_supported(&path.child(KEYWORD), kind, &["atomic", "granular"]));
    }
}

fn list_type(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    const KEYWORD: &str = "x-kubernetes-list-type";
    let Some(kind) = schema[KEYWORD].as_str() else { return };
    wants_type(schema, "array", KEYWORD, path, errors);
    if schema["type"] == "array" && kind == "set" {
        set_items(&schema["items"], &path.child("items"), errors);
    }
    if !matches!(kind, "atomic" | "set" | "map") {
        errors.push(Error::not_supported(&path.child(KEYWORD), kind, &["atomic", "set", "map"]));
    }
}

fn set_items(items: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let must = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let (list, map) = (&items["x-kubernetes-list-type"], &items["x-kubernetes-map-type"]);
    match items["type"].as_str() {
        Some("array") if !list.is_null() && list != "atomic" => {
            errors.push(Error::invalid(&path.child("x-kubernetes-list-type"), list, must));
        }
        Some("object") if map != "atomic" => {
            errors.push(Error::invalid(&path.child("x-kubernetes-map-type"), list, must));
        }
        _ => {}
    }
}

fn list_keys(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let keys = &schema["x-kubernetes-list-map-keys"];
    let (kind, items) = (&schema["x-kubernetes-list-type"], &schema["items"]);
    if !is_zero(keys) && kind != "map" {
        let at = path.child("x-kubernetes-list-type");
        let must = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(if kind.is_null() {
            Error::required(&at, must)
        } else {
            Error::invalid(&at, kind, must)
        });
    }
    if kind != "map" {
        return;
    }
    let (at, below) = (path.child("x-kubernetes-list-map-keys"), path.child("items"));
    if is_zero(keys) {
        errors.push(Error::required(&at, "must not be empty if x-kubernetes-list-type is map"));
    }
    match items {
        Value::Null => {
            errors.push(Error::required(&below, "must have a schema if x-kubernetes-list-type is map"));
        }
        Value::Object(_) if items["type"] != "object" => {
            let kind = items["type"].as_str().unwrap_or_default();
            let must = "must be object if parent array's x-kubernetes-list-type is map";
            errors.push(Error::invalid(&below.child("type"), kind, must));
        }
        Value::Object(_) => named_keys(keys, items, path, errors),
        other => {
            let must = "must only have a single schema if x-kubernetes-list-type is map";
            errors.push(Error::invalid(&below, other, must));
        }
    }
}

fn named_keys(keys: &Value, items: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let (at, below) = (path.child("x-kubernetes-list-map-keys"), path.child("items"));
    let properties = below.child("properties");
    let list = keys.as_array().map_or(&[][..], List::as_slice);
    for (index, key) in list.iter().enumerate() {
        let name = key.as_str().unwrap_or_default();
        match items["properties"].get(name) {
            Some(property) if property["type"] == "array" || property["type"] == "object" => {
                let must = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                let at = properties.key(name);
                errors.push(Error::invalid(&at.child("type"), &items["type"], must));
            }
            Some(_) => {}
            None => errors.push(Error::invalid(&at, keys, "entries must all be names of item properties")),
        }
        if list[..index].contains(key) {
            errors.push(Error::invalid(&at, keys, "must not contain duplicate entries"));
        }
    }
}

/// Elements of sets and maps, and the keys of maps, are never null; the keys are always there.
fn key_fields(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let Some(kind @ ("set" | "map")) = schema["x-kubernetes-list-type"].as_str() else { return };
    let items = &schema["items"];
    let below = path.child("items");
    if items["nullable"] == true {
        let must = format!("cannot be nullable when x-kubernetes-list-type is {kind}");
        errors.push(Error::forbidden(&below.child("nullable"), must));
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array().filter(|_| kind == "map");
    let required = items["required"].as_array().map_or(&[][..], List::as_slice);
    let properties = below.child("properties");
    for name in keys.into_iter().flatten().filter_map(Value::as_str) {
        let Some(property) = items["properties"].get(name) else { continue };
        let at = properties.key(name);
        if !required.contains(&json!(name)) && property["default"].is_null() {
            let must = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                        property";
            errors.push(Error::required(&at.child("default"), must));
        }
        if property["nullable"] == true {
            let must = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(Error::forbidden(&at.child("nullable"), must));
        }
    }
}
