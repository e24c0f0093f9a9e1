//! The status that a pod starts with, and what later writes of it keep.

use jiff::Timestamp;
use steersman_core::tree::{Map, Value, json};

use super::qos;
use crate::moment::seconds;
use crate::tree::{Fill, Read};

/// The status of a pod that was just created.
pub(super) fn first(pod: &Map, now: Timestamp) -> Value {
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

/// Keeps what a write to `status` does not say: the quality of service, and which generation was seen.
pub(super) fn keep(pod: &mut Map, old: &Value) {
    let old = old.at("status");
    let status = pod.object("status");
    if status.text("qosClass").is_empty() && old.has("qosClass") {
        status.put("qosClass", old.at("qosClass").clone());
    }
    keep_generation(status, old);
    let mut before: Vec<&Value> = old.items("conditions").iter().collect();
    for condition in status.objects_mut("conditions") {
        // Several may be of one type: each has its own.
        let place = before.iter().position(|one| one.text("type") == condition.text("type"));
        if let Some(place) = place {
            keep_generation(condition, before.remove(place));
        }
    }
}

fn keep_generation(holder: &mut Map, old: &Value) {
    let before = old.at("observedGeneration");
    if holder.int("observedGeneration").unwrap_or_default() == 0 && !before.is_null() {
        holder.put("observedGeneration", before.clone());
    }
}

/// The first address of a pod has a name of its own; where both are given and differ, it is the one.
pub(super) fn align(status: &mut Map) {
    let first = status.items("podIPs").first().map(|first| first.text("ip").to_owned());
    let own = status.text("podIP").to_owned();
    match first {
        Some(first) if own.is_empty() => status.put("podIP", first),
        Some(first) if first == own => {}
        None if own.is_empty() => {}
        _ => status.put("podIPs", json!([{"ip": own}])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_what_it_does_not_say() {
        let old = json!({"status": {
            "qosClass": "Burstable", "observedGeneration": 2, "conditions": [{"type": "a", "observedGeneration": 3}]
        }});
        let mut pod = json!({"status": {"conditions": [{"type": "a"}, {"type": "a"}]}});
        keep(crate::tree::fields(&mut pod), &old);
        assert_eq!(
            pod["status"],
            json!({
                "qosClass": "Burstable", "observedGeneration": 2,
                "conditions": [{"type": "a", "observedGeneration": 3}, {"type": "a"}]
            })
        );
    }
}
