//! Would the pods still fit if a pool of nodes were gone?
//!
//! `kubectl get nodes,pods,services,replicasets,persistentvolumeclaims,persistentvolumes -A -o json > cluster.json`, then
//! `cargo run --example what_if -- cluster.json pool=old` takes away the nodes with that label, finds new places for
//! their pods, and tells which have none and why. A number behind that asks for so many more pods like the first one
//! that is moved. Without arguments it asks about a made-up cluster. Nothing is written anywhere.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::core::tree::{Value, from_value, json};
use steersman::prelude::*;
use steersman::scheduler::{Decision, Picker, PodInfo, Profile, Snapshot, Transaction};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (cluster, label, more) = match &arguments[..] {
        [file, label] => (read(file)?, label.clone(), 0),
        [file, label, more] => (read(file)?, label.clone(), more.parse().unwrap_or_default()),
        _ => (made_up(), "pool=old".to_owned(), 200),
    };
    let mut snapshot = snapshot(&cluster)?;
    let moved = drop_pool(&mut snapshot, &label);
    let nodes = snapshot.len();
    println!(
        "without the nodes labelled {label}, {nodes} nodes are left for {} pods and {more} more",
        moved.len()
    );
    let pods = moved.iter().cloned().chain(copies(moved.first(), more));
    let mut picker = Picker::new(Profile::default());
    let mut transaction = Transaction::new(&mut picker, &mut snapshot);
    let (mut placed, mut first_refused) = (0, None);
    let mut refused = 0;
    for pod in pods {
        match transaction.place(&pod, 0) {
            Decision::Node(_) => placed += 1,
            _ => {
                refused += 1;
                first_refused.get_or_insert(pod);
            }
        }
    }
    println!("{placed} pods would have a place, {refused} would not");
    if let Some(pod) = first_refused {
        println!("the first that would not is {}:", pod.key());
        print!("{}", Profile::default().explain(&pod, transaction.snapshot()));
    }
    Ok(())
}

fn read(file: &str) -> Result<Value> {
    let text = std::fs::read(file).map_err(|error| Error::bad_request(format!("{file}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| Error::bad_request(format!("{file}: {error}")))
}

/// The cluster that a list of objects describes.
fn snapshot(list: &Value) -> Result<Snapshot> {
    let mut snapshot = Snapshot::new();
    let items = list["items"].as_array().into_iter().flatten();
    let (pods, others): (Vec<&Value>, Vec<&Value>) = items.partition(|item| item["kind"] == "Pod");
    for item in others {
        if item["kind"] == "Node" {
            snapshot.set_node(decoded::<Node>(item)?);
        } else {
            snapshot.set_related(Object::from_value(item)?);
        }
    }
    for item in pods {
        let pod = Arc::new(PodInfo::new(decoded::<Pod>(item)?));
        let index = pod.node_name().and_then(|name| snapshot.node_named(name)).map(|node| node.index());
        if let (Some(index), false) = (index, pod.is_terminal()) {
            snapshot.add_pod(index, &pod);
        }
    }
    Ok(snapshot)
}

fn decoded<K: serde::de::DeserializeOwned>(item: &Value) -> Result<K> {
    from_value(item.clone()).map_err(|error| Error::bad_request(error.to_string()))
}

/// Takes the nodes with a label away, and gives back the pods that have to go elsewhere: not those of daemons.
fn drop_pool(snapshot: &mut Snapshot, label: &str) -> Vec<Arc<PodInfo>> {
    let (key, value) = label.split_once('=').unwrap_or((label, ""));
    let of_pool = snapshot.nodes().filter(|node| node.labels().get(key).is_some_and(|have| have == value));
    let names: Vec<Arc<str>> = of_pool.map(|node| node.name().clone()).collect();
    let pods = names.iter().flat_map(|name| snapshot.remove_node(name)).collect::<Vec<_>>();
    let is_daemon = |pod: &Arc<PodInfo>| {
        pod.pod()
            .metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| ["DaemonSet", "Node"].contains(&owner.kind.as_str()))
    };
    pods.iter().filter(|pod| !is_daemon(pod)).map(|pod| unbound(pod, pod.name().to_owned())).collect()
}

fn copies(pod: Option<&Arc<PodInfo>>, count: usize) -> impl Iterator<Item = Arc<PodInfo>> {
    let copy = move |number| Some(unbound(pod?, format!("{}-copy-{number}", pod?.name())));
    (0..count).filter_map(copy)
}

fn unbound(pod: &PodInfo, name: String) -> Arc<PodInfo> {
    let mut pod = Pod::clone(pod.pod());
    (pod.metadata.name, pod.metadata.uid) = (Some(name.clone()), Some(name));
    if let Some(spec) = &mut pod.spec {
        spec.node_name = None;
    }
    Arc::new(PodInfo::new(pod))
}

/// Ten old nodes and ten new ones, and five pods on each old one.
fn made_up() -> Value {
    let node = |number: usize| {
        let pool = if number < 10 { "old" } else { "new" };
        let allocatable = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{number}"), "labels": {"pool": pool}},
               "status": {"allocatable": allocatable}})
    };
    let pod = |number: usize| {
        let container = json!({"name": "web", "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}}});
        let spec = json!({"nodeName": format!("node-{}", number / 5), "containers": [container]});
        let metadata = json!({"name": format!("web-{number}"), "namespace": "default"});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    };
    json!({"items": (0..20).map(node).chain((0..50).map(pod)).collect::<Vec<Value>>()})
}
