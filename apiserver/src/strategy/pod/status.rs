//! The status that a pod starts with, and what later writes of it keep.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::qos;
use crate::moment::seconds;
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
