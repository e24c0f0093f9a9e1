//! The seam under the API server: ordered keys, opaque values, one revision, watches.

mod observed;

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::env::Env;

pub use observed::Observed;

/// A moment in the store's history: raised by one with every transaction that changes something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key, its value, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The revision that created the key.
    pub created: Revision,
    /// The revision that last wrote it.
    pub modified: Revision,
}

/// Which keys to read. Exhaustive, as every store must know every restriction.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Only keys that start with this.
    pub prefix: Bytes,
    /// Only keys from here on; must itself start with the prefix to be of use.
    pub start: Option<Bound<Bytes>>,
    /// At most this many; 0 is no limit.
    pub limit: usize,
    /// As of this revision; the newest if not given.
    pub at: Option<Revision>,
}

/// One page of a range.
#[derive(Clone, Debug)]
pub struct Page {
    /// The entries, in key order.
    pub entries: Vec<Entry>,
    /// The revision that was read.
    pub revision: Revision,
    /// How many more keys the range holds after this page.
    pub remaining: usize,
}

/// What must hold for a transaction to take effect. Exhaustive, as every store must know every kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent(Bytes),
    /// The key was last written at this revision.
    ModifiedAt(Bytes, Revision),
}

/// A write. Exhaustive, as every store must know every kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a value, and counts as a change even if the value is the one that was there. With a time to live, the
    /// store deletes the key once it has passed; without one, an earlier time to live is called off.
    Put {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// How long the key lives.
        ttl: Option<Duration>,
    },
    /// Removes a key; removing an absent one changes nothing.
    Delete {
        /// The key.
        key: Bytes,
    },
}

/// All compares, then all writes, as one step.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is then done. A key may be written once.
    pub writes: Vec<Write>,
}

/// The outcome of a transaction that was carried out or refused.
#[derive(Clone, Debug)]
pub enum Commit {
    /// Every compare held; the revision is the transaction's own, or the current one if it changed nothing.
    Done(Revision),
    /// A compare did not hold: the current entries of the compared keys, in the order of the compares.
    Refused(Vec<Option<Entry>>),
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Bytes,
    /// The entry after the change; `None` if it was deleted.
    pub now: Option<Entry>,
    /// The entry before the change; `None` if it was created.
    pub before: Option<Entry>,
}

/// What a watch delivers: everything of one revision at once. Cloning shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The revision. Everything up to it has been delivered once this batch is.
    pub revision: Revision,
    /// The changes under the prefix, in the order of the transaction's writes; empty for a progress mark.
    pub changes: Arc<[Change]>,
}

/// A running watch. It ends after the first error.
pub type Watch = BoxStream<'static, Result<Batch, StoreError>>;

/// What a store can fail with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The revision asked for is no longer kept.
    #[error("revision {asked} has been compacted; the oldest kept is {oldest}")]
    Compacted {
        /// The revision asked for.
        asked: Revision,
        /// The oldest that can be had.
        oldest: Revision,
    },
    /// The revision asked for has not happened yet.
    #[error("revision {asked} is in the future; the newest is {newest}")]
    Future {
        /// The revision asked for.
        asked: Revision,
        /// The newest there is.
        newest: Revision,
    },
    /// The watcher fell behind its bounded buffer: list again.
    #[error("the watcher was too slow and has been cut off")]
    Lagged,
    /// A transaction writes a key twice; nothing was done.
    #[error("the transaction writes key {} twice", String::from_utf8_lossy(.0))]
    DuplicateKey(Bytes),
    /// The transaction may or may not have taken effect: read before writing again.
    #[error("the outcome of the transaction is unknown: {0}")]
    Unknown(String),
    /// Nothing was done; it may be tried again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// A store of ordered keys under one revision.
///
/// Linearizable. Watches are ordered, unique, gapless, atomic per revision, and resumable from any revision that was
/// not compacted. Implementations hold themselves to `steersman_store`'s contract suite (feature `testing`).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The entry of a key now. May be repeated.
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError>;

    /// A page of keys. May be repeated.
    async fn range(&self, range: Range) -> Result<Page, StoreError>;

    /// Compares and writes in one step. After [`StoreError::Unknown`] it must not be repeated blindly.
    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError>;

    /// [`Store::commit`] by a store that need not wait for it. `None` if it must: then nothing was done, and `commit` is to
    /// be asked.
    fn commit_at_once(&self, compares: &[Compare], writes: &[Write]) -> Option<Result<Commit, StoreError>> {
        let _ = (compares, writes);
        None
    }

    /// Every change under `prefix` after revision `after`, in order, and progress marks now and then: soon after
    /// [`Store::request_progress`], and otherwise as the implementation states. Starting from a revision that has
    /// been compacted, or has not happened yet, is refused. Dropping the stream ends the watch.
    async fn watch(&self, prefix: Bytes, after: Revision) -> Result<Watch, StoreError>;

    /// Asks every running watch to tell how far it is: each soon delivers a batch or a progress mark of the revision
    /// that is the newest now, or of a later one. May be repeated.
    async fn request_progress(&self) -> Result<(), StoreError>;

    /// The newest revision. May be repeated.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// [`Store::revision`] by a store that need not wait for it; `None` if it must.
    fn revision_at_once(&self) -> Option<Revision> {
        None
    }

    /// Forgets what is older than `revision`: reads at it and watches after it still work, those from before it are
    /// told [`StoreError::Compacted`]. Running watches go on. May be repeated.
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;

    /// What the store does in the background (expiring keys, compaction), for as long as it is polled. Whoever owns
    /// the store runs it in a task, once.
    async fn run(&self, env: Env) {
        let _ = env;
    }
}
