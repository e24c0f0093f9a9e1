//! Rollouts among API faults and dying nodes: no interleaving breaks a promise.

use std::sync::Arc;
use std::time::Duration;

use steersman::prelude::*;
use steersman::sim::ApiFaults;

use crate::{apply_settled, deployment, image, is_ready, node, pods};

/// One request in this many fails.
const ONE_IN: u64 = 50;

#[test]
fn a_rollout_with_node_loss_and_faults_ends_well_under_every_seed() {
    steersman::sim::check(1..=100, async |sim| {
        let env = sim.env();
        let faults = env.child("faults");
        let cluster = Cluster::builder()
            .nodes(3)
            .api_layer(move |component, api| Arc::new(ApiFaults::new(api, faults.child(component), ONE_IN)))
            .start(&env)
            .await
            .unwrap();
        apply_settled(&cluster, &deployment("web", 4, "web:1")).await;
        cluster.apply(&deployment("web", 4, "web:2")).await.unwrap();
        cluster.fail_node("node-1");
        sim.advance(Duration::from_secs(1200)).await;
        cluster.settle().await.unwrap();
        let pods = pods(&cluster).await;
        assert_eq!(pods.len(), 4);
        for pod in &pods {
            assert!(is_ready(pod) && image(pod) == "web:2" && node(pod) != "node-1", "{pod:?}");
        }
    });
}
