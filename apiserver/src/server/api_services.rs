//! The API services of the groups that the server has itself, as upstream registers them when it starts.

use steersman_core::tree::{Value, json};

/// What tells clients which of two groups comes first, and which of its versions.
const PRIORITIES: [(&str, &str, u32, u32); 21] = [
    ("", "v1", 18_000, 1),
    ("admissionregistration.k8s.io", "v1", 16_700, 15),
    ("apiextensions.k8s.io", "v1", 16_700, 15),
    ("apps", "v1", 17_800, 15),
    ("authentication.k8s.io", "v1", 17_700, 15),
    ("authorization.k8s.io", "v1", 17_600, 15),
    ("autoscaling", "v1", 17_500, 15),
    ("autoscaling", "v2", 17_500, 30),
    ("batch", "v1", 17_400, 15),
    ("certificates.k8s.io", "v1", 17_300, 15),
    ("coordination.k8s.io", "v1", 16_500, 15),
    ("discovery.k8s.io", "v1", 16_200, 15),
    ("events.k8s.io", "v1", 17_750, 15),
    ("flowcontrol.apiserver.k8s.io", "v1", 16_100, 21),
    ("networking.k8s.io", "v1", 17_200, 15),
    ("node.k8s.io", "v1", 16_300, 15),
    ("policy", "v1", 17_100, 15),
    ("rbac.authorization.k8s.io", "v1", 17_000, 15),
    ("resource.k8s.io", "v1", 15_900, 20),
    ("scheduling.k8s.io", "v1", 16_600, 15),
    ("storage.k8s.io", "v1", 16_800, 15),
];

/// Every one of them.
pub(super) fn objects() -> Vec<Value> {
    let object = |(group, version, minimum, priority): (&str, &str, u32, u32)| {
        let mut spec =
            json!({"version": version, "groupPriorityMinimum": minimum, "versionPriority": priority});
        if !group.is_empty() {
            spec["group"] = group.into();
        }
        let labels = json!({"kube-aggregator.kubernetes.io/automanaged": "onstart"});
        json!({"metadata": {"name": format!("{version}.{group}"), "labels": labels}, "spec": spec})
    };
    PRIORITIES.map(object).into()
}
