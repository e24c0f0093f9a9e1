//! The claim that the scheduler makes for a pod which asks for extended resources that stand for devices.
//!
//! One claim for all such resources of the pod. What it asks for depends on the node: a resource that the node itself
//! offers is left to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ContainerExtendedResourceRequest};
use k8s_openapi::api::resource::v1::{
    DeviceClaim, DeviceRequest, ExactDeviceRequest, ResourceClaim, ResourceClaimSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use steersman_core::quantity::Quantity;
use steersman_core::versions::given;

use crate::devices::spec;
use super::device_classes::{self, Classes};
use crate::pod::PodInfo;
use crate::requests::is_sidecar;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::Rejection;

/// On claims that are made for extended resources.
const ANNOTATION: &str = "resource.kubernetes.io/extended-resource-claim";
/// What the claim is called until it is written: no claim can have the name.
const NOT_WRITTEN: &str = "<extended-resources>";

/// What becomes of a pod's extended resources that stand for devices.
pub(super) enum ExtendedClaim {
    /// The claim of an earlier cycle is still there, and has to go first.
    Stale(Arc<ResourceClaim>),
    /// A claim is to be made, for resources of these classes.
    ToMake(Classes),
}

/// A claim as it is to be made for a node.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) claim: Arc<ResourceClaim>,
    /// Which of its requests are whose.
    pub(super) mappings: Vec<ContainerExtendedResourceRequest>,
}

impl Made {
    /// What its requests are called.
    pub(super) fn request_names(&self) -> impl Iterator<Item = String> {
        let requests = spec::of_claim(&self.claim).and_then(|devices| devices.requests.as_ref());
        requests.into_iter().flatten().map(|request| request.name.clone())
    }
}

impl ExtendedClaim {
    /// `None` if the pod asks for no such resource.
    pub(super) fn of(pod: &PodInfo, nodes: &Snapshot) -> Option<Self> {
        let classes = device_classes::asked_by(pod, nodes);
        if classes.is_empty() {
            return None;
        }
        let stale = nodes.related().all::<ResourceClaim>().find(|claim| is_made_for(claim, pod));
        Some(stale.map_or(ExtendedClaim::ToMake(classes), ExtendedClaim::Stale))
    }

    /// The claim for a node; `None` if the node offers itself what the pod asks for.
    pub(super) fn on(&self, pod: &PodInfo, node: NodeView<'_>) -> Result<Option<Made>, Rejection> {
        let ExtendedClaim::ToMake(classes) = self else {
            return Err(Rejection::unresolvable("cannot schedule extended resource claim"));
        };
        let mut needed = BTreeSet::new();
        for (name, amount) in pod.requests().scalars.iter() {
            if amount == 0 || !device_classes::may_stand_for(name) {
                continue;
            }
            let offered = node.allocatable().scalars.get(name);
            if classes.contains_key(name) && offered.unwrap_or_default() == 0 {
                needed.insert(name);
            } else if offered.is_none() {
                return Err(Rejection::unresolvable("cannot fit resource"));
            }
        }
        Ok((!needed.is_empty()).then(|| make(pod, &needed, classes)))
    }
}

/// Whether a claim was made by the scheduler for the pod.
pub(super) fn is_made_for(claim: &ResourceClaim, pod: &PodInfo) -> bool {
    let owners = claim.metadata.owner_references.iter().flatten();
    let is_pod = |owner: &OwnerReference| {
        owner.controller == Some(true) && owner.name == pod.name() && owner.uid == pod.uid()
    };
    is_extended(claim) && owners.into_iter().any(is_pod)
}

/// Whether a claim was made by the scheduler.
pub(super) fn is_extended(claim: &ResourceClaim) -> bool {
    let annotations = claim.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(ANNOTATION)).is_some_and(|value| value == "true")
}

fn make(pod: &PodInfo, needed: &BTreeSet<&str>, classes: &Classes) -> Made {
    let (requests, mappings) = requests(pod, needed, classes);
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: pod.name().to_owned(),
        uid: pod.uid().to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    };
    let metadata = ObjectMeta {
        namespace: Some(pod.namespace().to_owned()),
        name: Some(NOT_WRITTEN.to_owned()),
        generate_name: Some(format!("{}-extended-resources-", pod.name())),
        owner_references: Some(vec![owner]),
        annotations: Some([(ANNOTATION.to_owned(), "true".to_owned())].into()),
        ..ObjectMeta::default()
    };
    let devices = DeviceClaim { requests: Some(requests), ..DeviceClaim::default() };
    let spec = ResourceClaimSpec { devices: Some(devices) };
    Made { claim: Arc::new(ResourceClaim { metadata, spec: given(spec), status: None }), mappings }
}

/// Requests for devices, and which of them serve which containers. Init containers that end before the others start use
/// the devices of those, and what they need beyond that one after the other.
fn requests(
    pod: &PodInfo,
    needed: &BTreeSet<&str>,
    classes: &Classes,
) -> (Vec<DeviceRequest>, Vec<ContainerExtendedResourceRequest>) {
    let containers: Vec<&Container> = pod.all_containers().collect();
    let starting = pod.spec().and_then(|spec| spec.init_containers.as_ref()).map_or(0, Vec::len);
    let (mut all, mut mappings) = (Vec::new(), Vec::new());
    for resource in needed {
        let Some(class) = classes.get(*resource).and_then(|class| class.metadata.name.as_deref()) else { continue };
        let ends = |at: usize| at < starting && !is_sidecar(containers[at]);
        let ask = |at: usize, others: &[Option<Asked>]| ask(at, containers[at], resource, others);
        let mut lasting: Vec<Option<Asked>> = Vec::new();
        for at in 0..containers.len() {
            let (asked, served) = if ends(at) { (None, Vec::new()) } else { ask(at, &[]) };
            lasting.push(asked);
            mappings.extend(served);
        }
        let (mut passing, mut largest, mut served): (Vec<String>, Option<Asked>, Vec<_>) = Default::default();
        for at in (0..starting).filter(|at| ends(*at)) {
            let (asked, more) = ask(at, &lasting[at..]);
            served.extend(more);
            if let Some(asked) = asked {
                passing.push(asked.name.clone());
                if largest.as_ref().is_none_or(|largest| largest.count < asked.count) {
                    largest = Some(asked);
                }
            }
        }
        if let Some(largest) = &largest {
            let of_passing = |one: &&mut ContainerExtendedResourceRequest| passing.contains(&one.request_name);
            served.iter_mut().filter(of_passing).for_each(|one| one.request_name.clone_from(&largest.name));
        }
        mappings.extend(served);
        all.extend(largest.into_iter().chain(lasting.into_iter().flatten()).map(|asked| asked.request(class)));
    }
    all.sort_by(|a: &DeviceRequest, b: &DeviceRequest| a.name.cmp(&b.name));
    (all, mappings)
}

/// So many devices for a container.
struct Asked {
    name: String,
    count: i64,
}

impl Asked {
    fn request(self, class: &str) -> DeviceRequest {
        let exactly = ExactDeviceRequest {
            device_class_name: class.to_owned(),
            allocation_mode: Some("ExactCount".to_owned()),
            count: Some(self.count),
            ..ExactDeviceRequest::default()
        };
        DeviceRequest { name: self.name, exactly: Some(exactly), ..DeviceRequest::default() }
    }
}

/// What a container asks for beyond the devices of others that it may use, and what serves it.
fn ask(
    at: usize,
    container: &Container,
    resource: &str,
    others: &[Option<Asked>],
) -> (Option<Asked>, Vec<ContainerExtendedResourceRequest>) {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let amount = requests.and_then(|requests| requests.get(resource)?.0.parse::<Quantity>().ok());
    let amount = amount.filter(|amount| amount.is_whole() && !amount.is_zero());
    let Some(mut count) = amount.map(|amount| amount.value()) else { return (None, Vec::new()) };
    let mapping = |request: &str| ContainerExtendedResourceRequest {
        container_name: container.name.clone(),
        resource_name: resource.to_owned(),
        request_name: request.to_owned(),
    };
    let mut mappings = Vec::new();
    for other in others.iter().flatten() {
        count -= other.count;
        mappings.push(mapping(&other.name));
        if count <= 0 {
            return (None, mappings);
        }
    }
    // The number of the container, and that of the resource among all that the container asks for, by name.
    let number = requests.into_iter().flat_map(|requests| requests.keys()).position(|name| name == resource);
    let name = format!("container-{at}-request-{}", number.unwrap_or_default());
    mappings.push(mapping(&name));
    (Some(Asked { name, count }), mappings)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};
    use steersman_core::Object;

    use super::*;

    const GPU: &str = "example.com/gpu";
    const TPU: &str = "deviceclass.resource.kubernetes.io/tpu";

    fn nodes(allocatable: Value) -> Snapshot {
        let mut nodes = Snapshot::new();
        for (name, resource) in [("gpu", json!(GPU)), ("tpu", json!(null))] {
            let mut class = json!({"metadata": {"name": name}, "spec": {"extendedResourceName": resource}});
            (class["apiVersion"], class["kind"]) = (json!("resource.k8s.io/v1"), json!("DeviceClass"));
            nodes.set_related(Object::from_value(&class).unwrap());
        }
        let node = json!({"metadata": {"name": "n"}, "status": {"allocatable": allocatable}});
        nodes.set_node(steersman_core::tree::from_value::<k8s_openapi::api::core::v1::Node>(node).unwrap());
        nodes
    }

    /// A pod of init containers and containers, which ask for so much each. A sidecar's name begins with `s`.
    fn pod(starting: &[(&str, Value)], containers: &[(&str, Value)]) -> PodInfo {
        let container = |(name, requests): &(&str, Value)| {
            let policy = name.starts_with('s').then_some("Always");
            json!({"name": name, "restartPolicy": policy, "resources": {"requests": requests}})
        };
        let all = |list: &[(&str, Value)]| list.iter().map(container).collect::<Vec<_>>();
        let spec = json!({"initContainers": all(starting), "containers": all(containers)});
        let metadata = json!({"name": "p", "namespace": "d", "uid": "u"});
        let pod: k8s_openapi::api::core::v1::Pod =
            steersman_core::tree::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        PodInfo::new(pod)
    }

    fn made(pod: &PodInfo, nodes: &Snapshot) -> Result<Option<Made>, String> {
        let Some(extended) = ExtendedClaim::of(pod, nodes) else { return Ok(None) };
        extended.on(pod, nodes.node_named("n").unwrap()).map_err(|rejection| rejection.to_string())
    }

    /// `request class count` of each request, and `container request` of each mapping.
    fn told(made: &Made) -> (Vec<String>, Vec<String>) {
        let requests = made.claim.spec.devices.as_ref().unwrap().requests.as_ref().unwrap();
        let request = |request: &DeviceRequest| {
            let exactly = request.exactly.as_ref().unwrap();
            format!("{} {} {}", request.name, exactly.device_class_name, exactly.count.unwrap())
        };
        let mapping =
            |one: &ContainerExtendedResourceRequest| format!("{} {}", one.container_name, one.request_name);
        (requests.iter().map(request).collect(), made.mappings.iter().map(mapping).collect())
    }

    #[test]
    fn containers_that_end_use_the_devices_of_those_that_last() {
        let gpus = |count: u32| json!({"cpu": "1", GPU: count.to_string()});
        let check = |pod: PodInfo, requests: &[&str], mappings: &[&str]| {
            let made = made(&pod, &nodes(json!({}))).unwrap().unwrap();
            assert_eq!(told(&made), (requests.iter().map(ToString::to_string).collect(), mappings.iter().map(ToString::to_string).collect()));
        };
        let one = pod(&[], &[("a", gpus(2)), ("b", json!({"cpu": "1"}))]);
        check(one, &["container-0-request-1 gpu 2"], &["a container-0-request-1"]);
        // What comes after an init container can be used by it, what it needs beyond that is its own.
        let starting = pod(&[("i", gpus(3)), ("s", gpus(1))], &[("a", gpus(1))]);
        let requests = ["container-0-request-1 gpu 1", "container-1-request-1 gpu 1", "container-2-request-1 gpu 1"];
        let mappings = [
            "s container-1-request-1", "a container-2-request-1", "i container-1-request-1",
            "i container-2-request-1", "i container-0-request-1",
        ];
        check(starting, &requests, &mappings);
        // Of what several init containers need beyond that, the most is enough.
        let several = pod(&[("i", gpus(2)), ("s", gpus(1)), ("j", gpus(4))], &[("a", gpus(1))]);
        let requests = ["container-1-request-1 gpu 1", "container-2-request-1 gpu 3", "container-3-request-1 gpu 1"];
        let mappings = [
            "s container-1-request-1", "a container-3-request-1", "i container-1-request-1",
            "i container-3-request-1", "j container-3-request-1", "j container-2-request-1",
        ];
        check(several, &requests, &mappings);
        // Each resource has its requests.
        let both = pod(&[], &[("a", json!({TPU: "1", GPU: "1"}))]);
        let requests = ["container-0-request-0 tpu 1", "container-0-request-1 gpu 1"];
        check(both, &requests, &["a container-0-request-0", "a container-0-request-1"]);
    }

    #[test]
    fn what_the_node_offers_itself_is_left_to_it() {
        let pod = |requests: Value| pod(&[], &[("a", requests)]);
        let cases = [
            (json!({}), json!({"cpu": "1"}), Ok(None)),
            (json!({}), json!({"example.com/other": "1"}), Ok(None)),
            (json!({GPU: "0"}), json!({GPU: "1"}), Ok(Some(1))),
            (json!({GPU: "8"}), json!({GPU: "1"}), Ok(None)),
            (json!({GPU: "8"}), json!({GPU: "1", TPU: "1"}), Ok(Some(1))),
            (json!({}), json!({GPU: "1", "example.com/other": "1"}), Err("cannot fit resource".to_owned())),
            (json!({"example.com/other": "0"}), json!({GPU: "1", "example.com/other": "1"}), Ok(Some(1))),
        ];
        for (allocatable, requests, expected) in cases {
            let made = made(&pod(requests.clone()), &nodes(allocatable.clone()));
            assert_eq!(made.map(|made| made.map(|made| made.mappings.len())), expected, "{allocatable} {requests}");
        }
    }

    #[test]
    fn a_claim_of_an_earlier_cycle_stands_in_the_way() {
        let (pod, mut nodes) = (pod(&[], &[("a", json!({GPU: "1"}))]), nodes(json!({})));
        let mut claim = json!(&*made(&pod, &nodes).unwrap().unwrap().claim);
        (claim["apiVersion"], claim["kind"]) = (json!("resource.k8s.io/v1"), json!("ResourceClaim"));
        claim["metadata"]["name"] = json!("p-extended-resources-x");
        nodes.set_related(Object::from_value(&claim).unwrap());
        assert_eq!(made(&pod, &nodes).unwrap_err(), "cannot schedule extended resource claim");
    }
}
