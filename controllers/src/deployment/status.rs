//! Says in a Deployment's status how far it is: counts, and the conditions Available, Progressing, ReplicaFailure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::condition::{Condition, find, remove};
use steersman_core::versions::given;

use super::numbers::{available, is_paused, max_unavailable, progress_deadline_seconds, replicas, sum};
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
    status: &'static str,
    reason: &'static str,
    message: String,
    now: Timestamp,
) {
    let conditions = deployment.status.get_or_insert_default().conditions.get_or_insert_default();
    set(conditions, Claim { kind: PROGRESSING, status, reason }.condition(message, now));
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

/// A status as it is to be. The conditions are taken over from the Deployment where they say nothing new.
struct Status<'a> {
    /// All but the conditions.
    counts: DeploymentStatus,
    conditions: Conditions<'a>,
}

type Conditions<'a> = Cow<'a, [DeploymentCondition]>;

/// What a condition says, short of the message and the times.
#[derive(Clone, Copy)]
struct Claim {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
}

impl<'a> Rollout<'a> {
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

    pub(super) fn note_progress(&mut self, status: &'static str, reason: &'static str, message: String) {
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
        self.pass_failures_on(&mut status.conditions);
        if let Some(delay) = self.next_deadline(&status) {
            self.outcome.requeue_after(delay);
        }
        self.write(status)
    }

    fn write(mut self, status: Status<'_>) -> Outcome {
        let has_new_metadata =
            matches!(&self.deployment, Cow::Owned(changed) if changed.metadata != self.seen.metadata);
        if has_new_metadata || !self.seen.status.as_ref().is_some_and(|seen| status.is(seen)) {
            self.outcome.update_status(&*self.deployment, &status.whole());
        }
        self.outcome
    }

    /// The conditions that have been decided on so far.
    fn conditions(&self) -> Conditions<'a> {
        let of = |deployment: &'a Deployment| deployment.status.as_ref()?.conditions.as_deref();
        match &self.deployment {
            Cow::Borrowed(seen) => Cow::Borrowed(of(seen).unwrap_or_default()),
            Cow::Owned(changed) => {
                let status = changed.status.as_ref();
                Cow::Owned(status.and_then(|status| status.conditions.clone()).unwrap_or_default())
            }
        }
    }

    fn count(&self) -> Status<'a> {
        let reported = |number: fn(&ReplicaSetStatus) -> Option<i32>| {
            move |set: &Arc<ReplicaSet>| set.status.as_ref().and_then(number).unwrap_or_default()
        };
        let actual = reported(|status| Some(status.replicas));
        let all_available = sum(self.all(), |set| available(set));
        let mut conditions = self.conditions();
        let (availability, message) = availability(&self.deployment, all_available);
        claim(&mut conditions, availability, || message.to_owned(), self.view.now());
        let counts = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: non_zero(sum(self.all(), actual)),
            updated_replicas: non_zero(sum(&self.new, actual)),
            ready_replicas: non_zero(sum(self.all(), reported(|status| status.ready_replicas))),
            available_replicas: non_zero(all_available),
            unavailable_replicas: non_zero((sum(self.all(), |set| self.size(set)) - all_available).max(0)),
            terminating_replicas: self.terminating(),
            collision_count: self.deployment.status.as_ref().and_then(|status| status.collision_count),
            conditions: None,
        };
        Status { counts, conditions }
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

    fn judge_progress(&self, Status { counts: status, conditions }: &mut Status<'_>) {
        if progress_deadline_seconds(&self.deployment).is_none() {
            return withdraw(conditions, PROGRESSING);
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
            let completed = Claim { kind: PROGRESSING, status: "True", reason: COMPLETED };
            claim(conditions, completed, || format!("{} has successfully progressed.", what()), now);
        } else if self.has_progressed(status) {
            let updated = Claim { kind: PROGRESSING, status: "True", reason: "ReplicaSetUpdated" };
            let mut progress = updated.condition(format!("{} is progressing.", what()), now);
            if let Some(current) = current.filter(|current| current.status() == "True") {
                progress.last_transition_time = current.last_transition_time.clone();
            }
            // Each sign of progress restarts the deadline, so that the time is renewed even if nothing else is.
            withdraw(conditions, PROGRESSING);
            conditions.to_mut().push(progress);
        } else if self.has_timed_out(current) {
            let timed_out = Claim { kind: PROGRESSING, status: "False", reason: TIMED_OUT };
            claim(conditions, timed_out, || format!("{} has timed out progressing.", what()), now);
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
    fn next_deadline(&self, status: &Status<'_>) -> Option<Duration> {
        let current = find(&status.conditions, PROGRESSING)?;
        if is_complete(&self.deployment, &status.counts) || current.reason.as_deref() == Some(TIMED_OUT) {
            return None;
        }
        let left = self.deadline(current)?.duration_since(self.view.now());
        // Times are kept in whole seconds: one more, to be past it for certain.
        Some(Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1))
    }

    /// Shows what keeps ReplicaSets from making pods, the new one's trouble first.
    fn pass_failures_on(&self, conditions: &mut Conditions<'_>) {
        let failure = |set: &ReplicaSet| {
            find(set.status.as_ref()?.conditions.as_deref().unwrap_or_default(), REPLICA_FAILURE).cloned()
        };
        match self.new.iter().chain(&self.old).find_map(|set| failure(set)) {
            Some(failure) => set(conditions.to_mut(), passed_on(failure)),
            None => withdraw(conditions, REPLICA_FAILURE),
        }
    }
}

impl Status<'_> {
    /// Whether a Deployment has this status already.
    fn is(&self, seen: &DeploymentStatus) -> bool {
        let numbers = |status: &DeploymentStatus| {
            let counted = [
                status.replicas,
                status.updated_replicas,
                status.ready_replicas,
                status.available_replicas,
                status.unavailable_replicas,
                status.terminating_replicas,
                status.collision_count,
            ];
            (status.observed_generation, counted)
        };
        numbers(&self.counts) == numbers(seen) && seen.conditions.as_deref() == Some(&*self.conditions)
    }

    fn whole(self) -> DeploymentStatus {
        DeploymentStatus { conditions: Some(self.conditions.into_owned()), ..self.counts }
    }
}

impl Claim {
    fn condition(self, message: String, now: Timestamp) -> DeploymentCondition {
        let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        DeploymentCondition {
            type_: given(self.kind.to_owned()),
            status: given(self.status.to_owned()),
            reason: Some(self.reason.to_owned()),
            message: Some(message),
            last_update_time: Some(now.clone()),
            last_transition_time: Some(now),
        }
    }
}

/// Whether enough pods are available, and how that is told.
fn availability(deployment: &Deployment, available: i32) -> (Claim, &'static str) {
    if available >= replicas(deployment) - max_unavailable(deployment) {
        let claim = Claim { kind: AVAILABLE, status: "True", reason: "MinimumReplicasAvailable" };
        (claim, "Deployment has minimum availability.")
    } else {
        let claim = Claim { kind: AVAILABLE, status: "False", reason: "MinimumReplicasUnavailable" };
        (claim, "Deployment does not have minimum availability.")
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

/// Sets a condition that makes a claim, unless one does already.
fn claim(conditions: &mut Conditions<'_>, claim: Claim, message: impl FnOnce() -> String, now: Timestamp) {
    let makes_it = |one: &DeploymentCondition| {
        one.status() == claim.status && one.reason.as_deref() == Some(claim.reason)
    };
    if !find(conditions, claim.kind).is_some_and(makes_it) {
        set(conditions.to_mut(), claim.condition(message(), now));
    }
}

/// Takes a condition away, if it is there.
fn withdraw(conditions: &mut Conditions<'_>, kind: &str) {
    if find(conditions, kind).is_some() {
        remove(conditions.to_mut(), kind);
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
