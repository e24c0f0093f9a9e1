//! Gives every node a range of pod addresses of its own, out of the cluster's.
//!
//! Upstream's `pkg/controller/nodeipam` with the range allocator, for one IPv4 range.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use steersman_core::addresses::Cidr;
use steersman_core::events::EventType;
use steersman_core::tree::json;

use crate::{Key, Outcome, Sources, Sweep, View};

/// Nodes change; this is only for what a failed write left undone.
const AGAIN: Duration = Duration::from_secs(60);

/// The cluster's pod addresses and how they are cut; flags `--cluster-cidr` and `--node-cidr-mask-size`.
#[derive(Clone, Copy, Debug)]
pub struct NodeIpam {
    first: u32,
    bits: u8,
    node_bits: u8,
}

impl NodeIpam {
    /// Cuts `cluster/bits` into ranges of `/node_bits`. `None` if a node's range would not fit.
    pub fn new(cluster: Ipv4Addr, bits: u8, node_bits: u8) -> Option<Self> {
        let fits = bits <= node_bits && node_bits <= 32 && node_bits - bits < 32;
        let mask = u32::MAX.checked_shl(u32::from(32 - bits.min(32))).unwrap_or(0);
        fits.then(|| NodeIpam { first: u32::from(cluster) & mask, bits, node_bits })
    }

    fn ranges(self) -> impl Iterator<Item = Cidr> {
        let (count, size) = (1_u64 << (self.node_bits - self.bits), 1_u64 << (32 - self.node_bits));
        (0..count).filter_map(move |number| {
            let offset = u32::try_from(number * size).unwrap_or(u32::MAX);
            Cidr::new(Ipv4Addr::from(self.first.wrapping_add(offset)).into(), self.node_bits)
        })
    }
}

impl Sweep for NodeIpam {
    const NAME: &'static str = "nodeipam";

    fn component(&self) -> String {
        "cidrAllocator".to_owned()
    }

    fn every(&self) -> Duration {
        AGAIN
    }

    fn sources(&self) -> Sources {
        Sources::new().watches::<Node>(|_, change| vec![Key::of(change.object())])
    }

    fn sweep(&self, view: &View) -> Outcome {
        let mut outcome = Outcome::done();
        let nodes = view.list::<Node>();
        let taken: Vec<Cidr> = nodes.iter().filter_map(|node| range(node)?.parse().ok()).collect();
        let mut free = self.ranges().filter(|range| !taken.iter().any(|other| overlap(range, other)));
        let is_alive = |node: &&Arc<Node>| node.metadata.deletion_timestamp.is_none();
        for node in nodes.iter().filter(|node| range(node).is_none()).filter(is_alive) {
            match free.next() {
                Some(range) => {
                    let range = range.to_string();
                    let patch = json!({"spec": {"podCIDR": range, "podCIDRs": [range]}});
                    outcome.strategic(&**node, patch).may_be_missing();
                }
                None => {
                    let name = node.metadata.name.as_deref().unwrap_or_default();
                    let message = format!("Node {name} status is now: CIDRNotAvailable");
                    outcome.event_about(&**node, EventType::Normal, "CIDRNotAvailable", message);
                }
            }
        }
        outcome
    }
}

/// Whether two ranges have an address in common: one of them begins within the other.
fn overlap(one: &Cidr, other: &Cidr) -> bool {
    one.contains(other.address()) || other.contains(one.address())
}

fn range(node: &Node) -> Option<&str> {
    node.spec.as_ref()?.pod_cidr.as_deref().filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value};

    use super::*;
    use crate::runner::{Operation, PatchBody};

    #[test]
    fn a_cluster_range_is_cut_into_equal_parts() {
        let ipam = NodeIpam::new(Ipv4Addr::new(10, 200, 3, 4), 16, 26).unwrap();
        let ranges: Vec<String> = ipam.ranges().map(|range| range.to_string()).collect();
        assert_eq!(ranges.len(), 1024);
        assert_eq!(ranges[..2], ["10.200.0.0/26", "10.200.0.64/26"]);
        assert!(NodeIpam::new(Ipv4Addr::LOCALHOST, 24, 16).is_none());
    }

    #[test]
    fn no_node_gets_a_range_that_meets_that_of_another() {
        let ipam = NodeIpam::new(Ipv4Addr::new(10, 200, 0, 0), 16, 26).unwrap();
        let node = |name: &str, spec: Value| -> Node {
            from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
        };
        let cases = [
            ("10.200.0.0/26", "10.200.0.64/26"),
            ("10.200.0.0/24", "10.200.1.0/26"),
            ("10.200.0.32/28", "10.200.0.64/26"),
            ("10.250.0.0/26", "10.200.0.0/26"),
        ];
        for (taken, expected) in cases {
            let nodes = [node("a", json!({"podCIDR": taken, "podCIDRs": [taken]})), node("b", json!({}))];
            let outcome = ipam.sweep(&View::fixed("2026-01-01T00:00:00Z".parse().unwrap()).with(&nodes));
            let Operation::Patch(target, PatchBody::Strategic(patch)) = &outcome.actions()[0].operation
            else {
                panic!("{outcome:?}")
            };
            assert_eq!(target.name, "b");
            assert_eq!(patch["spec"]["podCIDR"], expected, "beside {taken}");
        }
    }
}
