//! Deployments: rolls from one ReplicaSet to the next, within the bounds of surge and unavailability.
//!
//! See <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>. Undoing a rollout is the client's, but
//! for those that still ask by an annotation: it puts an old template back, which is found again here by its content
//! and becomes the newest revision.

mod history;
mod memory;
mod numbers;
mod recreate;
mod revision;
mod rollback;
mod rolling;
mod rollout;
mod scale;
mod status;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as SelectorFields;
use steersman_core::cache::{Change, Index};
use steersman_core::events::EventType;
use steersman_core::owner::controller_of;
use steersman_core::selector::LabelSelector;

use crate::claim::{ORPHANS, adopters};
use crate::runner::{Controller, Failure, Key, Outcome, Sources, View};
use crate::specs;

use memory::Memory;
use numbers::{is_paused, is_rolling};
use rollout::Rollout;

/// Rolls Deployments out.
#[derive(Debug, Default)]
pub struct Deployments {
    memory: Memory,
}

impl Controller for Deployments {
    type Object = Deployment;
    const NAME: &'static str = "deployment";

    fn sources(&self) -> Sources {
        Sources::new()
            .owns::<ReplicaSet>()
            .watches::<ReplicaSet>(|view, change| adopters::<Deployment>(view, change, selector))
            .indexes::<ReplicaSet>(ORPHANS)
            .watches::<Pod>(waiting_for_the_last_pod)
            .indexes::<Pod>(Index::CONTROLLER)
    }

    fn reconcile(&self, view: &View, deployment: &Deployment) -> Outcome {
        if selects_everything(deployment) {
            return refuse(deployment);
        }
        let Some(known) = self.memory.take(deployment) else { return Outcome::done() };
        let mut rollout = Rollout::start(view, deployment, known, &self.memory);
        if deployment.metadata.deletion_timestamp.is_some() {
            rollout.find_revisions();
            return rollout.finish_counting();
        }
        rollout.note_pause();
        rollout.find_revisions();
        if is_paused(deployment) {
            return rollout.scale();
        }
        if let Some(revision) = rollback::asked(deployment) {
            return rollout.roll_back(revision);
        }
        if rollout.is_scaling() {
            return rollout.scale();
        }
        if is_rolling(deployment) { rollout.roll() } else { rollout.recreate() }
    }

    fn failed(&self, view: &View, deployment: &Deployment, failure: &Failure) -> Outcome {
        if failure.is_create_of::<ReplicaSet>() {
            revision::not_created(view, deployment, failure)
        } else {
            Outcome::done()
        }
    }

    fn gone(&self, _: &View, key: &Key) -> Outcome {
        self.memory.forget(key);
        Outcome::done()
    }
}

fn selector(deployment: &Deployment) -> Option<LabelSelector> {
    LabelSelector::from_object(Some(&specs::of_deployment(deployment)?.selector)).ok()
}

fn selects_everything(deployment: &Deployment) -> bool {
    specs::of_deployment(deployment).is_some_and(|spec| spec.selector == SelectorFields::default())
}

fn refuse(deployment: &Deployment) -> Outcome {
    let mut outcome = Outcome::done();
    let message = "This deployment is selecting all pods. A non-empty selector is required.";
    outcome.event(EventType::Warning, "SelectingAll", message);
    let mut status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation.unwrap_or_default() < deployment.metadata.generation.unwrap_or_default() {
        status.observed_generation = deployment.metadata.generation;
        outcome.update_status(deployment, &status);
    }
    outcome
}

/// A Deployment that recreates waits until all old pods are gone; nobody else tells it when the last one is.
fn waiting_for_the_last_pod(view: &View, change: &Change) -> Vec<Key> {
    let Change::Deleted(pod) = change else { return Vec::new() };
    let deployment = || {
        let owner = pod.metadata().controller().filter(|owner| owner.kind == "ReplicaSet")?;
        let set = view.get::<ReplicaSet>(pod.namespace(), &owner.name)?;
        let owner = controller_of(&set.metadata).filter(|owner| owner.kind == "Deployment")?;
        view.get::<Deployment>(pod.namespace(), &owner.name).filter(|deployment| !is_rolling(deployment))
    };
    deployment().iter().map(|deployment| Key::of_typed(&**deployment)).collect()
}

#[cfg(test)]
mod tests;
