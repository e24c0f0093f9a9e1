//! Deployments and ReplicaSets: replicas come up, heal, roll and roll back.

use serde_json::json;
use steersman::prelude::*;

use crate::{apply_settled, deployment, get_deployment, image, is_ready, pod_names, pods, story};

#[test]
fn every_replica_becomes_ready() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 5, "web:1")).await;
        let pods = pods(cluster).await;
        assert_eq!(pods.len(), 5);
        assert!(pods.iter().all(|pod| is_ready(pod)));
        let status = get_deployment(cluster, "web").await.status.clone().unwrap();
        assert_eq!((status.ready_replicas, status.available_replicas), (Some(5), Some(5)));
    });
}

#[test]
fn a_deleted_pod_is_replaced() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        let before = pod_names(cluster).await;
        let victim = before.first().unwrap();
        cluster.api::<k8s_openapi::api::core::v1::Pod>().namespace("default").delete(victim).await.unwrap();
        cluster.settle().await.unwrap();
        let after = pod_names(cluster).await;
        assert_eq!(after.len(), 2);
        assert!(!after.contains(victim));
    });
}

#[test]
fn a_rollout_replaces_every_pod_and_never_falls_below_its_bounds() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 4, "web:1")).await;
        cluster.apply(&deployment("web", 4, "web:2")).await.unwrap();
        cluster.settle().await.unwrap();
        let pods = pods(cluster).await;
        assert_eq!(pods.len(), 4);
        assert!(pods.iter().all(|pod| image(pod) == "web:2" && is_ready(pod)));
    });
}

#[test]
fn undo_brings_the_previous_template_back() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        apply_settled(cluster, &deployment("web", 2, "web:2")).await;
        cluster.undo("default", "web").await.unwrap();
        cluster.settle().await.unwrap();
        assert!(pods(cluster).await.iter().all(|pod| image(pod) == "web:1"));
        let revision = get_deployment(cluster, "web").await.metadata.annotations.clone().unwrap();
        assert_eq!(revision["deployment.kubernetes.io/revision"], "3");
    });
}

#[test]
fn a_paused_deployment_does_not_roll() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        let web = cluster.api::<k8s_openapi::api::apps::v1::Deployment>().namespace("default");
        web.patch("web", Patch::Merge(json!({"spec": {"paused": true}}))).await.unwrap();
        apply_settled(cluster, &deployment("web", 2, "web:2")).await;
        assert!(pods(cluster).await.iter().all(|pod| image(pod) == "web:1"));
        web.patch("web", Patch::Merge(json!({"spec": {"paused": false}}))).await.unwrap();
        cluster.settle().await.unwrap();
        assert!(pods(cluster).await.iter().all(|pod| image(pod) == "web:2"));
    });
}

#[test]
fn scaling_through_the_scale_subresource_changes_the_replicas() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 1, "web:1")).await;
        let web = cluster.api::<k8s_openapi::api::apps::v1::Deployment>().namespace("default");
        let target = web.target("web").subresource("scale");
        let patch = Patch::Merge(json!({"spec": {"replicas": 3}}));
        cluster.client().api().patch(&target, patch, &WriteOptions::default()).await.unwrap();
        cluster.settle().await.unwrap();
        assert_eq!(pods(cluster).await.len(), 3);
    });
}
