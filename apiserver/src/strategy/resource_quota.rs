//! ResourceQuotas: which resources are counted, and of which objects.

use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{Strategy, checks, internal, pod_spec};
use crate::tree::Read;

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

/// The resources of pods that a scope can be counted of.
const OF_PODS: [&str; 7] =
    ["pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

/// What quotas count by a bare name.
const COUNTED: [&str; 19] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];

/// The strategy of resource quotas.
pub(super) struct ResourceQuotas;

impl Strategy for ResourceQuotas {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_list(spec, "hard", &at, &mut errors);
        check_scopes(spec, &at.child("scopes"), &mut errors);
        let selector = at.child("scopeSelector");
        check_selector(spec, &selector.child("matchExpressions"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (self.validate(object), Path::new("spec"));
        let sorted = |quota: &Value| {
            let mut scopes: Vec<String> = quota.at("spec").texts("scopes").map(str::to_owned).collect();
            scopes.sort_unstable();
            scopes.dedup();
            scopes
        };
        if sorted(object) != sorted(old) {
            checks::unchanged(object.at("spec"), old.at("spec"), "scopes", &at, &mut errors);
        }
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        for field in ["hard", "used"] {
            check_list(object.at("status"), field, &at, &mut errors);
        }
        errors
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let hard = object.at("spec").at("hard");
        let names = ["cpu", "memory", "storage", "ephemeral-storage"].into_iter().filter(|_| old.is_none());
        names.filter_map(|name| warn_of_request(hard, name)).collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// More cannot be asked for than there may be.
fn warn_of_request(hard: &Value, name: &str) -> Option<String> {
    let (request, limit) = (format!("requests.{name}"), format!("limits.{name}"));
    let is_bare = !hard.has(&request) && matches!(name, "cpu" | "memory");
    let request = if is_bare { name } else { &request };
    let read = |name: &str| hard.at(name).as_str()?.parse::<Quantity>().ok();
    let (asked, most) = (read(request)?, read(&limit)?);
    (asked > most).then(|| format!("ResourceQuota {request} ({asked}) should be less than {limit} ({most})"))
}

fn check_list(owner: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child(field);
    for (name, quantity) in owner.entries(field) {
        let at = path.key(name);
        pod_spec::validate_resource_name(name, &at, errors);
        if !name.contains('/') && !is_counted(name) {
            errors.push(Error::invalid(&at, name, "must be a standard resource for quota"));
        }
        checks::quantity_not_negative(quantity, &at, errors);
        let read = quantity.as_str().and_then(|text| text.parse::<Quantity>().ok());
        if is_whole(name) && read.is_some_and(|read| !read.is_whole()) {
            errors.push(Error::invalid(&at, quantity, "must be an integer"));
        }
    }
}

fn is_counted(name: &str) -> bool {
    COUNTED.contains(&name) || name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

/// Whether there are no parts of it: it is a count of objects, or an extended resource.
pub(super) fn is_whole(name: &str) -> bool {
    let is_native = !name.contains('/') || name.contains("kubernetes.io/");
    COUNTED[10..].contains(&name) || !is_native && !name.starts_with("requests.")
}

fn check_scopes(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let shown = spec.at("scopes");
    let scopes: Vec<&str> = spec.texts("scopes").collect();
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            errors.push(Error::invalid(at, shown, "unsupported scope"));
        }
        for _ in unscoped(spec, scope) {
            errors.push(Error::invalid(at, shown, "unsupported scope applied to resource"));
        }
    }
    for _ in conflicts(&scopes) {
        errors.push(Error::invalid(at, shown, "conflicting scopes"));
    }
}

/// The pairs that exclude each other.
fn conflicts(scopes: &[&str]) -> impl Iterator<Item = [&'static str; 2]> {
    [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]]
        .into_iter()
        .filter(move |pair| pair.iter().all(|scope| scopes.contains(scope)))
}

/// The resources of a quota that cannot be counted within a scope.
fn unscoped<'a>(spec: &'a Value, scope: &'a str) -> impl Iterator<Item = &'a str> {
    let hard = spec.entries("hard").map(|(name, _)| name);
    hard.filter(move |name| is_counted(name) && SCOPES.contains(&scope) && !counts_within(scope, name))
}

fn counts_within(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => OF_PODS.contains(&resource),
    }
}

fn check_selector(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let selector = spec.at("scopeSelector");
    for requirement in selector.items("matchExpressions") {
        let (scope, operator) = (requirement.text("scopeName"), requirement.text("operator"));
        if !SCOPES.contains(&scope) {
            errors.push(Error::invalid(&at.child("scopeName"), scope, "unsupported scope"));
        }
        for _ in unscoped(spec, scope) {
            let shown = internal::scope_selector(selector);
            errors.push(Error::invalid(at, shown, "unsupported scope applied to resource"));
        }
        let is_named = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if SCOPES.contains(&scope) && !is_named && operator != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                       ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort \
                       or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(Error::invalid(&at.child("operator"), operator, why));
        }
        check_values(requirement, at, errors);
    }
    let scopes: Vec<&str> =
        selector.items("matchExpressions").iter().map(|one| one.text("scopeName")).collect();
    // Upstream shows the scopes that stand beside the selector.
    for _ in conflicts(&scopes) {
        errors.push(Error::invalid(at, spec.at("scopes"), "conflicting scopes"));
    }
}

fn check_values(requirement: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (operator, values) = (requirement.text("operator"), requirement.items("values"));
    let path = at.child("values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(Error::required(&path, why));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(Error::invalid(&path, requirement.at("values"), why));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => {
            let why = "not a valid selector operator";
            errors.push(Error::invalid(&at.child("operator"), operator, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn scopes_are_refused_in_upstreams_words() {
        let path = "spec.scopeSelector.matchExpressions";
        let cases = [
            (
                json!([{"scopeName": "BestEffort", "operator": "In", "values": ["a"]}]),
                format!(
                    "{path}.operator: Invalid value: \"In\": must be 'Exists' when scope is any of \
                     ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                     ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
                ),
            ),
            (
                json!([{"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]}]),
                format!(
                    "{path}.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or \
                     'DoesNotExist' for scope selector"
                ),
            ),
            (
                json!([{"scopeName": "Terminating", "operator": "Exists"},
                    {"scopeName": "NotTerminating", "operator": "Exists"}]),
                format!("{path}: Invalid value: null: conflicting scopes"),
            ),
        ];
        for (expressions, expected) in cases {
            let spec = json!({"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": expressions}});
            let errors = ResourceQuotas.validate(&json!({"spec": spec}));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }

    #[test]
    fn a_scope_that_a_resource_has_not_is_shown_with_its_selector() {
        let selector = json!({"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]});
        let spec = json!({"hard": {"services": "1"}, "scopeSelector": selector});
        let errors = ResourceQuotas.validate(&json!({"spec": spec}));
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["spec.scopeSelector.matchExpressions: Invalid value: {\"MatchExpressions\":[{\"ScopeName\":\
              \"PriorityClass\",\"Operator\":\"Exists\",\"Values\":null}]}: unsupported scope applied to resource"]
        );
    }

    #[test]
    fn what_quotas_count_has_names_of_its_own() {
        let cases = [
            ("requests.hugepages-2Mi", ""),
            ("limits.hugepages-2Mi", "must be a standard resource type or fully qualified"),
            ("storage", "must be a standard resource for quota"),
        ];
        for (name, why) in cases {
            let errors = ResourceQuotas.validate(&json!({"spec": {"hard": {name: "1"}}}));
            let told: String = errors.iter().map(ToString::to_string).collect();
            assert!(if why.is_empty() { told.is_empty() } else { told.contains(why) }, "{name}: {told}");
        }
    }

    #[test]
    fn requests_beyond_the_limit_are_warned_of() {
        let quota = json!({"spec": {"hard": {"cpu": "3", "limits.cpu": "2", "requests.memory": "1Gi"}}});
        let warning = "ResourceQuota cpu (3) should be less than limits.cpu (2)";
        assert_eq!(ResourceQuotas.warnings(&quota, None), [warning]);
        assert_eq!(ResourceQuotas.warnings(&quota, Some(&quota)), [""; 0]);
    }
}
