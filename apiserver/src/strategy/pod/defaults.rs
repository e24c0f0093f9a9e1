//! Fills in the defaults that pods have and templates do not; upstream's `SetDefaults_Pod`.

use steersman_core::tree::Map;

use crate::amounts;
use crate::strategy::pod_spec;
use crate::tree::{Fill, Read};

/// Fills in what a pod's spec leaves out.
pub(super) fn default(spec: &mut Map) {
    pod_spec::default(spec);
    clamp_grace(spec);
    spec.fill("enableServiceLinks", true);
    for list in ["initContainers", "containers"] {
        spec.objects_mut(list).for_each(request_limits);
    }
    request_for_the_whole_pod(spec);
    if spec.flag("hostNetwork") {
        for list in ["initContainers", "containers"] {
            spec.objects_mut(list).for_each(bind_host_ports);
        }
    }
}

/// A negative grace period is one second; templates keep theirs.
fn clamp_grace(spec: &mut Map) {
    if spec.int("terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        spec.put("terminationGracePeriodSeconds", 1);
    }
}

/// A container asks for what it is limited to, unless it says otherwise.
fn request_limits(container: &mut Map) {
    let resources = container.object("resources");
    if !resources.has("limits") {
        return;
    }
    let limits = resources.at("limits").clone();
    let requests = resources.object("requests");
    for (name, limit) in limits.as_object().into_iter().flatten() {
        requests.fill(name, limit.clone());
    }
    if requests.is_empty() {
        resources.drop_field("requests");
    }
}

/// A pod with limits of its own asks for what its containers ask for, else for its limits (KEP-2837).
fn request_for_the_whole_pod(spec: &mut Map) {
    let limits = match spec.at("resources").at("limits").as_object() {
        Some(limits) if !limits.is_empty() => limits.clone(),
        _ => return,
    };
    let asked = amounts::of_containers(spec, "requests");
    let requests = spec.object("resources").object("requests");
    for (name, quantity) in asked.iter().filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory")) {
        requests.fill(name, quantity.to_string());
    }
    for (name, limit) in limits.into_iter().filter(|(name, _)| pod_spec::is_for_pods(name)) {
        requests.fill(&name, limit);
    }
}

/// On the host's network a container's port is the host's.
fn bind_host_ports(container: &mut Map) {
    for port in container.objects_mut("ports") {
        if let Some(number) = port.int("containerPort") {
            port.fill_zero("hostPort", number);
        }
    }
}
