//! Ports of a node that pods take for themselves, and when two of them conflict.

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::requests::is_sidecar;

const EVERY_ADDRESS: &str = "0.0.0.0";

/// A port of the node that a pod takes for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct HostPort {
    /// The address; `0.0.0.0` is every address.
    pub ip: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The number.
    pub port: i32,
}

impl HostPort {
    /// Whether both cannot be had on one node.
    pub fn conflicts_with(&self, other: &HostPort) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == EVERY_ADDRESS || other.ip == EVERY_ADDRESS)
    }
}

/// The host ports of the containers and sidecars; other init containers run before and take none.
pub(crate) fn of(pod: &Pod) -> Vec<HostPort> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    sidecars.chain(&spec.containers).flat_map(taken).collect()
}

fn taken(container: &Container) -> impl Iterator<Item = HostPort> {
    let or = |text: &Option<String>, default: &str| {
        text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
    };
    container.ports.iter().flatten().filter_map(move |port| {
        let number = port.host_port.filter(|number| *number > 0)?;
        Some(HostPort {
            ip: or(&port.host_ip, EVERY_ADDRESS),
            protocol: or(&port.protocol, "TCP"),
            port: number,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, protocol: &str, port: i32) -> HostPort {
        HostPort { ip: ip.into(), protocol: protocol.into(), port }
    }

    #[test]
    fn only_the_ipv4_wildcard_takes_a_port_on_every_address() {
        let cases = [
            (port("0.0.0.0", "TCP", 80), port("10.0.0.1", "TCP", 80), true),
            (port("10.0.0.1", "TCP", 80), port("10.0.0.1", "TCP", 80), true),
            (port("10.0.0.1", "TCP", 80), port("10.0.0.2", "TCP", 80), false),
            (port("::", "TCP", 80), port("10.0.0.2", "TCP", 80), false),
            (port("0.0.0.0", "TCP", 80), port("0.0.0.0", "UDP", 80), false),
            (port("0.0.0.0", "TCP", 80), port("0.0.0.0", "TCP", 81), false),
        ];
        for (a, b, conflict) in cases {
            assert_eq!((a.conflicts_with(&b), b.conflicts_with(&a)), (conflict, conflict), "{a:?} {b:?}");
        }
    }
}
