//! Finds out whether extenders are to be asked about a pod.

use std::sync::Arc;

use super::Engine;
use crate::extender::{Consultation, Extender};
use crate::pod::PodInfo;

impl Engine {
    /// What extenders are to be asked about a pod, if any has a say.
    pub(super) fn question(&self, pod: &Arc<PodInfo>, tie: u64) -> Option<Box<Consultation>> {
        let interested = self.extenders.iter().filter(|extender| has_a_say(&***extender, pod));
        let extenders: Vec<Arc<dyn Extender>> = interested.cloned().collect();
        if extenders.is_empty() || self.cache.snapshot().is_empty() {
            return None;
        }
        let (profile, snapshot) = (self.profiles.of(pod)?.clone(), self.cache.snapshot().clone());
        Some(Box::new(Consultation { pod: pod.clone(), profile, snapshot, extenders, tie }))
    }
}

/// Whether an extender is asked before the pod has a node.
fn has_a_say(extender: &dyn Extender, pod: &PodInfo) -> bool {
    let part = extender.part();
    (part.filters || part.preempts || part.prioritizes.is_some()) && extender.is_interested(pod)
}
