//! Disruption budgets: an eviction never breaks one.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::core::tree::json;
use steersman::prelude::*;

use crate::{apply_settled, deployment, is_ready, node, pod_names, pods, story};

const BUDGET: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
";

async fn evict(cluster: &Cluster, name: &str) -> Result<()> {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    cluster.api::<Pod>().namespace("default").post(name, "eviction", eviction).await.map(drop)
}

#[test]
fn evictions_stop_at_the_budget() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 3, "web:1")).await;
        apply_settled(cluster, BUDGET).await;
        let names = pod_names(cluster).await;
        let mut refused = 0;
        for name in &names {
            if let Err(error) = evict(cluster, name).await {
                assert_eq!(error.code(), 429, "{error}");
                assert_eq!(
                    error.message(),
                    "Cannot evict pod as it would violate the pod's disruption budget."
                );
                refused += 1;
            }
        }
        assert_eq!(refused, 2);
    });
}

#[test]
fn a_drained_node_is_empty_and_the_budget_was_kept_meanwhile() {
    story(async |sim, cluster| {
        apply_settled(cluster, &deployment("web", 3, "web:1")).await;
        apply_settled(cluster, BUDGET).await;
        for drained in ["node-1", "node-2"] {
            let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
            cluster.api::<Node>().patch(drained, cordon).await.unwrap();
            // A pod a round at worst, and replacements are ready at once.
            for _ in 0..10 {
                for pod in pods(cluster).await.iter().filter(|pod| node(pod) == drained) {
                    let refused = evict(cluster, pod.metadata.name.as_deref().unwrap()).await.err();
                    assert!(refused.is_none_or(|error| error.code() == 429));
                    assert!(pods(cluster).await.iter().filter(|pod| is_ready(pod)).count() >= 2);
                }
                sim.advance(Duration::from_secs(5)).await;
            }
        }
        let left = pods(cluster).await;
        assert!(left.len() == 3 && left.iter().all(|pod| node(pod) == "node-3" && is_ready(pod)));
    });
}
