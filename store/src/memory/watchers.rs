//! Hands each revision to the watches it concerns, and cuts off those that do not keep up.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::stream::Stream;
use steersman_core::store::{Batch, Revision, StoreError};

use super::Shared;
use super::history::narrow;
use super::wakers::Wakers;

/// Every running watch, by prefix: a batch is narrowed once for all watches of a prefix.
pub(super) struct Watchers {
    /// How many batches wait in an inbox at most.
    limit: usize,
    by_prefix: BTreeMap<Bytes, Vec<Arc<Inbox>>>,
}

/// What waits for one watch.
pub(super) struct Inbox {
    prefix: Bytes,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    batches: VecDeque<Batch>,
    /// The revision up to which everything has been put in.
    complete: Revision,
    end: Option<End>,
    waker: Option<Waker>,
}

/// Why nothing more will come.
#[derive(Clone, Copy)]
enum End {
    /// The watch did not keep up.
    Lagged,
    /// The store is gone.
    Closed,
}

/// The stream that a watcher holds.
pub(super) struct Follower {
    /// What was taken out of the inbox, all at once, and is still to be delivered.
    ready: VecDeque<Batch>,
    inbox: Arc<Inbox>,
    store: Weak<Shared>,
    ended: bool,
}

impl Watchers {
    pub(super) fn new(limit: usize) -> Self {
        Watchers { limit, by_prefix: BTreeMap::new() }
    }

    /// Registers a watch that has, or is about to be given, everything up to a revision.
    pub(super) fn add(&mut self, prefix: Bytes, complete: Revision) -> Arc<Inbox> {
        let waiting = Waiting { batches: VecDeque::new(), complete, end: None, waker: None };
        let inbox = Arc::new(Inbox { prefix: prefix.clone(), waiting: Mutex::new(waiting) });
        self.by_prefix.entry(prefix).or_default().push(inbox.clone());
        inbox
    }

    pub(super) fn publish(&mut self, batch: &Batch, wakers: &mut Wakers) {
        for (prefix, inboxes) in &mut self.by_prefix {
            if let Some(batch) = narrow(batch, prefix) {
                inboxes.retain(|inbox| inbox.lock().put(&batch, self.limit, wakers));
            }
        }
    }

    pub(super) fn mark_progress(&mut self, revision: Revision, wakers: &mut Wakers) {
        for inbox in self.by_prefix.values().flatten() {
            inbox.lock().mark(revision, wakers);
        }
    }

    /// Ends every watch: the store is going away.
    pub(super) fn close(&mut self, wakers: &mut Wakers) {
        for inbox in mem::take(&mut self.by_prefix).values().flatten() {
            inbox.lock().end(End::Closed, wakers);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    fn remove(&mut self, watch: &Arc<Inbox>) {
        if let Some(inboxes) = self.by_prefix.get_mut(&watch.prefix) {
            inboxes.retain(|inbox| !Arc::ptr_eq(inbox, watch));
            if inboxes.is_empty() {
                self.by_prefix.remove(&watch.prefix);
            }
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Puts a batch in; false if the watch has fallen behind and was cut off.
    fn put(&mut self, batch: &Batch, limit: usize, wakers: &mut Wakers) -> bool {
        if self.batches.len() >= limit {
            self.batches = VecDeque::new();
            self.end(End::Lagged, wakers);
            return false;
        }
        self.complete = batch.revision;
        self.batches.push_back(batch.clone());
        wakers.add(self.waker.take());
        true
    }

    /// Says that everything up to a revision is in. A mark that nobody has read yet is moved on, so that marks never
    /// fill an inbox.
    fn mark(&mut self, revision: Revision, wakers: &mut Wakers) {
        if revision <= self.complete {
            return;
        }
        self.complete = revision;
        match self.batches.back_mut() {
            Some(mark) if mark.changes.is_empty() => mark.revision = revision,
            _ => self.batches.push_back(Batch { revision, changes: Arc::default() }),
        }
        wakers.add(self.waker.take());
    }

    fn end(&mut self, end: End, wakers: &mut Wakers) {
        self.end = Some(end);
        wakers.add(self.waker.take());
    }
}

impl Follower {
    pub(super) fn new(backlog: VecDeque<Batch>, inbox: Arc<Inbox>, store: Weak<Shared>) -> Self {
        Follower { ready: backlog, inbox, store, ended: false }
    }

    /// Takes over all that waits; if there is nothing, leaves the waker to be called.
    fn refill(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        let mut waiting = self.inbox.lock();
        mem::swap(&mut self.ready, &mut waiting.batches);
        if !self.ready.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(end) = waiting.end {
            return Poll::Ready(Some(end));
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Stream for Follower {
    type Item = Result<Batch, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ready.is_empty() {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(end) = std::task::ready!(self.refill(cx)) {
                self.ended = true;
                return Poll::Ready(end.last_item());
            }
        }
        Poll::Ready(self.ready.pop_front().map(Ok))
    }
}

impl End {
    fn last_item(self) -> Option<Result<Batch, StoreError>> {
        match self {
            End::Lagged => Some(Err(StoreError::Lagged)),
            End::Closed => None,
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(store) = self.store.upgrade() {
            store.write().watchers.remove(&self.inbox);
        }
    }
}
