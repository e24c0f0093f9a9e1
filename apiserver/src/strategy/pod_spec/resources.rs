//! Checks what containers and pods ask for and are limited to.

use std::str::FromStr;

use serde_json::Value;
use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;

use crate::tree::Read;

/// The resources that have a name without a prefix; those of quotas are among them.
const STANDARD: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

/// Checks the resources of a container.
pub(in crate::strategy) fn validate_container(resources: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check(resources, &check_container_name, at, errors);
}

/// Checks the resources of a whole pod (KEP-2837).
pub(super) fn validate_pod(resources: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check(resources, &check_pod_name, at, errors);
}

/// Whether a whole pod may have requests and limits of a resource.
pub(in crate::strategy) fn is_for_pods(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || is_huge_pages(resource)
}

type CheckName = dyn Fn(&str, &Path<'_>, &mut ErrorList);

fn check(resources: &Value, check_name: &CheckName, at: &Path<'_>, errors: &mut ErrorList) {
    let (limits, requests) = (at.child("limits"), at.child("requests"));
    for (name, quantity) in resources.entries("limits") {
        check_one(name, quantity, check_name, &limits.key(name), errors);
    }
    for (name, quantity) in resources.entries("requests") {
        check_one(name, quantity, check_name, &requests.key(name), errors);
        check_request(name, quantity, resources.at("limits").at(name), &limits, &requests, errors);
    }
    let named = |test: fn(&str) -> bool| {
        ["limits", "requests"]
            .into_iter()
            .flat_map(|list| resources.entries(list))
            .any(|(name, _)| test(name))
    };
    if named(is_huge_pages) && !named(|name| matches!(name, "cpu" | "memory")) {
        errors.push(Error::forbidden(at, "HugePages require cpu or memory"));
    }
}

fn check_one(name: &str, value: &Value, check_name: &CheckName, at: &Path<'_>, errors: &mut ErrorList) {
    check_name(name, at, errors);
    let Some(quantity) = read(value) else { return };
    if quantity.is_negative() {
        errors.push(Error::invalid(at, value, "must be greater than or equal to 0"));
    }
    if is_extended(name) && !quantity.is_whole() {
        errors.push(Error::invalid(at, value, "must be an integer"));
    }
    let page = name.strip_prefix("hugepages-").and_then(|size| Quantity::from_str(size).ok());
    let page = page.map(|page| page.value()).filter(|page| *page > 0);
    if page.is_some_and(|page| quantity.value() <= 0 || quantity.value() % page != 0) {
        let why = format!("{quantity} is not positive integer multiple of {name}");
        errors.push(Error::invalid(at, value, why));
    }
}

/// A request is no more than the limit; for what cannot be overcommitted, it is the limit.
fn check_request(
    name: &str,
    value: &Value,
    limit: &Value,
    limits: &Path<'_>,
    requests: &Path<'_>,
    errors: &mut ErrorList,
) {
    let overcommit = is_native(name) && !is_huge_pages(name);
    let (Some(request), Some(most)) = (read(value), read(limit)) else {
        if limit.is_null() && !overcommit {
            errors.push(Error::required(limits, "Limit must be set for non overcommitable resources"));
        }
        return;
    };
    if request != most && !overcommit {
        errors.push(Error::invalid(requests, value, format!("must be equal to {name} limit of {most}")));
    } else if request > most {
        errors.push(Error::invalid(
            requests,
            value,
            format!("must be less than or equal to {name} limit of {most}"),
        ));
    }
}

/// What is wrong with the name of a resource.
pub(in crate::strategy) fn validate_name(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let messages = labels::qualified_name(name);
    let well_formed = messages.is_empty();
    errors.extend(messages.into_iter().map(|message| Error::invalid(at, name, message)));
    if well_formed && !name.contains('/') && !STANDARD.contains(&name) && !is_huge_pages(name) {
        errors.push(Error::invalid(at, name, "must be a standard resource type or fully qualified"));
    }
}

/// What is wrong with the name of a resource that containers have.
pub(in crate::strategy) fn check_container_name(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    validate_name(name, at, errors);
    if name.contains('/') {
        if !is_native(name) && !is_extended(name) {
            errors.push(Error::invalid(at, name, "doesn't follow extended resource name standard"));
        }
        return;
    }
    if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_pages(name) {
        errors.push(Error::invalid(at, name, "must be a standard resource for containers"));
    }
}

fn check_pod_name(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if !is_for_pods(name) {
        errors.push(Error::not_supported(at, name, &["cpu", "hugepages-", "memory"]));
    }
}

fn read(quantity: &Value) -> Option<Quantity> {
    Quantity::from_str(quantity.as_str()?).ok()
}

fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && labels::qualified_name(&format!("requests.{name}")).is_empty()
}
