//! Collects from endpoint slices who answers for which port of which service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::{self, EndpointSlice};
use steersman_core::addresses::parse_ip;
use steersman_core::network::{IpFamily, Protocol, ServicePortName};
use steersman_core::versions::optional;

use super::service::{ServicePort, port_number};
use super::{HEADLESS, NodeTopology, SERVICE_PROXY_NAME};

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
        let read = optional::<&Vec<_>>(&slice.endpoints)
            .into_iter()
            .flatten()
            .filter_map(|endpoint| read(endpoint, number, node));
        let (four, six): (Vec<Endpoint>, Vec<Endpoint>) =
            read.partition(|endpoint| endpoint.address.is_ipv4());
        for (family, endpoints) in [(IpFamily::V4, four), (IpFamily::V6, six)] {
            self.0.entry((name.clone(), family, protocol)).or_default().extend(endpoints);
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
fn read(endpoint: &v1::Endpoint, port: u16, node: &NodeTopology) -> Option<Endpoint> {
    let conditions = endpoint.conditions.as_ref();
    let zones = endpoint.hints.iter().flat_map(|hints| hints.for_zones.iter().flatten());
    let nodes = endpoint.hints.iter().flat_map(|hints| hints.for_nodes.iter().flatten());
    Some(Endpoint {
        address: parse_ip(endpoint.addresses.first()?)?,
        port,
        local: !node.name.is_empty() && endpoint.node_name.as_ref() == Some(&node.name),
        ready: conditions.and_then(|conditions| conditions.ready).unwrap_or(true),
        serving: conditions.and_then(|conditions| conditions.serving).unwrap_or(true),
        terminating: conditions.and_then(|conditions| conditions.terminating).unwrap_or(false),
        zone_hints: zones.map(|zone| zone.name.clone()).collect(),
        node_hints: nodes.map(|node| node.name.clone()).collect(),
    })
}

/// Orders endpoints. One that is in several slices, as happens while it moves between them, counts once: as it is
/// where it is local, then where it is ready, then where it is serving.
fn settle(endpoints: &mut Vec<Endpoint>) {
    endpoints.sort_by(|a, b| {
        let better = |one: &Endpoint| (one.local, one.ready, one.serving);
        (a.address, a.port)
            .cmp(&(b.address, b.port))
            .then_with(|| better(b).cmp(&better(a)))
            .then_with(|| (a.terminating, &a.zone_hints).cmp(&(b.terminating, &b.zone_hints)))
            .then_with(|| a.node_hints.cmp(&b.node_hints))
    });
    endpoints.dedup_by_key(|endpoint| (endpoint.address, endpoint.port));
}
