//! Says which subsets the addresses behind a service make, and cuts them down to what one object may list.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Pod, Service};

use super::repack::repack;
use crate::pods;
use crate::service_pods::{
    Port, addresses, hostname, is_listed, may_have_no_ports, node_name, ports, publishes_unready, reference,
};

/// How many addresses one object lists at most.
const CAPACITY: usize = 1000;

/// The subsets of a service, in a fixed order.
pub(super) fn of(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let unready_too = publishes_unready(service);
    let mut subsets = Vec::new();
    for pod in pods.iter().filter(|pod| is_listed(pod, unready_too)) {
        let Some(address) = address(service, pod) else { continue };
        let ports: Vec<EndpointPort> = ports(service, pod).into_iter().map(published).collect();
        if ports.is_empty() && !may_have_no_ports(service) {
            continue;
        }
        let ready = unready_too || pods::is_ready(pod);
        let (addresses, not_ready_addresses) =
            if ready { (Some(vec![address]), None) } else { (None, Some(vec![address])) };
        subsets.push(EndpointSubset { addresses, not_ready_addresses, ports: Some(ports) });
    }
    sorted(repack(subsets))
}

/// The address of a pod in the service's first family; `None` if it has none.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let family = service.spec.as_ref().and_then(|spec| spec.ip_families.as_ref()?.first());
    let v6 = family.is_some_and(|family| family == "IPv6");
    let address = addresses(pod).into_iter().find(|address| address.is_ipv6() == v6)?;
    Some(EndpointAddress {
        ip: address.to_string(),
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
