//! A store that tells of everything that is committed to it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Commit, Compare, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch, Write};
use crate::env::Env;

/// Any store, with somebody who is told of every commit: for logs, counts and tests.
///
/// Commits by others who share the inner store, and what expires in it, are not told.
pub struct Observed {
    inner: Arc<dyn Store>,
    told: Box<Told>,
}

type Told = dyn Fn(Revision, &[Write]) + Send + Sync;

impl Observed {
    /// Calls `told` with what was written, after it was written and before the writer is answered. It must not wait.
    pub fn new(inner: Arc<dyn Store>, told: impl Fn(Revision, &[Write]) + Send + Sync + 'static) -> Self {
        Observed { inner, told: Box::new(told) }
    }

    fn tell(&self, outcome: &Commit, writes: &[Write]) {
        if let Commit::Done(revision) = outcome {
            (self.told)(*revision, writes);
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Observed {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        self.inner.range(range).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        let writes = transaction.writes.clone();
        let outcome = self.inner.commit(transaction).await?;
        self.tell(&outcome, &writes);
        Ok(outcome)
    }

    fn commit_at_once(&self, compares: &[Compare], writes: &[Write]) -> Option<Result<Commit, StoreError>> {
        let outcome = self.inner.commit_at_once(compares, writes)?;
        Some(outcome.inspect(|outcome| self.tell(outcome, writes)))
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

    fn revision_at_once(&self) -> Option<Revision> {
        self.inner.revision_at_once()
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.inner.compact(revision).await
    }

    async fn run(&self, env: Env) {
        self.inner.run(env).await;
    }
}
