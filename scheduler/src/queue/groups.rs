//! Remembers which pods belong to which pod group, and what each group asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use steersman_core::Object;
use steersman_core::resource::group_of;

use crate::event::Event;
use crate::pod::PodInfo;

/// The pod groups (`scheduling.k8s.io`), and all pods of them that the scheduler knows: those that wait and those that
/// have a node. KEP-4671.
#[derive(Debug, Default)]
pub struct Groups {
    members: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    of: BTreeMap<Arc<str>, Arc<str>>,
    policies: BTreeMap<Arc<str>, GroupPolicy>,
}

/// How the pods of a group are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupPolicy {
    /// Each as it comes.
    Basic,
    /// None, unless so many of them can be.
    Gang {
        /// The least number of pods that are placed together; at least 1.
        min_count: usize,
    },
}

impl GroupPolicy {
    /// How many pods must have a node before any is bound.
    pub fn min_count(self) -> usize {
        match self {
            GroupPolicy::Basic => 1,
            GroupPolicy::Gang { min_count } => min_count,
        }
    }

    /// What a `PodGroup` says; `None` if the object is none.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        if object.kind() != "PodGroup" || group_of(object.api_version()) != GROUP {
            return None;
        }
        let group: PodGroup = serde_json::from_slice(object.json()).unwrap_or_default();
        Some(match group.spec.scheduling_policy.gang {
            None => GroupPolicy::Basic,
            Some(gang) => GroupPolicy::Gang { min_count: gang.min_count.max(1) },
        })
    }
}

/// The API group of pod groups.
const GROUP: &str = "scheduling.k8s.io";

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodGroup {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    scheduling_policy: SchedulingPolicy,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SchedulingPolicy {
    gang: Option<Gang>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gang {
    min_count: usize,
}

impl Groups {
    /// `namespace/group` of a pod that belongs to one.
    pub fn key_of(pod: &PodInfo) -> Option<String> {
        Some(format!("{}/{}", pod.namespace(), pod.scheduling_group()?))
    }

    /// What the group of a pod asks for; `None` if the group does not exist.
    pub fn policy(&self, pod: &PodInfo) -> Option<GroupPolicy> {
        self.policies.get(&*Self::key_of(pod)?).copied()
    }

    /// The keys of all pods of a pod's group, that pod among them once it is known.
    pub fn members(&self, pod: &PodInfo) -> impl Iterator<Item = &Arc<str>> {
        Self::key_of(pod).and_then(|group| self.members.get(&*group)).into_iter().flatten()
    }

    /// A pod is there.
    pub(super) fn add(&mut self, pod: &PodInfo) {
        let Some(group) = Self::key_of(pod) else { return };
        let group: Arc<str> = group.into();
        self.members.entry(group.clone()).or_default().insert(pod.key().clone());
        self.of.insert(pod.key().clone(), group);
    }

    /// A pod, by key, is gone.
    pub(super) fn remove(&mut self, pod: &str) {
        let Some(group) = self.of.remove(pod) else { return };
        if let Some(members) = self.members.get_mut(&group) {
            members.remove(pod);
            if members.is_empty() {
                self.members.remove(&group);
            }
        }
    }

    /// Takes in what pods on nodes and pod groups do. `is_pending` says of a pod whether it still is to be placed.
    pub(super) fn note(&mut self, event: &Event, is_pending: impl Fn(&str) -> bool) {
        match event {
            Event::AssignedPodAdded(pod) | Event::AssignedPodUpdated { new: pod, .. } => self.add(pod),
            Event::AssignedPodDeleted(pod) if !is_pending(pod.key()) => self.remove(pod.key()),
            Event::Related { new: Some(new), .. } => {
                if let Some(policy) = GroupPolicy::of(new) {
                    self.policies.insert(new.metadata().key().into(), policy);
                }
            }
            Event::Related { old: Some(old), new: None } if GroupPolicy::of(old).is_some() => {
                self.policies.remove(old.metadata().key().as_str());
            }
            _ => {}
        }
    }
}
