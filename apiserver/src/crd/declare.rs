//! What a schema declares to expressions: types, and how large values can be.
//!
//! The counterpart of upstream's `SchemaDeclType`. Values that a schema says nothing of are not there for expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::tree::{List, Value};

use crate::cel::{self, Declared, Field, ListKind, ObjectType, Type};

/// The largest request, in bytes: what bounds a value that its schema does not.
pub(super) const MAX_REQUEST: u64 = 3 * 1024 * 1024;

/// What the schema declares; `None` if expressions cannot see its values. `name` is what errors call an object of it.
pub(super) fn declare(schema: &Value, is_resource: bool, name: &str) -> Option<Declared> {
    if schema["x-kubernetes-int-or-string"] == true {
        let max_elements = max_length(schema).map_or(MAX_REQUEST - 2, |max| max.saturating_mul(4));
        return Some(Declared { max_elements, ..Declared::any() });
    }
    match schema["type"].as_str()? {
        "array" => list(schema, name),
        "object" => object(schema, is_resource, name),
        "string" => Some(text(schema)),
        "boolean" => Some(Declared::simple(Type::Bool, 4)),
        "number" => Some(Declared::simple(Type::Double, 1)),
        "integer" => Some(Declared::simple(Type::Int, 1)),
        _ => None,
    }
}

fn below(schema: &Value, name: &str) -> Option<Declared> {
    declare(schema, schema["x-kubernetes-embedded-resource"] == true, name)
}

fn list(schema: &Value, name: &str) -> Option<Declared> {
    let item = below(&schema["items"], &format!("{name}.@idx"))?;
    let max = size(schema, "maxItems").unwrap_or((MAX_REQUEST - 2) / (item.min_size + 1));
    let list = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Map(map_keys(schema)),
        _ => ListKind::Atomic,
    };
    Some(Declared {
        max_elements: max,
        element: Some(Arc::new(item.clone())),
        list,
        ..Declared::simple(Type::list(item.kind), 2)
    })
}

/// The names of the fields that tell the elements of a list apart.
fn map_keys(schema: &Value) -> Vec<String> {
    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn object(schema: &Value, is_resource: bool, name: &str) -> Option<Declared> {
    let values = &schema["additionalProperties"];
    if values.is_object() && !is_resource {
        let value = below(values, &format!("{name}.@elem"))?;
        let max = size(schema, "maxProperties").unwrap_or((MAX_REQUEST - 2) / (value.min_size + 6));
        return Some(Declared {
            max_elements: max,
            element: Some(Arc::new(value.clone())),
            key: Some(Arc::new(Declared::simple(Type::String, 2))),
            ..Declared::simple(Type::map(Type::String, value.kind), 2)
        });
    }
    let mut fields = BTreeMap::new();
    let mut min_size = 2;
    let required = schema["required"].as_array().map_or(&[][..], List::as_slice);
    for (property, below_it) in schema["properties"].as_object().into_iter().flatten() {
        if is_resource && matches!(property.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let Some(declared) = below(below_it, &format!("{name}.{property}")) else { continue };
        if required.iter().any(|one| one == property) && below_it["default"].is_null() {
            min_size += property.len() as u64 + declared.min_size + 4;
        }
        add(&mut fields, property, declared);
    }
    if is_resource {
        add_own_fields(&mut fields, name);
    }
    let kind = Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields }));
    Some(Declared::simple(kind, min_size))
}

fn add(fields: &mut BTreeMap<String, Field>, name: &str, declared: Declared) {
    if let Some(escaped) = escape(name) {
        fields.insert(escaped, Field { name: name.to_owned(), declared: Arc::new(declared) });
    }
}

/// Every object of its own has a name, whatever its schema says of it.
fn add_own_fields(fields: &mut BTreeMap<String, Field>, name: &str) {
    let unbounded = || Declared { max_elements: MAX_REQUEST - 2, ..Declared::simple(Type::String, 2) };
    let mut metadata = BTreeMap::new();
    add(&mut metadata, "name", unbounded());
    add(&mut metadata, "generateName", unbounded());
    let kind = Type::Object(Arc::new(ObjectType { name: format!("{name}.metadata"), fields: metadata }));
    add(fields, "metadata", Declared::simple(kind, 2));
    add(fields, "apiVersion", unbounded());
    add(fields, "kind", unbounded());
}

fn text(schema: &Value) -> Declared {
    let (kind, max_elements, min_size) = match schema["format"].as_str() {
        Some("byte") => (Type::Bytes, max_length(schema).unwrap_or(MAX_REQUEST - 2), 2),
        Some("duration") => (Type::Duration, 32, 3),
        Some("date") => (Type::Timestamp, 12, 12),
        Some("date-time") => (Type::Timestamp, 32, 21),
        _ => (Type::String, longest(schema), 2),
    };
    Declared { max_elements, ..Declared::simple(kind, min_size) }
}

/// The most bytes that a text can have: a character takes up to four.
fn longest(schema: &Value) -> u64 {
    if let Some(max) = max_length(schema) {
        return max.saturating_mul(4);
    }
    let values = schema["enum"].as_array().into_iter().flatten();
    let longest = values.filter_map(Value::as_str).map(|value| value.len() as u64).max();
    longest.unwrap_or(MAX_REQUEST - 2)
}

fn max_length(schema: &Value) -> Option<u64> {
    size(schema, "maxLength")
}

/// A bound that the schema states; below zero it counts as zero.
pub(super) fn size(schema: &Value, key: &str) -> Option<u64> {
    let value = schema.get(key)?;
    value.as_u64().or_else(|| value.as_i64().map(|_| 0))
}

/// The name that expressions have for a property; `None` if they can have none.
pub(super) fn escape(name: &str) -> Option<String> {
    // Expressions write such names between underscores.
    if cel::is_reserved(name) {
        return Some(format!("__{name}__"));
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut escaped = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let (text, length) = match c {
            '_' if rest.starts_with("__") => ("__underscores__", 2),
            '.' => ("__dot__", 1),
            '-' => ("__dash__", 1),
            '/' => ("__slash__", 1),
            c if c.is_ascii_alphanumeric() || c == '_' => (&rest[..1], 1),
            _ => return None,
        };
        escaped.push_str(text);
        rest = &rest[length..];
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_upstream_does() {
        for (name, wanted) in [
            ("a_b", Some("a_b")),
            ("a-b", Some("a__dash__b")),
            ("a.b/c", Some("a__dot__b__slash__c")),
            ("a__b", Some("a__underscores__b")),
            ("namespace", Some("__namespace__")),
            ("1a", None),
            ("ä", None),
        ] {
            assert_eq!(escape(name).as_deref(), wanted, "{name}");
        }
    }
}
