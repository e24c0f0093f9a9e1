//! What one rule of a role covers.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::authorize::{Asked, ResourceAccess};

const ALL: &str = "*";

/// A list of a rule; empty if it is not there.
pub(super) fn list(list: Option<&Vec<String>>) -> &[String] {
    list.map_or(&[], Vec::as_slice)
}

/// Whether a list names a value, or everything.
fn names(list: &[String], value: &str) -> bool {
    list.iter().any(|one| one == ALL || one == value)
}

/// Whether the rule allows the access.
pub(super) fn allows(rule: &PolicyRule, verb: &str, asked: &Asked<'_>) -> bool {
    names(&rule.verbs, verb)
        && match asked {
            Asked::Resource(asked) => allows_resource(rule, asked),
            Asked::Path(path) => {
                list(rule.non_resource_urls.as_ref()).iter().any(|url| covers_url(url, path))
            }
        }
}

fn allows_resource(rule: &PolicyRule, asked: &ResourceAccess<'_>) -> bool {
    let resources = list(rule.resources.as_ref());
    let resource_names = list(rule.resource_names.as_ref());
    names(list(rule.api_groups.as_ref()), asked.group)
        && resources.iter().any(|one| covers_resource(one, asked))
        && (resource_names.is_empty() || resource_names.iter().any(|one| one == asked.name))
}

/// Whether one of a rule's resources (`pods`, `pods/log`, `*/log`, `*`) is what is asked about.
fn covers_resource(one: &str, asked: &ResourceAccess<'_>) -> bool {
    match (one.split_once('/'), asked.subresource) {
        _ if one == ALL => true,
        (Some((resource, subresource)), own) => {
            !own.is_empty() && own == subresource && (resource == ALL || resource == asked.resource)
        }
        (None, own) => own.is_empty() && one == asked.resource,
    }
}

fn covers_url(url: &str, path: &str) -> bool {
    url == ALL || url == path || (url.ends_with('*') && path.starts_with(url.trim_end_matches('*')))
}

/// Whether the rule allows all that `other`, which is [broken down](break_down), does.
pub(super) fn covers(rule: &PolicyRule, other: &PolicyRule) -> bool {
    let all = |have: &[String], want: &[String]| want.iter().all(|one| have.contains(one));
    let all_or_any = |have: &[String], want: &[String]| have.iter().any(|one| one == ALL) || all(have, want);
    let (have_names, want_names) = (list(rule.resource_names.as_ref()), list(other.resource_names.as_ref()));
    let urls = list(rule.non_resource_urls.as_ref());
    all_or_any(&rule.verbs, &other.verbs)
        && all_or_any(list(rule.api_groups.as_ref()), list(other.api_groups.as_ref()))
        && covers_resources(list(rule.resources.as_ref()), list(other.resources.as_ref()))
        && list(other.non_resource_urls.as_ref())
            .iter()
            .all(|path| urls.iter().any(|url| covers_url(url, path)))
        && (have_names.is_empty() || (!want_names.is_empty() && all(have_names, want_names)))
}

fn covers_resources(have: &[String], want: &[String]) -> bool {
    let has = |resource: &str| have.iter().any(|one| one == resource);
    has(ALL)
        || want.iter().all(|resource| {
            has(resource) || resource.split_once('/').is_some_and(|(_, sub)| has(&format!("*/{sub}")))
        })
}

/// The rule as rules of one group, resource, verb and name, or one path and verb, each.
pub(super) fn break_down(rule: &PolicyRule) -> Vec<PolicyRule> {
    let one = |text: &String| Some(vec![text.clone()]);
    let mut parts = Vec::new();
    for group in list(rule.api_groups.as_ref()) {
        for resource in list(rule.resources.as_ref()) {
            for verb in &rule.verbs {
                let part = PolicyRule {
                    api_groups: one(group),
                    resources: one(resource),
                    verbs: vec![verb.clone()],
                    ..PolicyRule::default()
                };
                let names = list(rule.resource_names.as_ref());
                parts.extend(
                    names.iter().map(|name| PolicyRule { resource_names: one(name), ..part.clone() }),
                );
                if names.is_empty() {
                    parts.push(part);
                }
            }
        }
    }
    for url in list(rule.non_resource_urls.as_ref()) {
        let of = |verb: &String| PolicyRule {
            non_resource_urls: one(url),
            verbs: vec![verb.clone()],
            ..PolicyRule::default()
        };
        parts.extend(rule.verbs.iter().map(of));
    }
    parts
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn rule(json: Value) -> PolicyRule {
        steersman_core::tree::from_value(json).unwrap()
    }

    fn pods<'a>(subresource: &'a str, name: &'a str) -> Asked<'a> {
        Asked::Resource(ResourceAccess { resource: "pods", subresource, name, ..ResourceAccess::default() })
    }

    #[test]
    fn a_rule_allows_what_it_names() {
        let cases = [
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}), pods("", "a"), true),
            (json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}), pods("log", "a"), true),
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}), pods("log", "a"), false),
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["*/log"]}), pods("log", "a"), true),
            (json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["pods"]}), pods("", "a"), false),
            (json!({"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}), pods("", "a"), false),
            (
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["b"]}),
                pods("", "a"),
                false,
            ),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/logs/*"]}), Asked::Path("/logs/a"), true),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/logs"]}), Asked::Path("/logs/a"), false),
            (json!({"verbs": ["get"], "nonResourceURLs": ["*"]}), pods("", "a"), false),
        ];
        for (json, asked, expected) in cases {
            assert_eq!(allows(&rule(json.clone()), "get", &asked), expected, "{json} {asked:?}");
        }
    }

    #[test]
    fn a_rule_for_some_names_does_not_cover_one_for_all() {
        let all = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}));
        let some = PolicyRule { resource_names: Some(vec!["a".to_owned()]), ..all.clone() };
        assert!(covers(&all, &some));
        assert!(!covers(&some, &all));
    }

    #[test]
    fn a_rule_for_a_subresource_of_everything_covers_it_of_one() {
        let all = rule(json!({"verbs": ["*"], "apiGroups": [""], "resources": ["*/status"]}));
        let one = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods/status"]}));
        assert!(covers(&all, &one));
    }

    #[test]
    fn a_rule_breaks_down_into_single_rights() {
        let two = rule(json!({"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods"]}));
        assert_eq!(break_down(&two).len(), 4);
    }
}
