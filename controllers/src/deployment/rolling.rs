//! Rolls: the new ReplicaSet grows and the old ones shrink, step by step.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::numbers::{available, max_unavailable, replicas, size, sum};
use super::rollout::Rollout;
use crate::runner::Outcome;

impl Rollout<'_> {
    /// One step of a rolling update. Growing comes before shrinking; either is a step of its own.
    pub(super) fn roll(mut self) -> Outcome {
        self.ensure_new(Rollout::new_size);
        if self.grow() || self.shrink() {
            return self.finish_rollout();
        }
        self.forget_old_revisions();
        self.finish_rollout()
    }

    fn grow(&mut self) -> bool {
        let Some(new) = self.new.clone() else { return false };
        let wanted = replicas(&self.deployment);
        let size = if size(&new) > wanted { wanted } else { self.new_size() };
        self.resize_if_needed(&new, size)
    }

    fn shrink(&mut self) -> bool {
        let Some(new) = self.new.clone() else { return false };
        if sum(&self.old, size) == 0 {
            return false;
        }
        let min_available = replicas(&self.deployment) - max_unavailable(&self.deployment);
        let new_unavailable = size(&new) - available(&new);
        let most = sum(self.all(), size) - min_available - new_unavailable;
        if most <= 0 {
            return false;
        }
        let unhealthy = self.shrink_unhealthy(most);
        let healthy = self.shrink_available(min_available);
        unhealthy + healthy > 0
    }

    /// Pods that are not available go first: nobody misses them.
    fn shrink_unhealthy(&mut self, most: i32) -> i32 {
        self.shrink_old(most, |set| size(set) - available(set))
    }

    /// Then as many as are available beyond those that must be.
    fn shrink_available(&mut self, min_available: i32) -> i32 {
        let spare = sum(self.all(), available) - min_available;
        self.shrink_old(spare, size)
    }

    /// Takes `most` pods from the old ReplicaSets, the oldest first, from each as many as `spare` says. Says how
    /// many.
    fn shrink_old(&mut self, most: i32, spare: impl Fn(&ReplicaSet) -> i32) -> i32 {
        let mut taken = 0;
        let old: Vec<Arc<ReplicaSet>> = self.old.iter().filter(|set| size(set) > 0).cloned().collect();
        for set in old {
            let take = spare(&set).min(most - taken);
            if take > 0 {
                self.resize_if_needed(&set, size(&set) - take);
                taken += take;
            }
        }
        taken
    }
}
