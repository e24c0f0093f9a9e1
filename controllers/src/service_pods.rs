//! Decides which pods stand behind a service, at which addresses and on which ports.
//!
//! The counterpart of upstream's `pkg/controller/util/endpoint`.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod, PodIP, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use steersman_core::addresses::parse_ip;
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
    let selector = selector(service)?;
    Some(view.selected(service.metadata.namespace.as_deref().unwrap_or_default(), &selector))
}

/// What a service selects its pods by; an empty selector is none.
pub(crate) fn selector(service: &Service) -> Option<LabelSelector> {
    let labels = service.spec.as_ref()?.selector.as_ref().filter(|labels| !labels.is_empty())?;
    Some(LabelSelector::from_labels(labels))
}

/// The services for which a change of a pod makes a difference: those that select it, if what it says as an endpoint
/// has changed, and those that no longer do or only now do.
pub(crate) fn services_of(view: &View, change: &Change) -> Vec<Key> {
    let touched = match change {
        Change::Added(_) | Change::Deleted(_) => Touched::Pod,
        Change::Modified { old, new } => match (old.lean::<Pod>(), new.lean::<Pod>()) {
            (Ok(old), Ok(new)) => Touched::between(&old, &new),
            (Err(_), _) | (_, Err(_)) => Touched::Pod,
        },
    };
    let states = || [change.before(), change.now()].into_iter().flatten();
    let is_touched = |service: &Arc<Service>| {
        let Some(selector) = selector(service) else { return false };
        let selected = states().filter(|pod| selector.matches(&pod.metadata().labels)).count();
        match touched {
            Touched::Pod => selected > 0,
            Touched::Labels => selected == 1,
            Touched::Nothing => false,
        }
    };
    let services = match touched {
        Touched::Nothing => Vec::new(),
        Touched::Pod | Touched::Labels => view.in_namespace::<Service>(change.object().namespace()),
    };
    services.iter().filter(|service| is_touched(service)).map(|service| Key::of_typed(&**service)).collect()
}

/// What of a pod has changed, as far as services care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    /// What it says as an endpoint.
    Pod,
    /// Only by what it is found.
    Labels,
    Nothing,
}

impl Touched {
    fn between(old: &Pod, new: &Pod) -> Self {
        let is_going = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
        if is_going(old)
            || is_going(new)
            || pods::is_ready(old) != pods::is_ready(new)
            || !has_the_same_addresses(old, new)
        {
            Touched::Pod
        } else if !is_found_alike(old, new) {
            Touched::Labels
        } else {
            Touched::Nothing
        }
    }
}

/// Most pods keep their addresses: those that are written alike need not be read.
fn has_the_same_addresses(old: &Pod, new: &Pod) -> bool {
    written_addresses(old) == written_addresses(new) || addresses(old) == addresses(new)
}

fn written_addresses(pod: &Pod) -> Option<(&Option<Vec<PodIP>>, &Option<String>)> {
    pod.status.as_ref().map(|status| (&status.pod_ips, &status.pod_ip))
}

/// Whether services find and list both states of a pod alike, by labels and names.
fn is_found_alike(old: &Pod, new: &Pod) -> bool {
    let alike = match (&old.spec, &new.spec) {
        (Some(old), Some(new)) => old.hostname == new.hostname && old.subdomain == new.subdomain,
        (old, new) => old.is_none() && new.is_none(),
    };
    alike && old.metadata.labels == new.metadata.labels
}

/// Whether a pod is listed: it has an address and has not finished. While it terminates, it is for some lists only.
pub(crate) fn is_listed(pod: &Pod, while_terminating: bool) -> bool {
    !pods::is_finished(pod)
        && !addresses(pod).is_empty()
        && (while_terminating || pod.metadata.deletion_timestamp.is_none())
}

/// A pod's addresses, in its order.
pub(crate) fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all = status.pod_ips.iter().flatten().map(|address| address.ip.as_str());
    let all: Vec<IpAddr> = all.filter_map(parse_ip).collect();
    if all.is_empty() { status.pod_ip.as_deref().and_then(parse_ip).into_iter().collect() } else { all }
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::Object;
    use steersman_core::tree::{Value, json};

    use super::*;

    #[test]
    fn only_what_makes_a_difference_for_a_service_leads_to_it() {
        let service = |name: &str, selector: Value| -> Service {
            let service =
                json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"selector": selector}});
            steersman_core::tree::from_value(service).unwrap()
        };
        let services = [
            service("a", json!({"app": "a"})),
            service("b", json!({"app": "b"})),
            service("every", json!({"all": "1"})),
            service("none", json!({})),
        ];
        let view = View::fixed(Timestamp::UNIX_EPOCH).with(&services);
        let pod = |app: &str, change: Value| {
            let mut pod = json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {
                    "name": "p", "namespace": "n", "uid": "p", "labels": {"app": app, "all": "1"}
                },
                "spec": {"containers": []},
                "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
            });
            for (pointer, value) in change.as_object().unwrap() {
                *pod.pointer_mut(pointer).unwrap() = value.clone();
            }
            Object::from_value(&pod).unwrap()
        };
        let plain = || pod("a", json!({}));
        let modified = |new: Object| Change::Modified { old: plain(), new };
        let gone = json!({"/status/conditions": [], "/metadata/uid": "p"});
        let cases = [
            (Change::Added(plain()), "a every"),
            (Change::Deleted(plain()), "a every"),
            (modified(pod("a", json!({"/spec/containers": [{"name": "c"}]}))), ""),
            (modified(pod("a", json!({"/status/podIP": "10.0.0.2"}))), "a every"),
            (modified(pod("b", json!({}))), "a b"),
            (modified(pod("b", gone)), "a b every"),
        ];
        for (change, expected) in cases {
            let keys = services_of(&view, &change).into_iter().map(|key| key.name);
            assert_eq!(keys.collect::<Vec<_>>().join(" "), expected, "{change:?}");
        }
    }
}
