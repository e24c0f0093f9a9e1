//! Nobody grants what he has not got.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;
use steersman_core::field::quote;

use super::rule::{self, list};
use super::{Index, rules_of};
use crate::user::User;

/// What is wrong with `user` granting `rules` in a namespace (in none: in the whole cluster).
pub(crate) fn check_grant(
    index: &Index,
    user: &User,
    namespace: &str,
    rules: &[PolicyRule],
) -> Result<(), String> {
    let (held, unresolved) = rules_of(index, user, namespace);
    let wanted = rules.iter().flat_map(rule::break_down);
    let missing: Vec<PolicyRule> =
        wanted.filter(|want| !held.iter().any(|have| rule::covers(have, want))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown: BTreeSet<String> = compact(missing).iter().map(show).collect();
    let shown: Vec<String> = shown.into_iter().collect();
    let mut why = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        quoted(&user.groups),
        shown.join("\n")
    );
    if !unresolved.is_empty() {
        why = format!("{why}; resolution errors: [{}]", unresolved.join(" "));
    }
    Err(why)
}

/// The rules of somebody who may do everything.
pub(crate) fn everything() -> Vec<PolicyRule> {
    let all = || vec!["*".to_owned()];
    let resources =
        PolicyRule { api_groups: Some(all()), resources: Some(all()), verbs: all(), ..PolicyRule::default() };
    let paths = PolicyRule { non_resource_urls: Some(all()), verbs: all(), ..PolicyRule::default() };
    vec![resources, paths]
}

/// Puts rules for the same thing together that differ in their verbs.
fn compact(rules: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut compacted = Vec::new();
    let mut simple: BTreeMap<(String, String, Option<String>), PolicyRule> = BTreeMap::new();
    for rule in rules {
        let one = |values: Option<&Vec<String>>| list(values).first().cloned();
        let (Some(group), Some(resource)) = (one(rule.api_groups.as_ref()), one(rule.resources.as_ref()))
        else {
            compacted.push(rule);
            continue;
        };
        let key = (group, resource, one(rule.resource_names.as_ref()));
        match simple.get_mut(&key) {
            Some(first) => first.verbs.extend(rule.verbs),
            None => drop(simple.insert(key, rule)),
        }
    }
    compacted.extend(simple.into_values());
    compacted
}

fn show(rule: &PolicyRule) -> String {
    let lists = [
        ("APIGroups", list(rule.api_groups.as_ref())),
        ("Resources", list(rule.resources.as_ref())),
        ("NonResourceURLs", list(rule.non_resource_urls.as_ref())),
        ("ResourceNames", list(rule.resource_names.as_ref())),
        ("Verbs", &rule.verbs),
    ];
    let there = lists.iter().filter(|(_, list)| !list.is_empty());
    let parts: Vec<String> = there.map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
    format!("{{{}}}", parts.join(", "))
}

/// A list as Go prints it with `%q`.
fn quoted(list: &[String]) -> String {
    let all: Vec<String> = list.iter().map(|one| quote(one)).collect();
    format!("[{}]", all.join(" "))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn what_is_missing_is_told_by_thing_with_its_verbs() {
        let rules: Vec<PolicyRule> = steersman_core::tree::from_value(json!([
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]},
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        ]))
        .unwrap();
        let why = check_grant(&Index::default(), &User::named("alice"), "a", &rules).unwrap_err();
        assert_eq!(
            why,
            "user \"alice\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently \
             held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}\n\
             {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"
        );
    }
}
