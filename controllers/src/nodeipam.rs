//! Gives every node a range of pod addresses of its own, out of the cluster's.
//!
//! Upstream's `pkg/controller/nodeipam` with the range allocator, for one IPv4 range.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use steersman_core::events::EventType;

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

    fn ranges(self) -> impl Iterator<Item = String> {
        let (count, size) = (1_u64 << (self.node_bits - self.bits), 1_u64 << (32 - self.node_bits));
        (0..count).map(move |number| {
            let offset = u32::try_from(number * size).unwrap_or(u32::MAX);
            format!("{}/{}", Ipv4Addr::from(self.first.wrapping_add(offset)), self.node_bits)
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
        let taken: BTreeSet<&str> = nodes.iter().filter_map(|node| range(node)).collect();
        let mut free = self.ranges().filter(|range| !taken.contains(range.as_str()));
        for node in nodes.iter().filter(|node| range(node).is_none()) {
            match free.next() {
                Some(range) => {
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

fn range(node: &Node) -> Option<&str> {
    node.spec.as_ref()?.pod_cidr.as_deref().filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_range_is_cut_into_equal_parts() {
        let ipam = NodeIpam::new(Ipv4Addr::new(10, 200, 3, 4), 16, 26).unwrap();
        let ranges: Vec<String> = ipam.ranges().collect();
        assert_eq!(ranges.len(), 1024);
        assert_eq!(ranges[..2], ["10.200.0.0/26", "10.200.0.64/26"]);
        assert!(NodeIpam::new(Ipv4Addr::LOCALHOST, 24, 16).is_none());
    }
}
