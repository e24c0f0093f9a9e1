//! What claims get on a node.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::{AllocationResult, DeviceRequestAllocationResult, ResourceClaim};
use steersman_core::tree::{Value, from_value, json};
use steersman_core::Object;

use super::{ClaimPlan, Compiler, Inventory, NoPlan, Offers, Search, StopReason};
use crate::snapshot::Snapshot;

const DRIVER: &str = "d.example.com";

/// The devices of one pool, on every node.
fn pool(name: &str, devices: Value) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "driver": DRIVER, "allNodes": true, "devices": devices,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
        },
    })
}

/// A claim for as many devices as there are requests, each with what else it says.
fn claim(name: &str, requests: &[Value]) -> Value {
    let request = |(at, more): (usize, &Value)| {
        let mut exact = json!({"deviceClassName": "class"});
        exact.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": format!("r{at}"), "exactly": exact})
    };
    let requests: Vec<Value> = requests.iter().enumerate().map(request).collect();
    json!({"metadata": {"name": name, "namespace": "d"}, "spec": {"devices": {"requests": requests}}})
}

fn memory(amount: &str) -> Value {
    json!({"capacity": {"requests": {"memory": amount}}})
}

/// A device with 10Gi of memory, of which several may have a part.
fn shared(name: &str) -> Value {
    json!({"name": name, "allowMultipleAllocations": true, "capacity": {"memory": {"value": "10Gi"}}})
}

fn snapshot(slices: &[Value]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    let opaque = json!({"driver": DRIVER, "parameters": {}});
    let class = json!({"metadata": {"name": "class"}, "spec": {"config": [{"opaque": opaque}]}});
    for (kind, objects) in [("DeviceClass", &[class][..]), ("ResourceSlice", slices)] {
        for object in objects {
            let mut object = object.clone();
            (object["apiVersion"], object["kind"]) = (json!("resource.k8s.io/v1"), json!(kind));
            snapshot.set_related(Object::from_value(&object).unwrap());
        }
    }
    snapshot
}

/// What each claim gets on node `n` beside what others have.
fn allocated(
    slices: &[Value],
    others: &[AllocationResult],
    claims: &[Value],
) -> Result<Vec<AllocationResult>, String> {
    let (snapshot, compiler) = (snapshot(slices), Compiler::default());
    let node: Node = from_value(json!({"metadata": {"name": "n"}})).unwrap();
    let plan = |claim: &Value| {
        let claim: ResourceClaim = from_value(claim.clone()).unwrap();
        ClaimPlan::of(&Arc::new(claim), &snapshot, &compiler).map(Arc::new).map_err(|why| match why {
            NoPlan::NotNow(why) | NoPlan::Broken(why) => why,
        })
    };
    let plans = claims.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    match Search::new(Arc::new(Offers::new(Inventory::of(&snapshot), others)), plans).on(&node) {
        Ok(found) => found.ok_or_else(|| "cannot allocate all claims".to_owned()),
        Err(StopReason::Broken(why)) => Err(why),
        Err(StopReason::OnNode(why)) => Err(why.to_owned()),
        Err(StopReason::TooLong) => Err("too long".to_owned()),
    }
}

fn results(allocation: &AllocationResult) -> &[DeviceRequestAllocationResult] {
    allocation.devices.as_ref().unwrap().results.as_deref().unwrap()
}

/// `request device memory` of each device, for all claims.
fn found(slices: &[Value], others: &[AllocationResult], claims: &[Value]) -> Result<Vec<String>, String> {
    let told = |result: &DeviceRequestAllocationResult| {
        let memory = result.consumed_capacity.as_ref().and_then(|amounts| amounts.get("memory"));
        let memory = memory.map_or("whole", |amount| amount.0.as_str());
        assert_eq!(result.share_id.is_some(), memory != "whole");
        format!("{} {} {memory}", result.request, result.device)
    };
    let allocations = allocated(slices, others, claims)?;
    Ok(allocations.iter().flat_map(|one| results(one).iter().map(told)).collect())
}

fn other(device: &str, more: Value) -> AllocationResult {
    let mut result = json!({"request": "r", "driver": DRIVER, "pool": "p", "device": device});
    result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    from_value(json!({"devices": {"results": [result]}})).unwrap()
}

#[test]
fn a_device_is_shared_until_nothing_is_left_of_it() {
    let slices = [pool("p", json!([shared("a"), shared("b")]))];
    let one = |amount: &str| claim("c", &[memory(amount)]);
    let share = |amount: &str| other("a", json!({"shareID": "s", "consumedCapacity": {"memory": amount}}));
    let ok = |all: &[&str]| Ok(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    let none = || Err("cannot allocate all claims".to_owned());
    assert_eq!(found(&slices, &[], &[one("4Gi")]), ok(&["r0 a 4Gi"]));
    assert_eq!(found(&slices, &[share("6Gi")], &[one("4Gi")]), ok(&["r0 a 4Gi"]));
    assert_eq!(found(&slices, &[share("3Gi"), share("4Gi")], &[one("4Gi")]), ok(&["r0 b 4Gi"]));
    assert_eq!(found(&slices, &[other("a", json!({}))], &[one("4Gi")]), ok(&["r0 b 4Gi"]));
    let looks = other("a", json!({"adminAccess": true, "shareID": "s", "consumedCapacity": {"memory": "9Gi"}}));
    assert_eq!(found(&slices, &[looks], &[one("4Gi")]), ok(&["r0 a 4Gi"]));
    assert_eq!(found(&slices, &[], &[one("11Gi")]), none());
    // Claims of one pod, and requests of one claim, share, too; one request has a device once.
    let both = [one("6Gi"), one("6Gi")];
    assert_eq!(found(&slices, &[], &both), ok(&["r0 a 6Gi", "r0 b 6Gi"]));
    let three = claim("c", &[memory("6Gi"), memory("6Gi"), memory("4Gi")]);
    assert_eq!(found(&slices, &[], &[three]), ok(&["r0 a 6Gi", "r1 b 6Gi", "r2 a 4Gi"]));
    let twice = claim("c", &[json!({"count": 2, "capacity": {"requests": {"memory": "1Gi"}}})]);
    assert_eq!(found(&slices, &[], &[twice]), ok(&["r0 a 1Gi", "r0 b 1Gi"]));
    // Who asks for no amount gets all of it; what was given back in the search is there again.
    assert_eq!(found(&slices, &[], &[claim("c", &[json!({})])]), ok(&["r0 a 10Gi"]));
    let uneven = claim("c", &[memory("5Gi"), memory("10Gi"), memory("6Gi")]);
    assert_eq!(found(&slices, &[], &[uneven]), none());
}

#[test]
fn a_device_that_is_not_shared_must_have_what_is_asked_for() {
    let device = json!({"name": "a", "capacity": {"memory": {"value": "10Gi"}}});
    let slices = [pool("p", json!([device]))];
    let ask = |more: Value| found(&slices, &[], &[claim("c", &[more])]);
    assert_eq!(ask(memory("10Gi")), Ok(vec!["r0 a whole".to_owned()]));
    assert!(ask(memory("11Gi")).is_err());
    assert!(ask(json!({"capacity": {"requests": {"cores": "1"}}})).is_err());
}

#[test]
fn distinct_attributes_keep_shares_of_one_device_apart() {
    let named = |name: &str| {
        let mut device = shared(name);
        device["attributes"] = json!({"id": {"string": name}});
        device
    };
    let slices = [pool("p", json!([named("a"), named("b")]))];
    let mut two = claim("c", &[memory("1Gi"), memory("1Gi")]);
    assert_eq!(found(&slices, &[], &[two.clone()]).unwrap(), ["r0 a 1Gi", "r1 a 1Gi"]);
    two["spec"]["devices"]["constraints"] = json!([{"distinctAttribute": format!("{DRIVER}/id")}]);
    assert_eq!(found(&slices, &[], &[two]).unwrap(), ["r0 a 1Gi", "r1 b 1Gi"]);
}

#[test]
fn counters_are_taken_once_for_all_shares_of_a_device() {
    let takes = json!([{"counterSet": "card", "counters": {"slots": {"value": "1"}}}]);
    let with = |mut device: Value| {
        device["consumesCounters"] = takes.clone();
        device
    };
    let devices = pool("p", json!([with(shared("a")), with(shared("b"))]));
    let counters = json!([{"name": "card", "counters": {"slots": {"value": "1"}}}]);
    let (slices, one) = (in_parts(&[devices.clone(), card(&counters)]), claim("c", &[memory("6Gi")]));
    let two = claim("c", &[memory("4Gi"), memory("4Gi")]);
    assert_eq!(found(&slices, &[], &[two]).unwrap(), ["r0 a 4Gi", "r1 a 4Gi"]);
    assert!(found(&slices, &[], &[one.clone(), one.clone()]).is_err());
    let share = other("b", json!({"shareID": "s", "consumedCapacity": {"memory": "1Gi"}}));
    assert_eq!(found(&slices, &[share], std::slice::from_ref(&one)).unwrap(), ["r0 b 6Gi"]);
    let invalid = "invalid resource pools were encountered";
    assert_eq!(found(std::slice::from_ref(&devices), &[], std::slice::from_ref(&one)).unwrap_err(), invalid);
    // Sets of one name are told apart by nobody.
    let twice = in_parts(&[devices, card(&counters), card(&counters)]);
    assert_eq!(found(&twice, &[], &[one]).unwrap_err(), invalid);
}

/// A slice of the pool `p` that tells of counters.
fn card(counters: &Value) -> Value {
    let mut slice = pool("p", json!(null));
    slice["spec"]["sharedCounters"] = counters.clone();
    slice
}

/// The slices as those of one pool.
fn in_parts(slices: &[Value]) -> Vec<Value> {
    let part = |(at, slice): (usize, &Value)| {
        let mut slice = slice.clone();
        slice["metadata"]["name"] = json!(format!("part-{at}"));
        slice["spec"]["pool"]["resourceSliceCount"] = json!(slices.len());
        slice
    };
    slices.iter().enumerate().map(part).collect()
}

/// A slice of the pool `p`, in a generation, with a device for one node.
fn on(node: &str, generation: u32, device: &str) -> Value {
    let mut slice = pool("p", json!([{"name": device}]));
    (slice["metadata"]["name"], slice["spec"]["pool"]["generation"]) = (json!(format!("{node}-{generation}")), json!(generation));
    (slice["spec"]["allNodes"], slice["spec"]["nodeName"]) = (json!(null), json!(node));
    slice
}

#[test]
fn a_node_judges_a_pool_by_what_it_sees_of_it() {
    let ok = |device: &str| Ok(vec![format!("r0 {device} whole")]);
    let none = || Err("cannot allocate all claims".to_owned());
    let all = json!({"allocationMode": "All"});
    let updated = "claim d/c, request r0: asks for all devices, but resource pool d.example.com/p is currently being updated";
    let counters = json!([{"name": "card", "counters": {"slots": {"value": "1"}}}]);
    let count = |mut slice: Value, count: u32| {
        slice["spec"]["pool"]["resourceSliceCount"] = json!(count);
        slice
    };
    let elsewhere = pool("q", json!([{"name": "z"}]));
    let cases = [
        // A device elsewhere may have the same name.
        (in_parts(&[on("n", 1, "a"), on("m", 1, "a")]), json!({}), ok("a")),
        // All of the older generation is here; of a newer one there is nothing.
        (vec![on("n", 1, "a"), on("m", 2, "b")], json!({}), ok("a")),
        (vec![on("n", 1, "a"), on("n", 2, "b")], json!({}), ok("b")),
        // Some of the older generation was elsewhere.
        (vec![count(on("n", 1, "a"), 2), on("m", 2, "b"), elsewhere.clone()], all.clone(), ok("z")),
        (vec![count(on("n", 1, "a"), 2), elsewhere.clone()], json!({}), ok("z")),
        (vec![count(on("n", 1, "a"), 2), elsewhere.clone()], all.clone(), Err(updated.to_owned())),
        // Everybody sees counters.
        (vec![count(card(&counters), 2), elsewhere.clone()], all.clone(), Err(updated.to_owned())),
        (vec![count(card(&counters), 1), elsewhere], all, ok("z")),
        (vec![on("m", 1, "a")], json!({}), none()),
    ];
    for (slices, request, expected) in cases {
        assert_eq!(found(&slices, &[], &[claim("c", &[request])]), expected, "{slices:?}");
    }
}

#[test]
fn devices_that_say_where_they_are_reached_are_asked_about_first() {
    let at = |name: &str, node: &str| json!({"name": name, "nodeName": node, "attributes": {"size": {"int": 1}}});
    let mut slice = pool("p", json!([at("a", "m"), at("b", "n")]));
    (slice["spec"]["allNodes"], slice["spec"]["perDeviceNodeSelection"]) = (json!(null), json!(true));
    let asking = |expression: &str| claim("c", &[json!({"selectors": [{"cel": {"expression": expression}}]})]);
    let ask = |slice: &Value, expression: &str| found(std::slice::from_ref(slice), &[], &[asking(expression)]);
    if cfg!(feature = "cel") {
        let small = format!("device.attributes[\"{DRIVER}\"].size == 1");
        assert_eq!(ask(&slice, &small).unwrap(), ["r0 b whole"]);
        slice["spec"]["devices"][0]["attributes"] = json!({});
        let why = ask(&slice, &small).unwrap_err();
        assert!(why.starts_with("claim d/c: selector #0: CEL runtime error: "), "{why}");
        slice["spec"]["devices"][1]["nodeName"] = json!("elsewhere");
        assert_eq!(ask(&slice, &small).unwrap_err(), "cannot allocate all claims");
    }
}

#[test]
fn who_asks_for_all_devices_is_told_why_not() {
    let all = json!({"allocationMode": "All"});
    let devices = |count: usize| {
        let device = |at: usize| json!({"name": format!("g{at}"), "attributes": {"even": {"bool": at.is_multiple_of(2)}}});
        Value::from((0..count).map(device).collect::<Vec<_>>())
    };
    let ask = |slice: Value, claim: Value| found(&[slice], &[], &[claim]);
    assert_eq!(ask(pool("p", devices(2)), claim("c", std::slice::from_ref(&all))).unwrap().len(), 2);
    assert_eq!(
        ask(pool("p", devices(33)), claim("c", std::slice::from_ref(&all))).unwrap_err(),
        "claim d/c: number of requested devices 33 exceeds the claim limit of 32"
    );
    let mut unfinished = pool("p", devices(1));
    unfinished["spec"]["pool"]["resourceSliceCount"] = json!(2);
    assert_eq!(
        ask(unfinished, claim("c", std::slice::from_ref(&all))).unwrap_err(),
        "claim d/c, request r0: asks for all devices, but resource pool d.example.com/p is currently being updated"
    );
    let twins = json!([{"name": "a"}, {"name": "a"}]);
    assert_eq!(
        ask(pool("p", twins), claim("c", std::slice::from_ref(&all))).unwrap_err(),
        "claim d/c, request r0: asks for all devices, but resource pool d.example.com/p is currently invalid"
    );
    let mut alike = claim("c", &[all]);
    alike["spec"]["devices"]["constraints"] = json!([{"matchAttribute": format!("{DRIVER}/even")}]);
    assert_eq!(
        ask(pool("p", devices(2)), alike).unwrap_err(),
        "claim d/c, request r0: cannot add device d.example.com/p/g1 because a claim constraint would not be satisfied"
    );
}

#[test]
fn what_a_class_configures_is_said_once_for_all_its_requests() {
    let slices = [pool("p", json!([{"name": "a"}, {"name": "b"}]))];
    let found = allocated(&slices, &[], &[claim("c", &[json!({}), json!({})])]).unwrap();
    let config = found[0].devices.as_ref().unwrap().config.as_deref().unwrap();
    assert_eq!(config.len(), 1);
    assert_eq!(config[0].requests.as_deref().unwrap(), ["r0", "r1"]);
}

#[test]
fn pools_are_tried_by_name() {
    let slices = [pool("q", json!([{"name": "b"}])), pool("p", json!([{"name": "c"}, {"name": "a"}]))];
    let three = claim("c", &[json!({"count": 3})]);
    let found = found(&slices, &[], &[three]).unwrap();
    assert_eq!(found, ["r0 c whole", "r0 a whole", "r0 b whole"]);
}

#[test]
fn devices_that_have_to_be_prepared_come_last_and_may_be_bound_to_the_node() {
    let waits = json!({"name": "a", "bindingConditions": ["up"], "bindingFailureConditions": ["down"], "bindsToNode": true});
    let slices = [pool("p", json!([waits, {"name": "b"}])), pool("q", json!([{"name": "c"}]))];
    let one = claim("c", &[json!({})]);
    assert_eq!(found(&slices, &[], std::slice::from_ref(&one)).unwrap(), ["r0 c whole"]);
    let bound = allocated(&slices[..1], &[], &[one]).unwrap();
    let result = &results(&bound[0])[0];
    assert_eq!(result.binding_conditions.as_deref().unwrap(), ["up"]);
    assert_eq!(result.binding_failure_conditions.as_deref().unwrap(), ["down"]);
    let term = &bound[0].node_selector.as_ref().unwrap().node_selector_terms[0];
    assert_eq!(term.match_fields.as_ref().unwrap()[0].values.as_deref().unwrap(), ["n"]);
}
