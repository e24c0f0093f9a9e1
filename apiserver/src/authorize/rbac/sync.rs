//! Keeps the index of roles and bindings current.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use steersman_core::api::WatchEvent;
use steersman_core::store::Revision;
use steersman_core::{Object, Result};

use super::index::Index;
use crate::watch_cache::{Changes, Collection, WatchCache};

/// The index, and how far it has followed the watch cache.
#[derive(Default)]
pub(crate) struct Rbac {
    sources: OnceLock<Sources>,
    state: Mutex<State>,
}

struct Sources {
    cache: Arc<WatchCache>,
    /// In the order of [`KINDS`].
    collections: Vec<Arc<Collection>>,
}

#[derive(Default)]
struct State {
    index: Arc<Index>,
    /// How far each collection was followed; `None` before it was read.
    seen: [Option<Revision>; 4],
}

/// Puts an object into the index, or takes it out.
type Set = fn(&mut Index, &Object, bool) -> Result<()>;

/// The resources that the index is made of; whether they are roles, and of the whole cluster.
pub(crate) const KINDS: [(&str, bool, bool); 4] = [
    ("clusterroles", true, true),
    ("roles", true, false),
    ("clusterrolebindings", false, true),
    ("rolebindings", false, false),
];

const SETTERS: [Set; 4] = [set_cluster_role, set_role, set_cluster_binding, set_binding];

impl Rbac {
    /// Says what to follow: the collections of [`KINDS`], in that order.
    pub(crate) fn follow(&self, cache: Arc<WatchCache>, collections: Vec<Arc<Collection>>) {
        // The builder calls this once; a second call would change nothing.
        let _ = self.sources.set(Sources { cache, collections });
    }

    /// The index, up to what the store has told.
    pub(crate) fn index(&self) -> Arc<Index> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sources) = self.sources.get() {
            sources.cache.pump();
            for (number, collection) in sources.collections.iter().enumerate().take(KINDS.len()) {
                state.catch_up(number, collection);
            }
        }
        state.index.clone()
    }
}

impl State {
    fn catch_up(&mut self, number: usize, collection: &Collection) {
        let (_, are_roles, are_clusters) = KINDS[number];
        match collection.changes(self.seen[number]) {
            Changes::None => {}
            Changes::All(objects, revision) => {
                let index = Arc::make_mut(&mut self.index);
                index.clear(are_roles, are_clusters);
                objects.iter().for_each(|object| put(index, number, object, true));
                self.seen[number] = Some(revision);
            }
            Changes::Some(events, revision) => {
                let index = Arc::make_mut(&mut self.index);
                for event in events {
                    match event {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                            put(index, number, &object, true);
                        }
                        WatchEvent::Deleted(object) => put(index, number, &object, false),
                        _ => {}
                    }
                }
                self.seen[number] = Some(revision);
            }
        }
    }
}

fn put(index: &mut Index, number: usize, object: &Object, is_there: bool) {
    if let Err(error) = SETTERS[number](index, object, is_there) {
        tracing::warn!(?object, %error, "a role or binding cannot be read and grants nothing");
        // What it granted before counts no more.
        let _ = SETTERS[number](index, object, false);
    }
}

fn place(object: &Object) -> (String, String) {
    (object.namespace().to_owned(), object.name().to_owned())
}

fn set_cluster_role(index: &mut Index, object: &Object, is_there: bool) -> Result<()> {
    let rules = is_there.then(|| object.decode::<ClusterRole>()).transpose()?;
    index.set_role(place(object), rules.map(|role| role.rules.clone().unwrap_or_default()));
    Ok(())
}

fn set_role(index: &mut Index, object: &Object, is_there: bool) -> Result<()> {
    let rules = is_there.then(|| object.decode::<Role>()).transpose()?;
    index.set_role(place(object), rules.map(|role| role.rules.clone().unwrap_or_default()));
    Ok(())
}

fn set_cluster_binding(index: &mut Index, object: &Object, is_there: bool) -> Result<()> {
    let binding = is_there.then(|| object.decode::<ClusterRoleBinding>()).transpose()?;
    let parts =
        |one: Arc<ClusterRoleBinding>| (one.role_ref.clone(), one.subjects.clone().unwrap_or_default());
    index.set_binding(place(object), binding.map(parts));
    Ok(())
}

fn set_binding(index: &mut Index, object: &Object, is_there: bool) -> Result<()> {
    let binding = is_there.then(|| object.decode::<RoleBinding>()).transpose()?;
    let parts = |one: Arc<RoleBinding>| (one.role_ref.clone(), one.subjects.clone().unwrap_or_default());
    index.set_binding(place(object), binding.map(parts));
    Ok(())
}
