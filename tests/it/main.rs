//! Whole clusters in virtual time: each controller's main promises, as a user would see them.
#![expect(clippy::unwrap_used, reason = "what a story takes for granted ends it where it is not so")]

mod access;
mod apply;
mod bad_input;
mod deployment;
mod devices;
mod disruption;
mod extension;
mod faults;
mod garbage;
mod invariants;
mod logs;
mod namespace;
mod node;
mod pod;
mod scheduling;
mod service;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use steersman::core::tree::json;
use steersman::prelude::*;
use steersman::sim::Sim;

/// Runs a story in a fresh cluster of three nodes, once a seed.
fn story(tell: impl AsyncFn(&Sim, &Cluster)) {
    steersman::sim::check(1..=3, async |sim| {
        let cluster =
            Cluster::builder().nodes(3).start(&sim.env()).await.expect("three nodes are a valid cluster");
        tell(sim, &cluster).await;
    });
}

/// A Deployment as a user would write it.
fn deployment(name: &str, replicas: i32, image: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]}
            }
        }
    })
    .to_string()
}

async fn apply_settled(cluster: &Cluster, manifest: &str) {
    cluster.apply(manifest).await.expect("the manifest is valid");
    cluster.settle().await.expect("the cluster settles");
}

async fn get_deployment(cluster: &Cluster, name: &str) -> Arc<Deployment> {
    cluster.api::<Deployment>().namespace("default").get(name).await.expect("the Deployment exists")
}

/// The pods of the default namespace that are not on their way out.
async fn pods(cluster: &Cluster) -> Vec<Arc<Pod>> {
    let all = cluster
        .api::<Pod>()
        .namespace("default")
        .list(&ListOptions::default())
        .await
        .expect("pods can be listed");
    all.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
}

async fn pod_names(cluster: &Cluster) -> BTreeSet<String> {
    pods(cluster).await.iter().filter_map(|pod| pod.metadata.name.clone()).collect()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn image(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.as_deref()).unwrap_or_default()
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}
