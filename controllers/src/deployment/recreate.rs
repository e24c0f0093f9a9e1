//! Recreates: all old pods go, and only when the last one is gone do new ones come.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use super::numbers::replicas;
use super::rollout::Rollout;
use crate::pods;
use crate::runner::Outcome;

impl Rollout<'_> {
    /// One step.
    pub(super) fn recreate(mut self) -> Outcome {
        let old: Vec<Arc<ReplicaSet>> = self.old.iter().filter(|set| self.size(set) > 0).cloned().collect();
        let emptied = old.iter().filter(|set| self.resize_if_needed(set, 0)).count();
        if emptied > 0 || self.old_pods_run() {
            return self.finish_rollout();
        }
        self.ensure_new(|rollout| replicas(&rollout.deployment));
        if let Some(new) = self.new.clone() {
            self.resize_if_needed(&new, replicas(&self.deployment));
        }
        self.forget_old_revisions();
        self.finish_rollout()
    }

    fn old_pods_run(&self) -> bool {
        self.old_and_retired().iter().any(|set| {
            let counted = set.status.as_ref().map_or(0, |status| status.replicas);
            let pods = self.view.owned::<Pod>(set.metadata.uid.as_deref().unwrap_or_default());
            counted > 0 || pods.iter().any(|pod| !pods::is_finished(pod))
        })
    }
}
