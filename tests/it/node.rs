//! Nodes that die: noticed, tainted, and their pods replaced elsewhere.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::prelude::*;

use crate::{apply_settled, deployment, is_ready, node, pods, story};

#[test]
fn pods_of_a_dead_node_are_replaced_after_their_toleration() {
    story(async |sim, cluster| {
        apply_settled(cluster, &deployment("web", 6, "web:1")).await;
        assert!(pods(cluster).await.iter().any(|pod| node(pod) == "node-1"));
        sim.crash("node-1");

        sim.advance(Duration::from_secs(60)).await;
        let dead = cluster.api::<Node>().get("node-1").await.unwrap();
        let taints = dead.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        assert!(taints.iter().any(|taint| taint.key == "node.kubernetes.io/unreachable"));

        sim.advance(Duration::from_secs(400)).await;
        let living = pods(cluster).await;
        assert_eq!(living.len(), 6);
        assert!(living.iter().all(|pod| node(pod) != "node-1" && is_ready(pod)));
    });
}

#[test]
fn a_node_that_comes_back_loses_its_taints() {
    story(async |sim, cluster| {
        cluster.fail_node("node-2");
        sim.advance(Duration::from_secs(60)).await;
        cluster.recover_node("node-2");
        sim.advance(Duration::from_secs(60)).await;
        let node = cluster.api::<Node>().get("node-2").await.unwrap();
        assert!(node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).is_none_or(Vec::is_empty));
    });
}

#[test]
fn pods_of_a_deleted_node_are_collected_and_replaced() {
    story(async |sim, cluster| {
        apply_settled(cluster, &deployment("web", 6, "web:1")).await;
        sim.crash("node-1");
        cluster.api::<Node>().delete("node-1").await.unwrap();
        sim.advance(Duration::from_secs(120)).await;
        let living = cluster.api::<Pod>().namespace("default").list(&ListOptions::default()).await.unwrap();
        assert_eq!(living.len(), 6);
        assert!(living.iter().all(|pod| node(pod) != "node-1" && is_ready(pod)));
    });
}
