//! A store of one's own: anything with ordered keys and one revision. This one counts what passes through to the memory
//! store; the contract suite `steersman_store::testing` holds a real one to its promises.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use steersman::core::store::{Commit, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch};
use steersman::prelude::*;
use steersman::sim::Sim;
use steersman::store::Memory;

struct Counting {
    inner: Memory,
    commits: Arc<AtomicUsize>,
}

#[async_trait]
impl Store for Counting {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        self.inner.range(range).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
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

fn main() -> Result<()> {
    let commits = Arc::new(AtomicUsize::new(0));
    let store = Counting { inner: Memory::new(), commits: commits.clone() };
    let sim = Sim::new(1);
    sim.block_on(async {
        let cluster = Cluster::builder().store(store).nodes(1).start(&sim.env()).await?;
        let before = commits.load(Ordering::Relaxed);
        cluster
            .apply(
                "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: i}]}}",
            )
            .await?;
        cluster.settle().await?;
        println!("a pod, from its manifest to Ready: {} commits", commits.load(Ordering::Relaxed) - before);
        Ok(())
    })
}
