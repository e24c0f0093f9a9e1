//! What is known where pods are held back: the pod groups, and the resource claims.

use super::Groups;
use crate::event::Event;
use crate::snapshot::Related;

/// What [`crate::PreEnqueue`] plugins may look at besides the pod.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) groups: Groups,
    claims: Related,
}

impl Known {
    /// The pod groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The resource claims, as far as a plugin reads them.
    pub fn claims(&self) -> &Related {
        &self.claims
    }

    /// Takes in what pods on nodes, pod groups and claims do. `is_pending` says of a pod whether it still is to be placed.
    pub(super) fn note(&mut self, event: &Event, is_pending: impl Fn(&str) -> bool) {
        self.groups.note(event, is_pending);
        let Event::Related { old, new } = event else { return };
        let is_claim = |object: &steersman_core::Object| {
            object.kind() == "ResourceClaim" && object.api_version().starts_with("resource.k8s.io/")
        };
        match (old, new) {
            (_, Some(new)) if is_claim(new) => drop(self.claims.set(new.clone())),
            (Some(old), None) if is_claim(old) => drop(self.claims.remove(old)),
            _ => {}
        }
    }
}
