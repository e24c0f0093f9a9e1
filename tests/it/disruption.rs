//! Disruption budgets: an eviction never breaks one.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::{apply_settled, deployment, pod_names, story};

const BUDGET: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
";

#[test]
fn evictions_stop_at_the_budget() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 3, "web:1")).await;
        apply_settled(cluster, BUDGET).await;
        let names = pod_names(cluster).await;
        let pods = cluster.api::<Pod>().namespace("default");
        let mut refused = 0;
        for name in &names {
            let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
            if let Err(error) = pods.post(name, "eviction", eviction).await {
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
