//! A pod's life on its node: what fails is shown as Kubernetes shows it, what ends ends in order, and the node lives on.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman::core::tree::json;
use steersman::kubelet::fake::{Fake, Pull};
use steersman::prelude::*;

use crate::{is_ready, story};

/// A pod of one container that does what `script` says.
fn pod(name: &str, image: &str, script: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": {"fake.steersman.dev/script": script}},
        "spec": {"containers": [{"name": "main", "image": image}]}
    })
    .to_string()
}

async fn get(cluster: &Cluster, name: &str) -> Option<Arc<Pod>> {
    cluster.api::<Pod>().namespace("default").get_opt(name).await.unwrap()
}

async fn main_container(cluster: &Cluster, name: &str) -> ContainerStatus {
    let status = get(cluster, name).await.unwrap().status.clone().unwrap();
    status.container_statuses.unwrap().remove(0)
}

/// Why the container of a pod waits: reason and message.
async fn waits(cluster: &Cluster, name: &str) -> (String, String) {
    let state = main_container(cluster, name).await.state.unwrap();
    let waiting = state.waiting.unwrap_or_default();
    (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default())
}

#[test]
fn a_container_that_keeps_failing_is_put_off_longer_and_longer() {
    story(async |sim, cluster| {
        cluster.apply(&pod("broken", "i", "run=1s,exit=3")).await.unwrap();
        sim.advance(Duration::from_secs(8)).await;
        let (reason, message) = waits(cluster, "broken").await;
        assert_eq!(reason, "CrashLoopBackOff");
        assert!(message.starts_with("back-off 10s restarting failed container=main pod=broken_default("));
        let status = main_container(cluster, "broken").await;
        assert_eq!(status.restart_count, 1);
        assert_eq!(status.last_state.unwrap().terminated.unwrap().exit_code, 3);
        sim.advance(Duration::from_secs(15 * 60)).await;
        assert!(
            waits(cluster, "broken").await.1.starts_with("back-off 5m0s restarting failed container=main")
        );
        // Again at once, and then after 10, 20, 40, 80, 160 and 300 seconds.
        assert_eq!(main_container(cluster, "broken").await.restart_count, 7);
    });
}

#[test]
fn an_image_that_cannot_be_had_is_shown_and_the_node_lives_on() {
    steersman::sim::check(1..=3, async |sim| {
        let env = sim.env();
        let runtime = Fake::new(&env).pulling("gone:1", Pull::Fails("no such image".to_owned()));
        let cluster = Cluster::builder().node("lonely", runtime).start(&env).await.unwrap();
        cluster.apply(&pod("pulls", "gone:1", "")).await.unwrap();
        cluster.apply(&pod("other", "there:1", "")).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..60 {
            sim.advance(Duration::from_secs(1)).await;
            seen.push(waits(&cluster, "pulls").await.0);
        }
        seen.dedup();
        assert!(seen.ends_with(&["ErrImagePull".to_owned(), "ImagePullBackOff".to_owned()]), "{seen:?}");
        let (_, message) = waits(&cluster, "pulls").await;
        assert!(message.starts_with("Back-off pulling image \"gone:1\""), "{message}");
        assert!(is_ready(&get(&cluster, "other").await.unwrap()));
    });
}

#[test]
fn a_program_that_cannot_be_started_is_shown_and_the_node_lives_on() {
    story(async |sim, cluster| {
        cluster.apply(&pod("broken", "i", "error=no such program")).await.unwrap();
        cluster.apply(&pod("other", "i", "")).await.unwrap();
        sim.advance(Duration::from_secs(5)).await;
        let status = main_container(cluster, "broken").await;
        assert!(!status.ready && status.restart_count <= 1, "{status:?}");
        assert!(is_ready(&get(cluster, "other").await.unwrap()));
    });
}

#[test]
fn a_deleted_pod_has_its_grace_to_end_and_goes_then() {
    story(async |sim, cluster| {
        cluster.apply(&pod("slow", "i", "stop=10s")).await.unwrap();
        cluster.apply(&pod("deaf", "i", "stop=1h")).await.unwrap();
        cluster.settle().await.unwrap();
        let pods = cluster.api::<Pod>().namespace("default");
        pods.delete("slow").await.unwrap();
        pods.delete_with("deaf", &DeleteOptions { grace_period_seconds: Some(20), ..Default::default() })
            .await
            .unwrap();
        sim.advance(Duration::from_secs(9)).await;
        for name in ["slow", "deaf"] {
            let leaving = get(cluster, name).await.unwrap();
            assert!(leaving.metadata.deletion_timestamp.is_some());
            assert_eq!(leaving.status.as_ref().unwrap().phase.as_deref(), Some("Running"));
        }
        sim.advance(Duration::from_secs(3)).await;
        assert!(get(cluster, "slow").await.is_none() && get(cluster, "deaf").await.is_some());
        sim.advance(Duration::from_secs(10)).await;
        assert!(get(cluster, "deaf").await.is_none());
    });
}
