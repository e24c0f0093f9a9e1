//! Works out the status of a budget from its pods and from how many there should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use steersman_core::condition;
use steersman_core::events::EventType;
use steersman_core::int_or_string::{Rounding, scaled};
use steersman_core::versions::{given, optional};

use crate::Outcome;
use crate::pod_disruption::is_deleted;
use crate::pods::is_ready;

/// How long after an eviction was granted the pod must have begun to end; else the budget gets it back.
const DELETION_TIMEOUT: Duration = Duration::from_secs(120);

const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";

/// How many pods there should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) count: i32,
    pub(super) healthy: i32,
    /// The names of the pods that no controller manages.
    pub(super) unmanaged: Vec<String>,
}

/// Whether the budget is a part of what the pods' controllers want, rather than a number of its own.
pub(super) fn needs_scale(spec: &PodDisruptionBudgetSpec) -> bool {
    spec.max_unavailable.is_some() || matches!(spec.min_available, Some(IntOrString::String(_)))
}

/// How many pods there should be, given how many there are and how many their controllers want.
pub(super) fn expected(
    spec: &PodDisruptionBudgetSpec,
    pods: usize,
    scale: i32,
    unmanaged: Vec<String>,
) -> Result<Expected, String> {
    let part = |value| scaled(value, scale, Rounding::Up).map_err(|error| error.to_string());
    let (count, healthy) = match (&spec.max_unavailable, &spec.min_available) {
        (Some(max), _) => (scale, scale.saturating_sub(part(max)?).max(0)),
        (None, Some(IntOrString::Int(min))) => (i32::try_from(pods).unwrap_or(i32::MAX), *min),
        (None, Some(min)) => (scale, part(min)?),
        (None, None) => (0, 0),
    };
    Ok(Expected { count, healthy, unmanaged })
}

/// Asks for the status that follows, unless it is there already.
pub(super) fn settle(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: &Expected,
    outcome: &mut Outcome,
) {
    let disrupted = disrupted_pods(now, budget, pods, outcome);
    let healthy = pods.iter().filter(|pod| is_healthy(pod, &disrupted)).count();
    let current = i32::try_from(healthy).unwrap_or(i32::MAX);
    // Nothing is allowed while there are no pods: the first ones may appear before this is worked out again.
    let spare = if expected.count > 0 { current.saturating_sub(expected.healthy).max(0) } else { 0 };
    let mut before = budget.status.clone().unwrap_or_default();
    before.disrupted_pods = before.disrupted_pods.filter(|pods| !pods.is_empty());
    let mut status = PodDisruptionBudgetStatus {
        current_healthy: given(current),
        desired_healthy: given(expected.healthy),
        expected_pods: given(expected.count),
        disruptions_allowed: given(spare),
        disrupted_pods: (!disrupted.is_empty()).then_some(disrupted),
        observed_generation: budget.metadata.generation,
        conditions: before.conditions.clone(),
    };
    let (allowed, reason) =
        if spare > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    set_condition(&mut status, now, allowed, reason, "");
    write(budget, before, status, outcome);
}

/// Allows nothing while it is not known what may be allowed.
pub(super) fn fail_safe(now: Timestamp, budget: &PodDisruptionBudget, why: &str, outcome: &mut Outcome) {
    let before = budget.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.disruptions_allowed = given(0);
    // The other numbers are always told, too.
    for number in [&mut status.current_healthy, &mut status.desired_healthy, &mut status.expected_pods] {
        *number = given(optional::<i32>(*number).unwrap_or(0));
    }
    set_condition(&mut status, now, "False", "SyncFailed", why);
    write(budget, before, status, outcome);
}

/// A budget's selector as upstream's messages print it.
pub(super) fn printed_selector(budget: &PodDisruptionBudget) -> String {
    let Some(selector) = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else {
        return "nil".to_owned();
    };
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}: {value},"));
    let expressions = selector.match_expressions.iter().flatten().map(|one| {
        let values = one.values.as_deref().unwrap_or_default().join(" ");
        format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},", one.key, one.operator)
    });
    let (labels, expressions) = (labels.collect::<String>(), expressions.collect::<String>());
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},\
         MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

/// The pods whose eviction was granted and that have not begun to end yet.
fn disrupted_pods(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    outcome: &mut Outcome,
) -> BTreeMap<String, Time> {
    let granted = budget.status.as_ref().and_then(|status| status.disrupted_pods.clone()).unwrap_or_default();
    let mut still = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !is_deleted(pod)) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let Some(time) = granted.get(&name) else { continue };
        let deadline = time.0.saturating_add(DELETION_TIMEOUT).unwrap_or(Timestamp::MAX);
        if deadline < now {
            let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
            // Upstream, too, prints the namespace where the name was meant.
            let message =
                format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't");
            outcome.event_about(&**pod, EventType::Warning, "NotDeleted", message);
        } else {
            let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
            // A moment later it is past for certain.
            outcome.requeue_after(left + Duration::from_millis(1));
            still.insert(name, time.clone());
        }
    }
    still
}

fn is_healthy(pod: &Pod, disrupted: &BTreeMap<String, Time>) -> bool {
    let expected_to_end = pod.metadata.name.as_ref().is_some_and(|name| disrupted.contains_key(name));
    !is_deleted(pod) && !expected_to_end && is_ready(pod)
}

fn set_condition(
    status: &mut PodDisruptionBudgetStatus,
    now: Timestamp,
    value: &str,
    reason: &str,
    message: &str,
) {
    let condition = Condition {
        type_: DISRUPTION_ALLOWED.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: status.observed_generation,
        last_transition_time: Time(now),
    };
    condition::set(status.conditions.get_or_insert_default(), condition, now);
}

fn write(
    budget: &PodDisruptionBudget,
    before: PodDisruptionBudgetStatus,
    status: PodDisruptionBudgetStatus,
    outcome: &mut Outcome,
) {
    if before != status {
        outcome.update_status(budget, &status);
    }
}

#[cfg(test)]
mod tests;
