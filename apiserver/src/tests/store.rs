//! The smallest store that keeps the contract the API server relies on: all revisions in one list.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use steersman_core::Store;
use steersman_core::store::{
    Batch, Change, Commit, Compare, Entry, Page, Range, Revision, StoreError, Transaction, Watch, Write,
};

#[derive(Default)]
pub(super) struct List(Mutex<State>);

#[derive(Default)]
struct State {
    history: Vec<Batch>,
    newest: BTreeMap<Bytes, Entry>,
    compacted: u64,
    watchers: Vec<(Bytes, mpsc::UnboundedSender<Result<Batch, StoreError>>)>,
}

impl State {
    fn revision(&self) -> Revision {
        Revision(self.history.len() as u64)
    }

    fn at(&self, revision: Revision) -> BTreeMap<Bytes, Entry> {
        let mut entries = BTreeMap::new();
        for change in self.history[..revision.0 as usize].iter().flat_map(|batch| batch.changes.iter()) {
            match &change.now {
                Some(entry) => entries.insert(change.key.clone(), entry.clone()),
                None => entries.remove(&change.key),
            };
        }
        entries
    }

    fn last(&self, key: &[u8]) -> Option<Entry> {
        self.newest.get(key).cloned()
    }

    fn apply(&mut self, writes: Vec<Write>) -> Revision {
        let revision = Revision(self.revision().0 + 1);
        let changes = writes.into_iter().filter_map(|write| match write {
            Write::Put { key, value, .. } => {
                let before = self.last(&key);
                let created = before.as_ref().map_or(revision, |entry| entry.created);
                let now = Entry { key: key.clone(), value, created, modified: revision };
                Some(Change { key, now: Some(now), before })
            }
            Write::Delete { key } => {
                let before = self.last(&key);
                before.is_some().then_some(Change { key, now: None, before })
            }
        });
        let batch = Batch { revision, changes: changes.collect() };
        for change in batch.changes.iter() {
            match &change.now {
                Some(entry) => self.newest.insert(change.key.clone(), entry.clone()),
                None => self.newest.remove(&change.key),
            };
        }
        self.history.push(batch.clone());
        self.watchers.retain(|(prefix, sender)| sender.unbounded_send(Ok(within(&batch, prefix))).is_ok());
        revision
    }
}

fn within(batch: &Batch, prefix: &Bytes) -> Batch {
    let changes = batch.changes.iter().filter(|change| change.key.starts_with(prefix)).cloned();
    Batch { revision: batch.revision, changes: changes.collect() }
}

impl List {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Store for List {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        Ok(self.lock().last(key))
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        let state = self.lock();
        let revision = range.at.unwrap_or(state.revision());
        if revision.0 < state.compacted {
            return Err(StoreError::Compacted { asked: revision, oldest: Revision(state.compacted) });
        }
        let start = range.start.unwrap_or(Bound::Included(range.prefix.clone()));
        let all = state.at(revision);
        let mut found =
            all.range((start, Bound::Unbounded)).filter(|(key, _)| key.starts_with(&range.prefix));
        let limit = if range.limit == 0 { usize::MAX } else { range.limit };
        let entries = found.by_ref().take(limit).map(|(_, entry)| entry.clone()).collect();
        Ok(Page { entries, revision, remaining: found.count() })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        let mut state = self.lock();
        let holds = transaction.compares.iter().all(|compare| match compare {
            Compare::Absent(key) => state.last(key).is_none(),
            Compare::ModifiedAt(key, at) => state.last(key).is_some_and(|entry| entry.modified == *at),
        });
        if holds {
            return Ok(Commit::Done(state.apply(transaction.writes)));
        }
        let key = |compare: &Compare| match compare {
            Compare::Absent(key) | Compare::ModifiedAt(key, _) => state.last(key),
        };
        Ok(Commit::Refused(transaction.compares.iter().map(key).collect()))
    }

    async fn watch(&self, prefix: Bytes, after: Revision) -> Result<Watch, StoreError> {
        let mut state = self.lock();
        let (sender, receiver) = mpsc::unbounded();
        for batch in &state.history[after.0 as usize..] {
            let _ = sender.unbounded_send(Ok(within(batch, &prefix)));
        }
        state.watchers.push((prefix, sender));
        Ok(receiver.boxed())
    }

    async fn request_progress(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.lock().revision())
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.lock().compacted = revision.0;
        Ok(())
    }
}
