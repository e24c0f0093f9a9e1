//! What pods use of the resources that quotas count.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;

use super::amounts::{self, Amounts, count};
use super::scope::terminates;
use crate::pods::{condition, is_finished};

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

/// What a resource is called that devices of a class provide.
const BY_DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";

/// One of the two lists of what a container needs.
type List = fn(&ResourceRequirements) -> Option<&BTreeMap<String, Wire>>;

/// Whether pods use what a quota calls so.
pub(super) fn counts(name: &str) -> bool {
    let is_huge = name.starts_with("hugepages-") || name.starts_with("requests.hugepages-");
    COUNTED.contains(&name) || is_huge || name.strip_prefix("requests.").is_some_and(is_extended)
}

/// Whether a resource is none of Kubernetes' own.
fn is_extended(name: &str) -> bool {
    (name.contains('/') && !name.contains("kubernetes.io/")) || name.starts_with(BY_DEVICE_CLASS)
}

/// What a pod uses. One that has ended, or should have, is only counted.
pub(super) fn usage(pod: &Pod, now: Timestamp) -> Amounts {
    let mut used = Amounts::from([("count/pods".to_owned(), count(1))]);
    if is_charged(pod, now) {
        used.insert("pods".to_owned(), count(1));
        let requests = total(pod, |resources| resources.requests.as_ref(), true);
        let limits = total(pod, |resources| resources.limits.as_ref(), false);
        amounts::add(&mut used, &named(&requests, &limits));
    }
    used
}

/// Whether a change of a pod may lower what is used, or bring it into another scope.
pub(super) fn has_changed(old: &Pod, new: &Pod, now: Timestamp) -> bool {
    resized(old, new) || terminates(old) != terminates(new) || (is_charged(old, now) && !is_charged(new, now))
}

fn resized(old: &Pod, new: &Pod) -> bool {
    let before: BTreeMap<&str, &ContainerStatus> = statuses(old).collect();
    statuses(new).any(|(name, now)| before.get(name).is_some_and(|before| before.resources != now.resources))
}

/// Whether a pod is neither finished, nor overdue: a node that is lost is to keep nobody from making another.
fn is_charged(pod: &Pod, now: Timestamp) -> bool {
    let grace = pod.metadata.deletion_grace_period_seconds.and_then(|grace| u64::try_from(grace).ok());
    let overdue = pod.metadata.deletion_timestamp.as_ref().zip(grace).is_some_and(|(deleted, grace)| {
        deleted.0.saturating_add(Duration::from_secs(grace)).is_ok_and(|deadline| now > deadline)
    });
    !is_finished(pod) && !overdue
}

/// Whether a pod asks for nothing that nodes run out of.
pub(super) fn is_best_effort(pod: &Pod) -> bool {
    if let Some(class) = pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) {
        return class == "BestEffort";
    }
    let spec = pod.spec.as_ref();
    let containers =
        spec.into_iter().flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
    let whole = spec.and_then(|spec| spec.resources.as_ref());
    let all = containers.filter_map(|container| container.resources.as_ref()).chain(whole);
    let lists = all.flat_map(|resources| [resources.requests.as_ref(), resources.limits.as_ref()]);
    let mut amounts = lists.flat_map(amounts::read);
    !amounts.any(|(name, amount)| matches!(name.as_str(), "cpu" | "memory") && !amount.is_zero())
}

/// What all of a pod needs: what it says as a whole goes before what its containers say.
fn total(pod: &Pod, list: List, requests: bool) -> Amounts {
    let mut total = of_containers(pod, list, requests);
    let spec = pod.spec.as_ref();
    let mut whole = amounts::read(spec.and_then(|spec| spec.resources.as_ref()).and_then(list));
    whole.retain(|name, _| matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-"));
    total.extend(whole);
    let mut overhead = amounts::read(spec.and_then(|spec| spec.overhead.as_ref()));
    if !requests {
        overhead.retain(|name, _| total.get(name).is_some_and(|limit| !limit.is_zero()));
    }
    amounts::add(&mut total, &overhead);
    total
}

/// What all containers of a pod have at the most at one time: the sum of those that run together, or what one that
/// starts before them has beside the sidecars that run by then.
fn of_containers(pod: &Pod, list: List, requests: bool) -> Amounts {
    let given: BTreeMap<&str, &ContainerStatus> = statuses(pod).collect();
    let infeasible = condition(pod, "PodResizePending")
        .is_some_and(|pending| pending.reason.as_deref() == Some("Infeasible"));
    let of = |container: &Container| {
        let asked = amounts::read(container.resources.as_ref().and_then(list));
        let Some(status) = given.get(container.name.as_str()).filter(|status| status.resources.is_some())
        else {
            return asked;
        };
        let mut most = if infeasible { Amounts::new() } else { asked };
        amounts::raise(&mut most, &amounts::read(status.resources.as_ref().and_then(list)));
        if requests {
            amounts::raise(&mut most, &amounts::read(status.allocated_resources.as_ref()));
        }
        most
    };
    let spec = pod.spec.as_ref();
    let (mut running, mut highest) = (Amounts::new(), Amounts::new());
    for container in spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten()) {
        if container.restart_policy.as_deref() == Some("Always") {
            amounts::add(&mut running, &of(container));
            amounts::raise(&mut highest, &running);
        } else {
            let mut beside = running.clone();
            amounts::add(&mut beside, &of(container));
            amounts::raise(&mut highest, &beside);
        }
    }
    spec.into_iter().flat_map(|spec| &spec.containers).for_each(|one| amounts::add(&mut running, &of(one)));
    amounts::raise(&mut highest, &running);
    highest
}

fn statuses(pod: &Pod) -> impl Iterator<Item = (&str, &ContainerStatus)> {
    let status = pod.status.as_ref();
    let all = status.into_iter().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        status.container_statuses.iter().flatten().chain(init)
    });
    all.map(|status| (status.name.as_str(), status))
}

/// Requests and limits, by the names that quotas have for them.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
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

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn used(pod: &Value, name: &str) -> Option<String> {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        usage(&from_value(pod.clone()).unwrap(), now).get(name).map(ToString::to_string)
    }

    #[test]
    fn pods_use_what_their_containers_ask_for_and_their_overhead() {
        let resources = json!({"requests": {"cpu": "1", "a.com/gpu": "2"}, "limits": {"cpu": "2"}});
        let mut pod = json!({"metadata": {}, "spec": {
            "containers": [{"name": "a", "resources": resources}, {"name": "b", "resources": resources}],
            "overhead": {"cpu": "100m", "memory": "1Mi"},
        }});
        for (name, amount) in [
            ("pods", Some("1")),
            ("cpu", Some("2100m")),
            ("requests.cpu", Some("2100m")),
            ("limits.cpu", Some("4100m")),
            ("memory", Some("1Mi")),
            ("requests.a.com/gpu", Some("4")),
            ("limits.memory", None),
        ] {
            assert_eq!(used(&pod, name).as_deref(), amount, "{name}");
        }
        assert!(counts("requests.a.com/gpu") && !counts("requests.kubernetes.io/x") && !counts("secrets"));
        pod["spec"]["resources"] = json!({"requests": {"cpu": "5", "ephemeral-storage": "1Gi"}});
        assert_eq!(used(&pod, "cpu").as_deref(), Some("5100m"), "what it says as a whole");
        assert_eq!(used(&pod, "ephemeral-storage"), None);
    }

    #[test]
    fn containers_count_as_much_as_runs_at_one_time() {
        let container = |name: &str, cpu: &str, restart: Value| json!({"name": name, "restartPolicy": restart, "resources": {"requests": {"cpu": cpu}}});
        let pod = json!({"metadata": {}, "spec": {
            "initContainers": [container("s", "1", json!("Always")), container("i", "5", Value::Null)],
            "containers": [container("a", "2", Value::Null), container("b", "1500m", Value::Null)],
        }});
        assert_eq!(used(&pod, "cpu").as_deref(), Some("6"));
    }

    #[test]
    fn a_pod_that_is_resized_counts_at_the_larger_size() {
        let pod = |reason: &str| {
            let given = json!({"requests": {"cpu": "2"}});
            json!({
                "metadata": {},
                "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "3"}}}]},
                "status": {
                    "containerStatuses": [{
                        "name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                        "resources": given, "allocatedResources": {"cpu": "2500m"}
                    }],
                    "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}]
                }
            })
        };
        assert_eq!(used(&pod("Deferred"), "cpu").as_deref(), Some("3"));
        assert_eq!(used(&pod("Infeasible"), "cpu").as_deref(), Some("2500m"));
    }

    #[test]
    fn pods_that_have_ended_or_should_have_are_only_counted() {
        let deleted = |time: &str| json!({"deletionTimestamp": time, "deletionGracePeriodSeconds": 30});
        let cases = [
            (json!({}), "Running", Some("1")),
            (json!({}), "Succeeded", None),
            (json!({}), "Failed", None),
            (deleted("2026-01-01T11:59:45Z"), "Running", Some("1")),
            (deleted("2026-01-01T11:59:00Z"), "Running", None),
        ];
        for (metadata, phase, pods) in cases {
            let pod = json!({"metadata": metadata, "spec": {"containers": []}, "status": {"phase": phase}});
            assert_eq!(used(&pod, "pods").as_deref(), pods, "{pod}");
            assert_eq!(used(&pod, "count/pods").as_deref(), Some("1"));
        }
    }
}
