//! Collects from endpoint slices who answers for which port of which service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::{self, EndpointSlice};
use steersman_core::network::{IpFamily, Protocol, ServicePortName};

use super::service::{ServicePort, port_number};
use super::{HEADLESS, NodeTopology, SERVICE_PROXY_NAME, parse_ip};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Somebody who answers for a service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// Whether it is on the proxy's node.
    pub(super) local: bool,
    pub(super) ready: bool,
    pub(super) serving: bool,
    pub(super) terminating: bool,
    pub(super) zone_hints: BTreeSet<String>,
    pub(super) node_hints: BTreeSet<String>,
}

/// Endpoints by service port, family and protocol, ordered by address and port.
#[derive(Default)]
pub(super) struct Endpoints(BTreeMap<Key, Vec<Endpoint>>);

type Key = (ServicePortName, IpFamily, Protocol);

impl Endpoints {
    pub(super) fn collect<'a>(
        slices: impl IntoIterator<Item = &'a EndpointSlice>,
        node: &NodeTopology,
    ) -> Self {
        let mut all = Endpoints::default();
        for slice in slices.into_iter().filter(|slice| is_served(slice)) {
            for port in slice.ports.iter().flatten() {
                all.add(slice, port, node);
            }
        }
        for endpoints in all.0.values_mut() {
            settle(endpoints);
        }
        all
    }

    /// The endpoints of a service port.
    pub(super) fn of(&self, port: &ServicePort) -> &[Endpoint] {
        self.0.get(&(port.name.clone(), port.family, port.protocol)).map_or(&[], Vec::as_slice)
    }

    /// Takes in the endpoints of a slice for one of its ports. A port without a number would mean all ports, which
    /// services cannot use.
    fn add(&mut self, slice: &EndpointSlice, port: &v1::EndpointPort, node: &NodeTopology) {
        let (Some(number), Some(protocol)) =
            (port.port.and_then(port_number), Protocol::parse(port.protocol.as_deref()))
        else {
            return;
        };
        let name = ServicePortName {
            namespace: slice.metadata.namespace.clone().unwrap_or_default(),
            name: label(slice, SERVICE_NAME).unwrap_or_default().to_owned(),
            port: port.name.clone().unwrap_or_default(),
        };
        for (family, endpoint) in
            slice.endpoints.iter().flatten().filter_map(|endpoint| read(endpoint, number, node))
        {
            self.0.entry((name.clone(), family, protocol)).or_default().push(endpoint);
        }
    }
}

fn is_served(slice: &EndpointSlice) -> bool {
    label(slice, SERVICE_PROXY_NAME).is_none() && label(slice, HEADLESS).is_none()
}

fn label<'a>(slice: &'a EndpointSlice, key: &str) -> Option<&'a str> {
    slice.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// Reads an endpoint, by the first of its addresses, which all mean the same.
fn read(endpoint: &v1::Endpoint, port: u16, node: &NodeTopology) -> Option<(IpFamily, Endpoint)> {
    let (family, address) = parse_ip(endpoint.addresses.first()?)?;
    let conditions = endpoint.conditions.clone().unwrap_or_default();
    let hints = endpoint.hints.clone().unwrap_or_default();
    let endpoint = Endpoint {
        address,
        port,
        local: !node.name.is_empty() && endpoint.node_name.as_ref() == Some(&node.name),
        ready: conditions.ready.unwrap_or(true),
        serving: conditions.serving.unwrap_or(true),
        terminating: conditions.terminating.unwrap_or(false),
        zone_hints: hints.for_zones.into_iter().flatten().map(|zone| zone.name).collect(),
        node_hints: hints.for_nodes.into_iter().flatten().map(|node| node.name).collect(),
    };
    Some((family, endpoint))
}

/// Orders endpoints. One that is in several slices, as happens while it moves between them, counts once: as it is
/// where it is local, then where it is ready, then where it is serving.
fn settle(endpoints: &mut Vec<Endpoint>) {
    endpoints.sort_by(|a, b| {
        let worse = |endpoint: &Endpoint| (!endpoint.local, !endpoint.ready, !endpoint.serving);
        (a.address, a.port, worse(a)).cmp(&(b.address, b.port, worse(b)))
    });
    endpoints.dedup_by_key(|endpoint| (endpoint.address, endpoint.port));
}
