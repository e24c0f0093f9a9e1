//! Garbage collection: dependents go, wait or stay, as the deleter asked.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman::prelude::*;

use crate::{apply_settled, deployment, pods, story};

async fn delete(cluster: &Cluster, policy: &str) {
    let options = DeleteOptions { propagation_policy: Some(policy.to_owned()), ..DeleteOptions::default() };
    cluster.api::<Deployment>().namespace("default").delete_with("web", &options).await.unwrap();
    cluster.settle().await.unwrap();
}

async fn sets(cluster: &Cluster) -> usize {
    cluster.api::<ReplicaSet>().namespace("default").list(&ListOptions::default()).await.unwrap().len()
}

#[test]
fn deleting_in_the_background_takes_dependents_along() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        delete(cluster, "Background").await;
        assert_eq!((sets(cluster).await, pods(cluster).await.len()), (0, 0));
    });
}

#[test]
fn deleting_in_the_foreground_takes_dependents_first() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        delete(cluster, "Foreground").await;
        assert_eq!((sets(cluster).await, pods(cluster).await.len()), (0, 0));
        assert!(cluster.api::<Deployment>().namespace("default").get_opt("web").await.unwrap().is_none());
    });
}

#[test]
fn orphans_stay_and_lose_their_owner() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        delete(cluster, "Orphan").await;
        let sets =
            cluster.api::<ReplicaSet>().namespace("default").list(&ListOptions::default()).await.unwrap();
        assert_eq!(sets.len(), 1);
        assert!(sets[0].metadata.owner_references.as_ref().is_none_or(Vec::is_empty));
        assert_eq!(pods(cluster).await.len(), 2);
    });
}
