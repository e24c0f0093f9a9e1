//! Scales without rolling: by as much everywhere as the Deployment was scaled.

use std::cmp::Reverse;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::numbers::{
    DESIRED, MAX, annotated, available, is_paused, is_rolling, max_surge, replicas, size, sum,
};
use super::rollback;
use super::rollout::{Rollout, age};
use crate::runner::Outcome;

impl Rollout<'_> {
    /// Whether the Deployment's size has changed since its ReplicaSets were last given one.
    pub(super) fn is_scaling(&self) -> bool {
        let wanted = replicas(&self.deployment);
        let mut active = self.all().filter(|set| self.size(set) > 0);
        active.any(|set| annotated(set, DESIRED).is_some_and(|desired| desired != wanted))
    }

    /// Scales; a paused Deployment also forgets old revisions, unless it is to go back to one of them.
    pub(super) fn scale(mut self) -> Outcome {
        self.scale_sets();
        if is_paused(&self.deployment) && rollback::asked(&self.deployment).is_none() {
            self.remove_old_revisions();
        }
        self.finish_counting()
    }

    fn scale_sets(&mut self) {
        let wanted = replicas(&self.deployment);
        if let Some(only) = self.only_active_or_latest() {
            self.resize_if_needed(&only, wanted);
        } else if self.is_saturated() {
            let old: Vec<Arc<ReplicaSet>> =
                self.old.iter().filter(|set| self.size(set) > 0).cloned().collect();
            for set in old {
                self.resize_if_needed(&set, 0);
            }
        } else if is_rolling(&self.deployment) {
            for (set, size) in proportions(&self.deployment, self.active()) {
                self.resize(&set, size);
            }
        }
    }

    /// The one ReplicaSet with pods; if there is none with pods, the latest; `None` if there are several.
    fn only_active_or_latest(&self) -> Option<Arc<ReplicaSet>> {
        match self.active().as_slice() {
            [] => self.new.clone().or_else(|| self.old_and_retired().pop()),
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Whether the new ReplicaSet has all the pods that are wanted.
    fn is_saturated(&self) -> bool {
        let wanted = replicas(&self.deployment);
        self.new.as_ref().is_some_and(|new| {
            self.size(new) == wanted && annotated(new, DESIRED) == Some(wanted) && available(new) == wanted
        })
    }
}

/// The sizes of ReplicaSets between which a rollout is under way: what is to be added or taken away, each in
/// proportion to its size, and what rounding leaves over to the largest.
fn proportions(deployment: &Deployment, mut sets: Vec<Arc<ReplicaSet>>) -> Vec<(Arc<ReplicaSet>, i32)> {
    let wanted = replicas(deployment);
    let allowed = if wanted > 0 { wanted.saturating_add(max_surge(deployment)) } else { 0 };
    let to_add = allowed - sum(&sets, |set| size(set));
    if to_add > 0 {
        sets.sort_by(|a, b| (Reverse(size(a)), Reverse(age(a))).cmp(&(Reverse(size(b)), Reverse(age(b)))));
    } else if to_add < 0 {
        sets.sort_by(|a, b| (Reverse(size(a)), age(a)).cmp(&(Reverse(size(b)), age(b))));
    }
    let mut added = 0;
    let mut sizes: Vec<(Arc<ReplicaSet>, i32)> = Vec::with_capacity(sets.len());
    for set in sets {
        let left = to_add - added;
        let share = fair_share(deployment, &set);
        let share = if to_add > 0 { share.min(left) } else { share.max(left) };
        let share = if left == 0 { 0 } else { share };
        added += share;
        sizes.push((set.clone(), size(&set) + share));
    }
    if let Some((_, largest)) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    sizes
}

/// By how much a ReplicaSet would grow if all grew alike.
fn fair_share(deployment: &Deployment, set: &ReplicaSet) -> i32 {
    if replicas(deployment) == 0 {
        return -size(set);
    }
    let most_before = annotated(set, MAX).filter(|most| *most != 0);
    let counted = || deployment.status.as_ref().and_then(|status| status.replicas).filter(|all| *all != 0);
    let Some(most_before) = most_before.or_else(counted) else { return 0 };
    let most = replicas(deployment).saturating_add(max_surge(deployment));
    let ideal = f64::from(size(set)) * f64::from(most) / f64::from(most_before);
    // Go's `integer.RoundToInt32`: halves go away from zero.
    ideal.round() as i32 - size(set)
}
