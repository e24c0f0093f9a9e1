//! Gives every component of a process the same cache of a resource.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;

use super::{Cache, Selection, Typed};
use crate::client::Client;
use crate::env::Env;
use crate::resource::{GroupVersionResource, Resource};

/// One cache for each resource that somebody has asked for, over all namespaces. Cloning shares; the caches are
/// followed until the last clone, and whatever else holds them, is dropped.
#[derive(Clone)]
pub struct Caches {
    env: Env,
    client: Client,
    started: Arc<Mutex<BTreeMap<GroupVersionResource, Cache>>>,
}

impl Caches {
    /// No caches yet.
    pub fn new(env: &Env, client: &Client) -> Self {
        Caches { env: env.clone(), client: client.clone(), started: Arc::default() }
    }

    /// The cache of a resource, started when it is first asked for.
    pub fn resource(&self, resource: &GroupVersionResource) -> Cache {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || Cache::start(&self.env, &self.client, Selection::all(resource.clone()));
        started.entry(resource.clone()).or_insert_with(start).clone()
    }

    /// The cache of a Rust type, started when it is first asked for.
    pub fn of<K: Resource>(&self) -> Typed<K> {
        self.resource(&GroupVersionResource::of::<K>()).typed()
    }

    /// Lets go of the cache of a resource that is no longer served. Whoever still holds it keeps it; whoever asks
    /// again gets a new one.
    pub fn forget(&self, resource: &GroupVersionResource) {
        let forgotten = self.started.lock().unwrap_or_else(PoisonError::into_inner).remove(resource);
        // Its task may wake others when it ends, who may ask for caches.
        drop(forgotten);
    }

    /// Completes once every cache that was asked for so far has synced.
    pub async fn synced(&self) {
        let caches: Vec<Cache> =
            self.started.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        join_all(caches.iter().map(Cache::synced)).await;
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(started.keys().map(ToString::to_string)).finish()
    }
}
