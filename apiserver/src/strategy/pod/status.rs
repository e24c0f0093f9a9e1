//! The status that a pod starts with, and what later writes of it keep.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steersman_core::field::{ErrorList, Path};
use steersman_core::{addresses, labels, names};

use super::qos;
use crate::moment::seconds;
use crate::strategy::checks;
use crate::tree::{Fill, Read};

/// The status of a pod that was just created.
pub(super) fn first(pod: &Map<String, Value>, now: Timestamp) -> Value {
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(pod.at("spec"))});
    if !pod.at("spec").items("schedulingGates").is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": seconds(now),
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    status
}

/// Keeps what a write to `status` may not change: the quality of service, and the deletion of the pod.
pub(super) fn keep(pod: &mut Map<String, Value>, old: &Value) {
    let qos = old.at("status").at("qosClass").clone();
    let status = pod.object("status");
    if !status.has("qosClass") && !qos.is_null() {
        status.put("qosClass", qos);
    }
}

/// The first address of a pod has a name of its own; where both are given and differ, it is the one.
pub(super) fn align(status: &mut Map<String, Value>) {
    let first = status.items("podIPs").first().map(|first| first.text("ip").to_owned());
    let own = status.text("podIP").to_owned();
    match first {
        Some(first) if own.is_empty() => status.put("podIP", first),
        Some(first) if first == own => {}
        None if own.is_empty() => {}
        _ => status.put("podIPs", json!([{"ip": own}])),
    }
}

/// The conditions whose names are not looked at.
const SYSTEM: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// What is wrong with a status.
pub(super) fn validate(status: &Value) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("status"));
    let node = status.text("nominatedNodeName");
    if !node.is_empty() {
        checks::each(names::dns1123_subdomain(node), node, &at.child("nominatedNodeName"), &mut errors);
    }
    let path = at.child("conditions");
    for (index, condition) in status.items("conditions").iter().enumerate() {
        let kind = condition.text("type");
        if !SYSTEM.contains(&kind) {
            // Upstream names the field so.
            checks::each(labels::qualified_name(kind), kind, &path.index(index).child("Type"), &mut errors);
        }
    }
    let path = at.child("podIPs");
    for (index, address) in status.items("podIPs").iter().enumerate() {
        errors.extend(addresses::validate_ip(address.text("ip"), &path.index(index)));
    }
    errors
}
