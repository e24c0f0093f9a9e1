//! Takes `DisruptionTarget` back from pods that were to be disrupted and, two minutes later, were not; and complains of
//! pods that several budgets cover.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use steersman_core::api::Target;
use steersman_core::resource::GroupVersionResource;

use crate::pod_disruption::{DISRUPTION_TARGET, is_deleted, patch, with_transition};
use crate::pods::{condition, is_finished};
use crate::runner::{Operation, PatchBody};
use crate::{Controller, Outcome, Sources, View};

use super::overlap;

/// How long the pod has to begin to end.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets a stale `DisruptionTarget` to false, and complains of pods that several budgets cover.
#[derive(Clone, Copy, Debug, Default)]
pub struct StalePodDisruptions;

impl Controller for StalePodDisruptions {
    type Object = Pod;

    const NAME: &'static str = "stale-pod-disruption";

    fn component(&self) -> String {
        "controllermanager".to_owned()
    }

    fn sources(&self) -> Sources {
        Sources::new().reads::<PodDisruptionBudget>()
    }

    fn reconcile(&self, view: &View, pod: &Pod) -> Outcome {
        let mut outcome = Outcome::done();
        overlap::complain(view, pod, &mut outcome);
        let Some(left) = time_left(pod, view.now()) else { return outcome };
        if left > Duration::ZERO {
            outcome.requeue_after(left);
            return outcome;
        }
        let reset = PodCondition {
            type_: DISRUPTION_TARGET.to_owned(),
            status: "False".to_owned(),
            observed_generation: pod.metadata.generation,
            // Empty rather than absent, so that the patch removes what there was.
            reason: Some(String::new()),
            message: Some(String::new()),
            ..PodCondition::default()
        };
        let reset = with_transition(pod, reset, view.now());
        let target = Target::all(GroupVersionResource::of::<Pod>())
            .in_namespace(pod.metadata.namespace.clone().unwrap_or_default())
            .named(pod.metadata.name.clone().unwrap_or_default())
            .subresource("status");
        let patch = PatchBody::Strategic(patch(pod, None, Some(&reset)));
        outcome.push(Operation::Patch(target, patch)).may_be_missing();
        outcome
    }
}

/// How long until the condition is stale; `None` if it cannot be. What the kubelet has set never is.
fn time_left(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let target = condition(pod, DISRUPTION_TARGET)?;
    let by_kubelet = target.reason.as_deref() == Some("TerminationByKubelet");
    if is_deleted(pod) || is_finished(pod) || target.status != "True" || by_kubelet {
        return None;
    }
    let since = target.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(TIMEOUT.saturating_sub(waited))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{from_value, json};

    use super::*;

    fn left(phase: &str, status: &str, reason: &str, now: &str) -> Option<u64> {
        let target = json!({
            "type": "DisruptionTarget", "status": status, "reason": reason,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": phase, "conditions": [target]}});
        let now = format!("2026-01-01T{now}Z").parse().unwrap();
        time_left(&from_value(pod).unwrap(), now).map(|left| left.as_secs())
    }

    #[test]
    fn a_target_is_stale_after_two_minutes() {
        assert_eq!(left("Running", "True", "EvictionByEvictionAPI", "00:00:30"), Some(90));
        assert_eq!(left("Running", "True", "EvictionByEvictionAPI", "00:05:00"), Some(0));
    }

    #[test]
    fn finished_pods_and_those_the_kubelet_ends_are_never_stale() {
        assert_eq!(left("Failed", "True", "EvictionByEvictionAPI", "00:05:00"), None);
        assert_eq!(left("Running", "True", "TerminationByKubelet", "00:05:00"), None);
        assert_eq!(left("Running", "False", "", "00:05:00"), None);
    }
}
