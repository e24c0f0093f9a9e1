//! The pods that wait for an event, and which of them has waited longest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::QueuedPod;

/// Pods that were rejected or are held back, by key.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    pods: BTreeMap<Arc<str>, QueuedPod>,
    /// Those that do not wait for ever: they are not held back.
    since: BTreeSet<(Duration, Arc<str>)>,
    /// How many each plugin rejected.
    rejected_by: BTreeMap<&'static str, usize>,
}

impl Rejected {
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &QueuedPod> {
        self.pods.values()
    }

    /// The plugins that rejected any of them.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &'static str> {
        self.rejected_by.keys().copied()
    }

    pub(super) fn get(&self, key: &str) -> Option<&QueuedPod> {
        self.pods.get(key)
    }

    pub(super) fn insert(&mut self, queued: QueuedPod) {
        let key = queued.pod().key().clone();
        self.remove(&key);
        if !queued.is_held_back() {
            self.since.insert((queued.since(), key.clone()));
        }
        for plugin in queued.rejected_by() {
            *self.rejected_by.entry(plugin).or_default() += 1;
        }
        self.pods.insert(key, queued);
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<QueuedPod> {
        let (key, queued) = self.pods.remove_entry(key)?;
        self.since.remove(&(queued.since(), key));
        for plugin in queued.rejected_by() {
            if let Some(count) = self.rejected_by.get_mut(plugin) {
                *count -= 1;
                if *count == 0 {
                    self.rejected_by.remove(plugin);
                }
            }
        }
        Some(queued)
    }

    /// Since when the one waits that has waited longest.
    pub(super) fn longest(&self) -> Option<Duration> {
        self.since.first().map(|(since, _)| *since)
    }

    /// Takes out one that has waited since then or longer.
    pub(super) fn pop_since(&mut self, since: Duration) -> Option<QueuedPod> {
        let (longest, key) = self.since.first()?;
        let key = (*longest <= since).then(|| key.clone())?;
        self.remove(&key)
    }
}
