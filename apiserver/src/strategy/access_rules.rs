//! Roles and their bindings: what a rule needs, and whom a binding may name.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::{Strategy, checks, internal};
use crate::tree::{Fill, Read, fields};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Where the rules of roles, and the roles of bindings, count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// In one namespace.
    Namespace,
    /// In the whole cluster.
    Cluster,
}

/// The strategy of Roles and ClusterRoles.
pub(super) struct Roles(pub(super) Reach);

/// The strategy of RoleBindings and ClusterRoleBindings.
pub(super) struct RoleBindings(pub(super) Reach);

impl Strategy for Roles {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, rules) = (ErrorList::new(), Path::new("rules"));
        for (index, rule) in object.items("rules").iter().enumerate() {
            check_rule(rule, self.0, &rules.index(index), &mut errors);
        }
        let aggregation = Path::new("aggregationRule");
        let selectors = aggregation.child("clusterRoleSelectors");
        let is_empty = object.at("aggregationRule").items("clusterRoleSelectors").is_empty();
        if object.has("aggregationRule") && is_empty {
            let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
            errors.push(Error::required(&selectors, why));
        }
        for (index, selector) in object.at("aggregationRule").items("clusterRoleSelectors").iter().enumerate()
        {
            let (path, before) = (selectors.index(index), errors.len());
            checks::selector(selector, &path, &mut errors);
            if errors.len() > before {
                errors.push(Error::invalid(&path, Value::Null, "invalid label selector."));
            }
        }
        errors
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        path_segment(name, is_prefix)
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }
}

impl Strategy for RoleBindings {
    fn default(&self, object: &mut Value) {
        let binding = fields(object);
        binding.object("roleRef").fill_zero("apiGroup", GROUP);
        for subject in binding.objects_mut("subjects") {
            if matches!(subject.text("kind"), "User" | "Group") {
                subject.fill_zero("apiGroup", GROUP);
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, subjects) = (ErrorList::new(), Path::new("subjects"));
        check_role(object.at("roleRef"), self.0, &mut errors);
        for (index, subject) in object.items("subjects").iter().enumerate() {
            check_subject(subject, self.0, &subjects.index(index), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        if object.at("roleRef") != old.at("roleRef") {
            let role = object.at("roleRef");
            let shown = internal::role_reference(role);
            errors.push(Error::invalid(&Path::new("roleRef"), shown, "cannot change roleRef"));
        }
        errors
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        path_segment(name, is_prefix)
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }
}

fn check_rule(rule: &Value, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let is_empty = |field: &str| rule.items(field).is_empty();
    if is_empty("verbs") {
        errors.push(Error::required(&at.child("verbs"), "verbs must contain at least one value"));
    }
    if !is_empty("nonResourceURLs") {
        let (path, urls) = (at.child("nonResourceURLs"), rule.at("nonResourceURLs"));
        if reach == Reach::Namespace {
            let why = "namespaced rules cannot apply to non-resource URLs";
            errors.push(Error::invalid(&path, urls, why));
        }
        if !is_empty("apiGroups") || !is_empty("resources") || !is_empty("resourceNames") {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(Error::invalid(&path, urls, why));
        }
        return;
    }
    for (field, what) in [("apiGroups", "api group"), ("resources", "resource")] {
        if is_empty(field) {
            let why = format!("resource rules must supply at least one {what}");
            errors.push(Error::required(&at.child(field), why));
        }
    }
}

fn check_role(role: &Value, reach: Reach, errors: &mut ErrorList) {
    let at = Path::new("roleRef");
    checks::one_of(role.text("apiGroup"), &[GROUP], &at.child("apiGroup"), errors);
    let kinds: &[&str] = match reach {
        Reach::Namespace => &["Role", "ClusterRole"],
        Reach::Cluster => &["ClusterRole"],
    };
    checks::one_of(role.text("kind"), kinds, &at.child("kind"), errors);
    if checks::required(role, "name", &at, errors) {
        checks::each(path_segment(role.text("name"), false), role.text("name"), &at.child("name"), errors);
    }
}

fn check_subject(subject: &Value, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, group) = (subject.text("name"), subject.text("apiGroup"));
    checks::required(subject, "name", at, errors);
    match subject.text("kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                checks::each(names::dns_subdomain(name, false), name, &at.child("name"), errors);
            }
            checks::one_of(group, &[""], &at.child("apiGroup"), errors);
            if reach == Reach::Cluster {
                checks::required(subject, "namespace", at, errors);
            }
        }
        "User" | "Group" => checks::one_of(group, &[GROUP], &at.child("apiGroup"), errors),
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(Error::not_supported(&at.child("kind"), other, &kinds));
        }
    }
}

/// A name of anything that can be a step of a path.
fn path_segment(name: &str, is_prefix: bool) -> Vec<String> {
    if !is_prefix && matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    let forbidden = ["/", "%"].into_iter().filter(|part| name.contains(part));
    forbidden.map(|part| format!("may not contain '{part}'")).collect()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_needs_verbs_groups_and_resources() {
        let errors = Roles(Reach::Cluster).validate(&json!({"rules": [{}]}));
        assert_eq!(
            texts(&errors),
            [
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ]
        );
    }

    #[test]
    fn paths_are_for_the_whole_cluster() {
        let role = json!({"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]});
        assert_eq!(
            texts(&Roles(Reach::Namespace).validate(&role)),
            [
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource \
                 URLs"
            ]
        );
        assert!(Roles(Reach::Cluster).validate(&role).is_empty());
    }

    #[test]
    fn users_and_groups_are_of_the_group_unless_they_say_otherwise() {
        let mut binding = json!({
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
        });
        RoleBindings(Reach::Namespace).default(&mut binding);
        assert_eq!(binding["roleRef"]["apiGroup"], GROUP);
        assert_eq!(binding["subjects"][0]["apiGroup"], GROUP);
        assert_eq!(binding["subjects"][1]["apiGroup"], Value::Null);
        assert_eq!(
            texts(&RoleBindings(Reach::Cluster).validate(&binding)),
            [
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "subjects[1].namespace: Required value",
            ]
        );
    }

    #[test]
    fn a_name_is_any_step_of_a_path() {
        assert_eq!(path_segment("..", false), ["may not be '..'"]);
        assert_eq!(path_segment("a%b", false), ["may not contain '%'"]);
        assert!(path_segment("system:node", false).is_empty());
    }
}
