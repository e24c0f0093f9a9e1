//! Scheduling: what fits nowhere waits, says why, and is bound once there is room.

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::core::tree::json;
use steersman::prelude::*;
use steersman::scheduler::Profile;
use steersman::scheduler::plugins::GangScheduling;
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

#[test]
fn a_gang_is_placed_once_all_its_pods_are_there() {
    const GROUP: &str = "
        {apiVersion: scheduling.k8s.io/v1alpha2, kind: PodGroup, metadata: {name: g},
         spec: {schedulingPolicy: {gang: {minCount: 3}}}}";
    let pod = |name: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}},
              spec: {{schedulingGroup: {{podGroupName: g}}, containers: [{{name: main, image: i}}]}}}}"
        )
    };
    let sim = Sim::new(1);
    sim.block_on(async {
        let profile = Profile::default().with(GangScheduling);
        let builder = Cluster::builder().nodes(2).api_version("scheduling.k8s.io/v1alpha2").profile(profile);
        let cluster = builder.start(&sim.env()).await.unwrap();
        let pods = cluster.api::<Pod>().namespace("default");
        for manifest in [GROUP, &pod("a"), &pod("b")] {
            apply_settled(&cluster, manifest).await;
        }
        assert_eq!(node(&pods.get("a").await.unwrap()), "");
        apply_settled(&cluster, &pod("c")).await;
        for name in ["a", "b", "c"] {
            assert!(is_ready(&pods.get(name).await.unwrap()), "{name}");
        }
        let none = GROUP.replace("{gang: {minCount: 3}}", "{}").replace("name: g", "name: h");
        let why = cluster.apply(&none).await.unwrap_err().to_string();
        assert!(why.contains("spec.schedulingPolicy: Required value: exactly one of"), "{why}");
    });
}
