//! Writes down what was chosen for a claim, as its status has it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::api::resource::v1::{
    AllocationResult, DeviceAllocationConfiguration, DeviceAllocationResult, DeviceClassConfiguration,
    DeviceRequestAllocationResult,
};

use super::spec;
use super::reach::reach_of;
use super::plan::{Alternative, ClaimPlan};
use super::search::{Chosen, Search};

/// What each claim gets on a node.
pub(super) fn of(search: &Search, chosen: &[Chosen], node: &Node) -> Vec<AllocationResult> {
    let claims = search.plans().iter().enumerate();
    claims
        .map(|(claim, plan)| {
            let own: Vec<Chosen> = chosen.iter().filter(|one| one.claim == claim).copied().collect();
            let results = own.iter().map(|one| device(search, *one)).collect();
            let config = configuration(search, plan, &own);
            let config = Some(config).filter(|config| !config.is_empty());
            AllocationResult {
                devices: Some(DeviceAllocationResult { config, results: Some(results) }),
                node_selector: node_selector(search, &own, node),
                ..AllocationResult::default()
            }
        })
        .collect()
}

fn device(search: &Search, chosen: Chosen) -> DeviceRequestAllocationResult {
    let (spec, device, way) = (search.inventory().spec(chosen.device), search.device(chosen), search.way(chosen));
    let mut result = DeviceRequestAllocationResult {
        request: way.name.clone(),
        driver: spec.driver.clone(),
        pool: spec.pool.name.clone(),
        device: device.name.clone(),
        admin_access: way.is_admin.then_some(true),
        tolerations: Some(way.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
        binding_conditions: device.binding_conditions.clone(),
        binding_failure_conditions: device.binding_failure_conditions.clone(),
        ..DeviceRequestAllocationResult::default()
    };
    if let Some(share) = search.share(chosen) {
        (result.share_id, result.consumed_capacity) = (Some(String::new()), share.to_write());
    }
    result
}

/// First what the classes configure, each for the requests that have it, then what the claim does for the requests that
/// were satisfied: once, where 1.36 says it once for each of them.
fn configuration(search: &Search, plan: &ClaimPlan, own: &[Chosen]) -> Vec<DeviceAllocationConfiguration> {
    let mut chosen: Vec<(usize, &Alternative)> = own.iter().map(|one| (one.request, search.way(*one))).collect();
    chosen.dedup_by_key(|(request, _)| *request);
    let mut all = of_classes(&chosen);
    let given = spec::of_claim(&plan.claim).and_then(|devices| devices.config.as_ref());
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

fn of_classes(chosen: &[(usize, &Alternative)]) -> Vec<DeviceAllocationConfiguration> {
    let mut classes: Vec<&Alternative> = Vec::new();
    let mut requests: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, way) in chosen {
        let named = requests.entry(way.class_name()).or_default();
        if named.is_empty() {
            classes.push(way);
        }
        named.push(way.name.clone());
    }
    let configured = |way: &&Alternative| {
        let requests = requests.get(way.class_name()).cloned();
        let one = move |config: &DeviceClassConfiguration| DeviceAllocationConfiguration {
            opaque: config.opaque.clone(),
            requests: requests.clone(),
            source: "FromClass".to_owned(),
        };
        spec::of_class(&way.class).and_then(|spec| spec.config.as_ref()).into_iter().flatten().map(one).collect::<Vec<_>>()
    };
    classes.iter().flat_map(configured).collect()
}

/// The nodes that reach all devices; `None` is all nodes. A device may be bound to the node that it is prepared for.
fn node_selector(search: &Search, own: &[Chosen], node: &Node) -> Option<NodeSelector> {
    let mut term = NodeSelectorTerm::default();
    for chosen in own {
        let (named, selector) = reach_of(search.inventory().spec(chosen.device), search.device(*chosen));
        if named.is_some() || search.device(*chosen).binds_to_node == Some(true) {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            return Some(NodeSelector { node_selector_terms: vec![on_node(name)] });
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
        if !have.iter().any(|one| is_same(one, requirement)) {
            have.push(requirement.clone());
        }
    }
}

/// Whether two requirements say the same: the order of their values does not matter.
fn is_same(a: &NodeSelectorRequirement, b: &NodeSelectorRequirement) -> bool {
    let values = |one: &NodeSelectorRequirement| one.values.iter().flatten().cloned().collect::<BTreeSet<_>>();
    a.key == b.key && a.operator == b.operator && values(a) == values(b)
}
