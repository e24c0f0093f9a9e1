//! Reads from a pod's status how far it is: active, ready, available, terminating.
//!
//! The counterpart of upstream's `k8s.io/kubectl/pkg/util/podutils` and of the filters of its controllers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use steersman_core::condition;

/// The phase; `Pending` where none is set yet.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// The condition of a type.
pub(crate) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    condition::find(pod.status.as_ref()?.conditions.as_deref().unwrap_or_default(), kind)
}

/// Whether all containers have ended for good.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it has not finished and is not being deleted.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Whether it is being deleted and has not finished yet.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    !is_finished(pod) && pod.metadata.deletion_timestamp.is_some()
}

/// Whether it can serve.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Since when it has been ready, if it is and that is known.
pub(crate) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|ready| ready.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Whether it has been ready for at least so long.
pub(crate) fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    is_ready(pod) && available_in(pod, min_ready_seconds, now).is_some_and(|wait| wait.is_zero())
}

/// How long until a ready pod is available, if it stays ready; `None` if it is not ready, or since when is unknown.
pub(crate) fn available_in(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Option<Duration> {
    if is_ready(pod) && min_ready_seconds <= 0 {
        return Some(Duration::ZERO);
    }
    let wait = Duration::from_secs(u64::try_from(min_ready_seconds).unwrap_or_default());
    let at = ready_since(pod)?.saturating_add(wait).unwrap_or(Timestamp::MAX);
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}
