//! Rollouts among API faults and dying nodes: no interleaving breaks a promise.

use std::sync::Arc;
use std::time::Duration;

use steersman::core::Api;
use steersman::prelude::*;
use steersman::sim::{ApiFaults, Sim};

use crate::{apply_settled, deployment, image, invariants, is_ready, node, pods};

/// One request in this many fails.
const ONE_IN: u64 = 50;

/// A cluster in which every component's requests fail now and then; only who writes manifests is spared.
async fn faulty(sim: &Sim, nodes: usize) -> Cluster {
    let faults = sim.env().child("faults");
    let layer = move |component: &str, api: Arc<dyn Api>| match component {
        "admin" => api,
        _ => Arc::new(ApiFaults::new(api, faults.child(component), ONE_IN)) as Arc<dyn Api>,
    };
    Cluster::builder().nodes(nodes).api_layer(layer).start(&sim.env()).await.unwrap()
}

#[test]
fn a_rollout_with_node_loss_and_faults_ends_well_under_every_seed() {
    steersman::sim::check(1..=100, async |sim| {
        let cluster = faulty(sim, 3).await;
        let _watched = invariants::hold(&cluster).await;
        apply_settled(&cluster, &deployment("web", 4, "web:1")).await;
        cluster.apply(&deployment("web", 4, "web:2")).await.unwrap();
        sim.crash("node-1");
        sim.advance(Duration::from_secs(600)).await;
        cluster.settle().await.unwrap();
        let pods = pods(&cluster).await;
        assert_eq!(pods.len(), 4);
        for pod in &pods {
            assert!(is_ready(pod) && image(pod) == "web:2" && node(pod) != "node-1", "{pod:?}");
        }
    });
}
