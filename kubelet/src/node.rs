//! How a node looks in the API, as its kubelet sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo, Taint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Quantity, Runtime};

use crate::options::KubeletOptions;

/// What a condition says: its type, whether it holds, its reason and its message.
type Finding = (&'static str, &'static str, &'static str, &'static str);

const CONDITIONS: [Finding; 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

/// The Kubernetes version that the kubelet behaves like.
const VERSION: &str = "v1.36.0";

/// The node as it is registered.
pub(crate) fn node(name: &str, options: &KubeletOptions, runtime: &dyn Runtime, now: Timestamp) -> Node {
    let attach = ("volumes.kubernetes.io/controller-managed-attach-detach".to_owned(), "true".to_owned());
    Node {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels(name, options)),
            annotations: Some(BTreeMap::from([attach])),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec { taints: taints(options), ..NodeSpec::default() }),
        status: Some(status(name, options, runtime, now)),
    }
}

fn labels(name: &str, options: &KubeletOptions) -> BTreeMap<String, String> {
    let own = [
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", architecture()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into_iter().chain(options.labels.clone()).collect()
}

fn taints(options: &KubeletOptions) -> Option<Vec<Taint>> {
    (!options.taints.is_empty()).then(|| options.taints.clone())
}

/// The node as its kubelet sees it.
pub(crate) fn status(
    name: &str,
    options: &KubeletOptions,
    runtime: &dyn Runtime,
    now: Timestamp,
) -> NodeStatus {
    let condition = |(kind, status, reason, message): Finding| NodeCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(whole_seconds(now)),
        last_transition_time: Some(whole_seconds(now)),
    };
    let capacity = canonical(&options.capacity);
    let address = |kind: &str, address: String| NodeAddress { type_: kind.to_owned(), address };
    let addresses = options.addresses.iter().map(|ip| address("InternalIP", ip.to_string()));
    declaring(NodeStatus {
        capacity: Some(capacity.clone()),
        allocatable: Some(capacity),
        conditions: Some(CONDITIONS.map(condition).into()),
        addresses: Some(addresses.chain([address("Hostname", name.to_owned())]).collect()),
        daemon_endpoints: options.port.map(endpoint),
        node_info: Some(info(name, runtime)),
        ..NodeStatus::default()
    })
}

// The field is in the API since 1.35.
k8s_openapi::k8s_if_ge_1_35! {
    /// The status with what the kubelet can do that not every kubelet can: it understands WebSockets, so that API servers
    /// need not translate for it; <https://kep.k8s.io/4006>.
    fn declaring(status: NodeStatus) -> NodeStatus {
        NodeStatus { declared_features: Some(vec!["ExtendWebSocketsToKubelet".to_owned()]), ..status }
    }

    fn declared(status: &NodeStatus) -> Option<&Vec<String>> {
        status.declared_features.as_ref()
    }
}
k8s_openapi::k8s_if_le_1_34! {
    fn declaring(status: NodeStatus) -> NodeStatus {
        status
    }

    fn declared(_: &NodeStatus) -> Option<&Vec<String>> {
        None
    }
}

/// Where API servers find the kubelet.
fn endpoint(port: u16) -> NodeDaemonEndpoints {
    NodeDaemonEndpoints { kubelet_endpoint: Some(DaemonEndpoint { port: port.into() }) }
}

/// Quantities as the API spells them, so that they can be compared with what it returns.
fn canonical(quantities: &BTreeMap<String, Wire>) -> BTreeMap<String, Wire> {
    let spell = |wire: &Wire| Quantity::try_from(wire).map_or(wire.clone(), |q| Wire(q.to_string()));
    quantities.iter().map(|(resource, wire)| (resource.clone(), spell(wire))).collect()
}

fn info(name: &str, runtime: &dyn Runtime) -> NodeSystemInfo {
    NodeSystemInfo {
        machine_id: name.to_owned(),
        system_uuid: name.to_owned(),
        boot_id: name.to_owned(),
        os_image: "Steersman".to_owned(),
        operating_system: "linux".to_owned(),
        architecture: architecture().to_owned(),
        container_runtime_version: format!("{}://{}", runtime.name(), runtime.version()),
        kubelet_version: VERSION.to_owned(),
        ..NodeSystemInfo::default()
    }
}

/// The machine's architecture, by Go's name.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The patch of the status subresource that makes `current` what the kubelet sees, which is `wanted`; `None` where it
/// already is. `heartbeat` writes the conditions in any case, with new heartbeat times.
pub(crate) fn status_patch(
    current: &Node,
    wanted: &NodeStatus,
    heartbeat: bool,
    now: Timestamp,
) -> Option<Value> {
    let none = NodeStatus::default();
    let current_status = current.status.as_ref().unwrap_or(&none);
    let mut patch = Map::new();
    if current_status.capacity != wanted.capacity || current_status.allocatable != wanted.allocatable {
        patch.insert("capacity".to_owned(), json!(wanted.capacity));
        patch.insert("allocatable".to_owned(), json!(wanted.allocatable));
    }
    if current_status.addresses != wanted.addresses {
        patch.insert("addresses".to_owned(), json!(wanted.addresses));
    }
    if wanted.daemon_endpoints.is_some() && current_status.daemon_endpoints != wanted.daemon_endpoints {
        patch.insert("daemonEndpoints".to_owned(), json!(wanted.daemon_endpoints));
    }
    if declared(current_status) != declared(wanted) {
        patch.insert("declaredFeatures".to_owned(), json!(declared(wanted)));
    }
    if current_status.node_info != wanted.node_info {
        patch.insert("nodeInfo".to_owned(), json!(wanted.node_info));
    }
    if patch.is_empty() && says_all(current_status, wanted) && !heartbeat {
        return None;
    }
    patch.insert("conditions".to_owned(), json!(conditions(current_status, wanted, now)));
    Some(json!({"status": patch}))
}

/// Whether the current conditions say what the wanted ones do, whenever.
fn says_all(current: &NodeStatus, wanted: &NodeStatus) -> bool {
    let says = |wanted: &NodeCondition| {
        condition(current, &wanted.type_).is_some_and(|there| {
            (&there.status, &there.reason, &there.message)
                == (&wanted.status, &wanted.reason, &wanted.message)
        })
    };
    wanted.conditions.iter().flatten().all(says)
}

/// The wanted conditions as of now, with the transition times of those that stay.
fn conditions(current: &NodeStatus, wanted: &NodeStatus, now: Timestamp) -> Vec<NodeCondition> {
    let merge = |wanted: &NodeCondition| {
        let before = condition(current, &wanted.type_).filter(|before| before.status == wanted.status);
        NodeCondition {
            last_heartbeat_time: Some(whole_seconds(now)),
            last_transition_time: match before {
                Some(before) => before.last_transition_time.clone(),
                None => Some(whole_seconds(now)),
            },
            ..wanted.clone()
        }
    };
    wanted.conditions.iter().flatten().map(merge).collect()
}

fn condition<'a>(status: &'a NodeStatus, kind: &str) -> Option<&'a NodeCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}

/// The events that a kubelet records when its node has come up.
pub(crate) const STARTED: [&str; 4] =
    ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"];

fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::from_value;

    use super::*;
    use crate::Fake;
    use steersman_core::testing::Lab;

    #[test]
    fn quantities_are_spelled_as_the_api_spells_them() {
        let options = KubeletOptions::default().capacity("pods", "5000").capacity("memory", "1024Mi");
        let node = node("n", &options, &Fake::new(&Lab::new().env()), at(0));
        let capacity = node.status.unwrap().capacity.unwrap();
        assert_eq!((capacity["pods"].0.as_str(), capacity["memory"].0.as_str()), ("5k", "1Gi"));
    }

    #[test]
    fn a_kubelet_with_a_port_tells_it() {
        let (fake, options) = (Fake::new(&Lab::new().env()), KubeletOptions::default());
        let mut current = node("n", &options.clone().port(10250), &fake, at(0));
        let port = |node: &Node| json!(node.status)["daemonEndpoints"]["kubeletEndpoint"]["Port"].clone();
        assert_eq!(port(&current), 10250);
        let wanted = status("n", &options.clone().port(10251), &fake, at(0));
        let moved = status_patch(&current, &wanted, false, at(0)).unwrap();
        assert_eq!(moved["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"], 10251);
        current = node("n", &options, &fake, at(0));
        assert_eq!(port(&current), Value::Null);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_node_declares_what_its_kubelet_understands() {
        let (fake, options) = (Fake::new(&Lab::new().env()), KubeletOptions::default());
        let mut old = json!(node("n", &options, &fake, at(0)));
        let expected = json!(["ExtendWebSocketsToKubelet"]);
        assert_eq!(old["status"]["declaredFeatures"], expected);
        old["status"].as_object_mut().unwrap().remove("declaredFeatures");
        let old: Node = from_value(old).unwrap();
        let patch = status_patch(&old, &status("n", &options, &fake, at(0)), false, at(0)).unwrap();
        assert_eq!(patch["status"]["declaredFeatures"], expected);
    }

    #[test]
    fn a_status_is_written_when_it_has_changed_and_as_a_heartbeat() {
        let (fake, options) = (Fake::new(&Lab::new().env()), KubeletOptions::default());
        let mut current = node("n", &options, &fake, at(0));
        let wanted = status("n", &options, &fake, at(0));
        let patch = |current: &Node, heartbeat| status_patch(current, &wanted, heartbeat, at(60));
        assert_eq!(patch(&current, false), None);
        let heartbeat = patch(&current, true).unwrap();
        let ready = &heartbeat["status"]["conditions"][3];
        assert_eq!(ready["lastHeartbeatTime"], "1970-01-01T00:01:00Z");
        assert_eq!(ready["lastTransitionTime"], "1970-01-01T00:00:00Z");
        // The node life-cycle controller has given the node up: its kubelet knows better.
        let conditions = current.status.as_mut().unwrap().conditions.as_mut().unwrap();
        "Unknown".clone_into(&mut conditions[3].status);
        let recovered = patch(&current, false).unwrap();
        assert_eq!(recovered["status"]["conditions"][3]["lastTransitionTime"], "1970-01-01T00:01:00Z");
    }
}
