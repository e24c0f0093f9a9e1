//! Writes down what was chosen for a claim, as its status has it.

use k8s_openapi::api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::api::resource::v1::{
    AllocationResult, DeviceAllocationConfiguration, DeviceAllocationResult, DeviceRequestAllocationResult,
};

use super::inventory::{Inventory, reach_of};
use super::plan::{Alternative, ClaimPlan};
use super::search::Chosen;

/// What each claim gets.
pub(super) fn of(inventory: &Inventory, plans: &[ClaimPlan], chosen: &[Chosen]) -> Vec<AllocationResult> {
    let claims = plans.iter().enumerate();
    claims
        .map(|(claim, plan)| {
            let own: Vec<&Chosen> = chosen.iter().filter(|one| one.claim == claim).collect();
            let results = own.iter().map(|one| device(inventory, way(plan, one), one.device)).collect();
            let config = configuration(plan, &own);
            let config = Some(config).filter(|config| !config.is_empty());
            AllocationResult {
                devices: Some(DeviceAllocationResult { config, results: Some(results) }),
                node_selector: node_selector(inventory, &own),
                ..AllocationResult::default()
            }
        })
        .collect()
}

fn way<'a>(plan: &'a ClaimPlan, chosen: &Chosen) -> &'a Alternative {
    &plan.requests[chosen.request][chosen.alternative]
}

fn device(inventory: &Inventory, way: &Alternative, device: usize) -> DeviceRequestAllocationResult {
    let spec = inventory.spec(device);
    DeviceRequestAllocationResult {
        request: way.name.clone(),
        driver: spec.driver.clone(),
        pool: spec.pool.name.clone(),
        device: inventory.device(device).name.clone(),
        admin_access: way.is_admin.then_some(true),
        tolerations: Some(way.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
        ..DeviceRequestAllocationResult::default()
    }
}

/// First what the classes configure, then what the claim does for the requests that were satisfied.
fn configuration(plan: &ClaimPlan, own: &[&Chosen]) -> Vec<DeviceAllocationConfiguration> {
    let mut chosen: Vec<(usize, &Alternative)> = own.iter().map(|one| (one.request, way(plan, one))).collect();
    chosen.dedup_by_key(|(request, _)| *request);
    let mut all = Vec::new();
    for config in chosen.iter().flat_map(|(_, way)| way.class.spec.config.iter().flatten()) {
        let source = "FromClass".to_owned();
        all.push(DeviceAllocationConfiguration { opaque: config.opaque.clone(), requests: None, source });
    }
    let given = plan.claim.spec.devices.as_ref().and_then(|devices| devices.config.as_ref());
    for config in given.into_iter().flatten() {
        let named = config.requests.as_deref().unwrap_or_default();
        let is_meant = |way: &Alternative| {
            let parent = way.name.split('/').next().unwrap_or_default();
            named.iter().any(|name| *name == way.name || name == parent)
        };
        if named.is_empty() || chosen.iter().any(|(_, way)| is_meant(way)) {
            let (opaque, requests) = (config.opaque.clone(), config.requests.clone());
            all.push(DeviceAllocationConfiguration { opaque, requests, source: "FromClaim".to_owned() });
        }
    }
    all
}

/// The nodes that reach all devices; `None` is all nodes.
fn node_selector(inventory: &Inventory, own: &[&Chosen]) -> Option<NodeSelector> {
    let mut term = NodeSelectorTerm::default();
    for chosen in own {
        let (node, selector) = reach_of(inventory.spec(chosen.device), inventory.device(chosen.device));
        if let Some(node) = node {
            return Some(NodeSelector { node_selector_terms: vec![on_node(node)] });
        }
        // There is exactly one term, the API server sees to it.
        for other in selector.into_iter().flat_map(|selector| &selector.node_selector_terms) {
            merge(&mut term.match_expressions, &other.match_expressions);
            merge(&mut term.match_fields, &other.match_fields);
        }
    }
    let is_empty = term.match_expressions.is_none() && term.match_fields.is_none();
    (!is_empty).then(|| NodeSelector { node_selector_terms: vec![term] })
}

fn on_node(node: &str) -> NodeSelectorTerm {
    let requirement = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    NodeSelectorTerm { match_fields: Some(vec![requirement]), ..NodeSelectorTerm::default() }
}

fn merge(into: &mut Option<Vec<NodeSelectorRequirement>>, from: &Option<Vec<NodeSelectorRequirement>>) {
    for requirement in from.iter().flatten() {
        let have = into.get_or_insert_default();
        if !have.contains(requirement) {
            have.push(requirement.clone());
        }
    }
}
