//! Says in hints which zones and nodes an endpoint should serve, where the service asks for traffic to stay close.
//!
//! See <https://kubernetes.io/docs/concepts/services-networking/service/#traffic-distribution>.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice, ForNode, ForZone};
use steersman_core::events::EventType;
use steersman_core::versions::optional;

use super::auto::{self, Hinted};
use super::pack::Plan;
use crate::runner::{Key, Outcome, View};

/// How close traffic should stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Distribution {
    Anywhere,
    SameZone,
    SameNode,
}

/// Sets the hints of all slices of a plan, and tells of topology mode Auto; slices that were to be kept are updated
/// where theirs are wrong.
pub(super) fn set(
    view: &View,
    service: &Service,
    family: &str,
    plan: &mut Plan,
    hinted: &Hinted,
    outcome: &mut Outcome,
) {
    let key = Key::of_typed(service);
    let mut off = |why: &str| {
        outcome.event(
            EventType::Warning,
            "TopologyAwareHintsDisabled",
            format!("{why}, addressType: {family}"),
        );
    };
    if !is_auto(service) {
        if hinted.remove(&key, family) {
            off("Topology Aware Hints has been disabled");
        }
        return set_everywhere(plan, distribution(service));
    }
    match auto::spread(view, plan) {
        Ok(counts) => {
            if hinted.set(&key, family, counts) {
                let message = format!("Topology Aware Hints has been enabled, addressType: {family}");
                outcome.event(EventType::Normal, "TopologyAwareHintsEnabled", message);
            }
        }
        Err(why) => {
            off(&why);
            hinted.remove(&key, family);
            set_everywhere(plan, Distribution::Anywhere);
        }
    }
}

fn set_everywhere(plan: &mut Plan, distribution: Distribution) {
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
        Some("PreferClose" | "PreferSameZone") => Distribution::SameZone,
        Some("PreferSameNode") => Distribution::SameNode,
        _ => Distribution::Anywhere,
    }
}

fn set_all(slice: &mut EndpointSlice, distribution: Distribution) {
    for endpoint in optional::<&mut Vec<_>>(&mut slice.endpoints).into_iter().flatten() {
        endpoint.hints = hints(endpoint, distribution);
    }
}

fn hints(endpoint: &Endpoint, distribution: Distribution) -> Option<EndpointHints> {
    if distribution == Distribution::Anywhere || !is_ready(endpoint) {
        return None;
    }
    let for_zones = endpoint.zone.clone().map(|name| vec![ForZone { name }]);
    let node = endpoint.node_name.clone().filter(|_| distribution == Distribution::SameNode);
    let for_nodes = node.map(|name| vec![ForNode { name }]);
    (for_zones.is_some() || for_nodes.is_some()).then_some(EndpointHints { for_nodes, for_zones })
}

pub(super) fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) == Some(true)
}

/// Whether the service asks for the older heuristic.
fn is_auto(service: &Service) -> bool {
    let annotations = service.metadata.annotations.as_ref();
    let value = |name| annotations.and_then(|annotations| annotations.get(name));
    let value =
        value("service.kubernetes.io/topology-aware-hints").or(value("service.kubernetes.io/topology-mode"));
    value.is_some_and(|value| value == "Auto" || value == "auto")
}
