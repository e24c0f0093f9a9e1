//! A store that takes its time to commit, as the one did that the corpus was recorded with.
//!
//! What a write leads to has then begun before the next write is done: controllers that two requests concern have seen
//! the first of them, and of two controllers that one change concerns each has looked before the other has written.
//! Without that, a seed decides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use steersman::core::Env;
use steersman::core::store::{Commit, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch};

/// How long a commit takes.
const COMMIT: Duration = Duration::from_millis(2);

pub(crate) struct Slow {
    inner: Arc<dyn Store>,
    env: Env,
}

impl Slow {
    pub(crate) fn new(inner: Arc<dyn Store>, env: Env) -> Self {
        Slow { inner, env }
    }
}

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slow").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Slow {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        self.inner.range(range).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        self.env.sleep(COMMIT).await;
        self.inner.commit(transaction).await
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
