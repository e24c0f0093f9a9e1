//! Forgets old revisions beyond the history limit.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DeploymentStatus, ReplicaSet, ReplicaSetStatus};

use super::revision::number;
use super::rollout::Rollout;
use super::status::is_complete;
use crate::specs;

impl Rollout<'_> {
    /// Forgets old revisions once the rollout is complete.
    pub(super) fn forget_old_revisions(&mut self) {
        let none = DeploymentStatus::default();
        if is_complete(&self.deployment, self.seen.status.as_ref().unwrap_or(&none)) {
            self.remove_old_revisions();
        }
    }

    /// Deletes the oldest empty ReplicaSets, as many as there are too many.
    pub(super) fn remove_old_revisions(&mut self) {
        let limit = specs::of_deployment(&self.deployment).and_then(|spec| spec.revision_history_limit);
        let Some(limit) = limit.filter(|limit| *limit != i32::MAX) else { return };
        let is_alive = |set: &Arc<ReplicaSet>| set.metadata.deletion_timestamp.is_none();
        let alive = self.retired.versions.len() + self.old.iter().filter(|set| is_alive(set)).count();
        let excess = alive.saturating_sub(usize::try_from(limit).unwrap_or_default());
        if excess == 0 {
            return;
        }
        let mut alive = self.old_and_retired();
        alive.retain(is_alive);
        // Those of one revision stay in the order of their ages.
        alive.sort_by_cached_key(|set| number(set).unwrap_or_default());
        for set in alive.iter().take(excess) {
            if self.size(set) == 0 && has_no_pods(set) {
                self.outcome.delete(&**set);
            }
        }
    }
}

/// Whether a ReplicaSet has no pods, by what it has said of its present spec.
fn has_no_pods(set: &ReplicaSet) -> bool {
    let none = ReplicaSetStatus::default();
    let status = set.status.as_ref().unwrap_or(&none);
    status.replicas == 0
        && set.metadata.generation.unwrap_or_default() <= status.observed_generation.unwrap_or_default()
}
