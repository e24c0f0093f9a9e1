//! Knows which keys have a time to live, and which of them are due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use steersman_core::store::Write;

/// The keys with a time to live; each is in exactly one of the two states.
#[derive(Default)]
pub(super) struct Expiry {
    /// Written since `run` last looked: the time to live has not begun to count.
    unseen: BTreeMap<Bytes, Duration>,
    /// When each key is due, on the clock of `run`.
    deadlines: BTreeMap<Bytes, Duration>,
    /// The same by time.
    by_time: BTreeSet<(Duration, Bytes)>,
}

impl Expiry {
    /// Takes note of a write: it sets a time to live, or calls off an earlier one.
    pub(super) fn written(&mut self, write: &Write) {
        let (key, ttl) = match write {
            Write::Put { key, ttl, .. } => (key, *ttl),
            Write::Delete { key } => (key, None),
        };
        if let Some(deadline) = self.deadlines.remove(key) {
            self.by_time.remove(&(deadline, key.clone()));
        }
        match ttl {
            Some(ttl) => self.unseen.insert(key.clone(), ttl),
            None => self.unseen.remove(key),
        };
    }

    /// Whether a time to live has not begun to count.
    pub(super) fn has_unseen(&self) -> bool {
        !self.unseen.is_empty()
    }

    /// Lets every time to live begin to count, then takes out keys that are due, the earliest first.
    pub(super) fn take_due(&mut self, now: Duration, limit: usize) -> Vec<Bytes> {
        while let Some((key, ttl)) = self.unseen.pop_first() {
            let deadline = now.saturating_add(ttl);
            self.by_time.insert((deadline, key.clone()));
            self.deadlines.insert(key, deadline);
        }
        let due: Vec<_> =
            self.by_time.iter().take_while(|(deadline, _)| *deadline <= now).take(limit).cloned().collect();
        for entry in &due {
            self.by_time.remove(entry);
            self.deadlines.remove(&entry.1);
        }
        due.into_iter().map(|(_, key)| key).collect()
    }

    /// When the next key is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }
}
