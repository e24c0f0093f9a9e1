//! Compiles an `openAPIV3Schema` into value rules.

use regex::Regex;
use steersman_core::tree::Value;

use super::{Check, ListRules, NumberRules, ObjectRules, TextRules};

/// Compiles a schema. A pattern that is no regular expression is left out: a definition with one is refused before.
pub(crate) fn compile(schema: &Value) -> Check {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let size = |key: &str| schema.get(key).and_then(Value::as_u64);
    let flag = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    Check {
        types: types(schema),
        nullable: flag("nullable"),
        format: schema.get("format").and_then(Value::as_str).map(str::to_owned),
        allowed: schema.get("enum").and_then(Value::as_array).map_or_else(Vec::new, |list| list.to_vec()),
        text: TextRules {
            min_length: size("minLength"),
            max_length: size("maxLength"),
            pattern: schema.get("pattern").and_then(Value::as_str).and_then(|text| Regex::new(text).ok()),
        },
        number: NumberRules {
            multiple_of: number("multipleOf"),
            minimum: number("minimum"),
            maximum: number("maximum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            exclusive_maximum: flag("exclusiveMaximum"),
        },
        list: ListRules {
            items: below(schema, "items"),
            min_items: size("minItems"),
            max_items: size("maxItems"),
            keys: keys(schema),
        },
        object: object(schema),
        all_of: several(schema, "allOf"),
        any_of: several(schema, "anyOf"),
        one_of: several(schema, "oneOf"),
        not: below(schema, "not"),
    }
}

fn types(schema: &Value) -> Vec<&'static str> {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return vec!["integer", "string"];
    }
    const TYPES: [&str; 6] = ["object", "array", "string", "integer", "number", "boolean"];
    let named = schema.get("type").and_then(Value::as_str);
    TYPES.into_iter().filter(|name| named == Some(name)).collect()
}

fn object(schema: &Value) -> ObjectRules {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    ObjectRules {
        properties: properties
            .into_iter()
            .flatten()
            .map(|(key, one)| (key.to_string(), compile(one)))
            .collect(),
        values: below(schema, "additionalProperties"),
        required: required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        min_properties: schema.get("minProperties").and_then(Value::as_u64),
        max_properties: schema.get("maxProperties").and_then(Value::as_u64),
    }
}

fn keys(schema: &Value) -> Option<Vec<String>> {
    let keys = schema.get("x-kubernetes-list-map-keys")?.as_array()?;
    Some(keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn below(schema: &Value, key: &str) -> Option<Box<Check>> {
    schema.get(key).filter(|one| one.is_object()).map(|one| Box::new(compile(one)))
}

fn several(schema: &Value, key: &str) -> Vec<Check> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten().map(compile).collect()
}
