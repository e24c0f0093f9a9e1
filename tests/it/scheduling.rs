//! Scheduling: what fits nowhere waits, says why, and is bound once there is room.

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use steersman::prelude::*;

use crate::{apply_settled, is_ready, node, story};

#[test]
fn a_pod_waits_for_a_node_that_suits_it() {
    const PICKY: &str = "
        {apiVersion: v1, kind: Pod, metadata: {name: picky},
         spec: {nodeSelector: {disk: ssd}, containers: [{name: main, image: i}]}}";
    story(async |_, cluster| {
        apply_settled(cluster, PICKY).await;
        let pods = cluster.api::<Pod>().namespace("default");
        let status = pods.get("picky").await.unwrap().status.clone().unwrap();
        let scheduled = status.conditions.iter().flatten().find(|one| one.type_ == "PodScheduled").unwrap();
        assert_eq!(scheduled.reason.as_deref(), Some("Unschedulable"));
        assert_eq!(
            scheduled.message.as_deref(),
            Some(
                "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. no new claims \
                 to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
            )
        );
        let label = Patch::Merge(json!({"metadata": {"labels": {"disk": "ssd"}}}));
        cluster.api::<Node>().patch("node-2", label).await.unwrap();
        cluster.settle().await.unwrap();
        let bound = pods.get("picky").await.unwrap();
        assert!(node(&bound) == "node-2" && is_ready(&bound));
    });
}
