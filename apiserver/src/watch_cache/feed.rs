//! Carries out, in order, what the store's watch delivers.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::oneshot;
use futures::task::{ArcWake, AtomicWaker, waker_ref};
use steersman_core::store::{Batch, Change, Revision, Watch};

use super::collection::{Arrival, Collection};
use super::selection::Version;
use super::{REGISTRY, WatchCache};
use crate::encode;

/// The watch, how far it is, and where its changes go.
#[derive(Default)]
pub(super) struct Feed {
    watch: Option<Watch>,
    revision: Revision,
    /// What the last bookmarks told.
    marked: Revision,
    broken: bool,
    collections: BTreeMap<String, Arc<Collection>>,
    /// What this server itself has written, one object at a time.
    offered: BTreeMap<Revision, Version>,
    waiting: BTreeMap<Revision, Vec<oneshot::Sender<()>>>,
}

impl Feed {
    /// Follows `watch` from `revision` on.
    pub(super) fn follow(&mut self, watch: Watch, revision: Revision) {
        self.watch = Some(watch);
        self.broken = false;
        self.reached(revision);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn add(&mut self, collection: Arc<Collection>) {
        self.collections.insert(collection.prefix().to_owned(), collection);
    }

    pub(super) fn remove(&mut self, prefix: &str) {
        if let Some(collection) = self.collections.remove(prefix) {
            collection.close();
        }
    }

    pub(super) fn collections(&self) -> Vec<Arc<Collection>> {
        self.collections.values().cloned().collect()
    }

    /// The collection that a key belongs to, and the object's own part of the key.
    pub(super) fn locate<'k>(&self, key: &'k str) -> Option<(&Arc<Collection>, &'k str)> {
        let (prefix, collection) =
            self.collections.range::<str, _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        Some((collection, key.strip_prefix(prefix.as_str())?))
    }

    pub(super) fn offer(&mut self, revision: Revision, version: Version) {
        if revision > self.revision {
            self.offered.insert(revision, version);
        }
    }

    /// Tells the watchers how far the cache is, if it has got on since they were told last.
    pub(super) fn bookmark(&mut self) {
        if std::mem::replace(&mut self.marked, self.revision) != self.revision {
            self.collections.values().for_each(|collection| collection.bookmark(self.revision));
        }
    }

    /// Carries out all batches that are ready at a time of the environment's clock. The store bounds how many can be.
    /// Tells how far it is, and whether the watch has broken.
    pub(super) fn pump(&mut self, wake: &Arc<Wake>, now: Duration) -> (Revision, bool) {
        let waker = waker_ref(wake);
        let mut cx = Context::from_waker(&waker);
        while let Some(watch) = &mut self.watch {
            match watch.poll_next_unpin(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(batch))) => self.apply(&batch, now),
                Poll::Ready(end) => self.fail(end.and_then(Result::err)),
            }
        }
        (self.revision, self.broken)
    }

    fn fail(&mut self, error: Option<steersman_core::store::StoreError>) {
        tracing::warn!(?error, "the watch cache has lost its watch of the store and reads everything again");
        self.watch = None;
        self.broken = true;
    }

    fn apply(&mut self, batch: &Batch, now: Duration) {
        let arrival = Arrival { revision: batch.revision, at: now };
        for change in batch.changes.iter() {
            if let Err(error) = self.change(arrival, change) {
                let key = String::from_utf8_lossy(&change.key).into_owned();
                tracing::error!(key, %error, "the store holds an object that cannot be read");
            }
        }
        self.reached(batch.revision);
    }

    fn change(&mut self, arrival: Arrival, change: &Change) -> steersman_core::Result<()> {
        let offered = self.offered.remove(&arrival.revision);
        let Ok(key) = std::str::from_utf8(&change.key) else { return Ok(()) };
        let Some((collection, key)) = self.locate(key) else { return Ok(()) };
        let now = match (&change.now, offered) {
            (None, _) => None,
            (Some(_), Some(version)) => Some(version),
            (Some(entry), None) => {
                let object = encode::read(&entry.value, entry.modified)?;
                Some(Version::read(object, collection.strategy())?)
            }
        };
        collection.apply(arrival, key, now);
        Ok(())
    }

    fn reached(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
        while self.offered.first_key_value().is_some_and(|(at, _)| *at <= revision) {
            self.offered.pop_first();
        }
        while self.waiting.first_key_value().is_some_and(|(at, _)| *at <= revision) {
            for waiting in self.waiting.pop_first().into_iter().flat_map(|(_, waiting)| waiting) {
                // Whoever waited may have given up.
                let _ = waiting.send(());
            }
        }
    }
}

impl WatchCache {
    /// Completes when the cache is at `wanted`; `None` if it already is.
    pub(super) fn when(&self, wanted: Revision) -> Option<oneshot::Receiver<()>> {
        if self.pump() >= wanted {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.lock().waiting.entry(wanted).or_default().push(sender);
        Some(receiver)
    }

    /// Whether a key belongs under the registry at all.
    pub(super) fn registry() -> Bytes {
        Bytes::from_static(REGISTRY.as_bytes())
    }
}

/// Wakes the task that follows the store, whoever polled the watch last.
#[derive(Default)]
pub(super) struct Wake {
    task: AtomicWaker,
    delivered: AtomicBool,
}

impl ArcWake for Wake {
    fn wake_by_ref(wake: &Arc<Self>) {
        wake.delivered.store(true, Ordering::Release);
        wake.task.wake();
    }
}

/// Completes once the store has delivered something since the last time.
pub(super) struct Delivered<'a>(pub(super) &'a Wake);

impl Future for Delivered<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.task.register(cx.waker());
        if self.0.delivered.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}
