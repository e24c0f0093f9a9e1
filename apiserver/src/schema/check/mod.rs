//! Checks the values of a custom resource against its `openAPIV3Schema`: types, bounds, patterns, formats, junctors.
//!
//! The counterpart of upstream's `kube-openapi/pkg/validation/validate`, in the order and the words of which errors are
//! reported.

mod compile;
mod format;
mod number;
mod ratchet;
mod walk;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub(crate) use compile::compile;
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
