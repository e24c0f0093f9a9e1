//! Scheduler plugins of one's own: one prefers the cheapest node, by the label `example.com/cents-per-hour`, in a whole
//! cluster; one packs GPUs, asked as a library.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::prelude::*;
use steersman::scheduler::{
    Decision, NodeIndex, NodeView, Normalize, Plugin, PodInfo, Profile, Score, Scoring, Signature, Snapshot,
};
use steersman::sim::Sim;

struct Cheapest;

impl Plugin for Cheapest {
    fn name(&self) -> &'static str {
        "Cheapest"
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Score for Cheapest {
    fn prepare(&self, _: &Arc<PodInfo>, _: &Snapshot, _: &[NodeIndex]) -> Scoring {
        Scoring::per_node(price, Normalize::Reversed)
    }
}

fn price(node: NodeView<'_>) -> i64 {
    node.labels()
        .get("example.com/cents-per-hour")
        .and_then(|text| text.parse().ok())
        .unwrap_or(i64::from(i32::MAX))
}

/// Fills the GPUs of one node before it touches those of another, so that large jobs find whole nodes.
struct PackedGpus;

const GPU: &str = "example.com/gpu";

impl Plugin for PackedGpus {
    fn name(&self) -> &'static str {
        "PackedGpus"
    }

    /// It looks at nodes alone: what it said for one pod holds for all.
    fn sign(&self, _: &PodInfo, _: &Snapshot, _: &mut Signature) {}

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Score for PackedGpus {
    fn prepare(&self, _: &Arc<PodInfo>, _: &Snapshot, _: &[NodeIndex]) -> Scoring {
        let taken = |node: NodeView<'_>| node.requested().get(GPU).unwrap_or_default();
        Scoring::per_node(taken, Normalize::Proportional)
    }
}

fn pack_gpus() -> Result<()> {
    let profile = Profile::default().weighted(PackedGpus, 1000);
    let mut snapshot = Snapshot::new();
    for name in ["a", "b", "c"] {
        let status = json!({"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110", GPU: "8"}});
        let node: Node =
            steersman::core::tree::from_value(json!({"metadata": {"name": name}, "status": status}))
                .map_err(Error::internal)?;
        snapshot.set_node(node);
    }
    let mut nodes = Vec::new();
    for number in 0..12 {
        let limits = json!({"resources": {"requests": {GPU: "1"}, "limits": {GPU: "1"}}, "name": "train"});
        let pod = json!({"metadata": {"name": format!("job-{number}")}, "spec": {"containers": [limits]}});
        let pod: Pod = steersman::core::tree::from_value(pod).map_err(Error::internal)?;
        let pod = Arc::new(PodInfo::new(pod));
        if let Decision::Node(choice) = profile.pick(&pod, &snapshot, number) {
            snapshot.add_pod(choice.index, &pod);
            nodes.push(choice.node);
        }
    }
    let whole = nodes.iter().filter(|node| **node == nodes[0]).count();
    println!("{} jobs, {whole} of them on one node", nodes.len());
    if (nodes.len(), whole) == (12, 8) { Ok(()) } else { Err(Error::internal("they are not packed")) }
}

fn main() -> Result<()> {
    pack_gpus()?;
    let sim = Sim::new(1);
    sim.block_on(async {
        let profile = Profile::default().weighted(Cheapest, 1000);
        let cluster = Cluster::builder().nodes(3).profile(profile).start(&sim.env()).await?;
        cluster.settle().await?;
        for (node, cents) in [("node-1", "90"), ("node-2", "12"), ("node-3", "35")] {
            let label = Patch::Merge(json!({"metadata": {"labels": {"example.com/cents-per-hour": cents}}}));
            cluster.api::<Node>().patch(node, label).await?;
        }
        cluster.settle().await?;
        cluster
            .apply("{apiVersion: v1, kind: Pod, metadata: {name: thrifty}, spec: {containers: [{name: c, image: i}]}}")
            .await?;
        cluster.settle().await?;
        let pod = cluster.api::<Pod>().namespace("default").get("thrifty").await?;
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        println!("the pod went to {node:?}");
        if node == Some("node-2") { Ok(()) } else { Err(Error::internal("that is not the cheapest node")) }
    })
}
