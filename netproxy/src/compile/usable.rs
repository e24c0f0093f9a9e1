//! Decides which endpoints of a service may get traffic: ready ones, near ones, and terminating ones in need.

use super::NodeTopology;
use super::endpoints::Endpoint;

/// The endpoints that may get traffic.
pub(super) struct Usable<'a> {
    /// For traffic that may go anywhere.
    pub(super) cluster: Vec<&'a Endpoint>,
    /// For traffic that must stay on the node.
    pub(super) local: Vec<&'a Endpoint>,
    /// Whether any endpoint anywhere could answer.
    pub(super) anywhere: bool,
}

/// How near an endpoint must be.
#[derive(Clone, Copy)]
enum Nearness {
    Anywhere,
    SameZone,
    SameNode,
}

impl<'a> Usable<'a> {
    /// Ready endpoints; where there are none, those that are terminating and still serve (KEP-1669). The choice is
    /// made for the cluster and for the node each on its own. Hints for zones and nodes (KEP-2433, KEP-3015) only
    /// concern traffic that may go anywhere.
    pub(super) fn of(endpoints: &'a [Endpoint], node: &NodeTopology) -> Self {
        let nearness = nearness(endpoints, node);
        let near = |endpoint: &&Endpoint| match nearness {
            Nearness::Anywhere => true,
            Nearness::SameZone => endpoint.zone_hints.contains(&node.zone),
            Nearness::SameNode => endpoint.node_hints.contains(&node.name),
        };
        let cluster =
            ready_or_last(endpoints.iter().filter(|endpoint| !endpoint.ready || near(endpoint)).collect());
        let local = ready_or_last(endpoints.iter().filter(|endpoint| endpoint.local).collect());
        Usable { anywhere: !cluster.is_empty(), cluster, local }
    }
}

fn ready_or_last(endpoints: Vec<&Endpoint>) -> Vec<&Endpoint> {
    let ready: Vec<&Endpoint> = endpoints.iter().copied().filter(|endpoint| endpoint.ready).collect();
    if !ready.is_empty() {
        return ready;
    }
    endpoints.into_iter().filter(|endpoint| endpoint.serving && endpoint.terminating).collect()
}

/// Hints count if every ready endpoint has them and at least one is for this node, or else for this node's zone. They
/// are the only way in which a service's traffic distribution reaches a proxy.
fn nearness(endpoints: &[Endpoint], node: &NodeTopology) -> Nearness {
    let ready = || endpoints.iter().filter(|endpoint| endpoint.ready);
    let all_hint_nodes = ready().all(|endpoint| !endpoint.node_hints.is_empty());
    let all_hint_zones = ready().all(|endpoint| !endpoint.zone_hints.is_empty());
    if all_hint_nodes && ready().any(|endpoint| endpoint.node_hints.contains(&node.name)) {
        Nearness::SameNode
    } else if all_hint_zones && ready().any(|endpoint| endpoint.zone_hints.contains(&node.zone)) {
        Nearness::SameZone
    } else {
        Nearness::Anywhere
    }
}
