//! Says in a ReplicaSet's status how many pods it has, and what keeps it from having more or fewer.

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use steersman_core::versions::given;
use steersman_core::{Resource, condition};

use super::{Keeper, Pods, min_ready_seconds, wanted};
use crate::pods;
use crate::runner::{Failure, Outcome, View};
use crate::specs;

const REPLICA_FAILURE: &str = "ReplicaFailure";

impl<O: Resource> Keeper<'_, O> {
    /// Writes the status if it says anything new.
    pub(super) fn update_status(
        &self,
        view: &View,
        pods: &Pods,
        failure: Option<&Failure>,
        outcome: &mut Outcome,
    ) {
        let none = ReplicaSetStatus::default();
        let old = self.set.status.as_ref().unwrap_or(&none);
        let mut new = status(view, self.set, old, pods, failure);
        new.terminating_replicas = new.terminating_replicas.filter(|_| self.counts_terminating);
        if new != *old {
            outcome.update_status(self.owner, &new);
        }
    }
}

fn status(
    view: &View,
    set: &ReplicaSet,
    old: &ReplicaSetStatus,
    pods: &Pods,
    failure: Option<&Failure>,
) -> ReplicaSetStatus {
    let template =
        specs::of_set(set).and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.as_ref());
    let is_fully_labeled = |pod: &Pod| {
        let has = |key, value| pod.metadata.labels.as_ref().and_then(|labels| labels.get(key)) == Some(value);
        template.into_iter().flatten().all(|(key, value)| has(key, value))
    };
    let count = |wanted: &dyn Fn(&Pod) -> bool| pods.active.iter().filter(|pod| wanted(pod)).count();
    let available = |pod: &Pod| pods::is_available(pod, min_ready_seconds(set), view.now());
    ReplicaSetStatus {
        replicas: number(pods.active.len()),
        fully_labeled_replicas: non_zero(count(&is_fully_labeled)),
        ready_replicas: non_zero(count(&pods::is_ready)),
        available_replicas: non_zero(count(&available)),
        terminating_replicas: Some(number(pods.terminating)),
        observed_generation: set.metadata.generation,
        conditions: conditions(view, set, old, pods, failure),
    }
}

fn conditions(
    view: &View,
    set: &ReplicaSet,
    old: &ReplicaSetStatus,
    pods: &Pods,
    failure: Option<&Failure>,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = old.conditions.clone().unwrap_or_default();
    match (failure, condition::find(&conditions, REPLICA_FAILURE).is_some()) {
        (Some(failure), false) => {
            let reason = if pods.active.len() < wanted(set) { "FailedCreate" } else { "FailedDelete" };
            let failed = ReplicaSetCondition {
                type_: given(REPLICA_FAILURE.to_owned()),
                status: given("True".to_owned()),
                reason: Some(reason.to_owned()),
                message: Some(message(failure)),
                last_transition_time: None,
            };
            condition::set(&mut conditions, failed, view.now());
        }
        (None, true) => drop(condition::remove(&mut conditions, REPLICA_FAILURE)),
        (Some(_), true) | (None, false) => {}
    }
    (!conditions.is_empty()).then_some(conditions)
}

fn message(failure: &Failure) -> String {
    if failure.is_delete_of::<Pod>() {
        format!("unable to delete pods: {}", failure.error)
    } else {
        failure.error.to_string()
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The API leaves zeros out.
fn non_zero(count: usize) -> Option<i32> {
    (count > 0).then(|| number(count))
}
