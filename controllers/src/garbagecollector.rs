//! Deletes objects whose owners are gone, in the way that the owners were deleted: in the background, in the
//! foreground, or leaving the dependents alone.
//!
//! <https://kubernetes.io/docs/concepts/architecture/garbage-collection/>. Every resource that can be listed, watched
//! and deleted is followed, custom resources included, and a graph kept of who depends on whom.
//! Whatever the graph calls for is checked against the server before anything is deleted: an owner counts as gone
//! only if the server says so, and every deletion names the uid that was meant.

mod absent;
mod attempt;
mod graph;
mod server;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ObjectReference;
use steersman_core::cache::Change;
use steersman_core::env::Task;
use steersman_core::events::EventType;
use steersman_core::{Env, Queue, Recorder, Result};

use crate::monitors::Monitors;
use crate::runner::Context;

use absent::Absent;
use attempt::{Attempt, Attempts};
use graph::{Calls, Graph, Identity, Misplaced, Uid};
use server::Server;

/// How objects are collected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GarbageCollectorOptions {
    /// How many objects are worked on at a time; upstream's `--concurrent-gc-syncs`.
    pub concurrent_gc_syncs: usize,
    /// How often is looked which resources there are.
    pub sync_period: Duration,
}

impl Default for GarbageCollectorOptions {
    fn default() -> Self {
        GarbageCollectorOptions { concurrent_gc_syncs: 20, sync_period: Duration::from_secs(30) }
    }
}

/// Collects garbage until it is dropped; for [`Controllers::task`](crate::Controllers::task).
pub async fn run(context: Context, options: GarbageCollectorOptions) {
    let env = context.env.clone();
    let collector = Arc::new(Collector {
        graph: Mutex::default(),
        absent: Absent::default(),
        delete: Queue::new(&env),
        orphan: Queue::new(&env),
        recorder: Recorder::start(&env, &context.client, "garbage-collector-controller"),
        server: Server::new(&context.client),
    });
    let mut monitors = Monitors::new(context.caches);
    collector.sync(&mut monitors, &env, options.sync_period).await;
    let _workers: Vec<Task<()>> = (0..options.concurrent_gc_syncs.max(1))
        .flat_map(|number| {
            let delete = env.spawn(&format!("delete-{number}"), collector.clone().delete_all());
            [delete, env.spawn(&format!("orphan-{number}"), collector.clone().orphan_all())]
        })
        .collect();
    loop {
        monitors.is_time_to_look(&env, &context.client, env.elapsed(), options.sync_period).await;
        collector.sync(&mut monitors, &env, options.sync_period).await;
    }
}

struct Collector {
    graph: Mutex<Graph>,
    absent: Absent,
    delete: Queue<Uid>,
    orphan: Queue<Uid>,
    recorder: Recorder,
    server: Server,
}

impl Collector {
    /// Follows the resources that there are now, and completes once all of them were seen, or after `patience`: one
    /// of them may be gone again.
    async fn sync(self: &Arc<Self>, monitors: &mut Monitors, env: &Env, patience: Duration) {
        let resources = match self.server.discover().await {
            Ok(resources) => resources,
            Err(error) => return tracing::warn!(%error, "the resources there are could not be read"),
        };
        let collector = Arc::downgrade(self);
        let is_news = monitors.follow(&resources, move |_, change| {
            if let Some(collector) = collector.upgrade() {
                collector.told(change);
            }
        });
        if is_news && env.timeout(patience, monitors.synced()).await.is_err() {
            tracing::warn!("not all resources could be read in {patience:?}");
        }
    }

    fn told(&self, change: &Change) {
        let calls = match change {
            Change::Added(now) => self.graph().see(None, now),
            Change::Modified { old, new } => self.graph().see(Some(old.metadata()), new),
            Change::Deleted(last) => self.graph().forget(last),
        };
        self.heed(calls);
    }

    /// The server has told that there is no such object.
    fn deny(&self, identity: &Identity) {
        let calls = self.graph().deny(identity);
        self.heed(calls);
    }

    fn heed(&self, calls: Calls) {
        calls.absent.into_iter().for_each(|identity| self.absent.add(identity));
        calls.delete.into_iter().for_each(|uid| self.delete.add(uid));
        calls.delete_later.into_iter().for_each(|uid| self.delete.add_failed(uid));
        calls.orphan.into_iter().for_each(|uid| self.orphan.add(uid));
        calls.misplaced.iter().for_each(|misplaced| self.report(misplaced));
    }

    fn report(&self, Misplaced { dependent, owner }: &Misplaced) {
        let Identity { api_version, kind, namespace, name, uid } = owner;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}] does not exist in \
             namespace {namespace:?}"
        );
        let kind = EventType::Warning;
        self.recorder.event(reference(dependent), kind, "OwnerRefInvalidNamespace", message);
    }

    async fn delete_all(self: Arc<Self>) {
        loop {
            let uid = self.delete.next().await;
            let Some(node) = self.graph().node(&uid).cloned() else {
                self.delete.forget(&uid);
                continue;
            };
            let attempts = Attempts { server: &self.server, absent: &self.absent, graph: &self.graph };
            let outcome = attempts.delete(&node).await;
            if self.is_over(&uid, &node.identity, outcome) {
                self.delete.forget(&uid);
            } else {
                self.delete.add_failed(Uid::clone(&uid));
            }
        }
    }

    /// Heeds what an attempt has led to; whether it need not be made again.
    fn is_over(&self, uid: &Uid, identity: &Identity, outcome: Result<Attempt>) -> bool {
        match outcome {
            Ok(Attempt::Done) => self.graph().node(uid).is_none_or(|node| node.observed),
            Ok(Attempt::LookAt(dependents)) => {
                dependents.into_iter().for_each(|dependent| self.delete.add(dependent));
                true
            }
            Ok(Attempt::Absent) => {
                self.deny(identity);
                true
            }
            Ok(Attempt::Never) => true,
            Err(error) => {
                tracing::debug!(?identity, %error, "will be tried again");
                false
            }
        }
    }

    async fn orphan_all(self: Arc<Self>) {
        loop {
            let uid = self.orphan.next().await;
            match self.free_dependents(&uid).await {
                Ok(()) => self.orphan.forget(&uid),
                Err(error) => {
                    tracing::debug!(%error, "dependents could not be freed and will be tried again");
                    self.orphan.add_failed(Uid::clone(&uid));
                }
            }
        }
    }

    /// Removes the owner from all its dependents, then lets the owner go.
    async fn free_dependents(&self, owner: &Uid) -> Result<()> {
        let (identity, dependents) = {
            let graph = self.graph();
            let Some(node) = graph.node(owner) else { return Ok(()) };
            let identities = node.dependents.iter().filter_map(|uid| graph.node(uid));
            (node.identity.clone(), identities.map(|node| node.identity.clone()).collect::<Vec<_>>())
        };
        let owners = [owner.to_string()];
        let freed = join_all(dependents.iter().map(|one| self.server.remove_owners(one, &owners))).await;
        freed.into_iter().collect::<Result<()>>()?;
        self.server.remove_finalizer(&identity, graph::ORPHAN).await
    }

    fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reference(identity: &Identity) -> ObjectReference {
    ObjectReference {
        api_version: Some(String::from(&identity.api_version)),
        kind: Some(String::from(&identity.kind)),
        namespace: Some(String::from(&identity.namespace)),
        name: Some(String::from(&identity.name)),
        uid: Some(identity.uid.to_string()),
        ..ObjectReference::default()
    }
}
