//! Compiles services, endpoint slices and the node into proxy rules.
//!
//! Does what kube-proxy does up to the point where rules become the kernel's: which services are served at all and at
//! which addresses, which endpoints are usable, and what happens where none is. Deterministic: the order of the input
//! has no effect.

mod endpoints;
mod service;
#[cfg(test)]
mod tests;
mod usable;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use steersman_core::network::{Action, Address, Backend, Frontend, Rule, RuleTable};

use endpoints::{Endpoint, Endpoints};
use service::{Policy, ServicePort};
use usable::Usable;

/// Services and slices with this label are somebody else's to serve (API label `service.kubernetes.io/service-proxy-name`).
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";
/// Services and slices with this label have no address to serve (API label `service.kubernetes.io/headless`).
pub const HEADLESS: &str = "service.kubernetes.io/headless";

const ZONE: &str = "topology.kubernetes.io/zone";

/// Where the proxy is, which decides what is local and near.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTopology {
    /// The node's name.
    pub name: String,
    /// The zone it is in; empty if that is not known.
    pub zone: String,
}

impl NodeTopology {
    /// A node whose zone is not known.
    pub fn named(name: impl Into<String>) -> Self {
        NodeTopology { name: name.into(), zone: String::new() }
    }

    /// What the labels of a node say.
    pub fn of(node: &Node) -> Self {
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key).cloned();
        NodeTopology {
            name: node.metadata.name.clone().unwrap_or_default(),
            zone: label(ZONE).unwrap_or_default(),
        }
    }
}

/// The rules of one node. Where two services claim the same address and port, that of the service whose namespace and
/// name come first is kept.
pub fn compile<'a>(
    services: impl IntoIterator<Item = &'a Service>,
    slices: impl IntoIterator<Item = &'a EndpointSlice>,
    node: &NodeTopology,
) -> RuleTable {
    let endpoints = Endpoints::collect(slices, node);
    let mut ports: Vec<ServicePort> = services.into_iter().flat_map(service::ports).collect();
    ports.sort_by(|a, b| (&a.name, a.family).cmp(&(&b.name, b.family)));
    let mut rules: BTreeMap<Frontend, Rule> = BTreeMap::new();
    for port in &ports {
        for rule in port_rules(port, endpoints.of(port), node) {
            rules.entry(rule.frontend).or_insert(rule);
        }
    }
    RuleTable { rules: rules.into_values().collect() }
}

/// The rules of one port of one service, in one family of addresses.
fn port_rules(port: &ServicePort, endpoints: &[Endpoint], node: &NodeTopology) -> Vec<Rule> {
    let usable = Usable::of(endpoints, node);
    let internal = action(port.internal, &usable);
    let external = action(port.external, &usable);
    // What starts on this node is treated as if it had left the cluster and come back through a load balancer that
    // reaches every node.
    let short_cut = action(Policy::Cluster, &usable);
    let rule = |address: Address, from_node: &Action, from_elsewhere: &Action| Rule {
        frontend: Frontend { address, port: port.port, protocol: port.protocol },
        service: port.name.clone(),
        from_node: from_node.clone(),
        from_elsewhere: from_elsewhere.clone(),
        affinity: port.affinity,
        sources: None,
    };
    let mut rules = vec![rule(Address::Cluster(port.cluster_ip), &internal, &internal)];
    rules.extend(port.external_ips.iter().map(|ip| rule(Address::External(*ip), &short_cut, &external)));
    rules.extend(port.load_balancer_ips.iter().map(|ip| Rule {
        sources: port.sources.clone(),
        ..rule(Address::LoadBalancer(*ip), &short_cut, &external)
    }));
    rules.extend(port.node_port.map(|node_port| {
        let mut rule = rule(Address::Node(port.family), &short_cut, &external);
        rule.frontend.port = node_port;
        rule
    }));
    rules
}

/// Rejected is only what nobody anywhere could answer; where others could, packets are dropped for senders to try
/// elsewhere.
fn action(policy: Policy, usable: &Usable<'_>) -> Action {
    let chosen = match policy {
        Policy::Cluster => &usable.cluster,
        Policy::Local => &usable.local,
    };
    match chosen.as_slice() {
        [] if usable.anywhere => Action::Drop,
        [] => Action::Reject,
        some => Action::Forward(some.iter().map(|endpoint| backend(endpoint)).collect()),
    }
}

fn backend(endpoint: &Endpoint) -> Backend {
    Backend { address: endpoint.address, port: endpoint.port, local: endpoint.local }
}
