//! Marks pods that the cluster makes end: with the condition `DisruptionTarget`, and by changes of their status.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use steersman_core::condition;
use steersman_core::tree::{Value, json};

use crate::pods;

/// The condition that says that a pod was made to end by the cluster, not by itself.
pub(crate) const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// Whether deletion was asked for, however far it is.
pub(crate) fn is_deleted(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// The node that the pod is on; empty before it is bound.
pub(crate) fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// `DisruptionTarget=True`, as seen for the pod's present generation. The time of the transition is kept where the
/// pod already is a target.
pub(crate) fn disruption_target(pod: &Pod, now: Timestamp, reason: &str, message: &str) -> PodCondition {
    let target = PodCondition {
        type_: DISRUPTION_TARGET.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        observed_generation: pod.metadata.generation,
        ..PodCondition::default()
    };
    with_transition(pod, target, now)
}

/// The condition with the time since when it is so: now, if it is not so already.
pub(crate) fn with_transition(pod: &Pod, condition: PodCondition, now: Timestamp) -> PodCondition {
    let mut conditions: Vec<PodCondition> =
        pods::condition(pod, &condition.type_).cloned().into_iter().collect();
    condition::set(&mut conditions, condition.clone(), now);
    conditions.pop().unwrap_or(condition)
}

/// A strategic merge patch of the status that sets the phase, as seen for the pod's present generation, and a
/// condition, of this very pod only.
pub(crate) fn patch(pod: &Pod, phase: Option<&str>, condition: Option<&PodCondition>) -> Value {
    let mut status = json!({});
    if let Some(phase) = phase {
        status["phase"] = phase.into();
        status["observedGeneration"] = pod.metadata.generation.into();
    }
    if let Some(condition) = condition {
        status["conditions"] = json!([condition]);
    }
    json!({"metadata": {"uid": pod.metadata.uid}, "status": status})
}
