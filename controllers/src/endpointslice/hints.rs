//! Says in hints which zones and nodes an endpoint should serve, where the service asks for traffic to stay close.
//!
//! See <https://kubernetes.io/docs/concepts/services-networking/service/#traffic-distribution>.

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice, ForNode, ForZone};
use steersman_core::condition;
use steersman_core::events::EventType;

use super::desired::ZONE;
use super::pack::Plan;
use crate::runner::{Outcome, View};

/// How close traffic should stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Distribution {
    Anywhere,
    SameZone,
    SameNode,
}

/// Sets the hints of all slices of a plan; slices that were to be kept are updated where theirs are wrong.
pub(super) fn set(service: &Service, plan: &mut Plan) {
    let distribution = distribution(service);
    for slice in plan.create.iter_mut().chain(&mut plan.update) {
        set_all(slice, distribution);
    }
    for slice in std::mem::take(&mut plan.keep) {
        let mut changed = (*slice).clone();
        set_all(&mut changed, distribution);
        if changed == *slice { plan.keep.push(slice) } else { plan.update.push(changed) }
    }
}

fn distribution(service: &Service) -> Distribution {
    let wanted = service.spec.as_ref().and_then(|spec| spec.traffic_distribution.as_deref());
    match wanted {
        Some("PreferClose" | "PreferSameZone") if !is_auto(service) => Distribution::SameZone,
        Some("PreferSameNode") if !is_auto(service) => Distribution::SameNode,
        _ => Distribution::Anywhere,
    }
}

fn set_all(slice: &mut EndpointSlice, distribution: Distribution) {
    for endpoint in slice.endpoints.iter_mut().flatten() {
        endpoint.hints = hints(endpoint, distribution);
    }
}

fn hints(endpoint: &Endpoint, distribution: Distribution) -> Option<EndpointHints> {
    let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) == Some(true);
    if distribution == Distribution::Anywhere || !ready {
        return None;
    }
    let for_zones = endpoint.zone.clone().map(|name| vec![ForZone { name }]);
    let node = endpoint.node_name.clone().filter(|_| distribution == Distribution::SameNode);
    let for_nodes = node.map(|name| vec![ForNode { name }]);
    (for_zones.is_some() || for_nodes.is_some()).then_some(EndpointHints { for_nodes, for_zones })
}

/// Whether the service asks for the older heuristic.
fn is_auto(service: &Service) -> bool {
    let annotations = service.metadata.annotations.as_ref();
    let value = |name| annotations.and_then(|annotations| annotations.get(name));
    let value =
        value("service.kubernetes.io/topology-aware-hints").or(value("service.kubernetes.io/topology-mode"));
    value.is_some_and(|value| value == "Auto" || value == "auto")
}

/// Tells why a service that asks for the older heuristic gets no hints.
pub(super) fn explain(view: &View, service: &Service, family: &str, outcome: &mut Outcome) {
    if !is_auto(service) {
        return;
    }
    let why = if view.list::<Node>().iter().all(|node| !counts(node) || says_enough(node)) {
        "Topology mode Auto is not supported: use trafficDistribution"
    } else {
        "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
    };
    let message = format!("{why}, addressType: {family}");
    outcome.event(EventType::Warning, "TopologyAwareHintsDisabled", message);
}

/// Whether pods behind services run on a node.
fn counts(node: &Node) -> bool {
    const EXCLUDED: &[&str] = &["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
    let labels = node.metadata.labels.as_ref();
    let excluded = EXCLUDED.iter().any(|label| labels.is_some_and(|labels| labels.contains_key(*label)));
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    !excluded && condition::is_true(conditions, "Ready")
}

fn says_enough(node: &Node) -> bool {
    let zone = node.metadata.labels.as_ref().and_then(|labels| labels.get(ZONE));
    let cpu = node.status.as_ref().and_then(|status| status.allocatable.as_ref()?.get("cpu"));
    zone.is_some_and(|zone| !zone.is_empty()) && cpu.is_some_and(|cpu| cpu.0 != "0")
}
