//! A store that writes every commit into the event log.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use steersman_core::store::{
    Commit, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch, Write,
};
use steersman_core::{Env, Fingerprint};

use crate::Sim;
use crate::executor::Recorder;

/// Wraps a store so that equal event logs mean equal histories, byte for byte.
pub struct Recorded {
    inner: Arc<dyn Store>,
    log: Recorder,
}

impl Recorded {
    /// Records the commits of `inner` in the log of `sim`.
    pub fn new(inner: Arc<dyn Store>, sim: &Sim) -> Self {
        Recorded { inner, log: sim.recorder() }
    }

    fn record(&self, revision: Revision, writes: &[Write]) {
        for write in writes {
            let (verb, key, value) = match write {
                Write::Put { key, value, .. } => ("put", key, &value[..]),
                Write::Delete { key } => ("delete", key, &b""[..]),
            };
            let key = String::from_utf8_lossy(key);
            // The line stays short and still tells values apart.
            let fingerprint = Fingerprint::EMPTY.with(value).value();
            self.log.record(&format!("{} {verb} {key} {fingerprint:016x}", revision.0));
        }
    }
}

#[async_trait]
impl Store for Recorded {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        self.inner.range(range).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        let writes = transaction.writes.clone();
        let outcome = self.inner.commit(transaction).await?;
        if let Commit::Done(revision) = outcome {
            self.record(revision, &writes);
        }
        Ok(outcome)
    }

    async fn watch(&self, prefix: Bytes, after: Revision) -> Result<Watch, StoreError> {
        self.inner.watch(prefix, after).await
    }

    async fn request_progress(&self) -> Result<(), StoreError> {
        self.inner.request_progress().await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.inner.revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.inner.compact(revision).await
    }

    async fn run(&self, env: Env) {
        self.inner.run(env).await;
    }
}
