//! Nodes: addresses of pods, taints, and a status that has all its parts.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Strategy, WriteContext};
use crate::tree::{Fill, Read, fields};

/// The strategy of nodes.
pub(super) struct Nodes;

impl Strategy for Nodes {
    fn default(&self, object: &mut Value) {
        let node = fields(object);
        let spec = node.object("spec");
        share_pod_cidr(spec);
        allocate(node.object("status"));
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        fields(object).put("status", old.at("status").clone());
    }

    fn separates_status(&self) -> bool {
        false
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(if object.at("spec").flag("unschedulable") { "true" } else { "false" })
    }
}

/// `podCIDR` is the first of `podCIDRs`: each fills the other.
fn share_pod_cidr(spec: &mut Map<String, Value>) {
    let first = spec.texts("podCIDRs").next().unwrap_or_default().to_owned();
    match (spec.text("podCIDR").to_owned(), first) {
        (one, first) if one.is_empty() && !first.is_empty() => spec.put("podCIDR", first),
        (one, first) if !one.is_empty() && one != first => spec.put("podCIDRs", json!([one])),
        _ => {}
    }
}

/// What a node has is what it may give, unless it says otherwise.
fn allocate(status: &mut Map<String, Value>) {
    if status.has("capacity") && !status.has("allocatable") {
        let capacity = status.at("capacity").clone();
        status.put("allocatable", capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pod_network_is_said_twice() {
        let cases = [
            (
                json!({"podCIDR": "10.1.0.0/24"}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
            (
                json!({"podCIDRs": ["10.1.0.0/24"]}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
            (
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.2.0.0/24"]}),
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}),
            ),
        ];
        for (mut spec, shared) in cases {
            share_pod_cidr(fields(&mut spec));
            assert_eq!(spec, shared);
        }
    }
}
