//! Keeps the newest entries and, for a bounded number of revisions, what changed in each of them.
//!
//! An older revision is read from the next checkpoint (a shared copy of the whole map, kept at every 256th revision)
//! by undoing the changes in between.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::{iter, mem};

use bytes::Bytes;
use imbl::OrdMap;
use steersman_core::store::{Batch, Change, Entry, Revision, StoreError, Write};

/// Every so many revisions the map is kept: an older revision is reached by undoing at most as many.
const CHECKPOINT_EVERY: u64 = 256;

/// All entries, in key order; cloning shares.
pub(super) type Entries = OrdMap<Bytes, Entry>;

pub(super) struct History {
    capacity: usize,
    entries: Entries,
    revision: Revision,
    /// One for each revision after the oldest that can be read, without a gap; at most `capacity`.
    batches: VecDeque<Batch>,
    checkpoints: BTreeMap<Revision, Entries>,
}

/// The entries as of a revision, once what came later is undone.
pub(super) struct View {
    pub(super) revision: Revision,
    entries: Entries,
    later: Vec<Batch>,
}

impl History {
    pub(super) fn new(capacity: usize) -> Self {
        History {
            capacity,
            entries: Entries::new(),
            revision: Revision::default(),
            batches: VecDeque::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    pub(super) fn newest(&self) -> &Entries {
        &self.entries
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Makes a revision of the writes; `None` if they change nothing.
    pub(super) fn apply(&mut self, writes: &[Write]) -> Option<Batch> {
        let revision = Revision(self.revision.0 + 1);
        let mut changes = writes.iter().filter_map(|write| change(&mut self.entries, write, revision));
        let changes: Arc<[Change]> = match (changes.next()?, changes.next()) {
            // Nearly all: it goes straight to where it is shared.
            (only, None) => Arc::new([only]),
            (first, second) => iter::once(first).chain(second).chain(changes).collect(),
        };
        let batch = Batch { revision, changes };
        self.revision = revision;
        self.batches.push_back(batch.clone());
        if revision.0.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoints.insert(revision, self.entries.clone());
        }
        if self.batches.len() > self.capacity {
            self.forget_before(Revision(self.oldest().0 + 1));
        }
        Some(batch)
    }

    /// The entries as of a revision. Little work: the caller undoes the rest without holding a lock.
    pub(super) fn view(&self, at: Option<Revision>) -> Result<View, StoreError> {
        let at = at.unwrap_or(self.revision);
        self.check_kept(at)?;
        let checkpoint = self.checkpoints.range(at..).next();
        let (from, entries) = checkpoint.map_or((self.revision, &self.entries), |(at, map)| (*at, map));
        let later = self.batches.range(self.index_after(at)..self.index_after(from)).cloned().collect();
        Ok(View { revision: at, entries: entries.clone(), later })
    }

    /// Every batch after a revision, narrowed to the keys under a prefix.
    pub(super) fn after(&self, after: Revision, prefix: &[u8]) -> Result<VecDeque<Batch>, StoreError> {
        self.check_kept(after)?;
        Ok(self.batches.range(self.index_after(after)..).filter_map(|batch| narrow(batch, prefix)).collect())
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            return Err(StoreError::Future { asked: revision, newest: self.revision });
        }
        self.forget_before(revision.max(self.oldest()));
        Ok(())
    }

    /// The oldest revision that can be read and watched from.
    fn oldest(&self) -> Revision {
        Revision(self.revision.0 - self.batches.len() as u64)
    }

    /// Where in `batches` the first one after a kept revision is.
    fn index_after(&self, revision: Revision) -> usize {
        (revision.0 - self.oldest().0) as usize
    }

    fn forget_before(&mut self, revision: Revision) {
        self.batches.drain(..self.index_after(revision));
        self.checkpoints = self.checkpoints.split_off(&revision);
    }

    fn check_kept(&self, asked: Revision) -> Result<(), StoreError> {
        let (oldest, newest) = (self.oldest(), self.revision);
        if asked < oldest {
            return Err(StoreError::Compacted { asked, oldest });
        }
        if asked > newest {
            return Err(StoreError::Future { asked, newest });
        }
        Ok(())
    }
}

impl View {
    /// The entries, with what came later undone.
    pub(super) fn entries(self) -> Entries {
        let mut entries = self.entries;
        for change in self.later.iter().rev().flat_map(|batch| batch.changes.iter()) {
            match &change.before {
                Some(before) => entries.insert(change.key.clone(), before.clone()),
                None => entries.remove(&change.key),
            };
        }
        entries
    }
}

/// The part of a batch that is under a prefix; `None` if nothing is. Shared where that is all of it.
pub(super) fn narrow(batch: &Batch, prefix: &[u8]) -> Option<Batch> {
    let matching = batch.changes.iter().filter(|change| change.key.starts_with(prefix));
    match matching.clone().count() {
        0 => None,
        all if all == batch.changes.len() => Some(batch.clone()),
        _ => Some(Batch { revision: batch.revision, changes: matching.cloned().collect() }),
    }
}

fn change(entries: &mut Entries, write: &Write, revision: Revision) -> Option<Change> {
    match write {
        Write::Put { key, value, .. } => match entries.get_mut(key) {
            Some(entry) => {
                // All versions share the key of the first: they are many, and long kept.
                let (key, value) = (entry.key.clone(), value.clone());
                let now = Entry { key: key.clone(), value, created: entry.created, modified: revision };
                let before = mem::replace(entry, now.clone());
                Some(Change { key, now: Some(now), before: Some(before) })
            }
            None => {
                let (key, value) = (key.clone(), value.clone());
                let now = Entry { key: key.clone(), value, created: revision, modified: revision };
                entries.insert(key.clone(), now.clone());
                Some(Change { key, now: Some(now), before: None })
            }
        },
        Write::Delete { key } => {
            let before = entries.remove(key)?;
            Some(Change { key: key.clone(), now: None, before: Some(before) })
        }
    }
}
