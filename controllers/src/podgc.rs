//! Removes pods that nobody else will remove: those of nodes that are gone, and finished ones beyond a number.
//!
//! <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection>. What is to be removed
//! is decided by [`victims`], a pure function; [`run`] asks it every 20 seconds. A node counts as gone once it has
//! been missing for 40 seconds and the server confirms it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman_core::api::Patch;
use steersman_core::{Client, Result};

use crate::pod_disruption::{disruption_target, is_deleted, node_name, patch};
use crate::pods::{is_finished, phase};
use crate::runner::Context;

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// How pods are collected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PodGcOptions {
    /// How many finished pods are kept; 0 keeps all. Upstream's `--terminated-pod-gc-threshold`.
    pub terminated_pod_gc_threshold: usize,
    /// How often is looked.
    pub period: Duration,
    /// How long a node must be missing before its pods are removed.
    pub quarantine: Duration,
}

/// A pod to remove.
#[derive(Clone, Debug, PartialEq)]
pub struct Victim {
    /// The pod.
    pub pod: Arc<Pod>,
    /// The condition that tells why, where the pod was taken down with its node.
    pub condition: Option<PodCondition>,
}

impl Default for PodGcOptions {
    fn default() -> Self {
        PodGcOptions {
            terminated_pod_gc_threshold: 12_500,
            period: Duration::from_secs(20),
            quarantine: Duration::from_secs(40),
        }
    }
}

/// Collects pods until it is dropped; for [`Controllers::task`](crate::Controllers::task).
pub async fn run(context: Context, options: PodGcOptions) {
    let Context { env, client, caches } = context;
    let (pods, nodes) = (caches.of::<Pod>(), caches.of::<Node>());
    pods.synced().await;
    nodes.synced().await;
    let mut missing = BTreeMap::new();
    loop {
        let (pods, nodes) = (pods.list(), nodes.list());
        note_missing(&mut missing, &pods, &nodes, env.now());
        let gone = confirm(&client, &missing, env.now(), options.quarantine).await;
        for victim in victims(&pods, &nodes, &gone, env.now(), options.terminated_pod_gc_threshold) {
            if let Err(error) = remove(&client, &victim).await {
                tracing::warn!(pod = ?victim.pod.metadata.name, %error, "could not be removed");
            }
        }
        env.sleep(options.period).await;
    }
}

/// The pods to remove: finished ones beyond the threshold, terminating ones on nodes that are out of service, those
/// on `gone` nodes, and terminating ones that never had a node.
pub fn victims(
    pods: &[Arc<Pod>],
    nodes: &[Arc<Node>],
    gone: &BTreeSet<String>,
    now: Timestamp,
    threshold: usize,
) -> Vec<Victim> {
    let plain = |pod: &Arc<Pod>| Victim { pod: pod.clone(), condition: None };
    let mut victims: Vec<Victim> = beyond_threshold(pods, threshold).iter().map(plain).collect();
    let out: BTreeSet<&str> = nodes
        .iter()
        .filter(|node| is_out_of_service(node))
        .filter_map(|node| node.metadata.name.as_deref())
        .collect();
    victims.extend(pods.iter().filter(|pod| is_deleted(pod) && out.contains(node_name(pod))).map(plain));
    victims.extend(pods.iter().filter(|pod| gone.contains(node_name(pod))).map(|pod| {
        let condition = disruption_target(pod, now, "DeletionByPodGC", "PodGC: node no longer exists");
        Victim { pod: pod.clone(), condition: Some(condition) }
    }));
    victims.extend(pods.iter().filter(|pod| is_deleted(pod) && node_name(pod).is_empty()).map(plain));
    let mut seen = BTreeSet::new();
    victims.retain(|victim| seen.insert(victim.pod.metadata.uid.clone()));
    victims
}

/// The finished pods that are too many: evicted ones first, then the oldest.
fn beyond_threshold(pods: &[Arc<Pod>], threshold: usize) -> Vec<Arc<Pod>> {
    let mut finished: Vec<Arc<Pod>> = pods.iter().filter(|pod| is_finished(pod)).cloned().collect();
    if threshold == 0 || finished.len() <= threshold {
        return Vec::new();
    }
    let too_many = finished.len() - threshold;
    finished.sort_by_cached_key(|pod| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (!is_evicted(pod), created, pod.metadata.name.clone())
    });
    finished.truncate(too_many);
    finished
}

fn is_evicted(pod: &Pod) -> bool {
    let reason = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    phase(pod) == "Failed" && reason == Some("Evicted")
}

/// Whether an administrator has said, of a node that is not ready, that it will not come back by itself.
fn is_out_of_service(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    !ready && taints.iter().any(|taint| taint.key == OUT_OF_SERVICE)
}

/// Notes since when each node that a pod names is missing; forgets those that are there, or that no pod names.
fn note_missing(
    missing: &mut BTreeMap<String, Timestamp>,
    pods: &[Arc<Pod>],
    nodes: &[Arc<Node>],
    now: Timestamp,
) {
    let mut named: BTreeSet<&str> =
        pods.iter().map(|pod| node_name(pod)).filter(|name| !name.is_empty()).collect();
    for node in nodes {
        named.remove(node.metadata.name.as_deref().unwrap_or_default());
    }
    missing.retain(|name, _| named.contains(name.as_str()));
    for name in named {
        missing.entry(name.to_owned()).or_insert(now);
    }
}

/// Those that have been missing for long enough and that the server does not know either.
async fn confirm(
    client: &Client,
    missing: &BTreeMap<String, Timestamp>,
    now: Timestamp,
    quarantine: Duration,
) -> BTreeSet<String> {
    let mut gone = BTreeSet::new();
    for (name, since) in missing {
        let missing_for = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
        if missing_for >= quarantine && matches!(client.all::<Node>().get_opt(name).await, Ok(None)) {
            gone.insert(name.clone());
        }
    }
    gone
}

/// Lets the pod fail first: nobody else will, as there is no kubelet (any more) that could.
async fn remove(client: &Client, victim: &Victim) -> Result<()> {
    let Victim { pod, condition } = victim;
    let pods = client.namespaced::<Pod>(pod.metadata.namespace.as_deref().unwrap_or_default());
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if !is_finished(pod) {
        pods.patch_status(name, Patch::Strategic(patch(pod, Some("Failed"), condition.as_ref()))).await?;
    }
    let preconditions = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
    let at_once = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(preconditions),
        ..DeleteOptions::default()
    };
    match pods.delete_with(name, &at_once).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn pod(name: &str, node: &str, status: &Value) -> Value {
        json!({"metadata": {"name": name, "uid": name}, "spec": {"nodeName": node, "containers": []}, "status": status})
    }

    fn terminating(mut pod: Value) -> Value {
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        pod
    }

    /// The names of the victims, with the reason of their condition.
    fn found(
        pods: &[Value],
        nodes: &[Value],
        gone: &[&str],
        threshold: usize,
    ) -> Vec<(String, Option<String>)> {
        let pods: Vec<Arc<Pod>> = pods.iter().map(|pod| Arc::new(from_value(pod.clone()).unwrap())).collect();
        let nodes: Vec<Arc<Node>> =
            nodes.iter().map(|node| Arc::new(from_value(node.clone()).unwrap())).collect();
        let gone = gone.iter().map(|&name| name.to_owned()).collect();
        let victims = victims(&pods, &nodes, &gone, Timestamp::UNIX_EPOCH, threshold);
        let told = victims.into_iter().map(|victim| {
            (
                victim.pod.metadata.name.clone().unwrap(),
                victim.condition.and_then(|condition| condition.reason),
            )
        });
        told.collect()
    }

    #[test]
    fn pods_of_nodes_that_are_gone_are_removed_and_told_why() {
        let pods =
            [pod("a", "gone", &json!({"phase": "Pending"})), pod("b", "here", &json!({"phase": "Running"}))];
        assert_eq!(found(&pods, &[], &["gone"], 0), [("a".to_owned(), Some("DeletionByPodGC".to_owned()))]);
    }

    #[test]
    fn terminating_pods_without_a_node_are_removed() {
        let pods = [terminating(pod("a", "", &json!({}))), pod("b", "", &json!({}))];
        assert_eq!(found(&pods, &[], &[], 0), [("a".to_owned(), None)]);
    }

    #[test]
    fn terminating_pods_are_removed_from_nodes_that_are_out_of_service_and_not_ready() {
        let pods = [terminating(pod("a", "n", &json!({}))), pod("b", "n", &json!({}))];
        let node = |ready: &str| {
            json!({
                "metadata": {"name": "n"},
                "spec": {"taints": [{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            })
        };
        assert_eq!(found(&pods, &[node("Unknown")], &[], 0), [("a".to_owned(), None)]);
        assert_eq!(found(&pods, &[node("True")], &[], 0), []);
    }

    #[test]
    fn finished_pods_beyond_the_threshold_go_evicted_and_oldest_first() {
        let finished = |name: &str, day: u8, reason: &str| {
            let mut pod = pod(name, "n", &json!({"phase": "Failed", "reason": reason}));
            pod["metadata"]["creationTimestamp"] = format!("2026-01-{day:02}T00:00:00Z").into();
            pod
        };
        let running = pod("running", "n", &json!({"phase": "Running"}));
        let pods = [finished("a", 2, ""), finished("b", 1, ""), finished("c", 3, "Evicted"), running];
        let names = |threshold| {
            found(&pods, &[], &[], threshold).into_iter().map(|(name, _)| name).collect::<String>()
        };
        assert_eq!([names(0), names(1), names(2), names(3)], ["", "cb", "c", ""]);
    }

    #[test]
    fn a_node_counts_as_missing_from_when_it_was_first_missed() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let pods = [Arc::new(from_value::<Pod>(pod("a", "n", &json!({}))).unwrap())];
        let node = [Arc::new(from_value::<Node>(json!({"metadata": {"name": "n"}})).unwrap())];
        let mut missing = BTreeMap::new();
        note_missing(&mut missing, &pods, &[], at(0));
        note_missing(&mut missing, &pods, &[], at(20));
        assert_eq!(missing, [("n".to_owned(), at(0))].into());
        note_missing(&mut missing, &pods, &node, at(40));
        assert_eq!(missing, BTreeMap::new());
    }
}
