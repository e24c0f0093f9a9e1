//! Addresses that nothing outside a node is reached by.

use std::net::IpAddr;

use super::ServiceRanges;

/// How far the addresses of endpoints must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strategy) enum Reach {
    /// To other nodes, as upstream asks for.
    Network,
    /// Within the host: the whole cluster is on one machine, and its services have loopback addresses themselves.
    Host,
}

impl Reach {
    /// Where services are given loopback addresses, their endpoints may have some too.
    pub(in crate::strategy) fn of(ranges: &ServiceRanges) -> Self {
        if ranges.cluster_ips.0.is_loopback() { Reach::Host } else { Reach::Network }
    }

    /// Why an address cannot be an endpoint; upstream's `ValidateNonSpecialIP`, but for [`Reach::Host`].
    pub(in crate::strategy) fn refuses(self, ip: IpAddr) -> Option<String> {
        if self == Reach::Host && ip.is_loopback() { None } else { special_address(ip) }
    }
}

/// Why an address cannot be an endpoint or an external IP; upstream's `ValidateNonSpecialIP`.
pub(in crate::strategy) fn special_address(ip: IpAddr) -> Option<String> {
    let (link_local, multicast) = match ip {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if ip.is_unspecified() {
        Some(format!("may not be unspecified ({ip})"))
    } else if ip.is_loopback() {
        Some("may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned())
    } else if link_local {
        Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned())
    } else if multicast {
        Some("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned())
    } else {
        None
    }
}
