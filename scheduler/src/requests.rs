//! Computes what a pod asks a node for: containers, init containers, sidecars, overhead, pod-level resources, and
//! resizes under way.
//!
//! The arithmetic of upstream's `component-helpers/resource` (KEP-753 sidecars, KEP-1287 resize, KEP-2837 pod-level
//! resources, KEP-5419 their resize).

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodStatus, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use steersman_core::quantity::Quantity;

use crate::amounts::{Amounts, Exact, exact};
use crate::pod::PodInfo;

/// What scoring counts for a container that asks for no CPU.
const DEFAULT_MILLI_CPU: &str = "100m";
/// What scoring counts for a container that asks for no memory (200 MiB).
const DEFAULT_MEMORY: &str = "209715200";

/// Which requests of containers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Those of the spec: the pod runs nowhere yet.
    Spec,
    /// While a resize is under way, the largest of what is wanted, granted and in use.
    Resize,
}

/// What the pod takes of its node, as filters count it and as scores count it.
pub(crate) fn of(pod: &Pod) -> (Amounts, Amounts) {
    let asked = total(pod, Of::Resize, &Exact::new());
    let counted = Amounts::round(&asked);
    let defaults = defaults(pod, &asked);
    let scored = match defaults.is_empty() || asks_for_all(pod) {
        true => counted.clone(),
        false => Amounts::round(&total(pod, Of::Resize, &defaults)),
    };
    (counted, scored)
}

/// What a pod that is to be placed asks for.
pub(crate) fn to_place(pod: &PodInfo) -> Cow<'_, Amounts> {
    match is_reported(pod.pod()) {
        false => Cow::Borrowed(pod.requests()),
        true => Cow::Owned(Amounts::round(&total(pod.pod(), Of::Spec, &Exact::new()))),
    }
}

/// Whether every container says itself how much CPU and memory it asks for, so that no default counts.
fn asks_for_all(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let asks = |container: &Container| {
        let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        requests.is_some_and(|requests| requests.contains_key("cpu") && requests.contains_key("memory"))
    };
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).all(asks)
        && !resize_is_infeasible(pod)
}

/// What the containers of a pod that is to be placed ask for, as scores count it, pod-level requests left out.
pub(crate) fn of_containers(pod: &PodInfo) -> Cow<'_, Amounts> {
    if pod_level(pod.pod()).is_none() && !is_reported(pod.pod()) {
        return Cow::Borrowed(pod.scored_requests());
    }
    let defaults = parsed([("cpu", DEFAULT_MILLI_CPU), ("memory", DEFAULT_MEMORY)]);
    let mut sum = containers(pod.pod(), Of::Spec, &defaults);
    if let Some(overhead) = pod.spec().and_then(|spec| spec.overhead.as_ref()) {
        add(&mut sum, &exact(overhead));
    }
    Cow::Owned(Amounts::round(&sum))
}

/// The defaults that scoring applies: with pod-level requests, only to what neither level asks for.
fn defaults(pod: &Pod, asked: &Exact) -> Exact {
    let mut defaults = parsed([("cpu", DEFAULT_MILLI_CPU), ("memory", DEFAULT_MEMORY)]);
    defaults.retain(|name, _| pod_level(pod).is_none() || !asked.contains_key(name));
    defaults
}

fn parsed<const N: usize>(amounts: [(&str, &str); N]) -> Exact {
    let parse = |(name, text): (&str, &str)| Some((name.to_owned(), text.parse().ok()?));
    amounts.into_iter().filter_map(parse).collect()
}

/// Whether a status says what containers use.
fn is_reported(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let of = |list: Option<&Vec<ContainerStatus>>| list.is_some_and(|list| !list.is_empty());
    of(status.and_then(|status| status.container_statuses.as_ref()))
        || of(status.and_then(|status| status.init_container_statuses.as_ref()))
        || status.and_then(|status| used(status).0).is_some()
}

fn total(pod: &Pod, of: Of, defaults: &Exact) -> Exact {
    let mut sum = containers(pod, of, defaults);
    if let Some(level) = pod_level(pod) {
        let resized = if of == Of::Resize { resized(pod, level) } else { None };
        for (name, asked) in exact(level).into_iter().filter(|(name, _)| is_pod_level(name)) {
            // What a resize that cannot be had would add counts as nothing.
            let in_use = |resized: &Exact| resized.get(&name).cloned().unwrap_or(Quantity::ZERO);
            let counted = resized.as_ref().map_or(asked, in_use);
            sum.insert(name, counted);
        }
    }
    if let Some(overhead) = pod.spec.as_ref().and_then(|spec| spec.overhead.as_ref()) {
        add(&mut sum, &exact(overhead));
    }
    sum
}

/// Containers run together; init containers one after the other, each beside the sidecars started before it.
fn containers(pod: &Pod, of: Of, defaults: &Exact) -> Exact {
    let Some(spec) = &pod.spec else { return Exact::new() };
    let status = |list: fn(&Pod) -> Option<&Vec<ContainerStatus>>| match of {
        Of::Spec => &[][..],
        Of::Resize => list(pod).map_or(&[][..], Vec::as_slice),
    };
    let running = status(|pod| pod.status.as_ref()?.container_statuses.as_ref());
    let starting = status(|pod| pod.status.as_ref()?.init_container_statuses.as_ref());
    let mut sum = Exact::new();
    for container in &spec.containers {
        add(&mut sum, &asked(pod, container, running, defaults));
    }
    let (mut sidecars, mut peak) = (Exact::new(), Exact::new());
    for container in spec.init_containers.iter().flatten() {
        if is_sidecar(container) {
            let asked = asked(pod, container, starting, defaults);
            add(&mut sum, &asked);
            add(&mut sidecars, &asked);
            raise(&mut peak, &sidecars);
        } else {
            let mut together = asked(pod, container, &[], defaults);
            add(&mut together, &sidecars);
            raise(&mut peak, &together);
        }
    }
    raise(&mut sum, &peak);
    sum
}

/// A container's requests; while a resize is under way, the largest of what is wanted, granted and in use.
fn asked(pod: &Pod, container: &Container, statuses: &[ContainerStatus], defaults: &Exact) -> Exact {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let mut asked = requests.map(exact).unwrap_or_default();
    if let Some((used, granted)) = resize(container, statuses) {
        asked = largest(pod, asked, used, granted);
    }
    for (name, quantity) in defaults {
        asked.entry(name.clone()).or_insert_with(|| quantity.clone());
    }
    asked
}

/// What each container of a pod uses and was granted, where that is not what it asks for.
pub(crate) fn resizes(pod: &Pod) -> impl Iterator<Item = Option<Resize<'_>>> {
    let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
    let running = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let starting = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    let first = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten());
    containers.map(|container| resize(container, running)).chain(first.map(|init| resize(init, starting)))
}

/// What is in use, and what was granted.
type Resize<'a> = (&'a ResourceList, &'a ResourceList);

/// Most containers use and were granted what they ask for, which says nothing more than that they ask for it.
fn resize<'a>(container: &Container, statuses: &'a [ContainerStatus]) -> Option<Resize<'a>> {
    let status = statuses.iter().find(|status| status.name == container.name)?;
    let (used, granted) = (&status.resources.as_ref()?.requests, &status.allocated_resources);
    let wanted = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let is_as_wanted = used.as_ref() == wanted && (granted.is_none() || granted.as_ref() == wanted);
    (!is_as_wanted).then_some((used, granted))
}

/// What is in use and what was granted, and what is wanted unless that cannot be had: of each resource the most.
fn largest(pod: &Pod, wanted: Exact, used: &ResourceList, granted: &ResourceList) -> Exact {
    let mut largest = if resize_is_infeasible(pod) { Exact::new() } else { wanted };
    for list in [used, granted].into_iter().flatten() {
        raise(&mut largest, &exact(list));
    }
    largest
}

type ResourceList = Option<BTreeMap<String, ApiQuantity>>;

/// The pod-level requests of a pod whose status says what it uses.
fn resized(pod: &Pod, wanted: &BTreeMap<String, ApiQuantity>) -> Option<Exact> {
    let (resources, granted) = used(pod.status.as_ref()?);
    Some(largest(pod, exact(wanted), &resources?.requests, granted))
}

// The fields are in the API since 1.35.
k8s_openapi::k8s_if_ge_1_35! {
    /// What the pod as a whole uses, and what it was granted.
    pub(crate) fn used(status: &PodStatus) -> (Option<&ResourceRequirements>, &ResourceList) {
        (status.resources.as_ref(), &status.allocated_resources)
    }
}
k8s_openapi::k8s_if_le_1_34! {
    /// What the pod as a whole uses, and what it was granted.
    pub(crate) fn used(_: &PodStatus) -> (Option<&ResourceRequirements>, &ResourceList) {
        (None, &None)
    }
}

pub(crate) fn resize_is_infeasible(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let pending = conditions.into_iter().flatten().find(|condition| condition.type_ == "PodResizePending");
    pending.is_some_and(|pending| pending.reason.as_deref() == Some("Infeasible"))
}

/// The pod-level requests, where the pod has any that count.
fn pod_level(pod: &Pod) -> Option<&BTreeMap<String, ApiQuantity>> {
    let requests = pod.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.keys().any(|name| is_pod_level(name)).then_some(requests)
}

fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// Whether an init container keeps running beside the containers.
pub(crate) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn add(sum: &mut Exact, more: &Exact) {
    for (name, quantity) in more {
        match sum.get_mut(name) {
            Some(have) => *have += quantity,
            None => {
                sum.insert(name.clone(), quantity.clone());
            }
        }
    }
}

fn raise(peak: &mut Exact, other: &Exact) {
    for (name, quantity) in other {
        match peak.get_mut(name) {
            Some(have) if *have >= *quantity => {}
            _ => {
                peak.insert(name.clone(), quantity.clone());
            }
        }
    }
}
