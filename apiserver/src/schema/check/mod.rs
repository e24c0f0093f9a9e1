//! Checks the values of a custom resource against its `openAPIV3Schema`: types, bounds, patterns, formats, junctors.
//!
//! The counterpart of upstream's `kube-openapi/pkg/validation/validate`, in the order and the words of which errors are
//! reported.

mod compile;
mod format;
mod number;
mod ratchet;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use steersman_core::tree::Value;

pub(crate) use compile::compile;
pub(crate) use format::fits as has_format;
pub(crate) use number::float;
pub(crate) use ratchet::Counterparts;
pub(crate) use walk::{check, check_update};

/// The value rules of one node of a schema, and of what lies below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Check {
    types: Vec<&'static str>,
    nullable: bool,
    format: Option<String>,
    allowed: Vec<Value>,
    text: TextRules,
    number: NumberRules,
    list: ListRules,
    object: ObjectRules,
    all_of: Vec<Check>,
    any_of: Vec<Check>,
    one_of: Vec<Check>,
    not: Option<Box<Check>>,
}

#[derive(Clone, Debug, Default)]
struct TextRules {
    min_length: Option<u64>,
    max_length: Option<u64>,
    pattern: Option<Regex>,
}

#[derive(Clone, Debug, Default)]
struct NumberRules {
    multiple_of: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
}

#[derive(Clone, Debug, Default)]
struct ListRules {
    items: Option<Box<Check>>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    /// The fields that tell the elements apart, if the list has such.
    keys: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
struct ObjectRules {
    properties: BTreeMap<String, Check>,
    values: Option<Box<Check>>,
    required: Vec<String>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
}

/// The formats of a schema, and of what lies below it, that upstream does not know and therefore does not check.
pub(crate) fn unrecognized_formats(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    note_formats(schema, &mut found);
    found
}

fn note_formats<'a>(schema: &'a Value, found: &mut BTreeSet<&'a str>) {
    let kind = schema["type"].as_str().unwrap_or_default();
    if let Some(format) = schema["format"].as_str().filter(|format| !format.is_empty())
        && !format::is_known(format, kind)
    {
        found.insert(format);
    }
    let several = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    let one = ["items", "additionalProperties", "not"].into_iter().filter_map(|key| schema.get(key));
    let properties = schema["properties"].as_object().into_iter().flat_map(|properties| properties.values());
    for child in one.chain(several).chain(properties).filter(|child| child.is_object()) {
        note_formats(child, found);
    }
}
