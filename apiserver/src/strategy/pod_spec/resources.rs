//! Checks what containers and pods ask for and are limited to.

use std::str::FromStr;

use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{labels, names};

use crate::amounts;
use crate::strategy::checks;
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

/// Checks what a container claims of the pod's own claims, which have these names.
pub(super) fn validate_claims(resources: &Value, claims: &[&str], at: &Path<'_>, errors: &mut ErrorList) {
    let mut taken: Vec<(&str, &str)> = Vec::new();
    for (index, claim) in resources.items("claims").iter().enumerate() {
        let (path, name, request) = (at.index(index), claim.text("name"), claim.text("request"));
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        if taken.contains(&(name, "")) {
            errors.push(Error::duplicate(&path, name));
        } else {
            check_request_name(request, &path.child("request"), errors);
            if request.is_empty() {
                let before = taken.iter().filter(|(other, _)| *other == name);
                errors.extend(before.map(|_| Error::duplicate(&path, name)));
            } else if taken.contains(&(name, request)) {
                errors.push(Error::duplicate(&path, format!("{name}/{request}")));
            }
            if !taken.contains(&(name, request)) {
                taken.push((name, request));
            }
        }
        if !claims.contains(&name) {
            errors.push(unknown_claim(name, claims, &path));
        }
    }
}

fn check_request_name(request: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if !request.is_empty() {
        checks::each(names::dns1123_label(request), request, at, errors);
    }
}

fn unknown_claim(name: &str, claims: &[&str], at: &Path<'_>) -> Error {
    let mut known = claims.to_vec();
    known.sort_unstable();
    known.dedup();
    let mut error = Error::not_found(at, name);
    error.detail = match known.as_slice() {
        [] => "must be one of the names in pod.spec.resourceClaims which is empty".to_owned(),
        known => format!("must be one of the names in pod.spec.resourceClaims: {}", known.join(", ")),
    };
    error
}

/// Checks the resources of a whole pod (KEP-2837): its containers ask for no more, and none is limited to more.
pub(super) fn validate_pod(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let resources = spec.at("resources");
    if resources.is_null() {
        return;
    }
    if spec.at("os").text("name") == "windows" {
        errors.push(Error::forbidden(at, "may not be set for a windows pod"));
        return;
    }
    if resources.has("claims") {
        let why = "claims may not be set for Resources at pod-level";
        errors.push(Error::forbidden(&at.child("claims"), why));
    }
    check(resources, &check_pod_name, at, errors);
    let claims: Vec<&str> = spec
        .items("resourceClaims")
        .iter()
        .map(|claim| claim.text("name"))
        .filter(|name| !name.is_empty())
        .collect();
    validate_claims(resources, &claims, &at.child("claims"), errors);
    check_sums(spec, at, errors);
    for (index, container) in spec.items("containers").iter().enumerate() {
        for (name, limit) in container.at("resources").entries("limits") {
            let most = read(resources.at("limits").at(name));
            if let (Some(own), Some(most)) = (read(limit), most)
                && own > most
            {
                let (list, why) =
                    (at.child("containers"), format!("must be less than or equal to pod limits of {most}"));
                errors.push(Error::invalid(&list.index(index).key(name).child("limits"), limit, why));
            }
        }
    }
}

/// What the containers ask for together, and their limits of what cannot be overcommitted.
fn check_sums(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (list, every) in [("requests", true), ("limits", false)] {
        let (path, whole) = (at.child(list), spec.at("resources").at(list));
        for (name, sum) in amounts::of_containers(spec, list) {
            let amount = read(whole.at(&name)).filter(|_| every || is_huge_pages(&name));
            if amount.is_some_and(|amount| sum > amount) {
                let why = format!("must be greater than or equal to aggregate container {list} of {sum}");
                errors.push(Error::invalid(&path.key(&name), whole.at(&name), why));
            }
        }
    }
}

/// Whether a whole pod may have requests and limits of a resource.
pub(in crate::strategy) fn is_for_pods(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || is_huge_pages(resource)
}

type CheckName = dyn Fn(&str, &Path<'_>, &mut ErrorList);

fn check(resources: &Value, check_name: &CheckName, at: &Path<'_>, errors: &mut ErrorList) {
    let (limits, requests) = (at.child("limits"), at.child("requests"));
    for limit in resources.entries("limits").map(Amount::read) {
        limit.check(check_name, &limits.key(limit.name), errors);
    }
    for request in resources.entries("requests").map(Amount::read) {
        let at = requests.key(request.name);
        request.check_alone(check_name, &at, errors);
        request.check_limit(resources.at("limits").at(request.name), &limits, &requests, errors);
        request.check_pages(&at, errors);
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

/// How much of a resource is asked for, or allowed.
struct Amount<'a> {
    name: &'a str,
    value: &'a Value,
    quantity: Option<Quantity>,
}

impl<'a> Amount<'a> {
    fn read((name, value): (&'a str, &'a Value)) -> Self {
        Amount { name, value, quantity: read(value) }
    }

    fn check(&self, check_name: &CheckName, at: &Path<'_>, errors: &mut ErrorList) {
        self.check_alone(check_name, at, errors);
        self.check_pages(at, errors);
    }

    fn check_alone(&self, check_name: &CheckName, at: &Path<'_>, errors: &mut ErrorList) {
        check_name(self.name, at, errors);
        let Some(quantity) = &self.quantity else { return };
        if quantity.is_negative() {
            errors.push(Error::invalid(at, self.value, "must be greater than or equal to 0"));
        }
        if is_extended(self.name) && !quantity.is_whole() {
            errors.push(Error::invalid(at, self.value, "must be an integer"));
        }
    }

    /// Huge pages are whole pages of the size in their name.
    fn check_pages(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let Some((size, quantity)) = self.name.strip_prefix("hugepages-").zip(self.quantity.as_ref()) else {
            return;
        };
        let page = Quantity::from_str(size).ok().filter(Quantity::is_whole).map(|page| page.value());
        if page.filter(|page| *page > 0).is_none_or(|page| quantity.value() % page != 0) {
            let why = format!("{quantity} is not positive integer multiple of {}", self.name);
            errors.push(Error::invalid(at, self.value, why));
        }
    }

    /// A request is no more than the limit; for what cannot be overcommitted, it is the limit.
    fn check_limit(&self, limit: &Value, limits: &Path<'_>, requests: &Path<'_>, errors: &mut ErrorList) {
        let Amount { name, value, quantity } = self;
        let overcommit = is_native(name) && !is_huge_pages(name);
        let (Some(request), Some(most)) = (quantity, &read(limit)) else {
            if limit.is_null() && !overcommit {
                let why = "Limit must be set for non overcommitable resources";
                errors.push(Error::required(limits, why));
            }
            return;
        };
        if request != most && !overcommit {
            let why = format!("must be equal to {name} limit of {most}");
            errors.push(Error::invalid(requests, *value, why));
        } else if request > most {
            let why = format!("must be less than or equal to {name} limit of {most}");
            errors.push(Error::invalid(requests, *value, why));
        }
    }
}

/// What is wrong with the name of a resource.
pub(in crate::strategy) fn validate_name(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let messages = labels::qualified_name(name);
    let well_formed = messages.is_empty();
    errors.extend(messages.into_iter().map(|message| Error::invalid(at, name, message)));
    // Quotas count requests for huge pages under a name of their own.
    let is_known = STANDARD.contains(&name) || is_huge_pages(name.strip_prefix("requests.").unwrap_or(name));
    if well_formed && !name.contains('/') && !is_known {
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
    let before = errors.len();
    validate_name(name, at, errors);
    if errors.len() == before && !is_for_pods(name) {
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

/// Whether a resource is one that a node has by its extensions.
pub(in crate::strategy) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && labels::qualified_name(&format!("requests.{name}")).is_empty()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn huge_pages_are_whole_and_not_alone() {
        let cases = [
            (json!({"cpu": "1", "hugepages-2Mi": "0"}), String::new()),
            (
                json!({"cpu": "1", "hugepages-2Mi": "3Mi"}),
                "r.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
                    .to_owned(),
            ),
            (
                json!({"cpu": "1", "hugepages-x": "1"}),
                "r.limits[hugepages-x]: Invalid value: \"1\": 1 is not positive integer multiple of hugepages-x".to_owned(),
            ),
            (json!({"hugepages-2Mi": "2Mi"}), "r: Forbidden: HugePages require cpu or memory".to_owned()),
        ];
        for (limits, why) in cases {
            let mut errors = ErrorList::new();
            validate_container(&json!({"limits": limits}), &Path::new("r"), &mut errors);
            assert_eq!(texts(&errors), why);
        }
    }

    #[test]
    fn containers_stay_within_their_pod() {
        let pod = |whole: Value, own: Value| json!({"resources": whole, "containers": [{"resources": own}]});
        let cases = [
            (pod(json!({"requests": {"cpu": "1"}}), json!({"requests": {"cpu": "1"}})), ""),
            (
                pod(json!({"requests": {"cpu": "1"}}), json!({"requests": {"cpu": "2"}})),
                "r.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2",
            ),
            (
                pod(json!({"limits": {"cpu": "1"}}), json!({"limits": {"cpu": "2"}})),
                "r.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
            ),
            (
                json!({"resources": {"claims": [{"name": "a"}, {"name": "b"}]}, "resourceClaims": [{"name": "a"}]}),
                "r.claims: Forbidden: claims may not be set for Resources at pod-level; r.claims[1]: Not found: \"b\": must \
                 be one of the names in pod.spec.resourceClaims: a",
            ),
            (
                json!({"resources": {"limits": {"cpu": "1"}}, "os": {"name": "windows"}}),
                "r: Forbidden: may not be set for a windows pod",
            ),
        ];
        for (spec, why) in cases {
            let mut errors = ErrorList::new();
            validate_pod(&spec, &Path::new("r"), &mut errors);
            assert_eq!(texts(&errors), why);
        }
    }
}
