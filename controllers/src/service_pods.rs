//! Decides which pods stand behind a service, at which addresses and on which ports.
//!
//! The counterpart of upstream's `pkg/controller/util/endpoint`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use steersman_core::cache::Change;
use steersman_core::selector::LabelSelector;

use crate::pods;
use crate::runner::{Key, View};

/// The label of what lists the pods of a service without an address of its own.
pub(crate) const HEADLESS: &str = "service.kubernetes.io/headless";

/// One port behind a service, as one pod has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    /// The service port's name; empty if it has none.
    pub(crate) name: String,
    pub(crate) number: i32,
    pub(crate) protocol: String,
    pub(crate) app_protocol: Option<String>,
}

/// The pods that a service selects; `None` if others say what stands behind it.
pub(crate) fn selected(view: &View, service: &Service) -> Option<Vec<Arc<Pod>>> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    let selector = LabelSelector::from_labels(spec.selector.as_ref()?);
    Some(view.selected(service.metadata.namespace.as_deref().unwrap_or_default(), &selector))
}

/// The services that select a pod, or did before it changed.
pub(crate) fn services_of(view: &View, change: &Change) -> Vec<Key> {
    let services = view.in_namespace::<Service>(change.object().namespace());
    let selects = |service: &Arc<Service>| {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let selector = selector.map(LabelSelector::from_labels);
        let mut states = [change.before(), change.now()].into_iter().flatten();
        selector.is_some_and(|selector| states.any(|pod| selector.matches(&pod.metadata().labels)))
    };
    services.iter().filter(|service| selects(service)).map(|service| Key::of_typed(&**service)).collect()
}

/// Whether a pod is listed: it has an address and has not finished. While it terminates, it is for some lists only.
pub(crate) fn is_listed(pod: &Pod, while_terminating: bool) -> bool {
    !pods::is_finished(pod)
        && !addresses(pod).is_empty()
        && (while_terminating || pod.metadata.deletion_timestamp.is_none())
}

/// A pod's addresses, in its order.
pub(crate) fn addresses(pod: &Pod) -> Vec<&str> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all: Vec<&str> = status.pod_ips.iter().flatten().map(|address| address.ip.as_str()).collect();
    if all.is_empty() { status.pod_ip.iter().map(String::as_str).collect() } else { all }
}

/// Whether an address is of the family `IPv6`, rather than `IPv4`.
pub(crate) fn is_v6(address: &str) -> bool {
    address.contains(':')
}

/// Whether unready pods are to be listed as if they were ready.
pub(crate) fn publishes_unready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or_default()
}

/// Whether a service has no address of its own.
pub(crate) fn is_headless(service: &Service) -> bool {
    let address = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref());
    matches!(address, None | Some("" | "None"))
}

/// The hostname under which a pod is found in the service's domain, if it asked for that.
pub(crate) fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let hostname = spec.hostname.clone().filter(|hostname| !hostname.is_empty())?;
    (spec.subdomain == service.metadata.name && spec.subdomain.is_some()).then_some(hostname)
}

/// The node that a pod is bound to.
pub(crate) fn node_name(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone().filter(|name| !name.is_empty())
}

/// What an endpoint says about its pod.
pub(crate) fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// The service's ports as the pod has them; those that the pod does not have are left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref()).into_iter().flatten();
    ports
        .filter_map(|port| {
            Some(Port {
                name: port.name.clone().unwrap_or_default(),
                number: number(pod, port)?,
                protocol: protocol(port.protocol.as_deref()).to_owned(),
                app_protocol: port.app_protocol.clone(),
            })
        })
        .collect()
}

/// Whether a service without ports lists its pods all the same.
pub(crate) fn may_have_no_ports(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let none = spec.and_then(|spec| spec.ports.as_ref()).is_none_or(Vec::is_empty);
    none && spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

/// The number that a service port has on a pod: a number, or the number of the container port of that name.
fn number(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        None => return Some(port.port),
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
    };
    let spec = pod.spec.as_ref()?;
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(is_sidecar);
    let mut ports =
        spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let wanted = protocol(port.protocol.as_deref());
    let found = ports.find(|candidate| {
        candidate.name.as_ref() == Some(name) && protocol(candidate.protocol.as_deref()) == wanted
    });
    found.map(|found| found.container_port)
}

fn protocol(protocol: Option<&str>) -> &str {
    protocol.unwrap_or("TCP")
}
