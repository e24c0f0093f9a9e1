//! Says in a Deployment's status how far it is: counts, and the conditions Available, Progressing, ReplicaFailure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::condition::{Condition, find, remove};
use steersman_core::versions::given;

use super::numbers::{available, is_paused, max_unavailable, progress_deadline_seconds, replicas, size, sum};
use super::rollout::Rollout;
use crate::runner::Outcome;

const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const COMPLETED: &str = "NewReplicaSetAvailable";
const PAUSED: &str = "DeploymentPaused";

/// The condition that tells how the rollout goes.
pub(super) fn progressing(deployment: &Deployment) -> Option<&DeploymentCondition> {
    find(deployment.status.as_ref()?.conditions.as_deref().unwrap_or_default(), PROGRESSING)
}

/// Sets the condition that tells how the rollout goes.
pub(super) fn set_progress(
    deployment: &mut Deployment,
    status: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) {
    let conditions = deployment.status.get_or_insert_default().conditions.get_or_insert_default();
    set(conditions, condition(PROGRESSING, status, reason, message, now));
}

/// Whether all that is wanted is there, of the new revision alone, and available.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = replicas(deployment);
    status.updated_replicas.unwrap_or_default() == wanted
        && status.replicas.unwrap_or_default() == wanted
        && status.available_replicas.unwrap_or_default() == wanted
        && status.observed_generation.unwrap_or_default()
            >= deployment.metadata.generation.unwrap_or_default()
}

impl Rollout<'_> {
    /// Notes that the Deployment was paused or resumed: while it is paused, no deadline runs.
    pub(super) fn note_pause(&mut self) {
        let reason = progressing(&self.deployment).and_then(|condition| condition.reason.as_deref());
        if progress_deadline_seconds(&self.deployment).is_none() || reason == Some(TIMED_OUT) {
            return;
        }
        match (is_paused(&self.deployment), reason == Some(PAUSED)) {
            (true, false) => self.note_progress("Unknown", PAUSED, "Deployment is paused".to_owned()),
            (false, true) => {
                self.note_progress("Unknown", "DeploymentResumed", "Deployment is resumed".to_owned());
            }
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn note_progress(&mut self, status: &str, reason: &str, message: String) {
        set_progress(self.deployment.to_mut(), status, reason, message, self.view.now());
    }

    /// Ends a look at a Deployment that is not being rolled out: only counts.
    pub(super) fn finish_counting(self) -> Outcome {
        let status = self.count();
        self.write(status)
    }

    /// Ends a look at a Deployment that is being rolled out: counts, and judges the progress.
    pub(super) fn finish_rollout(mut self) -> Outcome {
        let mut status = self.count();
        self.judge_progress(&mut status);
        self.pass_failures_on(&mut status);
        if let Some(delay) = self.next_deadline(&status) {
            self.outcome.requeue_after(delay);
        }
        self.write(status)
    }

    fn write(mut self, status: DeploymentStatus) -> Outcome {
        if self.seen.status.as_ref() != Some(&status) || self.deployment.metadata != self.seen.metadata {
            self.outcome.update_status(&*self.deployment, &status);
        }
        self.outcome
    }

    fn count(&self) -> DeploymentStatus {
        let old = self.deployment.status.clone().unwrap_or_default();
        let reported = |number: fn(&ReplicaSetStatus) -> Option<i32>| {
            move |set: &ReplicaSet| set.status.as_ref().and_then(number).unwrap_or_default()
        };
        let actual = reported(|status| Some(status.replicas));
        let all_available = sum(self.all(), available);
        let mut conditions = old.conditions.unwrap_or_default();
        set(&mut conditions, availability(&self.deployment, all_available, self.view.now()));
        DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: non_zero(sum(self.all(), actual)),
            updated_replicas: non_zero(sum(&self.new, actual)),
            ready_replicas: non_zero(sum(self.all(), reported(|status| status.ready_replicas))),
            available_replicas: non_zero(all_available),
            unavailable_replicas: non_zero((sum(self.all(), size) - all_available).max(0)),
            terminating_replicas: self.terminating(),
            collision_count: old.collision_count,
            conditions: Some(conditions),
        }
    }

    /// How many pods are terminating, unless a ReplicaSet that was looked at has not said so.
    fn terminating(&self) -> Option<i32> {
        let of = |set: &Arc<ReplicaSet>| {
            let none = ReplicaSetStatus::default();
            let status = set.status.as_ref().unwrap_or(&none);
            let unseen = status.observed_generation.unwrap_or_default() == 0;
            status.terminating_replicas.or(unseen.then_some(0))
        };
        self.all().map(of).sum()
    }

    fn judge_progress(&self, status: &mut DeploymentStatus) {
        let conditions = status.conditions.get_or_insert_default();
        if progress_deadline_seconds(&self.deployment).is_none() {
            remove(conditions, PROGRESSING);
            return;
        }
        let current = progressing(&self.deployment);
        let completed_before = current.is_some_and(|current| current.reason.as_deref() == Some(COMPLETED));
        if completed_before && status.replicas == status.updated_replicas {
            return;
        }
        let now = self.view.now();
        let what = || match &self.new {
            Some(new) => format!("ReplicaSet {:?}", new.metadata.name.as_deref().unwrap_or_default()),
            None => format!("Deployment {:?}", self.deployment.metadata.name.as_deref().unwrap_or_default()),
        };
        if is_complete(&self.deployment, status) {
            let message = format!("{} has successfully progressed.", what());
            set(
                status.conditions.get_or_insert_default(),
                condition(PROGRESSING, "True", COMPLETED, message, now),
            );
        } else if self.has_progressed(status) {
            let message = format!("{} is progressing.", what());
            let mut progress = condition(PROGRESSING, "True", "ReplicaSetUpdated", message, now);
            if let Some(current) = current.filter(|current| current.status() == "True") {
                progress.last_transition_time = current.last_transition_time.clone();
            }
            // Each sign of progress restarts the deadline, so that the time is renewed even if nothing else is.
            let conditions = status.conditions.get_or_insert_default();
            remove(conditions, PROGRESSING);
            conditions.push(progress);
        } else if self.has_timed_out(current) {
            let message = format!("{} has timed out progressing.", what());
            set(
                status.conditions.get_or_insert_default(),
                condition(PROGRESSING, "False", TIMED_OUT, message, now),
            );
        }
    }

    /// Whether there are more new, fewer old, more ready or more available pods than there were.
    fn has_progressed(&self, new: &DeploymentStatus) -> bool {
        let none = DeploymentStatus::default();
        let old = self.seen.status.as_ref().unwrap_or(&none);
        let number = Option::<i32>::unwrap_or_default;
        let outdated = |status: &DeploymentStatus| number(status.replicas) - number(status.updated_replicas);
        number(new.updated_replicas) > number(old.updated_replicas)
            || outdated(new) < outdated(old)
            || number(new.ready_replicas) > number(old.ready_replicas)
            || number(new.available_replicas) > number(old.available_replicas)
    }

    fn has_timed_out(&self, current: Option<&DeploymentCondition>) -> bool {
        let Some(current) = current else { return false };
        match current.reason.as_deref() {
            Some(COMPLETED) => false,
            Some(TIMED_OUT) => true,
            _ => self.deadline(current).is_some_and(|deadline| deadline < self.view.now()),
        }
    }

    /// When the progress that was made last is too long ago.
    fn deadline(&self, current: &DeploymentCondition) -> Option<Timestamp> {
        let seconds = u64::try_from(progress_deadline_seconds(&self.deployment)?).unwrap_or_default();
        let last = current.last_update_time.as_ref()?.0;
        last.saturating_add(Duration::from_secs(seconds)).ok()
    }

    /// When to look whether the deadline has passed, if one is running.
    fn next_deadline(&self, status: &DeploymentStatus) -> Option<Duration> {
        let current = find(status.conditions.as_deref().unwrap_or_default(), PROGRESSING)?;
        if is_complete(&self.deployment, status) || current.reason.as_deref() == Some(TIMED_OUT) {
            return None;
        }
        let left = self.deadline(current)?.duration_since(self.view.now());
        // Times are kept in whole seconds: one more, to be past it for certain.
        Some(Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1))
    }

    /// Shows what keeps ReplicaSets from making pods, the new one's trouble first.
    fn pass_failures_on(&self, status: &mut DeploymentStatus) {
        let failure = |set: &ReplicaSet| {
            find(set.status.as_ref()?.conditions.as_deref().unwrap_or_default(), REPLICA_FAILURE).cloned()
        };
        let conditions = status.conditions.get_or_insert_default();
        match self.new.iter().chain(&self.old).find_map(|set| failure(set)) {
            Some(failure) => set(conditions, passed_on(failure)),
            None => drop(remove(conditions, REPLICA_FAILURE)),
        }
    }
}

fn availability(deployment: &Deployment, available: i32, now: Timestamp) -> DeploymentCondition {
    if available >= replicas(deployment) - max_unavailable(deployment) {
        let message = "Deployment has minimum availability.".to_owned();
        condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
    } else {
        let message = "Deployment does not have minimum availability.".to_owned();
        condition(AVAILABLE, "False", "MinimumReplicasUnavailable", message, now)
    }
}

fn passed_on(failure: ReplicaSetCondition) -> DeploymentCondition {
    DeploymentCondition {
        type_: failure.type_,
        status: failure.status,
        reason: failure.reason,
        message: failure.message,
        last_update_time: failure.last_transition_time.clone(),
        last_transition_time: failure.last_transition_time,
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: String, now: Timestamp) -> DeploymentCondition {
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    DeploymentCondition {
        type_: given(kind.to_owned()),
        status: given(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(now.clone()),
        last_transition_time: Some(now),
    }
}

/// Sets a condition, unless it only differs in message and times from the one there is. It moves to the end.
fn set(conditions: &mut Vec<DeploymentCondition>, mut new: DeploymentCondition) {
    if let Some(old) = find(conditions, new.kind()) {
        if old.status == new.status && old.reason == new.reason {
            return;
        }
        if old.status == new.status {
            new.last_transition_time = old.last_transition_time.clone();
        }
    }
    remove(conditions, new.kind());
    conditions.push(new);
}

/// The API leaves zeros out.
fn non_zero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}
