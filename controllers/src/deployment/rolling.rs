//! Rolls: the new ReplicaSet grows and the old ones shrink, step by step.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::numbers::{available, max_unavailable, replicas, sum};
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
        let size = if self.size(&new) > wanted { wanted } else { self.new_size() };
        self.resize_if_needed(&new, size)
    }

    fn shrink(&mut self) -> bool {
        let Some(new) = self.new.clone() else { return false };
        if sum(&self.old, |set| self.size(set)) == 0 {
            return false;
        }
        let min_available = replicas(&self.deployment) - max_unavailable(&self.deployment);
        let new_unavailable = self.size(&new) - available(&new);
        let most = sum(self.all(), |set| self.size(set)) - min_available - new_unavailable;
        if most <= 0 {
            return false;
        }
        let Some(unhealthy) = self.shrink_unhealthy(most) else { return false };
        let healthy = self.shrink_available(&new, min_available);
        unhealthy + healthy > 0
    }

    /// Pods that are not available go first: nobody misses them. Says how many; `None` if a ReplicaSet still counts
    /// more available pods than it is to keep. They are as good as gone, so nothing goes in their place before it has
    /// counted again.
    fn shrink_unhealthy(&mut self, most: i32) -> Option<i32> {
        let mut taken = 0;
        for set in self.old_with_pods() {
            if taken >= most {
                break;
            }
            let unavailable = self.size(&set) - available(&set);
            if unavailable < 0 {
                return None;
            }
            taken += self.take(&set, unavailable.min(most - taken));
        }
        Some(taken)
    }

    /// Then as many as are available beyond those that must be. What ReplicaSets that are to be empty still count is
    /// on its way out, and is not counted here. Says how many.
    fn shrink_available(&mut self, new: &ReplicaSet, min_available: i32) -> i32 {
        let old = self.old_with_pods();
        let most = sum(&old, |set| available(set)) + available(new) - min_available;
        let mut taken = 0;
        for set in old {
            taken += self.take(&set, self.size(&set).min(most - taken));
        }
        taken
    }

    /// Takes so many pods from a ReplicaSet, if any. Says how many.
    fn take(&mut self, set: &Arc<ReplicaSet>, pods: i32) -> i32 {
        let pods = pods.max(0);
        self.resize_if_needed(set, self.size(set) - pods);
        pods
    }

    /// The old ReplicaSets that are to have pods, the oldest first.
    fn old_with_pods(&self) -> Vec<Arc<ReplicaSet>> {
        self.old.iter().filter(|set| self.size(set) > 0).cloned().collect()
    }
}
