//! Services: who is behind an address, and who is not.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use steersman::prelude::*;

use crate::{apply_settled, deployment, story};

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

/// Every endpoint of the service, and whether it is ready.
async fn readiness(cluster: &Cluster) -> Vec<Option<bool>> {
    let labels = "kubernetes.io/service-name=web".parse().unwrap();
    let of_web = ListOptions { labels, ..ListOptions::default() };
    let slices = cluster.api::<EndpointSlice>().namespace("default").list(&of_web).await.unwrap();
    let endpoints = slices.iter().flat_map(|slice| slice.endpoints.iter().flatten());
    endpoints.map(|endpoint| endpoint.conditions.as_ref()?.ready).collect()
}

/// How many addresses of the service's Endpoints are ready, and how many are not.
async fn addresses(cluster: &Cluster) -> (usize, usize) {
    let endpoints = cluster.api::<Endpoints>().namespace("default").get("web").await.unwrap();
    let subsets = endpoints.subsets.iter().flatten();
    subsets.fold((0, 0), |(ready, not_ready), subset| {
        let count = |addresses: &Option<Vec<_>>| addresses.as_ref().map_or(0, Vec::len);
        (ready + count(&subset.addresses), not_ready + count(&subset.not_ready_addresses))
    })
}

#[test]
fn ready_pods_stand_behind_the_service() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 3, "web:1")).await;
        apply_settled(cluster, SERVICE).await;
        assert_eq!(readiness(cluster).await, [Some(true); 3]);
        assert_eq!(addresses(cluster).await, (3, 0));
    });
}

#[test]
fn a_pod_that_is_not_ready_gets_no_traffic() {
    const CRASHES: &str = "
        {apiVersion: v1, kind: Pod, metadata: {name: broken, labels: {app: web},
         annotations: {fake.steersman.dev/script: 'run=5s,exit=1'}},
         spec: {containers: [{name: main, image: i}]}}";
    story(async |sim, cluster| {
        apply_settled(cluster, &deployment("web", 2, "web:1")).await;
        cluster.apply(SERVICE).await.unwrap();
        cluster.apply(CRASHES).await.unwrap();
        sim.advance(Duration::from_secs(3)).await;
        assert_eq!(addresses(cluster).await, (3, 0));
        sim.advance(Duration::from_secs(12)).await;
        assert_eq!(addresses(cluster).await, (2, 1));
        let mut ready = readiness(cluster).await;
        ready.sort();
        assert_eq!(ready, [Some(false), Some(true), Some(true)]);
    });
}

#[test]
fn every_service_has_an_address_of_its_own() {
    story(async |_, cluster| {
        cluster.apply(SERVICE).await.unwrap();
        cluster.apply(&SERVICE.replace("name: web,", "name: other,")).await.unwrap();
        let services =
            cluster.api::<Service>().namespace("default").list(&ListOptions::default()).await.unwrap();
        let mut addresses: Vec<_> =
            services.iter().filter_map(|one| one.spec.as_ref()?.cluster_ip.clone()).collect();
        let count = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), count);
        assert!(count >= 2);
    });
}
