//! Reads from a Deployment and its ReplicaSets the numbers that decisions are made of.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use steersman_core::int_or_string::{Rounding, scaled};

use crate::specs;

/// How many replicas a ReplicaSet's Deployment wanted when it was last scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";

/// How many replicas a ReplicaSet's Deployment could have had then, with surge.
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// How many replicas are wanted.
pub(super) fn replicas(deployment: &Deployment) -> i32 {
    specs::of_deployment(deployment).and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Whether no rollout may go on.
pub(super) fn is_paused(deployment: &Deployment) -> bool {
    specs::of_deployment(deployment).and_then(|spec| spec.paused).unwrap_or_default()
}

/// Whether old pods make way one by one, rather than all at once.
pub(super) fn is_rolling(deployment: &Deployment) -> bool {
    let strategy = specs::of_deployment(deployment).and_then(|spec| spec.strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()).unwrap_or("RollingUpdate") == "RollingUpdate"
}

/// How long a rollout may stand still, if that is limited.
pub(super) fn progress_deadline_seconds(deployment: &Deployment) -> Option<i32> {
    let seconds = specs::of_deployment(deployment).and_then(|spec| spec.progress_deadline_seconds);
    seconds.filter(|seconds| *seconds != i32::MAX)
}

/// How many pods there may be beyond those wanted.
pub(super) fn max_surge(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) { fence_posts(deployment).0 } else { 0 }
}

/// How many of the wanted pods may be unavailable.
pub(super) fn max_unavailable(deployment: &Deployment) -> i32 {
    if !is_rolling(deployment) || replicas(deployment) == 0 {
        return 0;
    }
    fence_posts(deployment).1.min(replicas(deployment))
}

/// Surge and unavailability in pods; they are never both 0, or nothing could ever move.
fn fence_posts(deployment: &Deployment) -> (i32, i32) {
    let strategy = specs::of_deployment(deployment).and_then(|spec| spec.strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let of = |value: Option<&IntOrString>, rounding| {
        // The API has refused what is no percentage.
        value.and_then(|value| scaled(value, replicas(deployment), rounding).ok()).unwrap_or_default()
    };
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    match (of(surge, Rounding::Up), of(unavailable, Rounding::Down)) {
        (0, 0) => (0, 1),
        posts => posts,
    }
}

/// How many pods a ReplicaSet was asked for when it was seen.
pub(super) fn size(set: &ReplicaSet) -> i32 {
    specs::of_set(set).and_then(|spec| spec.replicas).unwrap_or(1)
}

/// How many of a ReplicaSet's pods are available.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or_default()
}

/// The sum of a number over ReplicaSets.
pub(super) fn sum<'a>(
    sets: impl IntoIterator<Item = &'a Arc<ReplicaSet>>,
    number: impl Fn(&Arc<ReplicaSet>) -> i32,
) -> i32 {
    sets.into_iter().map(number).sum()
}

/// The number in an annotation of a ReplicaSet; what has a sign is none.
pub(super) fn annotated(set: &ReplicaSet, annotation: &str) -> Option<i32> {
    let text = set.metadata.annotations.as_ref()?.get(annotation)?;
    text.parse().ok().filter(|_| !text.starts_with(['+', '-']))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailability_down_but_not_both_to_nothing() {
        let cases = [
            (10, json!("25%"), json!("25%"), 3, 2),
            (1, json!("25%"), json!("25%"), 1, 0),
            (3, json!(0), json!("10%"), 0, 1),
            (0, json!("25%"), json!("25%"), 0, 0),
            (2, json!(1), json!(5), 1, 2),
        ];
        for (replicas, surge, unavailable, expected_surge, expected_unavailable) in cases {
            let deployment = json!({"metadata": {}, "spec": {
                "replicas": replicas, "selector": {}, "template": {},
                "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
            }});
            let deployment: Deployment = steersman_core::tree::from_value(deployment).unwrap();
            let numbers = (max_surge(&deployment), max_unavailable(&deployment));
            assert_eq!(numbers, (expected_surge, expected_unavailable), "of {replicas}");
        }
    }

    #[test]
    fn a_number_in_an_annotation_has_no_sign() {
        for (text, expected) in [("3", Some(3)), ("05", Some(5)), ("+5", None), ("-5", None), ("x", None)] {
            let set = json!({"metadata": {"annotations": {DESIRED: text}}});
            let set: ReplicaSet = steersman_core::tree::from_value(set).unwrap();
            assert_eq!(annotated(&set, DESIRED), expected, "{text}");
        }
    }
}
