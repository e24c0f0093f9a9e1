//! Scheduling: what fits nowhere waits, says why, and is bound once there is room.

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use steersman::prelude::*;
use steersman::sim::Sim;

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

#[test]
fn a_scheduler_configuration_is_followed_or_refused_at_start() {
    const FILE: &str = "
        apiVersion: kubescheduler.config.k8s.io/v1
        kind: KubeSchedulerConfiguration
        profiles:
        - schedulerName: mine
          plugins: {score: {disabled: [{name: '*'}]}}
    ";
    const POD: &str = "
        {apiVersion: v1, kind: Pod, metadata: {name: a},
         spec: {schedulerName: mine, containers: [{name: main, image: i}]}}";
    let sim = Sim::new(1);
    sim.block_on(async {
        let builder = Cluster::builder().nodes(1).scheduler_configuration(FILE);
        let cluster = builder.start(&sim.env()).await.unwrap();
        apply_settled(&cluster, POD).await;
        assert!(is_ready(&cluster.api::<Pod>().namespace("default").get("a").await.unwrap()));
        let broken = FILE.replace("profiles:", "parallelism: 0\n        profiles:");
        let broken = Cluster::builder().scheduler_configuration(&broken);
        let why = broken.start(&sim.env()).await.err().unwrap().to_string();
        assert!(why.contains("parallelism: Invalid value: 0"), "{why}");
    });
}
