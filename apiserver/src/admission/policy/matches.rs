//! Whether a policy, or a binding, is about a write.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::Deserialize;
use serde_json::Value;
use steersman_core::resource::GroupVersionResource;
use steersman_core::selector::LabelSelector;

use crate::admission::Attributes;
use crate::tree::Read;

/// Whether the constraints of a policy select a write to an object in that namespace.
pub(super) fn selects(selection: &Value, write: &Attributes<'_>, namespace: &Value) -> bool {
    let is_meant = |rule: &Value| is_named(rule, write, write.resource);
    has_labels(selection, write, namespace)
        && selection.items("resourceRules").iter().any(is_meant)
        && !selection.items("excludeResourceRules").iter().any(is_meant)
}

/// Whether the selection of a binding leaves a write to its policy; without rules, or without a selection, it leaves all.
pub(super) fn narrows(selection: &Value, write: &Attributes<'_>, namespace: &Value) -> bool {
    if selection.is_null() {
        return true;
    }
    let is_meant = |rule: &Value| is_named(rule, write, write.resource);
    let rules = selection.items("resourceRules");
    has_labels(selection, write, namespace)
        && (rules.is_empty() || rules.iter().any(is_meant))
        && !selection.items("excludeResourceRules").iter().any(is_meant)
}

fn has_labels(selection: &Value, write: &Attributes<'_>, namespace: &Value) -> bool {
    let is_namespace = write.is_about_namespaces();
    let (old, object) = (write.old.unwrap_or(&Value::Null), &*write.object);
    // What is in no namespace is not restricted by the labels of any; a namespace is by its own.
    let place = match (is_namespace, object.is_null()) {
        (true, false) => object,
        (true, true) => old,
        _ => namespace,
    };
    let in_place = place.is_null() || matches(selection.at("namespaceSelector"), place);
    let selector = selection.at("objectSelector");
    in_place && (matches(selector, object) || (write.old.is_some() && matches(selector, old)))
}

fn matches(selector: &Value, object: &Value) -> bool {
    let Ok(selector) = Option::<v1::LabelSelector>::deserialize(selector) else { return false };
    // A selector that is not there selects everything, unlike one of a kind's own.
    let selector = selector.unwrap_or_default();
    let labels = object.at("metadata").entries("labels");
    let labels: BTreeMap<String, String> =
        labels.map(|(key, value)| (key.to_owned(), value.as_str().unwrap_or_default().to_owned())).collect();
    LabelSelector::from_object(Some(&selector)).is_ok_and(|selector| selector.matches(&labels))
}

/// Whether a rule names the operation of a write, and a resource: that of the write, or the same in another version.
pub(in crate::admission) fn is_named(
    rule: &Value,
    write: &Attributes<'_>,
    resource: &GroupVersionResource,
) -> bool {
    let has = |field: &str, wanted: &str| rule.texts(field).any(|one| one == "*" || one == wanted);
    let scope = match rule.text("scope") {
        "Cluster" => write.namespace.is_empty() || resource.resource == "namespaces",
        "Namespaced" => !write.namespace.is_empty() && resource.resource != "namespaces",
        _ => true,
    };
    let names = rule.items("resourceNames");
    scope
        && has("operations", write.operation.word())
        && has("apiGroups", &resource.group)
        && has("apiVersions", &resource.version)
        && rule.texts("resources").any(|pattern| is_resource(pattern, resource, write.subresource))
        && (names.is_empty() || names.iter().any(|name| name == write.name_told()))
}

/// `pods`, `pods/status`, `pods/*`, `*/status`, `*`, `*/*`.
fn is_resource(pattern: &str, own: &GroupVersionResource, part: &str) -> bool {
    let (resource, subresource) = pattern.split_once('/').unwrap_or((pattern, ""));
    let is = |pattern: &str, own: &str| pattern == "*" || pattern == own;
    is(resource, &own.resource) && is(subresource, part)
}
