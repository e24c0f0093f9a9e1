//! Remembers which owners are certainly gone, so that the server need not be asked for each dependent.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::graph::Identity;

/// How many are remembered; the longest remembered is forgotten first. Upstream's bound.
const CAPACITY: usize = 500;

/// Owners that do not exist. A uid is never used again: what is absent stays absent.
#[derive(Default)]
pub(super) struct Absent(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    known: BTreeSet<Identity>,
    order: VecDeque<Identity>,
}

impl Absent {
    pub(super) fn add(&self, identity: Identity) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !memory.known.insert(identity.clone()) {
            return;
        }
        memory.order.push_back(identity);
        if memory.order.len() > CAPACITY
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.known.remove(&oldest);
        }
    }

    /// Whether an owner is known to be absent, in its namespace or out of all of them.
    pub(super) fn has(&self, identity: &Identity) -> bool {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.known.contains(&identity.cluster_scoped()) || memory.known.contains(identity)
    }
}
