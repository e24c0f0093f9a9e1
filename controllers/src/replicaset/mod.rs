//! ReplicaSets: as many pods of a template as are asked for, no more and no less.
//!
//! See <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>. Upstream's slow start (one creation,
//! then two, then four at a time) is not needed: actions are carried out one by one, up to the first that fails.

mod rank;
mod status;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use steersman_core::events::EventType;
use steersman_core::owner::controller_of;
use steersman_core::selector::LabelSelector;

use crate::claim::{ORPHANS, adopters, claim, matches};
use crate::pods;
use crate::runner::{Controller, Failure, Outcome, Sources, View};
use crate::template::pod_for;

/// How many pods are created or deleted in one go, at most.
const BURST: usize = 500;

/// Keeps ReplicaSets' pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicaSets;

/// The pods of a set.
struct Pods {
    active: Vec<Arc<Pod>>,
    terminating: usize,
}

impl Controller for ReplicaSets {
    type Object = ReplicaSet;
    const NAME: &'static str = "replicaset";

    fn sources(&self) -> Sources {
        Sources::new()
            .owns::<Pod>()
            .watches::<Pod>(|view, change| adopters::<ReplicaSet>(view, change, selector))
            .indexes::<Pod>(ORPHANS)
    }

    fn reconcile(&self, view: &View, set: &ReplicaSet) -> Outcome {
        let mut outcome = Outcome::done();
        let Some(pods) = Pods::of(view, set, &mut outcome) else { return outcome };
        if set.metadata.deletion_timestamp.is_none() {
            scale(view, set, &pods.active, &mut outcome);
        }
        status::update(view, set, &pods, None, &mut outcome);
        if let Some(delay) = next_available(view, set, &pods.active) {
            outcome.requeue_after(delay);
        }
        outcome
    }

    fn failed(&self, view: &View, set: &ReplicaSet, failure: &Failure) -> Outcome {
        let mut outcome = Outcome::done();
        if (failure.is_create_of::<Pod>() || failure.is_delete_of::<Pod>())
            && let Some(pods) = Pods::of(view, set, &mut Outcome::done())
        {
            status::update(view, set, &pods, Some(failure), &mut outcome);
        }
        outcome
    }
}

impl Pods {
    /// The set's pods; `None` if its selector makes no sense.
    fn of(view: &View, set: &ReplicaSet, outcome: &mut Outcome) -> Option<Self> {
        let selector = selector(set)?;
        let own = view.owned::<Pod>(set.metadata.uid.as_deref().unwrap_or_default());
        let terminating = own.iter().filter(|pod| {
            pods::is_terminating(pod) && is_nobody_elses(set, pod) && matches(&selector, &pod.metadata)
        });
        let terminating = terminating.count();
        let may_be_ours = |pod: &Pod| pods::is_active(pod) && is_nobody_elses(set, pod);
        let active = claim(view, set, &selector, may_be_ours, outcome);
        Some(Pods { active, terminating })
    }
}

/// Whether no other controller than the set is named by a pod: the uid alone does not say whose it is.
fn is_nobody_elses(set: &ReplicaSet, pod: &Pod) -> bool {
    controller_of(&pod.metadata)
        .is_none_or(|owner| owner.kind == "ReplicaSet" && Some(&owner.name) == set.metadata.name.as_ref())
}

fn selector(set: &ReplicaSet) -> Option<LabelSelector> {
    let selector = LabelSelector::from_object(Some(&set.spec.as_ref()?.selector)).ok()?;
    // An empty selector would claim everything: the API refuses it, and so does upstream's look-up.
    (!selector.is_everything()).then_some(selector)
}

/// How many pods are asked for.
fn wanted(set: &ReplicaSet) -> usize {
    let replicas = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    usize::try_from(replicas).unwrap_or_default()
}

fn min_ready_seconds(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or_default()
}

fn scale(view: &View, set: &ReplicaSet, active: &[Arc<Pod>], outcome: &mut Outcome) {
    let wanted = wanted(set);
    for _ in active.len()..wanted.min(active.len().saturating_add(BURST)) {
        create(set, outcome);
    }
    let excess = active.len().saturating_sub(wanted).min(BURST);
    if excess > 0 {
        let related = related(view, set, active);
        for pod in rank::worst(active, &related, excess, view.now()) {
            delete(&pod, outcome);
        }
    }
}

fn create(set: &ReplicaSet, outcome: &mut Outcome) {
    let template = set.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
    outcome
        .create(&pod_for(set, &template))
        .may_be_too_late()
        .on_success(EventType::Normal, "SuccessfulCreate", "Created pod: {name}")
        .on_failure(EventType::Warning, "FailedCreate", "Error creating: {error}");
}

fn delete(pod: &Pod, outcome: &mut Outcome) {
    outcome.delete(pod).on_success(EventType::Normal, "SuccessfulDelete", "Deleted pod: {name}").on_failure(
        EventType::Warning,
        "FailedDelete",
        "Error deleting: {error}",
    );
}

/// The active pods of all sets that have the same controller, this one among them: those that a node should not
/// hold too many of.
fn related(view: &View, set: &ReplicaSet, active: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
    let mut related = active.to_vec();
    if let Some(controller) = controller_of(&set.metadata) {
        let siblings = view.owned::<ReplicaSet>(&controller.uid);
        for sibling in siblings.iter().filter(|sibling| sibling.metadata.uid != set.metadata.uid) {
            let pods = view.owned::<Pod>(sibling.metadata.uid.as_deref().unwrap_or_default());
            related.extend(pods.into_iter().filter(|pod| pods::is_active(pod)));
        }
    }
    related
}

/// When the next ready pod will have been ready for long enough.
fn next_available(view: &View, set: &ReplicaSet, active: &[Arc<Pod>]) -> Option<Duration> {
    let waits = active.iter().filter_map(|pod| pods::available_in(pod, min_ready_seconds(set), view.now()));
    waits.filter(|wait| !wait.is_zero()).min()
}

#[cfg(test)]
mod tests;
