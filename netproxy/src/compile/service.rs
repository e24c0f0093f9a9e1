//! Reads from a service what its rules need: one [`ServicePort`] for every port and family of addresses.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use steersman_core::addresses::{Cidr, parse_ip};
use steersman_core::network::{IpFamily, Protocol, ServicePortName};

use super::{HEADLESS, SERVICE_PROXY_NAME};

/// How long affinity lasts where the service does not say; the API's default.
const AFFINITY: Duration = Duration::from_secs(10800);

/// One port of a service, in one family of addresses.
pub(super) struct ServicePort {
    pub(super) name: ServicePortName,
    pub(super) family: IpFamily,
    pub(super) cluster_ip: IpAddr,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) node_port: Option<u16>,
    pub(super) external_ips: Vec<IpAddr>,
    pub(super) load_balancer_ips: Vec<IpAddr>,
    pub(super) sources: Option<Vec<Cidr>>,
    pub(super) affinity: Option<Duration>,
    pub(super) internal: Policy,
    pub(super) external: Policy,
}

/// Which endpoints traffic may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// All.
    Cluster,
    /// Those on this node.
    Local,
}

/// The ports of a service that this proxy serves: none of a headless service, of an `ExternalName`, or of one that
/// another proxy was named for.
pub(super) fn ports(service: &Service) -> Vec<ServicePort> {
    let Some(spec) = service.spec.as_ref().filter(|spec| is_served(service, spec)) else { return Vec::new() };
    let cluster_ips = cluster_ips(spec);
    let ports = spec.ports.iter().flatten();
    ports
        .flat_map(|port| cluster_ips.iter().filter_map(|ip| service_port(service, spec, port, *ip)))
        .collect()
}

fn is_served(service: &Service, spec: &ServiceSpec) -> bool {
    let labels = service.metadata.labels.as_ref();
    let labelled = |key: &str| labels.is_some_and(|labels| labels.contains_key(key));
    spec.type_.as_deref() != Some("ExternalName") && !labelled(SERVICE_PROXY_NAME) && !labelled(HEADLESS)
}

/// The cluster IPs, one a family; `None` and the empty string are no address.
fn cluster_ips(spec: &ServiceSpec) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = Vec::new();
    for ip in spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip).filter_map(|ip| parse_ip(ip)) {
        if ips.iter().all(|other| IpFamily::of(*other) != IpFamily::of(ip)) {
            ips.push(ip);
        }
    }
    ips
}

fn service_port(
    service: &Service,
    spec: &ServiceSpec,
    port: &k8s_openapi::api::core::v1::ServicePort,
    cluster_ip: IpAddr,
) -> Option<ServicePort> {
    let family = IpFamily::of(cluster_ip);
    let of_family = |ip: &String| parse_ip(ip).filter(|ip| IpFamily::of(*ip) == family);
    Some(ServicePort {
        name: ServicePortName {
            namespace: service.metadata.namespace.clone().unwrap_or_default(),
            name: service.metadata.name.clone().unwrap_or_default(),
            port: port.name.clone().unwrap_or_default(),
        },
        family,
        cluster_ip,
        port: port_number(port.port)?,
        protocol: Protocol::parse(port.protocol.as_deref())?,
        node_port: port.node_port.and_then(port_number),
        external_ips: spec.external_ips.iter().flatten().filter_map(of_family).collect(),
        load_balancer_ips: load_balancer_ips(service).iter().filter_map(of_family).collect(),
        sources: sources(spec, family),
        affinity: affinity(spec),
        internal: policy(spec.internal_traffic_policy.as_deref()),
        external: policy(spec.external_traffic_policy.as_deref()),
    })
}

pub(super) fn port_number(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

fn policy(text: Option<&str>) -> Policy {
    if text == Some("Local") { Policy::Local } else { Policy::Cluster }
}

/// The addresses of load balancers that deliver packets unchanged; others deliver to node ports.
fn load_balancer_ips(service: &Service) -> Vec<String> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    ingress
        .filter(|one| one.ip_mode.as_deref().unwrap_or("VIP") == "VIP")
        .filter_map(|one| one.ip.clone())
        .collect()
}

/// The sources of this family that are let in through a load balancer. As upstream has it, a service that only names
/// sources of the other family lets everybody in.
fn sources(spec: &ServiceSpec, family: IpFamily) -> Option<Vec<Cidr>> {
    let ranges =
        spec.load_balancer_source_ranges.iter().flatten().filter_map(|range| range.trim().parse().ok());
    let ranges: Vec<Cidr> = ranges.filter(|range: &Cidr| IpFamily::of(range.address()) == family).collect();
    (!ranges.is_empty()).then_some(ranges)
}

fn affinity(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let client_ip = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds =
        client_ip.and_then(|config| config.timeout_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Some(seconds.map_or(AFFINITY, Duration::from_secs))
}
