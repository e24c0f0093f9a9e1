//! The addresses and ports that services are given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// Where services get their cluster IPs and node ports from; upstream's `--service-cluster-ip-range` and
/// `--service-node-port-range`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceRanges {
    /// The network of cluster IPs, and how many leading bits of it are fixed. Defaults to `10.96.0.0/16`.
    pub cluster_ips: (IpAddr, u8),
    /// The node ports. Defaults to 30000-32767.
    pub node_ports: RangeInclusive<u16>,
}

impl ServiceRanges {
    /// The address of the service `kubernetes`, behind which is the API server: the first one of the network.
    pub fn kubernetes(&self) -> IpAddr {
        match self.cluster_ips.0 {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits().saturating_add(1))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits().saturating_add(1))),
        }
    }
}

impl Default for ServiceRanges {
    fn default() -> Self {
        ServiceRanges {
            cluster_ips: (IpAddr::V4(Ipv4Addr::new(10, 96, 0, 0)), 16),
            node_ports: 30000..=32767,
        }
    }
}
