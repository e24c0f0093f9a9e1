//! Goes back to an earlier revision where the annotation that is left of a former API asks for it.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use steersman_core::events::EventType;
use steersman_core::versions::optional;

use super::revision::{HASH, NOT_COPIED, make_the_same_pods, number};
use super::rollout::Rollout;
use crate::runner::{Action, Outcome};
use crate::specs;

/// The annotation: the revision to go back to, or 0 for the last one.
pub(super) const ASKED: &str = "deprecated.deployment.rollback.to";

/// To which revision the Deployment is to go back, if to any.
pub(super) fn asked(deployment: &Deployment) -> Option<i64> {
    deployment.metadata.annotations.as_ref()?.get(ASKED)?.parse().ok()
}

impl Rollout<'_> {
    /// Puts the template and the annotations of a revision back, if there is one, and takes the question away. What
    /// else is new is written first.
    pub(super) fn roll_back(mut self, revision: i64) -> Outcome {
        let made = self.ensure_new(Rollout::new_size);
        if made || *self.deployment != *self.seen || !self.outcome.actions().is_empty() {
            return self.finish_counting();
        }
        let revision = if revision == 0 { self.last_revision() } else { revision };
        let found = self.every().find(|set| number(set) == Some(revision));
        let why_not = match found {
            _ if revision == 0 => "Unable to find last revision.",
            Some(set) => return self.put_back(&set, revision),
            None => "Unable to find the revision to rollback to.",
        };
        self.warn("DeploymentRollbackRevisionNotFound", why_not.to_owned());
        self.answer();
        self.outcome
    }

    fn put_back(mut self, set: &Arc<ReplicaSet>, revision: i64) -> Outcome {
        let name = self.deployment.metadata.name.clone().unwrap_or_default();
        let old = specs::of_set(set).and_then(|spec| spec.template.clone()).unwrap_or_default();
        let template = specs::of_deployment(&self.deployment).map(|spec| &spec.template);
        if template.is_some_and(|template| make_the_same_pods(template, &old)) {
            let message =
                format!("The rollback revision contains the same template as current deployment {name:?}");
            self.warn("DeploymentRollbackTemplateUnchanged", message);
            self.answer();
            return self.outcome;
        }
        if let Some(spec) = optional::<&mut DeploymentSpec>(&mut self.deployment.to_mut().spec) {
            spec.template = without_hash(old);
        }
        take_annotations(self.deployment.to_mut(), set);
        let message = format!("Rolled back deployment {name:?} to revision {revision}");
        self.answer().on_success(EventType::Normal, "DeploymentRollback", message);
        self.outcome
    }

    /// All ReplicaSets, those that have retired among them; the new one last.
    fn every(&self) -> impl Iterator<Item = Arc<ReplicaSet>> {
        self.old_and_retired().into_iter().chain(self.new.clone())
    }

    /// The second highest revision; 0 if there is none.
    fn last_revision(&self) -> i64 {
        let mut revisions: Vec<i64> = self.every().filter_map(|set| number(&set)).collect();
        revisions.sort_unstable();
        revisions.iter().rev().nth(1).copied().unwrap_or_default().max(0)
    }

    fn warn(&mut self, reason: &str, message: String) {
        self.outcome.event(EventType::Warning, reason, message);
    }

    /// Takes the question away: it is answered.
    fn answer(&mut self) -> &mut Action {
        self.deployment.to_mut().metadata.annotations.get_or_insert_default().remove(ASKED);
        self.outcome.update(&*self.deployment)
    }
}

fn without_hash(mut template: PodTemplateSpec) -> PodTemplateSpec {
    if let Some(labels) = template.metadata.as_mut().and_then(|metadata| metadata.labels.as_mut()) {
        labels.remove(HASH);
    }
    template
}

/// Gives the Deployment the annotations of one of its ReplicaSets, but for those that belong to one of both.
fn take_annotations(deployment: &mut Deployment, set: &ReplicaSet) {
    let is_own = |key: &String| NOT_COPIED.contains(&key.as_str());
    let annotations = deployment.metadata.annotations.get_or_insert_default();
    annotations.retain(|key, _| is_own(key));
    let handed_on = set.metadata.annotations.iter().flatten().filter(|(key, _)| !is_own(key));
    annotations.extend(handed_on.map(|(key, value)| (key.clone(), value.clone())));
}
