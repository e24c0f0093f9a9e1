//! Which writes are meant: defaults and rules that webhooks and policies share.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};
use steersman_core::{formats, labels};

use super::expressions;
use crate::cel::{Environment, Type};
use crate::strategy::checks;
use crate::tree::{Fill, Read};

/// The most conditions.
const MOST_CONDITIONS: usize = 64;

/// How the names of configurations end that are not managed through the server.
const STATIC: &str = ".static.k8s.io";

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

/// What is written by them can be changed before it is.
const MUTATED: [&str; 4] = ["*", "CONNECT", "CREATE", "UPDATE"];

/// Those of every namespace and object, of equivalent resources too.
pub(super) fn default_selection(selection: &mut Map, rules: &[&str]) {
    selection.fill("matchPolicy", "Equivalent");
    selection.fill("namespaceSelector", Map::new());
    selection.fill("objectSelector", Map::new());
    for field in rules {
        selection.objects_mut(field).for_each(|rule| rule.fill("scope", "*"));
    }
}

/// Configurations that the server reads from files have names of their own.
pub(super) fn name_warnings(object: &Value) -> Vec<String> {
    let is_reserved = object.at("metadata").text("name").ends_with(STATIC);
    let warning = format!(
        "metadata.name: names ending with \"{STATIC}\" are reserved for static manifest-based configurations and cannot be \
         managed via the API"
    );
    is_reserved.then_some(warning).into_iter().collect()
}

/// What is wrong with what a policy or a binding selects.
pub(super) fn validate_selection(selection: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if selection.is_null() {
        return;
    }
    validate_match_policy(selection, at, errors);
    validate_selectors(selection, at, errors);
    for field in ["resourceRules", "excludeResourceRules"] {
        let path = at.child(field);
        for (index, rule) in selection.items(field).iter().enumerate() {
            check_names(rule, &path.index(index).child("resourceNames"), errors);
            validate_rule(rule, &path.index(index), errors);
        }
    }
}

/// What is wrong with what a policy or a binding selects to change: a deletion writes nothing.
pub(super) fn validate_mutated(selection: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("resourceRules");
    for operation in selection.items("resourceRules").iter().flat_map(|rule| rule.texts("operations")) {
        checks::one_of(operation, &MUTATED, &path.child("operations"), errors);
    }
}

/// What is wrong with the selectors of namespaces and objects.
pub(super) fn validate_selectors(selection: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["namespaceSelector", "objectSelector"] {
        checks::selector(selection.at(field), &at.child(field), errors);
    }
}

/// Whether equivalent resources are meant too.
pub(super) fn validate_match_policy(selection: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let policies = ["Equivalent", "Exact"];
    checks::one_of(selection.text("matchPolicy"), &policies, &at.child("matchPolicy"), errors);
}

/// Whether a failure to decide refuses the write.
pub(super) fn validate_failure_policy(owner: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::one_of(owner.text("failurePolicy"), &["Fail", "Ignore"], &at.child("failurePolicy"), errors);
}

/// What is wrong with a rule of operations and resources.
pub(super) fn validate_rule(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_list(rule, "operations", "operations", at, errors);
    let path = at.child("operations");
    for (index, operation) in rule.texts("operations").enumerate() {
        checks::one_of(operation, &OPERATIONS, &path.index(index), errors);
    }
    check_list(rule, "apiGroups", "API groups", at, errors);
    check_list(rule, "apiVersions", "API versions", at, errors);
    let path = at.child("apiVersions");
    for (index, version) in rule.texts("apiVersions").enumerate() {
        if version.is_empty() {
            errors.push(Error::required(&path.index(index), ""));
        }
    }
    check_resources(rule, &at.child("resources"), errors);
    if rule.has("scope") {
        checks::one_of(rule.text("scope"), &["*", "Cluster", "Namespaced"], &at.child("scope"), errors);
    }
}

/// A list is given, and `*` stands alone in it.
fn check_list(rule: &Value, field: &str, words: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, items) = (at.child(field), rule.items(field));
    if items.is_empty() {
        errors.push(Error::required(&path, ""));
    } else if items.len() > 1 && items.iter().any(|item| item == "*") {
        let why = format!("if '*' is present, must not specify other {words}");
        errors.push(Error::invalid(&path, rule.at(field), why));
    }
}

fn check_resources(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let resources: Vec<&str> = rule.texts("resources").collect();
    if resources.is_empty() {
        errors.push(Error::required(at, ""));
    }
    for (index, resource) in resources.iter().enumerate() {
        let path = at.index(index);
        if resource.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        let Some((name, part)) = resource.split_once('/') else { continue };
        for wider in [format!("{name}/*"), format!("*/{part}")] {
            if resources[..index].contains(&wider.as_str()) {
                let why = format!("if '{wider}' is present, must not specify {resource}");
                errors.push(Error::invalid(&path, *resource, why));
            }
        }
    }
    // Upstream looks at the last of them only.
    let whole = resources.iter().rev().find(|resource| !resource.is_empty() && !resource.contains('/'));
    if resources.contains(&"*/*") && resources.len() > 1 {
        let why = "if '*/*' is present, must not specify other resources";
        errors.push(Error::invalid(at, rule.at("resources"), why));
    }
    if resources.contains(&"*") && whole.is_some_and(|resource| *resource != "*") {
        let why = "if '*' is present, must not specify other resources without subresources";
        errors.push(Error::invalid(at, rule.at("resources"), why));
    }
}

fn check_names(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let names: Vec<&str> = rule.texts("resourceNames").collect();
    for (index, name) in names.iter().enumerate() {
        checks::each(formats::path_segment(name, false), *name, &at.index(index), errors);
        if names[..index].contains(name) {
            errors.push(Error::duplicate(&at.index(index), *name));
        }
    }
}

/// What is wrong with conditions, whose expressions may name what `environment` has.
pub(super) fn validate_conditions(
    conditions: &[Value],
    environment: &Environment,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    checks::at_most(conditions, MOST_CONDITIONS, at, errors);
    for (index, condition) in conditions.iter().enumerate() {
        let (path, name) = (at.index(index), condition.text("name"));
        if condition.text("expression").trim().is_empty() {
            errors.push(Error::required(&path.child("expression"), ""));
        } else {
            let trimmed = condition.text("expression").trim();
            expressions::check(environment, trimmed, &[Type::Bool], &path.child("expression"), errors);
        }
        if checks::required(condition, "name", &path, errors) {
            checks::each(labels::qualified_name(name), name, &path.child("name"), errors);
            if conditions[..index].iter().any(|before| before.text("name") == name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn all_resources_stand_alone() {
        let faults = |resources: &[&str]| {
            let mut errors = ErrorList::new();
            check_resources(&json!({"resources": resources}), &Path::new("resources"), &mut errors);
            errors.iter().map(|error| error.detail.clone()).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(faults(&["*", "pods/log"]), "");
        let why = "if '*' is present, must not specify other resources without subresources";
        assert_eq!(faults(&["*", "pods"]), why);
        assert_eq!(faults(&["pods", "*"]), "");
        assert_eq!(faults(&["pods/*", "pods/log"]), "if 'pods/*' is present, must not specify pods/log");
    }
}
