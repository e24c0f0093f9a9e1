//! Devices: claims get shares of them, drivers prepare them, and extended resources stand for them.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::resource::v1::{DeviceRequestAllocationResult, ResourceClaim};
use steersman::core::tree::{Value, json};
use steersman::prelude::*;

use crate::{node, story};

/// A class of the devices of a driver, perhaps with the resource that it stands for.
fn class(name: &str, resource: Option<&str>) -> Value {
    let cel = format!("device.driver == \"{name}.example.com\"");
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": cel}}], "extendedResourceName": resource},
    })
}

/// What a driver offers on node-2.
fn slice(name: &str, device: &Value) -> Value {
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": name},
        "spec": {
            "driver": format!("{name}.example.com"), "nodeName": "node-2", "devices": [device],
            "pool": {"name": "node-2", "generation": 1, "resourceSliceCount": 1},
        },
    })
}

fn claim(name: &str, memory: &str) -> Value {
    let exactly = json!({"deviceClassName": "gpu", "capacity": {"requests": {"memory": memory}}});
    json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": name},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}},
    })
}

fn pod(name: &str, spec: Value, resources: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
    pod["spec"]["containers"] = json!([{"name": "main", "image": "i", "resources": resources}]);
    pod
}

async fn apply(cluster: &Cluster, all: &[Value]) {
    for object in all {
        cluster.apply(&object.to_string()).await.expect("the manifest is valid");
    }
}

async fn node_of(cluster: &Cluster, name: &str) -> String {
    node(&cluster.api::<Pod>().namespace("default").get(name).await.unwrap()).to_owned()
}

/// The one device of a claim.
async fn device_of(cluster: &Cluster, claim: &str) -> DeviceRequestAllocationResult {
    let claim = cluster.api::<ResourceClaim>().namespace("default").get(claim).await.unwrap();
    let allocation = claim.status.clone().unwrap().allocation.unwrap();
    assert!(allocation.allocation_timestamp.is_some());
    allocation.devices.unwrap().results.unwrap().remove(0)
}

#[test]
fn two_claims_have_shares_of_a_device_once_it_is_attached() {
    story(async |sim, cluster| {
        let policy = json!({"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi"}});
        let gpu = json!({
            "name": "g0", "allowMultipleAllocations": true, "bindsToNode": true,
            "capacity": {"memory": {"value": "4Gi", "requestPolicy": policy}},
            "bindingConditions": ["attached"], "bindingFailureConditions": ["broken"],
        });
        let using = |claim: &str| json!({"resourceClaims": [{"name": "c", "resourceClaimName": claim}]});
        apply(cluster, &[class("gpu", None), slice("gpu", &gpu)]).await;
        for name in ["a", "b", "c"] {
            apply(cluster, &[claim(name, "1500Mi"), pod(name, using(name), json!({}))]).await;
        }
        sim.advance(std::time::Duration::from_secs(10)).await;
        for name in ["a", "b"] {
            assert_eq!(node_of(cluster, name).await, "");
            let device = device_of(cluster, name).await;
            assert_eq!(device.consumed_capacity.unwrap()["memory"].0, "2Gi");
            let condition = json!({
                "type": "attached", "status": "True", "reason": "Done", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let status = json!({
                "driver": device.driver, "pool": device.pool, "device": device.device,
                "shareID": device.share_id, "conditions": [condition],
            });
            let patch = Patch::Merge(json!({"status": {"devices": [status]}}));
            cluster.api::<ResourceClaim>().namespace("default").patch_status(name, patch).await.unwrap();
        }
        sim.advance(std::time::Duration::from_secs(10)).await;
        assert_eq!([node_of(cluster, "a").await, node_of(cluster, "b").await], ["node-2", "node-2"]);
        assert_eq!(node_of(cluster, "c").await, "");
    });
}

#[test]
fn a_pod_gets_the_devices_that_an_extended_resource_stands_for() {
    story(async |sim, cluster| {
        let resource = "example.com/tpu";
        apply(cluster, &[class("tpu", Some(resource)), slice("tpu", &json!({"name": "t0"}))]).await;
        let asks = json!({"requests": {resource: "1"}, "limits": {resource: "1"}});
        apply(cluster, &[pod("a", json!({}), asks)]).await;
        sim.advance(std::time::Duration::from_secs(10)).await;
        assert_eq!(node_of(cluster, "a").await, "node-2");
        let pod = cluster.api::<Pod>().namespace("default").get("a").await.unwrap();
        let told = pod.status.clone().unwrap().extended_resource_claim_status.unwrap();
        assert!(told.resource_claim_name.starts_with("a-extended-resources-"), "{told:?}");
        assert_eq!(told.request_mappings[0].request_name, "container-0-request-0");
        assert_eq!(device_of(cluster, &told.resource_claim_name).await.device, "t0");
    });
}
