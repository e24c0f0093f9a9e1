//! Keeps the taints that tell of a node's conditions, and changes those that drive pods away.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::api::Patch;
use steersman_core::tree::{Value, json};
use steersman_core::{Client, Result};

use crate::{Controller, Outcome, View};

pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Which taint a node gets that is not ready, and which it loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tainting {
    pub(super) add: &'static str,
    pub(super) opposite: &'static str,
}

impl Tainting {
    /// By the status of `Ready`; none for a node that is ready.
    pub(super) fn for_ready(status: &str) -> Option<Self> {
        match status {
            "False" => Some(Tainting { add: NOT_READY, opposite: UNREACHABLE }),
            "Unknown" => Some(Tainting { add: UNREACHABLE, opposite: NOT_READY }),
            _ => None,
        }
    }
}

/// A condition's type and status, and the taint that mirrors it.
const MIRRORED: &[(&str, &str, &str)] = &[
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// Labels whose older spelling is kept equal.
const LABELS: &[(&str, &str)] =
    &[("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch")];

/// Keeps every node's `NoSchedule` taints in line with its conditions and with `spec.unschedulable`, and the beta
/// labels for operating system and architecture in line with the stable ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeTaints;

impl Controller for NodeTaints {
    type Object = Node;

    const NAME: &'static str = "node-taints";

    fn reconcile(&self, view: &View, node: &Node) -> Outcome {
        let mut outcome = Outcome::done();
        let mut patch = json!({"metadata": {"resourceVersion": node.metadata.resource_version}});
        let taints = mirrored(node, view.now());
        let labels = missing_labels(node);
        let (new_taints, new_labels) = (taints != taints_of(node), labels != json!({}));
        if new_taints {
            patch["spec"] = json!({ "taints": taints });
        }
        if new_labels {
            patch["metadata"]["labels"] = labels;
        }
        if new_taints || new_labels {
            outcome.merge(node, patch).may_be_missing();
        }
        outcome
    }
}

/// Whether the node has a taint of this key that drives pods away.
pub(super) fn has_no_execute(node: &Node, key: &str) -> bool {
    taints_of(node).iter().any(|taint| taint.key == key && taint.effect == "NoExecute")
}

/// Adds one taint that drives pods away, and removes others, in one write; none where that changes nothing.
pub(super) async fn change(
    client: &Client,
    node: &Arc<Node>,
    now: Timestamp,
    add: Option<&str>,
    remove: &[&str],
) -> Result<()> {
    let add = add.filter(|key| !has_no_execute(node, key));
    if add.is_none() && !remove.iter().any(|key| has_no_execute(node, key)) {
        return Ok(());
    }
    let mut taints = taints_of(node).to_vec();
    taints.retain(|taint| taint.effect != "NoExecute" || !remove.contains(&taint.key.as_str()));
    taints.extend(add.map(|key| taint(key, "NoExecute", now)));
    let metadata = json!({"resourceVersion": node.metadata.resource_version});
    let patch = json!({"metadata": metadata, "spec": {"taints": taints}});
    let name = node.metadata.name.as_deref().unwrap_or_default();
    client.all::<Node>().patch(name, Patch::Merge(patch)).await.map(drop)
}

fn taints_of(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

fn taint(key: &str, effect: &str, now: Timestamp) -> Taint {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    Taint { key: key.to_owned(), effect: effect.to_owned(), time_added: Some(Time(now)), value: None }
}

/// The node's taints, with those that mirror conditions as they should be, and all others as they are.
fn mirrored(node: &Node, now: Timestamp) -> Vec<Taint> {
    let wanted = wanted(node);
    let ours = |key: &str| key == UNSCHEDULABLE || MIRRORED.iter().any(|row| row.2 == key);
    let mut taints = taints_of(node).to_vec();
    taints.retain(|taint| {
        taint.effect != "NoSchedule" || !ours(&taint.key) || wanted.contains(&taint.key.as_str())
    });
    for key in wanted {
        if !taints.iter().any(|taint| taint.key == key && taint.effect == "NoSchedule") {
            taints.push(taint(key, "NoSchedule", now));
        }
    }
    taints
}

fn wanted(node: &Node) -> Vec<&'static str> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let mirror = |type_: &str, status: &str| {
        MIRRORED.iter().find(|row| row.0 == type_ && row.1 == status).map(|row| row.2)
    };
    let mut wanted: Vec<&str> =
        conditions.iter().filter_map(|condition| mirror(&condition.type_, &condition.status)).collect();
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        wanted.push(UNSCHEDULABLE);
    }
    wanted
}

/// The older spellings that are missing or differ.
fn missing_labels(node: &Node) -> Value {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let mut missing = json!({});
    for (stable, beta) in LABELS {
        if let Some(value) = labels.get(*stable).filter(|value| labels.get(*beta) != Some(value)) {
            missing[*beta] = value.as_str().into();
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::from_value;

    use super::*;
    use crate::runner::{Operation, PatchBody};

    fn node(conditions: &Value, spec: &Value) -> Node {
        let metadata =
            json!({"name": "n", "labels": {"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux"}});
        from_value(json!({"metadata": metadata, "spec": spec, "status": {"conditions": conditions}})).unwrap()
    }

    /// `key:effect` of every taint after a look at the node; `None` if nothing is written.
    fn written(conditions: &Value, spec: &Value) -> Option<Vec<String>> {
        let view = View::fixed(Timestamp::UNIX_EPOCH);
        let outcome = NodeTaints.reconcile(&view, &node(conditions, spec));
        let Operation::Patch(_, PatchBody::Merge(patch)) = &outcome.actions().first()?.operation else {
            panic!()
        };
        let taints = patch["spec"]["taints"].as_array().unwrap();
        let short = |taint: &Value| {
            let key = taint["key"].as_str().unwrap().trim_start_matches("node.kubernetes.io/");
            format!("{key}:{}", taint["effect"].as_str().unwrap())
        };
        Some(taints.iter().map(short).collect())
    }

    #[test]
    fn conditions_are_mirrored_as_taints() {
        let condition = |type_: &str, status: &str| json!([{"type": type_, "status": status}]);
        let cases = [
            ("Ready", "True", None),
            ("Ready", "False", Some("not-ready:NoSchedule")),
            ("Ready", "Unknown", Some("unreachable:NoSchedule")),
            ("MemoryPressure", "True", Some("memory-pressure:NoSchedule")),
            ("MemoryPressure", "Unknown", None),
            ("DiskPressure", "True", Some("disk-pressure:NoSchedule")),
            ("PIDPressure", "True", Some("pid-pressure:NoSchedule")),
            ("NetworkUnavailable", "True", Some("network-unavailable:NoSchedule")),
        ];
        for (type_, status, expected) in cases {
            let expected = expected.map(|taint| vec![taint.to_owned()]);
            assert_eq!(written(&condition(type_, status), &json!({})), expected, "{type_}={status}");
        }
    }

    #[test]
    fn a_cordoned_node_is_tainted_and_an_uncordoned_one_not() {
        let cordoned = written(&json!([]), &json!({"unschedulable": true}));
        assert_eq!(cordoned, Some(vec!["unschedulable:NoSchedule".to_owned()]));
        let taints = json!([{"key": UNSCHEDULABLE, "effect": "NoSchedule"}]);
        assert_eq!(written(&json!([]), &json!({ "taints": taints })), Some(vec![]));
    }

    #[test]
    fn taints_of_others_stay() {
        let taints = json!([
            {"key": "mine", "effect": "NoSchedule"},
            {"key": NOT_READY, "effect": "NoExecute"},
            {"key": NOT_READY, "effect": "NoSchedule"},
        ]);
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let left = vec!["mine:NoSchedule".to_owned(), "not-ready:NoExecute".to_owned()];
        assert_eq!(written(&ready, &json!({ "taints": taints })), Some(left));
    }

    #[test]
    fn older_labels_follow_the_stable_ones() {
        let mut node = node(&json!([]), &json!({}));
        assert_eq!(missing_labels(&node), json!({}));
        node.metadata.labels.as_mut().unwrap().insert("kubernetes.io/os".to_owned(), "other".to_owned());
        assert_eq!(missing_labels(&node), json!({"beta.kubernetes.io/os": "other"}));
    }
}
