//! Serves reads and watches from memory, consistent with the store's revision.
//!
//! One watch over the whole registry feeds every collection, so that all of them are at one revision and a reader
//! knows at once whether its view is current. Whoever needs the newest state (a writer that has just committed, a
//! reader) carries out what the store has delivered; a task does it while nobody asks.

mod audience;
mod collection;
mod event;
mod feed;
mod load;
mod selection;
mod watcher;
mod window;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::task::ArcWake;
use steersman_core::store::Revision;
use steersman_core::{Env, Result, Store};

use crate::fault;

pub(crate) use collection::{Changes, Collection, Slice, Start};
pub(crate) use selection::{Selection, Version};

use feed::Feed;

/// What all keys begin with.
pub(crate) const REGISTRY: &str = "/registry/";

/// How long a read waits for the cache to come up to a revision; upstream's `blockTimeout`.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often watchers that want bookmarks are told how far they are.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// How often the history of the store is compacted to where it was the last time; upstream's `--etcd-compaction-interval`.
const COMPACTION: Duration = Duration::from_secs(300);

/// How long the feed waits before it asks a store again that failed.
const RETRY: Duration = Duration::from_secs(1);

/// All collections, and the watch that feeds them.
pub(crate) struct WatchCache {
    store: Arc<dyn Store>,
    env: Env,
    feed: Mutex<Feed>,
    wake: Arc<feed::Wake>,
    revision: AtomicU64,
}

impl WatchCache {
    /// An empty cache over a store; nothing is read before [`WatchCache::load`].
    pub(crate) fn new(store: Arc<dyn Store>, env: Env) -> Self {
        WatchCache { store, env, feed: Mutex::default(), wake: Arc::default(), revision: AtomicU64::new(0) }
    }

    /// The revision up to which everything is here.
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// Brings the cache up to everything that was committed before the call, and tells how far it is then.
    pub(crate) async fn current(&self) -> Result<Revision> {
        let newest = match self.store.revision_at_once() {
            Some(newest) => newest,
            None => self.store.revision().await.map_err(fault::store)?,
        };
        self.reach(newest).await
    }

    /// Waits until the cache is at `wanted` or later; 504 if that takes too long.
    pub(crate) async fn reach(&self, wanted: Revision) -> Result<Revision> {
        if self.revision() >= wanted || self.pump() >= wanted {
            return Ok(self.revision());
        }
        self.store.request_progress().await.map_err(fault::store)?;
        let Some(reached) = self.when(wanted) else { return Ok(self.revision()) };
        match self.env.timeout(PATIENCE, reached).await {
            Ok(_) if self.revision() >= wanted => Ok(self.revision()),
            _ => Err(fault::too_large(wanted, self.revision())),
        }
    }

    /// Tells the cache what the caller has written, and nothing beside it, so that it need not be parsed when the store
    /// delivers it.
    pub(crate) fn offer(&self, revision: Revision, version: Version) {
        self.lock().offer(revision, version);
        self.pump();
    }

    /// Carries out what the store has delivered so far.
    pub(crate) fn pump(&self) -> Revision {
        let (reached, broken) = self.lock().pump(&self.wake, self.env.elapsed());
        if broken {
            ArcWake::wake_by_ref(&self.wake);
        }
        self.revision.fetch_max(reached.0, Ordering::AcqRel);
        reached
    }

    /// Keeps the cache current, sends bookmarks and compacts the store, for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>) {
        futures::future::join3(self.follow(), self.mark(), self.compact()).await;
    }

    async fn follow(&self) {
        loop {
            feed::Delivered(&self.wake).await;
            self.pump();
            while self.lock().is_broken() {
                if let Err(error) = self.load().await {
                    tracing::warn!(%error, "the watch cache cannot read the store");
                    self.env.sleep(RETRY).await;
                }
            }
        }
    }

    async fn mark(&self) {
        loop {
            self.env.sleep(BOOKMARKS).await;
            self.lock().bookmark();
        }
    }

    /// What is older than one to two intervals can be read no more, and takes no memory.
    async fn compact(&self) {
        loop {
            let reached = self.revision();
            self.env.sleep(COMPACTION).await;
            if let Err(error) = self.store.compact(reached).await {
                tracing::warn!(%error, "the store was not compacted");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
