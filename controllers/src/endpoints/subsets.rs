//! Packs the addresses behind a service into subsets: addresses that have the same ports share one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Pod, Service};

use crate::pods;
use crate::service_pods::{
    Port, addresses, hostname, is_listed, is_v6, may_have_no_ports, node_name, ports, publishes_unready,
    reference,
};

/// How many addresses one object lists at most.
const CAPACITY: usize = 1000;

/// The subsets of a service, in a fixed order.
pub(super) fn of(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let unready_too = publishes_unready(service);
    let mut listed: Vec<(EndpointAddress, bool)> = Vec::new();
    // First who has a port, then which ports the same addresses have.
    let mut by_port: BTreeMap<Option<Port>, BTreeSet<usize>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| is_listed(pod, unready_too)) {
        let Some(address) = address(service, pod) else { continue };
        let index = listed.len();
        listed.push((address, unready_too || pods::is_ready(pod)));
        let ports = ports(service, pod).into_iter().map(Some);
        for port in ports.chain(may_have_no_ports(service).then_some(None)) {
            by_port.entry(port).or_default().insert(index);
        }
    }
    let mut by_addresses: BTreeMap<BTreeSet<usize>, Vec<EndpointPort>> = BTreeMap::new();
    for (port, addresses) in by_port {
        by_addresses.entry(addresses).or_default().extend(port.map(published));
    }
    let subset = |(addresses, ports): (BTreeSet<usize>, Vec<EndpointPort>)| {
        let of = |ready: bool| {
            let all = addresses.iter().map(|index| &listed[*index]);
            all.filter(|(_, is_ready)| *is_ready == ready).map(|(address, _)| address.clone()).collect()
        };
        EndpointSubset { addresses: some(of(true)), not_ready_addresses: some(of(false)), ports: some(ports) }
    };
    sorted(by_addresses.into_iter().map(subset).collect())
}

/// The address of a pod in the service's first family; `None` if it has none.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let family = service.spec.as_ref().and_then(|spec| spec.ip_families.as_ref()?.first());
    let v6 = family.is_some_and(|family| family == "IPv6");
    let address = addresses(pod).into_iter().find(|address| is_v6(address) == v6)?;
    Some(EndpointAddress {
        ip: address.to_owned(),
        hostname: hostname(pod, service),
        node_name: node_name(pod),
        target_ref: Some(reference(pod)),
    })
}

fn published(port: Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name).filter(|name| !name.is_empty()),
        port: port.number,
        protocol: Some(port.protocol),
        app_protocol: port.app_protocol,
    }
}

/// The same in a fixed order, without empty lists and without the versions of pods.
pub(super) fn sorted(mut subsets: Vec<EndpointSubset>) -> Vec<EndpointSubset> {
    for subset in &mut subsets {
        for addresses in [&mut subset.addresses, &mut subset.not_ready_addresses] {
            for address in addresses.iter_mut().flatten() {
                if let Some(pod) = &mut address.target_ref {
                    pod.resource_version = None;
                }
            }
            *addresses = addresses.take().and_then(some);
            addresses.iter_mut().for_each(|all| all.sort_by_cached_key(address_order));
        }
        subset.ports = subset.ports.take().and_then(some);
        subset.ports.iter_mut().for_each(|all| all.sort_by_cached_key(port_order));
    }
    subsets.sort_by_cached_key(|subset| {
        let ports: Vec<_> = subset.ports.iter().flatten().map(port_order).collect();
        let all = subset.addresses.iter().chain(&subset.not_ready_addresses).flatten();
        (ports, all.map(address_order).min())
    });
    subsets
}

fn address_order(address: &EndpointAddress) -> (String, Option<String>) {
    (address.ip.clone(), address.target_ref.as_ref().and_then(|pod| pod.uid.clone()))
}

fn port_order(port: &EndpointPort) -> (Option<String>, i32, Option<String>, Option<String>) {
    (port.name.clone(), port.port, port.protocol.clone(), port.app_protocol.clone())
}

/// Cuts down to what one object may list, the ready ones first, each subset in proportion to its size; says whether
/// anything was cut off.
pub(super) fn truncate(mut subsets: Vec<EndpointSubset>) -> (Vec<EndpointSubset>, bool) {
    let count = |of: fn(&EndpointSubset) -> &Option<Vec<EndpointAddress>>| -> usize {
        subsets.iter().map(|subset| of(subset).as_ref().map_or(0, Vec::len)).sum()
    };
    let ready = count(|subset| &subset.addresses);
    let unready = count(|subset| &subset.not_ready_addresses);
    if ready + unready <= CAPACITY {
        return (subsets, false);
    }
    let (most, total) = if ready > CAPACITY { (CAPACITY, ready) } else { (CAPACITY - ready, unready) };
    let mut room = most;
    for subset in &mut subsets {
        let cut = if ready > CAPACITY { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        let share = (cut.as_ref().map_or(0, Vec::len) * most).div_ceil(total).min(room);
        cut.iter_mut().for_each(|addresses| addresses.truncate(share));
        *cut = cut.take().and_then(some);
        room -= share;
        if ready > CAPACITY {
            subset.not_ready_addresses = None;
        }
    }
    (subsets, true)
}

/// The API leaves empty lists out.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
