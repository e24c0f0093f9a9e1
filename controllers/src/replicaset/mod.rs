//! ReplicaSets: as many pods of a template as are asked for, no more and no less.
//!
//! What they do is written for whatever keeps pods like that: [`replication`](crate::replication) is another.
//!
//! See <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>. Upstream's slow start (one creation,
//! then two, then four at a time) is not needed: actions are carried out one by one, up to the first that fails.

mod rank;
mod status;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use steersman_core::Resource;
use steersman_core::api::Target;
use steersman_core::events::EventType;
use steersman_core::owner::controller_of;
use steersman_core::resource::GroupVersionResource;
use steersman_core::selector::LabelSelector;

use crate::claim::{ORPHANS, adopters, claim, matches};
use crate::pods;
use crate::runner::{Controller, Failure, Operation, Outcome, Sources, View};
use crate::specs;
use crate::template::pod_for;

/// How many pods are created or deleted in one go, at most.
const BURST: usize = 500;

/// Keeps ReplicaSets' pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicaSets;

/// The pods that are kept.
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
        Keeper { owner: set, set, counts_terminating: true }.reconcile(view)
    }

    fn failed(&self, view: &View, set: &ReplicaSet, failure: &Failure) -> Outcome {
        Keeper { owner: set, set, counts_terminating: true }.failed(view, failure)
    }
}

/// An object that keeps pods as ReplicaSets do.
pub(crate) struct Keeper<'a, O> {
    /// The object.
    pub(crate) owner: &'a O,
    /// The same as a ReplicaSet.
    pub(crate) set: &'a ReplicaSet,
    /// Whether its status says how many pods are terminating.
    pub(crate) counts_terminating: bool,
}

impl<O: Resource> Keeper<'_, O> {
    /// What should be done, given what is seen.
    pub(crate) fn reconcile(&self, view: &View) -> Outcome {
        let mut outcome = Outcome::done();
        let Some(pods) = self.pods(view, &mut outcome) else { return outcome };
        if self.set.metadata.deletion_timestamp.is_none() {
            self.scale(view, &pods.active, &mut outcome);
        }
        self.update_status(view, &pods, None, &mut outcome);
        if let Some(delay) = next_available(view, self.set, &pods.active) {
            outcome.requeue_after(delay);
        }
        outcome
    }

    /// What to write down about an action that failed.
    pub(crate) fn failed(&self, view: &View, failure: &Failure) -> Outcome {
        let mut outcome = Outcome::done();
        if (failure.is_create_of::<Pod>() || failure.is_delete_of::<Pod>())
            && let Some(pods) = self.pods(view, &mut Outcome::done())
        {
            self.update_status(view, &pods, Some(failure), &mut outcome);
        }
        outcome
    }

    /// The pods; `None` if the selector makes no sense.
    fn pods(&self, view: &View, outcome: &mut Outcome) -> Option<Pods> {
        let selector = selector(self.set)?;
        let own = view.owned::<Pod>(self.set.metadata.uid.as_deref().unwrap_or_default());
        let terminating = own.iter().filter(|pod| {
            pods::is_terminating(pod) && self.is_nobody_elses(pod) && matches(&selector, &pod.metadata)
        });
        let terminating = terminating.count();
        let may_be_ours = |pod: &Pod| pods::is_active(pod) && self.is_nobody_elses(pod);
        let active = claim(view, self.owner, own, &selector, may_be_ours, outcome);
        Some(Pods { active, terminating })
    }

    /// Whether no other controller is named by a pod: the uid alone does not say whose it is.
    fn is_nobody_elses(&self, pod: &Pod) -> bool {
        controller_of(&pod.metadata)
            .is_none_or(|owner| owner.kind == O::KIND && Some(&owner.name) == self.set.metadata.name.as_ref())
    }

    fn scale(&self, view: &View, active: &[Arc<Pod>], outcome: &mut Outcome) {
        let wanted = wanted(self.set);
        for _ in active.len()..wanted.min(active.len().saturating_add(BURST)) {
            self.create(outcome);
        }
        let excess = active.len().saturating_sub(wanted).min(BURST);
        if excess > 0 {
            let related = self.related(view, active);
            for pod in rank::worst(active, related.as_deref(), excess, view.now()) {
                delete(&pod, outcome);
            }
        }
    }

    fn create(&self, outcome: &mut Outcome) {
        let none = PodTemplateSpec::default();
        let template = specs::of_set(self.set).and_then(|spec| spec.template.as_ref()).unwrap_or(&none);
        let namespace = self.owner.metadata().namespace.clone().unwrap_or_default();
        let target = Target::all(GroupVersionResource::of::<Pod>()).in_namespace(namespace);
        outcome
            .push(Operation::Create(target, pod_for(self.owner, template)))
            .may_be_too_late()
            .on_success(EventType::Normal, "SuccessfulCreate", "Created pod: {name}")
            .on_failure(EventType::Warning, "FailedCreate", "Error creating: {error}");
    }

    /// The active pods of all objects of the kind that have the same controller, this one among them: those that a
    /// node should not hold too many of. `None` where this one has no controller.
    fn related(&self, view: &View, active: &[Arc<Pod>]) -> Option<Vec<Arc<Pod>>> {
        let controller = controller_of(&self.set.metadata)?;
        let mut related = active.to_vec();
        let siblings = view.owned::<O>(&controller.uid);
        for sibling in siblings.iter().filter(|one| one.metadata().uid != self.set.metadata.uid) {
            let pods = view.owned::<Pod>(sibling.metadata().uid.as_deref().unwrap_or_default());
            related.extend(pods.into_iter().filter(|pod| pods::is_active(pod)));
        }
        Some(related)
    }
}

pub(crate) fn selector(set: &ReplicaSet) -> Option<LabelSelector> {
    let selector = LabelSelector::from_object(Some(&specs::of_set(set)?.selector)).ok()?;
    // An empty selector would claim everything: the API refuses it, and so does upstream's look-up.
    (!selector.is_everything()).then_some(selector)
}

/// How many pods are asked for.
fn wanted(set: &ReplicaSet) -> usize {
    let replicas = specs::of_set(set).and_then(|spec| spec.replicas).unwrap_or(1);
    usize::try_from(replicas).unwrap_or_default()
}

fn min_ready_seconds(set: &ReplicaSet) -> i32 {
    specs::of_set(set).and_then(|spec| spec.min_ready_seconds).unwrap_or_default()
}

fn delete(pod: &Pod, outcome: &mut Outcome) {
    outcome.delete(pod).on_success(EventType::Normal, "SuccessfulDelete", "Deleted pod: {name}").on_failure(
        EventType::Warning,
        "FailedDelete",
        "Error deleting: {error}",
    );
}

/// When the next ready pod will have been ready for long enough.
fn next_available(view: &View, set: &ReplicaSet, active: &[Arc<Pod>]) -> Option<Duration> {
    let waits = active.iter().filter_map(|pod| pods::available_in(pod, min_ready_seconds(set), view.now()));
    waits.filter(|wait| !wait.is_zero()).min()
}

#[cfg(test)]
mod tests;
