//! What pods use of the resources that quotas count.

use std::collections::{BTreeMap, BTreeSet};

use steersman_core::tree::Value;

use super::meter::count;
use crate::amounts::{self, Amounts, of_containers};
use crate::tree::Read;

/// What is counted under a name of its own.
const COUNTED: [&str; 11] = [
    "count/pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
];

/// What every container must ask for where it is limited.
const REQUIRED: [&str; 6] =
    ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Whether pods use a resource.
pub(super) fn counts(name: &str) -> bool {
    let is_huge = name.starts_with("hugepages-") || name.starts_with("requests.hugepages-");
    COUNTED.contains(&name) || is_huge || (name.starts_with("requests.") && is_extended(name))
}

/// Whether a resource is none of Kubernetes' own.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// What a pod uses; those that have ended are only counted.
pub(super) fn usage(pod: &Value) -> Amounts {
    let mut used = Amounts::from([("count/pods".to_owned(), count(1))]);
    if matches!(pod.at("status").text("phase"), "Failed" | "Succeeded") {
        return used;
    }
    let spec = pod.at("spec");
    used.insert("pods".to_owned(), count(1));
    amounts::add(&mut used, &resources(&total(spec, "requests"), &total(spec, "limits")));
    used
}

/// What all of a pod asks for: what it says as a whole goes before what its containers say.
fn total(spec: &Value, list: &str) -> Amounts {
    let mut total = of_containers(spec, list);
    total.extend(amounts::read(spec.at("resources").at(list)));
    let mut overhead = amounts::read(spec.at("overhead"));
    if list == "limits" {
        overhead.retain(|name, _| total.contains_key(name));
    }
    amounts::add(&mut total, &overhead);
    total
}

/// Requests and limits, by the names that quotas have for them.
fn resources(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::new();
    for (name, amount) in requests {
        let is_own = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
        let is_huge = name.starts_with("hugepages-");
        if is_own || is_huge {
            used.insert(name.clone(), amount.clone());
        }
        if is_own || is_huge || is_extended(name) {
            used.insert(format!("requests.{name}"), amount.clone());
        }
    }
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(name) {
            used.insert(format!("limits.{name}"), amount.clone());
        }
    }
    used
}

/// Which containers do not ask for what is limited: `limits.memory for: a,b; requests.cpu for: a`. A pod that says what it
/// needs as a whole need not.
pub(super) fn missing(limited: &[&str], spec: &Value) -> Option<String> {
    if spec.at("resources").has("requests") || spec.at("resources").has("limits") {
        return None;
    }
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in spec.items("containers").iter().chain(spec.items("initContainers")) {
        let of = |list: &str| amounts::read(container.at("resources").at(list));
        let asked = resources(&of("requests"), &of("limits"));
        for name in limited.iter().filter(|name| REQUIRED.contains(name) && !asked.contains_key(**name)) {
            missing.entry(name).or_default().insert(container.text("name"));
        }
    }
    let told = missing.into_iter().map(|(name, containers)| {
        format!("{name} for: {}", containers.into_iter().collect::<Vec<_>>().join(","))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join("; "))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn pods_use_what_their_containers_ask_for_and_their_overhead() {
        let resources = json!({"requests": {"cpu": "1", "a.com/gpu": "2"}, "limits": {"cpu": "2"}});
        let mut pod = json!({"spec": {
            "containers": [{"resources": resources}, {"resources": resources}],
            "overhead": {"cpu": "100m", "memory": "1Mi"},
        }});
        let used = usage(&pod);
        let shown = |name: &str| used.get(name).map(ToString::to_string);
        for (name, amount) in [
            ("pods", "1"),
            ("cpu", "2100m"),
            ("requests.cpu", "2100m"),
            ("limits.cpu", "4100m"),
            ("memory", "1Mi"),
            ("requests.a.com/gpu", "4"),
        ] {
            assert_eq!(shown(name).as_deref(), Some(amount), "{name}");
        }
        assert_eq!(shown("limits.memory"), None);
        assert!(counts("requests.a.com/gpu") && !counts("requests.kubernetes.io/x") && !counts("secrets"));
        pod["status"] = json!({"phase": "Failed"});
        assert_eq!(usage(&pod).len(), 1);
    }

    #[test]
    fn containers_must_ask_for_what_is_limited() {
        let spec = json!({"containers": [
            {"name": "b", "resources": {"requests": {"cpu": "1"}}}, {"name": "a"},
        ]});
        let told = missing(&["limits.memory", "pods", "requests.cpu"], &spec);
        assert_eq!(told.as_deref(), Some("limits.memory for: a,b; requests.cpu for: a"));
        assert_eq!(missing(&["pods"], &spec), None);
    }
}
