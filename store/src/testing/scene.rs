//! A store under test, with short words for what the promises do to it.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use steersman_core::store::{
    Batch, Change, Commit, Compare, Entry, Range, Revision, Store, StoreError, Transaction, Watch, Write,
};

/// A store under test. Every method panics where the store fails.
#[derive(Clone)]
pub struct Scene {
    store: Arc<dyn Store>,
}

/// A watch under test.
pub struct Reader {
    store: Arc<dyn Store>,
    watch: Watch,
}

impl Scene {
    /// A scene around a fresh, empty store.
    pub fn new(store: impl Store) -> Self {
        Scene { store: Arc::new(store) }
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Commits; `None` if a compare did not hold.
    pub async fn commit(&self, compares: Vec<Compare>, writes: Vec<Write>) -> Option<Revision> {
        match self.store.commit(Transaction { compares, writes }).await.expect("commit") {
            Commit::Done(revision) => Some(revision),
            Commit::Refused(_) => None,
        }
    }

    /// Writes unconditionally.
    pub async fn put(&self, key: &str, value: &str) -> Revision {
        self.commit(Vec::new(), vec![put(key, value)]).await.expect("nothing was compared")
    }

    /// Deletes unconditionally.
    pub async fn delete(&self, key: &str) -> Revision {
        self.commit(Vec::new(), vec![delete(key)]).await.expect("nothing was compared")
    }

    /// The entry of a key.
    pub async fn get(&self, key: &str) -> Option<Entry> {
        self.store.get(key.as_bytes()).await.expect("get")
    }

    /// The newest revision.
    pub async fn revision(&self) -> Revision {
        self.store.revision().await.expect("revision")
    }

    /// The keys in a range, how many follow, and the revision that was read.
    pub async fn keys(&self, range: Range) -> (Vec<String>, usize, Revision) {
        let page = self.store.range(range).await.expect("range");
        (page.entries.iter().map(|entry| text(&entry.key)).collect(), page.remaining, page.revision)
    }

    /// What a range fails with.
    pub async fn range_error(&self, at: Revision) -> StoreError {
        let range = Range { at: Some(at), ..Range::default() };
        self.store.range(range).await.map(|page| page.revision).expect_err("the range should be refused")
    }

    /// Watches.
    pub async fn watch(&self, prefix: &str, after: Revision) -> Reader {
        let watch = self.store.watch(prefix.to_owned().into(), after).await.expect("watch");
        Reader { store: self.store.clone(), watch }
    }

    /// What a watch fails with when it is begun, or else with its first item.
    pub async fn watch_error(&self, after: Revision) -> StoreError {
        match self.store.watch(Bytes::new(), after).await {
            Err(error) => error,
            Ok(mut watch) => watch.next().await.expect("an item").expect_err("the watch should be refused"),
        }
    }
}

impl Reader {
    /// Everything up to the newest revision, without the progress marks.
    pub async fn catch_up(&mut self) -> Vec<Batch> {
        let mut batches = self.marked().await.expect("the watch keeps up");
        batches.retain(|batch| !batch.changes.is_empty());
        batches
    }

    /// Everything up to the newest revision, with the progress marks; or what the watch ended with.
    pub async fn marked(&mut self) -> Result<Vec<Batch>, StoreError> {
        let newest = self.store.revision().await?;
        self.store.request_progress().await?;
        let mut batches = Vec::new();
        while batches.last().is_none_or(|batch: &Batch| batch.revision < newest) {
            batches.push(self.watch.next().await.expect("a watch ends with an error only")?);
        }
        Ok(batches)
    }

    /// What comes after the watch was cut off.
    pub async fn next(&mut self) -> Option<Result<Batch, StoreError>> {
        self.watch.next().await
    }
}

/// A write of a value that does not expire.
pub(super) fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.to_owned().into(), value: value.to_owned().into(), ttl: None }
}

/// A deletion.
pub(super) fn delete(key: &str) -> Write {
    Write::Delete { key: key.to_owned().into() }
}

/// The changes of a batch in short: `+key=value` created, `~key=value` changed, `-key` deleted.
pub(super) fn told(batches: &[Batch]) -> Vec<String> {
    batches.iter().flat_map(|batch| batch.changes.iter()).map(tell).collect()
}

fn tell(change: &Change) -> String {
    let key = text(&change.key);
    match (&change.before, &change.now) {
        (None, Some(now)) => format!("+{key}={}", text(&now.value)),
        (Some(_), Some(now)) => format!("~{key}={}", text(&now.value)),
        (Some(_), None) => format!("-{key}"),
        (None, None) => panic!("a change of {key} that changes nothing"),
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
