//! Fills ClusterRoles that are made of others, by the labels of those.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles>

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use steersman_core::cache::Change;
use steersman_core::selector::LabelSelector;
use steersman_core::tree::json;

use crate::{Controller, Key, Outcome, Sources, View};

/// Who owns the rules.
const MANAGER: &str = "clusterrole-aggregation-controller";

/// Keeps the rules of ClusterRoles with an `aggregationRule`.
#[derive(Debug, Default)]
pub struct ClusterRoleAggregation;

impl Controller for ClusterRoleAggregation {
    type Object = ClusterRole;
    const NAME: &'static str = "clusterroleaggregation";

    /// A change of any role may matter to every role that is made of others.
    fn sources(&self) -> Sources {
        Sources::new().watches::<ClusterRole>(|view, _: &Change| {
            let roles = view.list::<ClusterRole>();
            roles
                .iter()
                .filter(|role| role.aggregation_rule.is_some())
                .map(|role| Key::of_typed(&**role))
                .collect()
        })
    }

    fn reconcile(&self, view: &View, role: &ClusterRole) -> Outcome {
        let mut outcome = Outcome::done();
        if role.aggregation_rule.is_none() {
            return outcome;
        }
        let rules = aggregated(view, role);
        if role.rules.as_deref().unwrap_or_default() != rules {
            // Where nothing is selected, nothing is wanted: rules that somebody else has written stay.
            let wanted = if rules.is_empty() { json!({}) } else { json!({ "rules": rules }) };
            outcome.apply(role, MANAGER, wanted).may_be_missing();
        }
        outcome
    }
}

/// The rules of all roles that the selectors select, in order of selectors and names, each once.
fn aggregated(view: &View, role: &ClusterRole) -> Vec<PolicyRule> {
    let mut rules: Vec<PolicyRule> = Vec::new();
    let selectors = role.aggregation_rule.as_ref().and_then(|rule| rule.cluster_role_selectors.as_ref());
    for selector in selectors.into_iter().flatten() {
        // A selector that cannot be read, which validation keeps out, selects nothing.
        let Ok(selector) = LabelSelector::from_object(Some(selector)) else { continue };
        let mut selected = view.list::<ClusterRole>();
        selected.retain(|one| {
            one.metadata.name != role.metadata.name
                && selector
                    .matches(one.metadata.labels.as_ref().unwrap_or(&std::collections::BTreeMap::new()))
        });
        selected.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        for rule in selected.iter().flat_map(|one| one.rules.iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn role(json: Value) -> ClusterRole {
        steersman_core::tree::from_value(json).unwrap()
    }

    fn part(name: &str, resource: &str) -> ClusterRole {
        role(json!({
            "metadata": {"name": name, "labels": {"into": "all"}},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}],
        }))
    }

    #[test]
    fn a_role_is_made_of_those_it_selects_each_rule_once() {
        let whole = role(json!({
            "metadata": {"name": "whole", "labels": {"into": "all"}},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"into": "all"}}]},
        }));
        let parts = [part("b", "pods"), part("a", "secrets"), part("c", "pods"), whole.clone()];
        let view = View::fixed("2026-01-01T00:00:00Z".parse().unwrap()).with(&parts);
        let resources: Vec<_> =
            aggregated(&view, &whole).into_iter().filter_map(|rule| rule.resources).flatten().collect();
        assert_eq!(resources, ["secrets", "pods"]);
        assert_eq!(ClusterRoleAggregation.reconcile(&view, &whole).actions().len(), 1);
        let mut filled = whole.clone();
        filled.rules = Some(aggregated(&view, &whole));
        assert!(ClusterRoleAggregation.reconcile(&view, &filled).actions().is_empty());
        assert!(ClusterRoleAggregation.reconcile(&view, &parts[0]).actions().is_empty());
    }
}
