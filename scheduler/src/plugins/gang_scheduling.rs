//! Holds the pods of a gang back until there are enough of them.
//!
//! KEP-4671, as Kubernetes 1.36 has it. Not among the default plugins, since the API of pod groups is alpha and an API
//! server may not serve it: a profile is given it by `Profile::with(GangScheduling)` or in its configuration. Where it
//! is, the pods of a group are placed together, all or none, by the scheduler itself.

use steersman_core::resource::GroupVersionResource;

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Plugin, PreEnqueue};
use crate::pod::PodInfo;
use crate::queue::{GroupPolicy, Known};
use crate::verdict::{Rejection, Verdict};

/// Holds the pods of a gang back until there are enough of them.
#[derive(Debug, Default)]
pub struct GangScheduling;

impl GangScheduling {
    /// The name of the plugin.
    pub(crate) const NAME: &'static str = "GangScheduling";

    /// Where pod groups are served.
    pub(crate) fn pod_groups() -> GroupVersionResource {
        GroupVersionResource::new("scheduling.k8s.io", "v1alpha2", "podgroups")
    }
}

impl Plugin for GangScheduling {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Another pod of the group may complete it; so may the group itself, if it comes or asks for less.
    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        let Some(group) = pod.scheduling_group() else { return Wake::Skip };
        let is_sibling =
            |other: &PodInfo| other.namespace() == pod.namespace() && other.scheduling_group() == Some(group);
        Wake::when(match event {
            Event::PendingPodAdded(other) | Event::AssignedPodAdded(other) => is_sibling(other),
            Event::Related { old, new: Some(new) } => {
                let is_its = new.name() == group && new.namespace() == pod.namespace();
                GroupPolicy::of(new).is_some_and(|policy| is_its && asks_less(old.as_ref(), policy))
            }
            _ => false,
        })
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![Self::pod_groups()]
    }

    fn pre_enqueue(&self) -> Option<&dyn PreEnqueue> {
        Some(self)
    }
}

fn asks_less(old: Option<&steersman_core::Object>, new: GroupPolicy) -> bool {
    old.and_then(GroupPolicy::of).is_none_or(|old| new.min_count() < old.min_count())
}

impl PreEnqueue for GangScheduling {
    /// Without its group, nothing can be said of a pod.
    fn admit(&self, _: &PodInfo) -> Verdict {
        Ok(())
    }

    fn admit_among(&self, pod: &PodInfo, known: &Known) -> Verdict {
        let Some(name) = pod.scheduling_group() else { return Ok(()) };
        let groups = known.groups();
        let missing = || {
            Rejection::unresolvable(format!(
                "waiting for pods's pod group {name:?} to appear in scheduling queue"
            ))
        };
        match groups.policy(pod).ok_or_else(missing)? {
            GroupPolicy::Gang { min_count } if groups.members(pod).count() < min_count => {
                let why = "waiting for minCount pods from a gang to appear in scheduling queue";
                Err(Rejection::unresolvable(why))
            }
            GroupPolicy::Gang { .. } | GroupPolicy::Basic => Ok(()),
        }
    }
}

impl Configured for GangScheduling {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        GangScheduling
    }
}
