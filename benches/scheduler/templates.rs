//! The nodes and pods of upstream's scheduler_perf.

use k8s_openapi::api::core::v1::Node;
use steersman::core::tree::{Value, from_value, json};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// Makes the spec, labels and namespace of the pod of a number.
pub(crate) type Template = fn(usize) -> Value;

pub(crate) fn node(number: usize, zones: usize) -> Node {
    let name = format!("node-{number}");
    let mut labels = json!({HOST: name});
    if zones > 0 {
        labels[ZONE] = json!(format!("zone{}", number % zones + 1));
    }
    let allocatable = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    from_value(json!({"metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}}))
        .expect("a valid node")
}

/// What the driver of volumes can attach to a node.
pub(crate) fn driver(node: usize) -> Value {
    let driver = json!({"name": "csi.example.com", "nodeID": node.to_string(), "allocatable": {"count": 39}});
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": format!("node-{node}")},
        "spec": {"drivers": [driver]},
    })
}

/// The volume of a pod.
pub(crate) fn volume(pod: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("volume-{pod}")},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
            "claimRef": {"namespace": "sched-0", "name": format!("claim-{pod}")},
            "csi": {"driver": "csi.example.com", "volumeHandle": pod.to_string()},
        },
        "status": {"phase": "Bound"},
    })
}

/// The claim of a pod, bound to its volume.
pub(crate) fn claim(pod: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": format!("claim-{pod}"), "namespace": "sched-0",
            "annotations": {"pv.kubernetes.io/bind-completed": "true"},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": format!("volume-{pod}"),
        },
        "status": {"phase": "Bound"},
    })
}

fn pod(color: &str, more: Value) -> Value {
    let requests = json!({"cpu": "100m", "memory": "500Mi"});
    let container =
        json!({"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests}});
    let mut spec = json!({"containers": [container]});
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({"metadata": {"namespace": "sched-0", "labels": {"color": color}}, "spec": spec})
}

pub(crate) fn basic(_: usize) -> Value {
    pod("none", json!({}))
}

pub(crate) fn huge(_: usize) -> Value {
    let requests = json!({"cpu": "9", "memory": "500Mi"});
    let containers = json!([{"name": "pause", "image": "pause", "resources": {"requests": requests}}]);
    pod("none", json!({"containers": containers}))
}

pub(crate) fn unimportant(_: usize) -> Value {
    let requests = json!({"cpu": "900m", "memory": "500Mi"});
    let containers = json!([{"name": "pause", "image": "pause", "resources": {"requests": requests}}]);
    pod("none", json!({"containers": containers, "terminationGracePeriodSeconds": 0}))
}

pub(crate) fn important(_: usize) -> Value {
    let requests = json!({"cpu": "3", "memory": "500Mi"});
    let containers = json!([{"name": "pause", "image": "pause", "resources": {"requests": requests}}]);
    pod("none", json!({"priority": 10, "containers": containers}))
}

pub(crate) fn gated(number: usize) -> Value {
    pod(
        "none",
        if number.is_multiple_of(2) { json!({"schedulingGates": [{"name": "hold"}]}) } else { json!({}) },
    )
}

pub(crate) fn with_volume(number: usize) -> Value {
    let claim = json!({"claimName": format!("claim-{number}")});
    pod("none", json!({"volumes": [{"name": "data", "persistentVolumeClaim": claim}]}))
}

fn required_on_nodes(requirement: Value, kind: &str) -> Value {
    let terms = json!({"nodeSelectorTerms": [{kind: [requirement]}]});
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

pub(crate) fn in_zone(_: usize) -> Value {
    pod(
        "none",
        required_on_nodes(
            json!({"key": ZONE, "operator": "In", "values": ["zone1", "zone2"]}),
            "matchExpressions",
        ),
    )
}

pub(crate) fn on_its_node(number: usize) -> Value {
    let name = format!("node-{}", number - 1);
    pod(
        "none",
        required_on_nodes(json!({"key": "metadata.name", "operator": "In", "values": [name]}), "matchFields"),
    )
}

fn term(color: &str, key: &str) -> Value {
    json!({
        "labelSelector": {"matchLabels": {"color": color}},
        "topologyKey": key,
        "namespaces": ["sched-1", "sched-0"],
    })
}

fn term_of_teams(color: &str, key: &str) -> Value {
    let selector = json!({"matchLabels": {"team": "devops"}});
    json!({"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key, "namespaceSelector": selector})
}

fn required(kind: &str, color: &str, term: Value) -> Value {
    pod(color, json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}))
}

fn preferred(kind: &str, color: &str, term: Value) -> Value {
    let wish = json!({"weight": 1, "podAffinityTerm": term});
    pod(color, json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}}))
}

fn of_team(number: usize, mut pod: Value) -> Value {
    pod["metadata"]["namespace"] = json!(format!("team-{}", number % 100));
    pod
}

pub(crate) fn near(_: usize) -> Value {
    required("podAffinity", "blue", term("blue", ZONE))
}

pub(crate) fn apart(_: usize) -> Value {
    required("podAntiAffinity", "green", term("green", HOST))
}

pub(crate) fn rather_near(_: usize) -> Value {
    preferred("podAffinity", "red", term("red", HOST))
}

pub(crate) fn rather_apart(_: usize) -> Value {
    preferred("podAntiAffinity", "yellow", term("yellow", HOST))
}

pub(crate) fn near_teams(number: usize) -> Value {
    of_team(number, required("podAffinity", "blue", term_of_teams("blue", ZONE)))
}

pub(crate) fn apart_from_teams(number: usize) -> Value {
    of_team(number, required("podAntiAffinity", "green", term_of_teams("green", HOST)))
}

pub(crate) fn rather_near_teams(number: usize) -> Value {
    of_team(number, preferred("podAffinity", "red", term_of_teams("red", HOST)))
}

pub(crate) fn rather_apart_from_teams(number: usize) -> Value {
    of_team(number, preferred("podAntiAffinity", "yellow", term_of_teams("yellow", HOST)))
}

pub(crate) fn spread(_: usize) -> Value {
    spread_over_zones("DoNotSchedule")
}

pub(crate) fn rather_spread(_: usize) -> Value {
    spread_over_zones("ScheduleAnyway")
}

fn spread_over_zones(otherwise: &str) -> Value {
    let constraint = json!({
        "labelSelector": {"matchLabels": {"color": "blue"}},
        "maxSkew": 5,
        "topologyKey": ZONE,
        "whenUnsatisfiable": otherwise,
    });
    pod("blue", json!({"topologySpreadConstraints": [constraint]}))
}
