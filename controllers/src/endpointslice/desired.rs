//! Decides which endpoints a service should have, by address family and by the ports that they share.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};

use crate::pods;
use crate::runner::View;
use crate::service_pods::{
    Port, addresses, hostname, is_listed, may_have_no_ports, node_name, ports, publishes_unready, reference,
};

/// The label that names a node's zone.
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";

/// The endpoints that one address family of a service should have.
#[derive(Default)]
pub(super) struct Desired {
    pub(super) endpoints: BTreeMap<Ports, Endpoints>,
    /// The pods that are left out as their nodes are not seen, each with the node.
    pub(super) without_node: Vec<(String, String)>,
}

/// Endpoints, each once.
pub(super) type Endpoints = BTreeMap<Identity, Endpoint>;

/// What makes two endpoints the same, whatever they say about themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    addresses: Vec<String>,
    hostname: Option<String>,
    pod: Option<(Option<String>, Option<String>)>,
}

/// The ports of a slice, whatever their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ports(Vec<Published>);

/// Name, number, protocol and application protocol.
type Published = (Option<String>, Option<i32>, Option<String>, Option<String>);

impl Desired {
    pub(super) fn of(view: &View, service: &Service, pods: &[Arc<Pod>], family: &str) -> Self {
        let mut desired = Desired::default();
        for pod in pods.iter().filter(|pod| is_listed(pod, true)) {
            let ports = if may_have_no_ports(service) { Vec::new() } else { ports(service, pod) };
            let group = desired.endpoints.entry(Ports::wanted(ports)).or_default();
            let node_name = node_name(pod).unwrap_or_default();
            let node = view.get::<Node>("", &node_name);
            if node.is_none() && !publishes_unready(service) {
                desired.without_node.push((pod.metadata.name.clone().unwrap_or_default(), node_name));
                continue;
            }
            let endpoint = endpoint(service, pod, node.as_deref(), family);
            if !endpoint.addresses.is_empty() {
                group.insert(Identity::of(&endpoint), endpoint);
            }
        }
        desired
    }
}

/// The address families that a service serves.
pub(super) fn families(service: &Service) -> Vec<&'static str> {
    let spec = service.spec.as_ref();
    let listed = spec.and_then(|spec| spec.ip_families.as_ref()).filter(|families| !families.is_empty());
    if let Some(families) = listed {
        return families.iter().map(|family| if family == "IPv6" { "IPv6" } else { "IPv4" }).collect();
    }
    match spec.and_then(|spec| spec.cluster_ip.as_deref()) {
        None | Some("" | "None") => vec!["IPv4", "IPv6"],
        Some(address) => vec![if address.contains(':') { "IPv6" } else { "IPv4" }],
    }
}

fn endpoint(service: &Service, pod: &Pod, node: Option<&Node>, family: &str) -> Endpoint {
    let serving = pods::is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    // Who does not know of `serving` and `terminating` must not send to what is going away.
    let ready = publishes_unready(service) || (serving && !terminating);
    let of_family = addresses(pod).into_iter().filter(|address| address.is_ipv6() == (family == "IPv6"));
    Endpoint {
        addresses: of_family.map(|address| address.to_string()).collect(),
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: hostname(pod, service),
        node_name: node_name(pod),
        target_ref: Some(reference(pod)),
        zone: node.and_then(zone),
        ..Endpoint::default()
    }
}

fn zone(node: &Node) -> Option<String> {
    node.metadata.labels.as_ref()?.get(ZONE).cloned().filter(|zone| !zone.is_empty())
}

impl Identity {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let mut addresses = endpoint.addresses.clone();
        addresses.sort_unstable();
        Identity {
            addresses,
            hostname: endpoint.hostname.clone().filter(|hostname| !hostname.is_empty()),
            pod: endpoint.target_ref.as_ref().map(|pod| (pod.namespace.clone(), pod.name.clone())),
        }
    }
}

impl Ports {
    fn wanted(ports: Vec<Port>) -> Self {
        let ports = ports.into_iter();
        let mut ports: Vec<_> = ports
            .map(|port| (Some(port.name), Some(port.number), Some(port.protocol), port.app_protocol))
            .collect();
        ports.sort_unstable();
        Ports(ports)
    }

    /// The ports of a slice.
    pub(crate) fn of(slice: &EndpointSlice) -> Self {
        let ports = slice.ports.iter().flatten();
        let mut ports: Vec<_> = ports
            .map(|port| (port.name.clone(), port.port, port.protocol.clone(), port.app_protocol.clone()))
            .collect();
        ports.sort_unstable();
        Ports(ports)
    }

    pub(super) fn none() -> Self {
        Ports(Vec::new())
    }

    pub(super) fn published(&self) -> Option<Vec<EndpointPort>> {
        let published = self.0.iter().cloned();
        let published: Vec<EndpointPort> = published
            .map(|(name, port, protocol, app_protocol)| EndpointPort { app_protocol, name, port, protocol })
            .collect();
        (!published.is_empty()).then_some(published)
    }
}
