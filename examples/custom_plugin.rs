//! A scheduler plugin of one's own: prefers the cheapest node, by the label `example.com/cents-per-hour`.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use steersman::prelude::*;
use steersman::scheduler::{
    NodeIndex, NodeView, Normalize, Plugin, PodInfo, Profile, Score, Scoring, Snapshot,
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

fn main() -> Result<()> {
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
