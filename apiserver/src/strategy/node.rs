//! Nodes: addresses of pods, taints, and a status that has all its parts.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::tree::{Fill, Read, drop_zero, fields};
use super::{Strategy, WriteContext};

/// What a node's `nodeInfo` always says.
const INFO: &[&str] = &[
    "architecture",
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "kubeletVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
];

/// The strategy of nodes.
pub(super) struct Nodes;

impl Strategy for Nodes {
    fn default(&self, object: &mut Value) {
        let node = fields(object);
        let spec = node.object("spec");
        drop_zero(spec, &["configSource"]);
        share_pod_cidr(spec);
        complete(node.object("status"));
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        complete(fields(object).object("status"));
    }

    fn separates_status(&self) -> bool {
        true
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

/// Fills in what a status always says.
fn complete(status: &mut Map<String, Value>) {
    if status.has("capacity") && !status.has("allocatable") {
        let capacity = status.at("capacity").clone();
        status.put("allocatable", capacity);
    }
    status.object("daemonEndpoints").object("kubeletEndpoint").fill("Port", 0);
    let info = status.object("nodeInfo");
    for field in INFO {
        info.fill(field, "");
    }
    for condition in status.objects_mut("conditions") {
        condition.fill("lastHeartbeatTime", Value::Null);
        condition.fill("lastTransitionTime", Value::Null);
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
