//! Services: who is behind an address, and who is not.

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

#[test]
fn ready_pods_stand_behind_the_service() {
    story(async |_, cluster| {
        apply_settled(cluster, &deployment("web", 3, "web:1")).await;
        apply_settled(cluster, SERVICE).await;
        let slices =
            cluster.api::<EndpointSlice>().namespace("default").list(&ListOptions::default()).await.unwrap();
        let ours = slices.iter().filter(|slice| {
            slice
                .metadata
                .labels
                .as_ref()
                .is_some_and(|all| all.get("kubernetes.io/service-name").is_some_and(|s| s == "web"))
        });
        let endpoints: Vec<_> = ours.flat_map(|slice| slice.endpoints.iter().flatten()).collect();
        assert_eq!(endpoints.len(), 3);
        let endpoints = cluster.api::<Endpoints>().namespace("default").get("web").await.unwrap();
        assert_eq!(
            endpoints.subsets.iter().flatten().flat_map(|subset| subset.addresses.iter().flatten()).count(),
            3
        );
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
