//! The smallest status patch that makes a pod's status what the kubelet says.

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};
use serde::Serialize;
use steersman_core::tree::{Map, Value, json, to_value};

/// A strategic merge patch of the pod's `status` subresource, guarded by the pod's uid; `None` where nothing that the
/// kubelet answers for has changed. What others have written stays as it is.
pub fn status_patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Option<Value> {
    let mut patch = Patch::default();
    patch.set("phase", &old.phase, &new.phase);
    patch.set_where_known("reason", &old.reason, &new.reason);
    patch.set_where_known("message", &old.message, &new.message);
    patch.set("observedGeneration", &old.observed_generation, &new.observed_generation);
    patch.set("hostIP", &old.host_ip, &new.host_ip);
    patch.replace_list("hostIPs", &old.host_ips, &new.host_ips);
    patch.set("podIP", &old.pod_ip, &new.pod_ip);
    patch.replace_list("podIPs", &old.pod_ips, &new.pod_ips);
    patch.set("startTime", &old.start_time, &new.start_time);
    patch.set("initContainerStatuses", &old.init_container_statuses, &new.init_container_statuses);
    patch.set("containerStatuses", &old.container_statuses, &new.container_statuses);
    patch.conditions(old.conditions.as_deref(), new.conditions.as_deref());
    (!patch.0.is_empty()).then(|| {
        let mut whole = json!({"metadata": {"uid": uid}});
        whole["status"] = patch.0.into();
        whole
    })
}

#[derive(Default)]
struct Patch(Map);

impl Patch {
    fn set<T: PartialEq + Serialize>(&mut self, field: &str, old: &Option<T>, new: &Option<T>) {
        if old != new {
            self.0.insert(field, tree(new));
        }
    }

    fn set_where_known<T: PartialEq + Serialize>(&mut self, field: &str, old: &Option<T>, new: &Option<T>) {
        if new.is_some() {
            self.set(field, old, new);
        }
    }

    /// A list whose elements the server would merge by key.
    fn replace_list<T: PartialEq + Serialize>(
        &mut self,
        field: &str,
        old: &Option<Vec<T>>,
        new: &Option<Vec<T>>,
    ) {
        if old == new {
            return;
        }
        let mut list: Vec<Value> = new.iter().flatten().map(tree).collect();
        if old.as_ref().is_some_and(|old| !old.is_empty()) {
            list.push(json!({"$patch": "replace"}));
        }
        self.0.insert(field, list.into());
    }

    fn conditions(&mut self, old: Option<&[PodCondition]>, new: Option<&[PodCondition]>) {
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let find = |kind: &str| old.iter().find(|before| before.type_ == kind);
        let changed = new.iter().filter(|condition| find(&condition.type_) != Some(*condition));
        let changed: Vec<Value> =
            changed.map(|condition| changed_condition(find(&condition.type_), condition)).collect();
        if !changed.is_empty() {
            self.0.insert("conditions", changed.into());
        }
    }
}

/// A condition in full, with what it no longer says set to null.
fn changed_condition(old: Option<&PodCondition>, new: &PodCondition) -> Value {
    let mut value = tree(new);
    if let (Some(old), Some(fields)) = (old, value.as_object_mut()) {
        for (field, gone) in [
            ("reason", old.reason.is_some() && new.reason.is_none()),
            ("message", old.message.is_some() && new.message.is_none()),
        ] {
            if gone {
                fields.insert(field, Value::Null);
            }
        }
    }
    value
}

fn tree<T: Serialize>(value: &T) -> Value {
    to_value(value).expect("types of k8s-openapi have string keys and encode without fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(status: &str, reason: Option<&str>) -> PodCondition {
        PodCondition {
            type_: "Ready".to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            ..PodCondition::default()
        }
    }

    #[test]
    fn an_equal_status_needs_no_patch() {
        let status = PodStatus { phase: Some("Running".to_owned()), ..PodStatus::default() };
        assert_eq!(status_patch("u", &status, &status), None);
    }

    #[test]
    fn only_what_changed_is_sent_and_foreign_fields_are_left_alone() {
        let old = PodStatus {
            qos_class: Some("Burstable".to_owned()),
            reason: Some("Evicted".to_owned()),
            conditions: Some(vec![ready("False", Some("ContainersNotReady"))]),
            pod_ips: Some(vec![k8s_openapi::api::core::v1::PodIP { ip: "10.0.0.1".to_owned() }]),
            ..PodStatus::default()
        };
        let new = PodStatus { conditions: Some(vec![ready("True", None)]), ..PodStatus::default() };
        let expected = json!({
            "metadata": {"uid": "u"},
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "reason": null}],
                "podIPs": [{"$patch": "replace"}]
            }
        });
        assert_eq!(status_patch("u", &old, &new), Some(expected));
    }
}
