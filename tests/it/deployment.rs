//! Deployments and ReplicaSets: replicas come up, heal, roll and roll back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman::core::api::WatchStream;
use steersman::core::tree::{Value, json};
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
        cluster.api::<Pod>().namespace("default").delete(victim).await.unwrap();
        cluster.settle().await.unwrap();
        let after = pod_names(cluster).await;
        assert_eq!(after.len(), 2);
        assert!(!after.contains(victim));
    });
}

/// Every state that the objects of a type have been in since the watch began, oldest first; `true` for the last.
fn history<K: Resource>(changes: &mut WatchStream) -> Vec<(Arc<K>, bool)> {
    let changes = std::iter::from_fn(|| changes.next().now_or_never().flatten());
    let state = |change| match change {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => Some((object.decode().unwrap(), false)),
        WatchEvent::Deleted(object) => Some((object.decode().unwrap(), true)),
        _ => None,
    };
    changes.filter_map(state).collect()
}

#[test]
fn a_rollout_replaces_every_pod_and_never_leaves_its_bounds() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 4, "web:1")).await;
        let mut pod_changes = cluster.api::<Pod>().watch(&WatchOptions::default()).await.unwrap();
        let mut set_changes = cluster.api::<ReplicaSet>().watch(&WatchOptions::default()).await.unwrap();
        apply_settled(cluster, &deployment("web", 4, "web:2")).await;

        let mut ready = BTreeSet::new();
        for (at, (pod, _)) in history::<Pod>(&mut pod_changes).into_iter().enumerate() {
            let serves = is_ready(&pod) && pod.metadata.deletion_timestamp.is_none();
            let name = pod.metadata.name.clone();
            if serves {
                ready.insert(name)
            } else {
                ready.remove(&name)
            };
            assert!(at < 3 || ready.len() >= 3, "a quarter may be unavailable: {ready:?}");
        }
        let mut wanted = BTreeMap::new();
        for (set, _) in history::<ReplicaSet>(&mut set_changes) {
            wanted.insert(set.metadata.name.clone(), set.spec.as_ref().unwrap().replicas.unwrap());
            assert!(wanted.values().sum::<i32>() <= 5, "a quarter may come on top: {wanted:?}");
        }
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
        let web = cluster.api::<Deployment>().namespace("default");
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
        let web = cluster.api::<Deployment>().namespace("default");
        let target = web.target("web").subresource("scale");
        let patch = Patch::Merge(json!({"spec": {"replicas": 3}}));
        cluster.client().api().patch(&target, patch, &WriteOptions::default()).await.unwrap();
        cluster.settle().await.unwrap();
        assert_eq!(pods(cluster).await.len(), 3);
    });
}

#[test]
fn recreation_ends_the_old_pods_before_it_starts_new_ones() {
    story(async |_, cluster| {
        let recreated = |image: &str| {
            let mut web: Value = serde_json::from_str(&deployment("web", 3, image)).unwrap();
            web["spec"]["strategy"] = json!({"type": "Recreate"});
            web.to_string()
        };
        apply_settled(cluster, &recreated("web:1")).await;
        let mut changes = cluster.api::<Pod>().watch(&WatchOptions::default()).await.unwrap();
        apply_settled(cluster, &recreated("web:2")).await;
        let mut gone = 0;
        for (pod, is_gone) in history::<Pod>(&mut changes) {
            gone += usize::from(is_gone);
            assert!(image(&pod) == "web:1" || gone == 3, "{pod:?}");
        }
        assert_eq!(gone, 3);
        assert!(pods(cluster).await.iter().all(|pod| image(pod) == "web:2" && is_ready(pod)));
    });
}

#[test]
fn a_rollout_without_progress_says_so_and_leaves_the_old_pods_serving() {
    story(async |sim, cluster| {
        apply_settled(cluster, &deployment("web", 4, "web:1")).await;
        let stuck = json!({"spec": {
            "progressDeadlineSeconds": 60,
            "template": {
                "metadata": {"annotations": {"fake.steersman.dev/script": "error=no such program"}},
                "spec": {"containers": [{"name": "main", "image": "web:2"}]},
            },
        }});
        let web = cluster.api::<Deployment>().namespace("default");
        web.patch("web", Patch::Strategic(stuck)).await.unwrap();
        sim.advance(Duration::from_secs(90)).await;
        let status = web.get("web").await.unwrap().status.clone().unwrap();
        let progress = status.conditions.iter().flatten().find(|one| one.type_ == "Progressing").unwrap();
        assert_eq!(progress.reason.as_deref(), Some("ProgressDeadlineExceeded"));
        assert_eq!(progress.status, "False");
        assert_eq!(status.available_replicas, Some(3));
    });
}

#[test]
fn a_deployment_adopts_the_pods_that_its_predecessor_left() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        let before = pod_names(cluster).await;
        let orphan = DeleteOptions { propagation_policy: Some("Orphan".to_owned()), ..Default::default() };
        cluster.api::<Deployment>().namespace("default").delete_with("web", &orphan).await.unwrap();
        cluster.settle().await.unwrap();
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        assert_eq!(pod_names(cluster).await, before);
        let uid = get_deployment(cluster, "web").await.metadata.uid.clone();
        let sets = cluster.api::<ReplicaSet>().list(&ListOptions::default()).await.unwrap();
        let owner = sets[0].metadata.owner_references.as_ref().unwrap()[0].uid.clone();
        assert_eq!((sets.len(), Some(owner)), (1, uid));
    });
}
