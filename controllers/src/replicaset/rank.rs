//! Decides which pods are given up first.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::pods;

const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `count` pods of `active` that are to be deleted, the first of them first. `related` are all active pods that
/// do the same work: a node that holds many of them gives one up before others. Where there is nobody to say which pods
/// those are, upstream looks at no nodes and leaves what is equal to chance; there, too, the fullest node gives one up.
pub(super) fn worst(
    active: &[Arc<Pod>],
    related: Option<&[Arc<Pod>]>,
    count: usize,
    now: Timestamp,
) -> Vec<Arc<Pod>> {
    let (by_relation, by_chance) = match related {
        Some(related) => (on_nodes(related), BTreeMap::new()),
        None => (BTreeMap::new(), on_nodes(active)),
    };
    let mut pods = active.to_vec();
    // Whoever keeps nothing need not choose.
    if count < pods.len() {
        let crowd =
            |nodes: &BTreeMap<&str, usize>, pod: &Pod| nodes.get(node(pod)).copied().unwrap_or_default();
        pods.sort_by(|a, b| {
            compare(a, b, &|pod| crowd(&by_relation, pod), now)
                .then_with(|| crowd(&by_chance, b).cmp(&crowd(&by_chance, a)))
        });
    }
    pods.truncate(count);
    pods
}

/// How many of the pods are on each node.
fn on_nodes(pods: &[Arc<Pod>]) -> BTreeMap<&str, usize> {
    let mut on_nodes = BTreeMap::new();
    for pod in pods {
        *on_nodes.entry(node(pod)).or_default() += 1;
    }
    on_nodes
}

/// `Less` if `a` is given up before `b`; the steps and their order are those of upstream's `ActivePodsWithRanks`.
fn compare(a: &Pod, b: &Pod, crowd: &impl Fn(&Pod) -> usize, now: Timestamp) -> Ordering {
    let both_ready = pods::is_ready(a) && pods::is_ready(b);
    let unassigned = |pod: &Pod| Reverse(node(pod).is_empty());
    unassigned(a)
        .cmp(&unassigned(b))
        .then_with(|| liveliness(a).cmp(&liveliness(b)))
        .then_with(|| pods::is_ready(a).cmp(&pods::is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| crowd(b).cmp(&crowd(a)))
        .then_with(|| {
            let (a_since, b_since) = (pods::ready_since(a), pods::ready_since(b));
            if both_ready {
                younger(a_since, b_since, now).unwrap_or_else(|| uid(a).cmp(uid(b)))
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| younger(created(a), created(b), now).unwrap_or_else(|| uid(a).cmp(uid(b))))
}

/// `Less` if `a` is younger, by powers of two of their ages: those of about one age are equally young, and then
/// chance, here the uid, decides (`None`). See KEP-2185.
fn younger(a: Option<Timestamp>, b: Option<Timestamp>, now: Timestamp) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    let (Some(a), Some(b)) = (a, b) else {
        // A time that is not known is later than any other.
        return Some(a.is_some().cmp(&b.is_some()));
    };
    match magnitude(a, now).cmp(&magnitude(b, now)) {
        Ordering::Equal => None,
        different => Some(different),
    }
}

/// The power of two of an age in nanoseconds; -1 for none.
fn magnitude(since: Timestamp, now: Timestamp) -> i64 {
    let age = now.as_nanosecond() - since.as_nanosecond();
    u128::try_from(age).ok().filter(|age| *age > 0).map_or(-1, |age| i64::from(age.ilog2()))
}

/// Pending before unknown before running.
fn liveliness(pod: &Pod) -> u8 {
    match pods::phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    }
}

/// What the pod says it costs to delete it; 0 where that is no integer, or begins with a plus or an idle zero.
fn cost(pod: &Pod) -> i32 {
    let text = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(COST));
    let plain = |text: &&String| *text == "0" || !text.starts_with(['+', '0']);
    text.filter(plain).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The most restarts of one container, and of one sidecar.
fn restarts(pod: &Pod) -> (i32, i32) {
    let status = pod.status.as_ref();
    let most = |containers: Option<&Vec<ContainerStatus>>, counts: &dyn Fn(&ContainerStatus) -> bool| {
        let counted = containers.into_iter().flatten().filter(|container| counts(container));
        counted.map(|container| container.restart_count).max().unwrap_or_default()
    };
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    let is_sidecar = |status: &ContainerStatus| {
        init.into_iter().flatten().any(|container| {
            container.name == status.name && container.restart_policy.as_deref() == Some("Always")
        })
    };
    (
        most(status.and_then(|status| status.container_statuses.as_ref()), &|_| true),
        most(status.and_then(|status| status.init_container_statuses.as_ref()), &is_sidecar),
    )
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn pod(name: &str, change: Value) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T11:00:00Z"},
            "spec": {"nodeName": name, "containers": []},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T11:00:00Z"}
            ]}
        });
        json_patch_merge(&mut pod, change);
        Arc::new(steersman_core::tree::from_value(pod).unwrap())
    }

    fn json_patch_merge(into: &mut Value, change: Value) {
        match change {
            Value::Object(fields) => {
                fields.into_iter().for_each(|(name, value)| json_patch_merge(&mut into[name], value));
            }
            other => *into = other,
        }
    }

    fn worst_of(pods: &[Arc<Pod>]) -> String {
        worst(pods, Some(pods), 1, now())[0].metadata.name.clone().unwrap()
    }

    #[test]
    fn each_step_decides_before_the_next() {
        let ready_at = |time: &str| {
            json!({"status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": time}
            ]}})
        };
        let restarted = |count: i32| {
            json!({"status": {"containerStatuses": [
                {"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": count}
            ]}})
        };
        let cost = |cost: &str| json!({"metadata": {"annotations": {COST: cost}}});
        let cases = [
            ("unassigned", json!({"spec": {"nodeName": ""}})),
            ("pending", json!({"status": {"phase": "Pending"}})),
            ("unready", json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})),
            ("cheap", cost("-1")),
            ("lately ready", ready_at("2026-01-01T11:59:00Z")),
            ("restarted", restarted(3)),
            ("young", json!({"metadata": {"creationTimestamp": "2026-01-01T11:59:00Z"}})),
        ];
        for (index, (what, change)) in cases.iter().enumerate() {
            let worse = pod("z", change.clone());
            assert_eq!(worst_of(&[pod("a", json!({})), worse.clone()]), "z", "{what}");
            if let Some((_, next)) = cases.get(index + 1) {
                assert_eq!(
                    worst_of(&[pod("a", next.clone()), worse]),
                    "z",
                    "{what} decides before the next step"
                );
            }
        }
    }

    #[test]
    fn a_cost_that_is_no_plain_integer_is_none() {
        for (text, expected) in
            [("5", 5), ("-5", -5), ("-05", -5), ("+5", 0), ("05", 0), ("a", 0), ("", 0), ("0", 0)]
        {
            assert_eq!(
                cost(&pod("a", json!({"metadata": {"annotations": {COST: text}}}))),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_node_with_most_related_pods_gives_one_up() {
        let on = |name: &str, node: &str| pod(name, json!({"spec": {"nodeName": node}}));
        let pods = [on("a", "x"), on("b", "y"), on("c", "y"), on("d", "z")];
        assert_eq!(worst_of(&pods), "b");
    }

    #[test]
    fn pods_that_nobody_relates_go_by_age_before_nodes_matter() {
        let on = |name: &str, node: &str, created: &str| {
            pod(name, json!({"metadata": {"creationTimestamp": created}, "spec": {"nodeName": node}}))
        };
        let alone = |pods: &[Arc<Pod>]| worst(pods, None, 1, now())[0].metadata.name.clone().unwrap();
        let (old, young) = ("2026-01-01T11:00:00Z", "2026-01-01T11:59:00Z");
        assert_eq!(alone(&[on("a", "x", young), on("b", "y", old), on("c", "y", old)]), "a");
        assert_eq!(alone(&[on("a", "x", old), on("b", "y", old), on("c", "y", old)]), "b");
    }
}
