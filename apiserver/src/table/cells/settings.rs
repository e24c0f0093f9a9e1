//! Settings, secrets, limits, and devices.

use steersman_core::tree::Value;

use super::Subject;
use crate::table::words::{count, shown, size};
use crate::tree::Read;

pub(super) fn name_and_age(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.age()]
}

pub(super) fn config_map(one: &Subject<'_>) -> Vec<Value> {
    let entries = size(one.object.at("data")) + size(one.object.at("binaryData"));
    vec![one.name(), entries.into(), one.age()]
}

pub(super) fn secret(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.object.text("type").into(), size(one.object.at("data")).into(), one.age()]
}

pub(super) fn runtime_class(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.object.text("handler").into(), one.age()]
}

pub(super) fn priority_class(one: &Subject<'_>) -> Vec<Value> {
    vec![
        one.name(),
        count(one.object.at("value")),
        one.object.flag("globalDefault").into(),
        one.age(),
        one.object.text("preemptionPolicy").into(),
    ]
}

pub(super) fn disruption_budget(one: &Subject<'_>) -> Vec<Value> {
    let bound = |field: &str| shown(one.spec().at(field)).unwrap_or_else(|| "N/A".to_owned());
    vec![
        one.name(),
        bound("minAvailable").into(),
        bound("maxUnavailable").into(),
        count(one.status().at("disruptionsAllowed")),
        one.age(),
    ]
}

/// What is used of what there is, apart for requests and limits.
pub(super) fn quota(one: &Subject<'_>) -> Vec<Value> {
    let quantity = |value: Option<&Value>| value.and_then(shown).unwrap_or_else(|| "0".to_owned());
    let used = one.status().at("used");
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in one.status().entries("hard") {
        let column = if resource.starts_with("limits.") { &mut limits } else { &mut requests };
        column.push(format!("{resource}: {}/{}", quantity(used.get(resource)), quantity(Some(hard))));
    }
    vec![one.name(), requests.join(", ").into(), limits.join(", ").into(), one.age()]
}

pub(super) fn resource_claim(one: &Subject<'_>) -> Vec<Value> {
    let status = one.status();
    let mut states = Vec::new();
    if one.is_terminating() {
        states.push("deleted");
    }
    if status.has("allocation") {
        states.push("allocated");
        if !status.items("reservedFor").is_empty() {
            states.push("reserved");
        }
    } else if states.is_empty() {
        states.push("pending");
    }
    vec![one.name(), states.join(",").into(), one.age()]
}

pub(super) fn resource_slice(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    vec![
        one.name(),
        spec.text("nodeName").into(),
        spec.text("driver").into(),
        spec.at("pool").text("name").into(),
        one.age(),
    ]
}
