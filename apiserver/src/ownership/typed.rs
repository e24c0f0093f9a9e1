//! Whether an applied configuration has the types of its schema, and what upstream says where it has not.

use std::collections::BTreeSet;
use std::fmt;

use steersman_core::tree::{Map, Value};

use super::element::Element;
use super::place::Place;
use crate::patch::show;
use crate::schema::{ListKind, Scalar, Schema, Shape};

/// No more than this many faults are told.
const TOLD: usize = 100;

/// Something that is wrong, and where.
struct Fault {
    path: String,
    why: String,
}

/// Checks a configuration.
///
/// # Errors
/// What is wrong with it, in upstream's words.
pub(super) fn check(schema: &Schema, config: &Value) -> Result<(), String> {
    let mut faults = Vec::new();
    at(Place::root(schema), config, &mut faults);
    let told: Vec<String> = faults.into_iter().map(Fault::told).collect();
    match told.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

impl Fault {
    /// A fault of the value that is looked at.
    fn here(why: String) -> Self {
        Fault { path: String::new(), why }
    }

    fn told(self) -> String {
        let Fault { path, why } = self;
        if path.is_empty() { why } else { format!("{path}: {why}") }
    }
}

fn at(place: Place<'_>, value: &Value, faults: &mut Vec<Fault>) {
    let why = match (place.shape(), value) {
        (_, Value::Null) | (None, _) => return,
        (Some(Shape::Object(_) | Shape::Map(_)), Value::Object(map)) => return entries(place, map, faults),
        (Some(Shape::List(_, kind)), Value::Array(list)) => return elements(place, kind, list, faults),
        (Some(Shape::Object(_) | Shape::Map(_)), other) => {
            Some(format!("expected map, got &{{{}}}", show(other)))
        }
        (Some(Shape::List(..)), other) => Some(format!("expected list, got &{{{}}}", show(other))),
        (Some(Shape::Scalar(scalar)), other) => mismatch(*scalar, other),
    };
    if faults.len() < TOLD {
        faults.extend(why.map(Fault::here));
    }
}

/// Checks what stands at a step, and tells it of what is found there.
fn below(place: Place<'_>, step: &dyn fmt::Display, value: &Value, faults: &mut Vec<Fault>) {
    let before = faults.len();
    at(place, value, faults);
    for fault in &mut faults[before..] {
        fault.path.insert_str(0, &step.to_string());
    }
}

fn entries(place: Place<'_>, map: &Map, faults: &mut Vec<Fault>) {
    for (key, value) in map {
        let (step, child) = (Element::field(key), place.child(key));
        if !place.allows(child) {
            let why = "field not declared in schema".to_owned();
            return faults.push(Fault { path: step.to_string(), why });
        }
        below(child, &step, value, faults);
    }
}

fn elements(place: Place<'_>, kind: &ListKind, list: &[Value], faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for (index, element) in list.iter().enumerate() {
        let step = match kind {
            ListKind::Atomic => Element::index(index),
            _ => match place.identity(kind, element) {
                Ok(step) => step,
                Err(why) => return faults.push(Fault::here(format!("element {index}: {why}"))),
            },
        };
        if seen.contains(&step) {
            faults.push(Fault::here(format!("duplicate entries for key {step}")));
        }
        below(place.items(), &step, element, faults);
        seen.insert(step);
    }
}

fn mismatch(scalar: Scalar, value: &Value) -> Option<String> {
    let got = || format!("&{{{}}}", show(value));
    match scalar {
        Scalar::String | Scalar::Bytes | Scalar::Time | Scalar::MicroTime => (!value.is_string())
            .then(|| format!("expected string, got &value.valueUnstructured{{Value:{}}}", syntax(value))),
        Scalar::Int32 | Scalar::Int64 | Scalar::Double => {
            (!value.is_number()).then(|| format!("expected numeric (int or float), got {}", go_type(value)))
        }
        Scalar::Bool => (!value.is_boolean()).then(|| format!("expected boolean, got {}", got())),
        Scalar::Quantity | Scalar::IntOrString => {
            (value.is_object() || value.is_array()).then(|| format!("expected any scalar, got {}", got()))
        }
        Scalar::Any
        | Scalar::FieldsV1
        | Scalar::SchemaOrBool
        | Scalar::SchemaOrArray
        | Scalar::SchemaOrStrings => None,
    }
}

/// A value as Go writes it in source code (`%#v`).
fn syntax(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => format!("[]interface {{}}{{{}}}", list(items.iter().map(syntax).collect())),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{key:?}:{}", syntax(value)));
            format!("map[string]interface {{}}{{{}}}", list(entries.collect()))
        }
        scalar => scalar.to_string(),
    }
}

/// What Go calls the type of a decoded value.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::super::testing::schema;
    use super::*;

    #[test]
    fn faults_are_told_as_upstream_tells_them() {
        let cases = [
            (json!({"data": "str"}), ".data: expected map, got &{str}"),
            (json!({"data": {"a": 1}}), ".data.a: expected string, got &value.valueUnstructured{Value:1}"),
            (json!({"metadata": {"labels": ["a"]}}), ".metadata.labels: expected map, got &{[a]}"),
            (json!({"x": 1}), ".x: field not declared in schema"),
            (json!({"immutable": 1}), ".immutable: expected boolean, got &{1}"),
            (
                json!({"metadata": {"generation": "1", "labels": 1}}),
                "errors:\n  .metadata.generation: expected numeric (int or float), got string\n  .metadata.labels: \
                 expected map, got &{1}",
            ),
            (
                json!({"metadata": {"finalizers": ["a/b", "a/b"]}}),
                ".metadata.finalizers: duplicate entries for key [=\"a/b\"]",
            ),
            (
                json!({"metadata": {"finalizers": [null]}}),
                ".metadata.finalizers: element 0: associative list without keys has an element that's an explicit \
                 null",
            ),
        ];
        for (config, expected) in cases {
            assert_eq!(check(&schema("v1", "ConfigMap"), &config).unwrap_err(), expected, "{config}");
        }
        let fine = json!({"data": null, "metadata": {"labels": {"a": null}}});
        assert_eq!(check(&schema("v1", "ConfigMap"), &fine), Ok(()));
    }
}
