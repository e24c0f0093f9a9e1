//! One look at a Deployment: its ReplicaSets as they are and, action by action, as they will be.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use steersman_core::events::EventType;
use steersman_core::tree::Text;

use super::memory::{Known, Memory, Retired};
use super::numbers::{DESIRED, MAX, max_surge, replicas, size};
use crate::claim::claim;
use crate::runner::{Outcome, View};

/// What is known and what is to be done about one Deployment.
pub(super) struct Rollout<'a> {
    pub(super) view: &'a View,
    /// As it was seen.
    pub(super) seen: &'a Deployment,
    /// With the annotations and conditions that have been decided on so far.
    pub(super) deployment: Cow<'a, Deployment>,
    /// The ReplicaSet of the current template, if there is one.
    pub(super) new: Option<Arc<ReplicaSet>>,
    /// The others, the oldest first, but for those that have retired.
    pub(super) old: Vec<Arc<ReplicaSet>>,
    pub(super) retired: Arc<Retired>,
    /// The sizes that have been decided on so far, the last one of a ReplicaSet last.
    sizes: Vec<(Arc<ReplicaSet>, i32)>,
    pub(super) outcome: Outcome,
}

impl<'a> Rollout<'a> {
    /// Finds the ReplicaSets, adopting and releasing some. Those that are known to have retired are not looked at again.
    pub(super) fn start(view: &'a View, seen: &'a Deployment, mut known: Known, memory: &Memory) -> Self {
        let mut outcome = Outcome::done();
        let own = known.own_but_retired(view);
        let mut sets = claim(view, seen, own, &known.selector, |_| true, &mut outcome);
        sets.sort_by(|a, b| age(a).cmp(&age(b)));
        let new = known.find_new(seen, &sets).map(|index| sets.remove(index));
        known.retire(view, &mut sets);
        let retired = known.retired.clone();
        memory.keep(seen, known);
        let deployment = Cow::Borrowed(seen);
        Rollout { view, seen, deployment, new, old: sets, retired, sizes: Vec::new(), outcome }
    }

    /// All ReplicaSets that have not retired, the new one last.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().chain(&self.new)
    }

    /// All ReplicaSets but the new one, the oldest first.
    pub(super) fn old_and_retired(&self) -> Vec<Arc<ReplicaSet>> {
        let mut sets: Vec<Arc<ReplicaSet>> = self.old.iter().cloned().chain(self.retired.sets()).collect();
        sets.sort_by(|a, b| age(a).cmp(&age(b)));
        sets
    }

    /// Those with pods, or meant to have some; the new one last.
    pub(super) fn active(&self) -> Vec<Arc<ReplicaSet>> {
        self.all().filter(|set| self.size(set) > 0).cloned().collect()
    }

    /// How many pods a ReplicaSet is asked for.
    pub(super) fn size(&self, set: &Arc<ReplicaSet>) -> i32 {
        let decided = self.sizes.iter().rev().find(|(one, _)| Arc::ptr_eq(one, set));
        decided.map_or_else(|| size(set), |(_, size)| *size)
    }

    /// Gives a ReplicaSet a size, and notes on it the Deployment's numbers that it follows from. Says whether its
    /// size changes.
    pub(super) fn resize(&mut self, set: &Arc<ReplicaSet>, size: i32) -> bool {
        let before = self.size(set);
        let numbers = noted_numbers(&self.deployment);
        if before == size && numbers.iter().all(|(annotation, number)| is_noted(set, annotation, number)) {
            return false;
        }
        let update = self.outcome.update_with(&**set, |tree| {
            tree["spec"]["replicas"] = size.into();
            for (annotation, number) in numbers {
                tree["metadata"]["annotations"][annotation] = number.into();
            }
        });
        if before != size {
            let direction = if before < size { "up" } else { "down" };
            let name = set.metadata.name.as_deref().unwrap_or_default();
            let message = format!("Scaled {direction} replica set {name} from {before} to {size}");
            update.on_success(EventType::Normal, "ScalingReplicaSet", message);
        }
        self.sizes.push((set.clone(), size));
        before != size
    }

    /// Gives a ReplicaSet a size; nothing is noted on one that has it already.
    pub(super) fn resize_if_needed(&mut self, set: &Arc<ReplicaSet>, size: i32) -> bool {
        self.size(set) != size && self.resize(set, size)
    }

    /// Goes on with a changed ReplicaSet.
    pub(super) fn replace(&mut self, changed: ReplicaSet) {
        let changed = Arc::new(changed);
        for set in self.old.iter_mut().chain(&mut self.new) {
            if set.metadata.uid == changed.metadata.uid {
                *set = changed.clone();
            }
        }
    }
}

/// What orders ReplicaSets by age.
pub(super) fn age(set: &ReplicaSet) -> impl Ord + '_ {
    let created = set.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (created, set.metadata.name.as_deref().unwrap_or_default())
}

/// Notes the Deployment's numbers on a ReplicaSet.
pub(super) fn annotate_replicas(set: &mut ReplicaSet, deployment: &Deployment) {
    let numbers =
        noted_numbers(deployment).map(|(annotation, number)| (annotation.to_owned(), number.into()));
    set.metadata.annotations.get_or_insert_default().extend(numbers);
}

/// The Deployment's numbers that the sizes of ReplicaSets follow from, and where they are noted.
fn noted_numbers(deployment: &Deployment) -> [(&'static str, Text); 2] {
    let desired = replicas(deployment);
    let most = desired.saturating_add(max_surge(deployment));
    [(DESIRED, Text::of(&desired)), (MAX, Text::of(&most))]
}

fn is_noted(set: &ReplicaSet, annotation: &str, number: &str) -> bool {
    set.metadata.annotations.as_ref().and_then(|all| all.get(annotation)).is_some_and(|noted| noted == number)
}
