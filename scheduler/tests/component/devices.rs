//! Resource claims get devices before their pods are bound.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::resource::v1::{DeviceClass, ResourceClaim, ResourceClaimStatus, ResourceSlice};
use steersman_core::Object;
use steersman_core::api::{ListOptions, Patch};
use steersman_core::resource::Resource;
use steersman_core::tree::{Value, from_value, json};
use steersman_scheduler::plugins::GangScheduling;
use steersman_scheduler::{Decision, PodInfo, Profile, Snapshot};

use crate::{World, gangs, in_world};

const DRIVER: &str = "gpu.example.com";

impl World {
    async fn object<K: Resource>(&self, object: Value) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let objects = match namespace.as_str() {
            "" => self.client.all::<K>(),
            namespace => self.client.namespaced::<K>(namespace),
        };
        objects.create(&from_value(object).unwrap()).await.unwrap();
    }
}

fn class() -> Value {
    let cel = format!("device.driver == \"{DRIVER}\"");
    json!({"metadata": {"name": "gpu"}, "spec": {"selectors": [{"cel": {"expression": cel}}]}})
}

/// What a node offers: devices as `(name, model)`.
fn slice(node: &str, devices: &[(&str, &str)]) -> Value {
    let device =
        |(name, model): &(&str, &str)| json!({"name": name, "attributes": {"model": {"string": model}}});
    json!({
        "metadata": {"name": format!("{node}-slice")},
        "spec": {
            "driver": DRIVER, "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": devices.iter().map(device).collect::<Vec<Value>>(),
        },
    })
}

fn claim(name: &str, devices: Value) -> Value {
    let metadata = json!({"name": name, "namespace": "d", "uid": format!("uid-{name}")});
    json!({"metadata": metadata, "spec": {"devices": devices}})
}

fn one_gpu() -> Value {
    json!({"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]})
}

fn using(claim: &str) -> Value {
    json!({"resourceClaims": [{"name": "c", "resourceClaimName": claim}]})
}

/// A cluster without a server: nodes with the devices of their slices, and claims.
fn snapshot(slices: &[Value], claims: &[Value]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for node in ["n1", "n2"] {
        let status = json!({"allocatable": {"cpu": "4", "pods": "10"}});
        let node = json!({"metadata": {"name": node}, "status": status});
        snapshot.set_node(from_value::<Node>(node).unwrap());
    }
    let mut add = |kind: &str, objects: &[Value]| {
        for object in objects {
            let mut object = object.clone();
            object["apiVersion"] = json!("resource.k8s.io/v1");
            object["kind"] = json!(kind);
            snapshot.set_related(Object::from_value(&object).unwrap());
        }
    };
    add("DeviceClass", &[class()]);
    add("ResourceSlice", slices);
    add("ResourceClaim", claims);
    snapshot
}

/// The node for a pod with the claim `c`, or why there is none.
fn placed(slices: &[Value], devices: Value) -> Result<String, String> {
    let snapshot = snapshot(slices, &[claim("c", devices)]);
    let pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "p"}, "spec": using("c")});
    let mut pod = pod;
    pod["spec"]["containers"] = json!([]);
    let pod: Pod = from_value(pod).unwrap();
    match Profile::default().pick(&Arc::new(PodInfo::new(pod)), &snapshot, 0) {
        Decision::Node(choice) => Ok(choice.node.to_string()),
        Decision::NoFit(no_fit) => Err(no_fit.diagnosis.to_string()),
        Decision::Error(why) => Err(why),
        other => panic!("{other:?}"),
    }
}

async fn allocated(world: &World, name: &str) -> Vec<String> {
    let claim = world.client.namespaced::<ResourceClaim>("d").get(name).await.unwrap();
    let status = claim.status.clone().unwrap_or_default();
    let devices = status.allocation.and_then(|allocation| allocation.devices).unwrap_or_default();
    devices
        .results
        .unwrap_or_default()
        .into_iter()
        .map(|result| format!("{}/{}", result.pool, result.device))
        .collect()
}

#[test]
fn claims_are_allocated_and_reserved_before_their_pods_are_bound() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "4").await;
        world.node("n2", "4").await;
        world.object::<ResourceSlice>(slice("n2", &[("g0", "a"), ("g1", "a")])).await;
        for name in ["a", "b", "c"] {
            world.object::<ResourceClaim>(claim(name, one_gpu())).await;
            world.pod(name, "1", using(name)).await;
        }
        world.seconds(3).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n2"));
        assert_eq!(world.node_of("b").await.as_deref(), Some("n2"));
        let mut devices = [allocated(&world, "a").await, allocated(&world, "b").await].concat();
        devices.sort();
        assert_eq!(devices, ["n2/g0", "n2/g1"]);
        let (_, message) = world.condition("c").await;
        assert!(message.contains("2 cannot allocate all claims"), "{message}");
        let stored = world.client.namespaced::<ResourceClaim>("d").get("a").await.unwrap();
        let pods = stored.status.clone().unwrap().reserved_for.unwrap();
        assert_eq!((pods.len(), pods[0].name.as_str(), pods[0].resource.as_str()), (1, "a", "pods"));
        assert_eq!(stored.metadata.finalizers.clone().unwrap(), ["resource.kubernetes.io/delete-protection"]);
    });
}

#[test]
fn claims_have_shares_of_a_device_until_nothing_is_left_of_it() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "8").await;
        let mut slice = slice("n1", &[("g0", "a")]);
        slice["spec"]["devices"][0]["allowMultipleAllocations"] = json!(true);
        slice["spec"]["devices"][0]["capacity"] = json!({"memory": {"value": "10Gi"}});
        world.object::<ResourceSlice>(slice).await;
        let mut devices = one_gpu();
        devices["requests"][0]["exactly"]["capacity"] = json!({"requests": {"memory": "4Gi"}});
        for name in ["a", "b", "c"] {
            world.object::<ResourceClaim>(claim(name, devices.clone())).await;
            world.pod(name, "1", using(name)).await;
        }
        world.seconds(3).await;
        let mut ids = Vec::new();
        for name in ["a", "b"] {
            assert_eq!(world.node_of(name).await.as_deref(), Some("n1"));
            let claim = world.client.namespaced::<ResourceClaim>("d").get(name).await.unwrap();
            let allocation = claim.status.clone().unwrap().allocation.unwrap();
            let result = allocation.devices.unwrap().results.unwrap().remove(0);
            assert_eq!((&*result.device, &*result.consumed_capacity.unwrap()["memory"].0), ("g0", "4Gi"));
            ids.push(result.share_id.unwrap());
        }
        assert!(ids[0].len() == 36 && ids[1].len() == 36 && ids[0] != ids[1], "{ids:?}");
        let (_, message) = world.condition("c").await;
        assert!(message.contains("1 cannot allocate all claims"), "{message}");
    });
}

/// What n1 offers: a device that has to be attached first.
fn attachable() -> Value {
    let mut slice = slice("n1", &[("g0", "a")]);
    let device = &mut slice["spec"]["devices"][0];
    (device["bindingConditions"], device["bindingFailureConditions"]) =
        (json!(["attached"]), json!(["broken"]));
    slice
}

/// What the driver says of the device of a claim.
async fn report(world: &World, claim: &str, kind: &str) {
    let condition = json!({
        "type": kind, "status": "True", "reason": "Cable", "message": "it hums",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let device = json!({"driver": DRIVER, "pool": "n1", "device": "g0", "conditions": [condition]});
    let patch = Patch::Merge(json!({"status": {"devices": [device]}}));
    world.client.namespaced::<ResourceClaim>("d").patch_status(claim, patch).await.unwrap();
}

async fn status_of(world: &World, claim: &str) -> ResourceClaimStatus {
    let claim = world.client.namespaced::<ResourceClaim>("d").get(claim).await.unwrap();
    claim.status.clone().unwrap_or_default()
}

#[test]
fn a_pod_is_bound_once_its_devices_are_prepared() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "4").await;
        world.object::<ResourceSlice>(attachable()).await;
        world.object::<ResourceClaim>(claim("c", one_gpu())).await;
        world.pod("p", "1", using("c")).await;
        world.seconds(30).await;
        assert_eq!(world.node_of("p").await, None);
        let announced = world.get("p").await.status.clone().unwrap().nominated_node_name;
        assert_eq!(announced.as_deref(), Some("n1"));
        assert_eq!(
            world.events("BindingConditionsPending").await,
            ["waiting for binding conditions for device on node n1"]
        );
        let allocation = status_of(&world, "c").await.allocation.unwrap();
        assert!(allocation.allocation_timestamp.is_some());
        assert_eq!(
            allocation.devices.unwrap().results.unwrap()[0].binding_conditions.as_deref().unwrap(),
            ["attached"]
        );
        report(&world, "c", "attached").await;
        world.seconds(6).await;
        assert_eq!(world.node_of("p").await.as_deref(), Some("n1"));
    });
}

#[test]
fn a_device_that_cannot_be_prepared_is_given_back() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "4").await;
        world.object::<ResourceSlice>(attachable()).await;
        world.object::<ResourceClaim>(claim("c", one_gpu())).await;
        world.pod("p", "1", using("c")).await;
        world.seconds(1).await;
        report(&world, "c", "broken").await;
        let told = async |wanted: &str| {
            for _ in 0..60 {
                let told = world.events("FailedScheduling").await;
                if told.iter().any(|message| message.contains(wanted)) {
                    return;
                }
                world.seconds(1).await;
            }
            panic!("{wanted}: {:?}", world.events("FailedScheduling").await);
        };
        let failed = "device binding failed: claim=c, reason=Cable, message=\"it hums\"";
        told(&format!("running PreBind plugin \"DynamicResources\": {failed}")).await;
        told("0/1 nodes are available: 1 resourceclaim not available on the node. deallocation of ResourceClaim completed")
            .await;
        // It is tried again; nobody says anything this time.
        world.seconds(60).await;
        assert!(status_of(&world, "c").await.devices.is_none());
        world.seconds(600).await;
        told("device binding timeout: context deadline exceeded").await;
        world.seconds(60).await;
        report(&world, "c", "attached").await;
        world.seconds(60).await;
        assert_eq!(world.node_of("p").await.as_deref(), Some("n1"));
    });
}

const GPU: &str = "example.com/gpu";

/// A pod that asks for so many of the extended resource that the class stands for.
async fn pod_with_gpus(world: &World, name: &str, count: &str) {
    let requests = json!({"cpu": "1", GPU: count});
    let spec = json!({
        "schedulerName": "default-scheduler",
        "containers": [{"name": "c", "resources": {"requests": requests}}],
    });
    let metadata = json!({"name": name, "namespace": "d"});
    world.object::<Pod>(json!({"metadata": metadata, "spec": spec})).await;
}

fn class_of_gpus() -> Value {
    let mut class = class();
    class["spec"]["extendedResourceName"] = json!(GPU);
    class
}

/// The claims that were made, by name.
async fn made(world: &World) -> Vec<Arc<ResourceClaim>> {
    world.client.namespaced::<ResourceClaim>("d").list(&ListOptions::default()).await.unwrap()
}

#[test]
fn extended_resources_are_devices_where_a_class_stands_for_them() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "4").await;
        world.object::<ResourceSlice>(slice("n1", &[("g0", "a"), ("g1", "a"), ("g2", "a")])).await;
        pod_with_gpus(&world, "a", "2").await;
        world.seconds(1).await;
        assert!(world.condition("a").await.1.contains("Insufficient example.com/gpu"));
        // The class comes, and wakes the pod.
        world.object::<DeviceClass>(class_of_gpus()).await;
        world.seconds(3).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
        let claims = made(&world).await;
        let [claim] = &claims[..] else { panic!("{claims:?}") };
        let name = claim.metadata.name.clone().unwrap();
        assert!(name.starts_with("a-extended-resources-"), "{name}");
        let owner = &claim.metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(Some(&owner.uid), world.get("a").await.metadata.uid.as_ref());
        assert_eq!(allocated(&world, &name).await, ["n1/g0", "n1/g1"]);
        assert_eq!(claim.status.as_ref().unwrap().reserved_for.as_ref().unwrap()[0].name, "a");
        let told = world.get("a").await.status.clone().unwrap().extended_resource_claim_status.unwrap();
        assert_eq!(told.resource_claim_name, name);
        assert_eq!(told.request_mappings[0].request_name, "container-0-request-1");
        // Devices that are given out are gone; a node that offers the resource itself needs none.
        pod_with_gpus(&world, "b", "2").await;
        world.seconds(3).await;
        let message = world.condition("b").await.1;
        assert!(
            message
                .starts_with("0/1 nodes are available: 1 cannot allocate all claims. still not schedulable"),
            "{message}"
        );
        let node = json!({
            "metadata": {"name": "n2"},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110", GPU: "2"}},
        });
        world.object::<Node>(node).await;
        world.seconds(12).await;
        assert_eq!(world.node_of("b").await.as_deref(), Some("n2"));
        assert_eq!(made(&world).await.len(), 1);
        assert!(world.get("b").await.status.clone().unwrap().extended_resource_claim_status.is_none());
    });
}

#[test]
fn a_claim_for_extended_resources_goes_if_its_pod_is_not_bound() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class_of_gpus()).await;
        world.object::<ResourceSlice>(attachable()).await;
        pod_with_gpus(&world, "a", "1").await;
        // Somebody stopped halfway.
        let metadata = json!({
            "name": "stale", "namespace": "d",
            "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": "a", "controller": true,
                "uid": world.get("a").await.metadata.uid,
            }],
        });
        world.object::<ResourceClaim>(json!({"metadata": metadata, "spec": {"devices": one_gpu()}})).await;
        world.node("n1", "4").await;
        world.seconds(3).await;
        let told = world.events("FailedScheduling").await;
        let expected = "1 cannot schedule extended resource claim. deletion of ResourceClaim completed";
        assert!(told.iter().any(|message| message.contains(expected)), "{told:?}");
        world.seconds(10).await;
        let first = made(&world).await[0].metadata.name.clone().unwrap();
        assert!(first.starts_with("a-extended-resources-"), "{first}");
        report(&world, &first, "broken").await;
        world.seconds(20).await;
        let claims = made(&world).await;
        assert_eq!(claims.len(), 1);
        let second = claims[0].metadata.name.clone().unwrap();
        assert_ne!(second, first);
        report(&world, &second, "attached").await;
        world.seconds(6).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
    });
}

#[test]
fn a_pod_waits_for_its_claim_and_for_new_devices() {
    in_world(Profile::default(), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "4").await;
        world.pod("a", "1", using("late")).await;
        world.seconds(1).await;
        assert!(world.get("a").await.status.is_none(), "a pod that is held back is not told why");
        world.object::<ResourceClaim>(claim("late", one_gpu())).await;
        world.seconds(2).await;
        assert_eq!(world.node_of("a").await, None);
        world.object::<ResourceSlice>(slice("n1", &[("g0", "a")])).await;
        world.seconds(12).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
    });
}

#[test]
fn pods_of_a_gang_share_a_claim_that_is_allocated_for_one_of_them() {
    in_world(Profile::default().with(GangScheduling), async |world| {
        world.object::<DeviceClass>(class()).await;
        world.node("n1", "4").await;
        world.node("n2", "4").await;
        world.object::<ResourceSlice>(slice("n2", &[("g0", "a")])).await;
        world.object::<ResourceClaim>(claim("c", one_gpu())).await;
        gangs::gang(&world, 3).await;
        let mut spec = using("c");
        spec["schedulingGroup"] = json!({"podGroupName": "g"});
        for pod in ["a", "b"] {
            world.pod(pod, "1", spec.clone()).await;
        }
        // A gang that is not placed leaves nothing behind.
        spec["nodeSelector"] = json!({"no": "where"});
        world.pod("lost", "1", spec.clone()).await;
        world.seconds(5).await;
        assert_eq!(allocated(&world, "c").await, Vec::<String>::new());
        spec["nodeSelector"] = json!(null);
        world.pod("d", "1", spec).await;
        world.seconds(12).await;
        for pod in ["a", "b", "d"] {
            assert_eq!(world.node_of(pod).await.as_deref(), Some("n2"), "{pod}");
        }
        let status = status_of(&world, "c").await;
        let mut pods: Vec<String> = status.reserved_for.unwrap().into_iter().map(|one| one.name).collect();
        pods.sort();
        assert_eq!(pods, ["a", "b", "d"]);
    });
}

#[test]
fn selectors_constraints_and_counts_decide_where_a_claim_fits() {
    let slices = [slice("n1", &[("g0", "a"), ("g1", "b")]), slice("n2", &[("g0", "b"), ("g1", "b")])];
    let wants = |more: Value| {
        let mut exact = json!({"deviceClassName": "gpu"});
        exact.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"requests": [{"name": "gpu", "exactly": exact}]})
    };
    let model = |model: &str| {
        let cel = format!("device.attributes[\"{DRIVER}\"].model == \"{model}\"");
        json!({"selectors": [{"cel": {"expression": cel}}]})
    };
    let constrained = |kind: &str| {
        let mut devices = wants(json!({"count": 2}));
        devices["constraints"] = json!([{kind: format!("{DRIVER}/model")}]);
        devices
    };
    assert_eq!(placed(&slices, wants(model("a"))).as_deref(), Ok("n1"));
    assert_eq!(placed(&slices, constrained("matchAttribute")).as_deref(), Ok("n2"));
    assert_eq!(placed(&slices, constrained("distinctAttribute")).as_deref(), Ok("n1"));
    let none = placed(&slices, wants(json!({"count": 3}))).unwrap_err();
    assert!(none.starts_with("0/2 nodes are available: 2 cannot allocate all claims."), "{none}");
    let mut all_b = model("b");
    all_b["allocationMode"] = json!("All");
    assert!(placed(&slices, wants(all_b)).is_ok());
    let broken = wants(json!({"selectors": [{"cel": {"expression": "device."}}]}));
    let why = placed(&slices, broken).unwrap_err();
    assert!(why.contains("claim d/c: selector #0: CEL compile error"), "{why}");
    let missing = json!({"requests": [{"name": "gpu", "exactly": {"deviceClassName": "tpu"}}]});
    let why = placed(&slices, missing).unwrap_err();
    let helpless = "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
    let missing = "request gpu: device class tpu does not exist. no new claims to deallocate";
    assert_eq!(why, format!("0/2 nodes are available: {missing}, {helpless}"));
}

#[test]
fn the_first_alternative_that_fits_is_taken() {
    let slices = [slice("n1", &[("g0", "a")]), slice("n2", &[("g0", "b"), ("g1", "b")])];
    let alternative =
        |name: &str, count: u32| json!({"name": name, "deviceClassName": "gpu", "count": count});
    let request = json!({"name": "gpu", "firstAvailable": [alternative("many", 3), alternative("two", 2)]});
    assert_eq!(placed(&slices, json!({"requests": [request]})).as_deref(), Ok("n2"));
}

#[test]
fn the_node_with_the_better_alternative_is_chosen() {
    let slices = [slice("n1", &[("g0", "b")]), slice("n2", &[("g0", "a")])];
    let alternative = |model: &str| {
        let cel = format!("device.attributes[\"{DRIVER}\"].model == \"{model}\"");
        json!({"name": model, "deviceClassName": "gpu", "selectors": [{"cel": {"expression": cel}}]})
    };
    for (models, node) in [(["a", "b"], "n2"), (["b", "a"], "n1")] {
        let request = json!({"name": "gpu", "firstAvailable": models.map(alternative)});
        assert_eq!(placed(&slices, json!({"requests": [request]})).as_deref(), Ok(node));
    }
}

#[test]
fn alternatives_that_a_claim_has_already_count_with_those_that_others_get() {
    let slices = [slice("n1", &[("g0", "b")]), slice("n2", &[("g0", "a")])];
    let alternative = |model: &str| {
        let cel = format!("device.attributes[\"{DRIVER}\"].model == \"{model}\"");
        json!({"name": model, "deviceClassName": "gpu", "selectors": [{"cel": {"expression": cel}}]})
    };
    let request = |models: [&str; 2]| json!({"name": "gpu", "firstAvailable": models.map(alternative)});
    let mut had = claim("had", json!({"requests": [request(["x", "y"])]}));
    let result = json!({"request": "gpu/x", "driver": DRIVER, "pool": "gone", "device": "g0"});
    had["status"]["allocation"] = json!({"devices": {"results": [result]}});
    let wanted = claim("c", json!({"requests": [request(["b", "a"])]}));
    let snapshot = snapshot(&slices, &[had, wanted]);
    let score = |claims: &[&str]| {
        let entry = |claim: &&str| json!({"name": claim, "resourceClaimName": claim});
        let entries: Vec<Value> = claims.iter().map(entry).collect();
        let spec = json!({"containers": [], "resourceClaims": entries});
        let pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "p"}, "spec": spec});
        let pod = Arc::new(PodInfo::new(from_value::<Pod>(pod).unwrap()));
        let explained = Profile::default().explain(&pod, &snapshot);
        let of = |node: &str| explained.scores["DynamicResources"][node].normalized;
        (of("n1"), of("n2"))
    };
    assert_eq!(score(&["c"]), (100, 87));
    assert_eq!(score(&["c", "had"]), (100, 93));
}

#[test]
fn tainted_devices_and_incomplete_pools_are_left_alone() {
    let mut tainted = slice("n1", &[("g0", "a")]);
    tainted["spec"]["devices"][0]["taints"] = json!([{"key": "broken", "effect": "NoSchedule"}]);
    let mut incomplete = slice("n2", &[("g0", "a")]);
    incomplete["spec"]["pool"]["resourceSliceCount"] = json!(2);
    let slices = [tainted, incomplete];
    assert!(placed(&slices, one_gpu()).is_err());
    let tolerant =
        json!({"deviceClassName": "gpu", "tolerations": [{"key": "broken", "operator": "Exists"}]});
    let devices = json!({"requests": [{"name": "gpu", "exactly": tolerant}]});
    assert_eq!(placed(&slices, devices).as_deref(), Ok("n1"));
}

#[test]
fn devices_share_the_counters_of_their_pool() {
    let mut slice = slice("n1", &[("whole", "a"), ("half-0", "a"), ("half-1", "a")]);
    let takes = |memory: &str| json!([{"counterSet": "card", "counters": {"memory": {"value": memory}}}]);
    slice["spec"]["pool"]["resourceSliceCount"] = json!(2);
    let mut counters = slice.clone();
    (counters["metadata"]["name"], counters["spec"]["devices"]) = (json!("counters"), json!(null));
    counters["spec"]["sharedCounters"] = json!([{"name": "card", "counters": {"memory": {"value": "40Gi"}}}]);
    for (at, memory) in ["40Gi", "20Gi", "20Gi"].into_iter().enumerate() {
        slice["spec"]["devices"][at]["consumesCounters"] = takes(memory);
    }
    let wants = |count: u32| json!({"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu", "count": count}}]});
    let slices = [slice, counters];
    assert!(placed(&slices, wants(2)).is_ok());
    assert!(placed(&slices, wants(3)).is_err());
}

#[test]
fn an_allocated_claim_keeps_its_pod_on_the_nodes_that_reach_the_devices() {
    let mut taken = claim("c", one_gpu());
    let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]});
    let result = json!({"request": "gpu", "driver": DRIVER, "pool": "n2", "device": "g0"});
    taken["status"]["allocation"] =
        json!({"nodeSelector": {"nodeSelectorTerms": [term]}, "devices": {"results": [result]}});
    let snapshot = snapshot(&[slice("n2", &[("g0", "a")])], &[taken, claim("other", one_gpu())]);
    let pick = |claim: &str| {
        let mut pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "p"}, "spec": using(claim)});
        pod["spec"]["containers"] = json!([]);
        let pod: Pod = from_value(pod).unwrap();
        Profile::default().pick(&Arc::new(PodInfo::new(pod)), &snapshot, 0)
    };
    assert!(matches!(pick("c"), Decision::Node(choice) if &*choice.node == "n2"));
    assert!(matches!(pick("other"), Decision::NoFit(_)));
}
