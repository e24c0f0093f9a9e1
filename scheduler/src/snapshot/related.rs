//! Objects other than nodes and pods that plugins read: namespaces, disruption budgets, services, volumes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steersman_core::{Object, Resource};

/// Objects of one kind by `namespace/name`.
type Shelf = BTreeMap<String, Object>;

/// Objects by group and kind, namespace and name. A plugin says what it reads with [`crate::Plugin::reads`].
#[derive(Clone, Default)]
pub struct Related {
    shelves: Arc<BTreeMap<(String, String), Arc<Shelf>>>,
    /// How many edits there were that may matter.
    version: u64,
}

impl Related {
    /// An object; the namespace is empty for cluster-scoped ones. One without the shape of `K` counts as absent.
    pub fn get<K: Resource>(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.shelf::<K>()?.get(&key(namespace, name))?.lean().ok()
    }

    /// All objects of a type, by namespace and name.
    pub fn all<K: Resource>(&self) -> impl Iterator<Item = Arc<K>> {
        self.shelf::<K>().into_iter().flat_map(|shelf| shelf.values()).filter_map(|object| object.lean().ok())
    }

    /// Adds an object or replaces it; gives back the one that was there.
    pub(crate) fn set(&mut self, object: Object) -> Option<Object> {
        let key = key(object.namespace(), object.name());
        let new = object.clone();
        let old = Arc::make_mut(self.shelf_of(&object)).insert(key, object);
        if old.as_ref().is_none_or(|old| may_matter(old, &new)) {
            self.version += 1;
        }
        old
    }

    /// Removes an object, whatever version of it is given; gives back the one that was there.
    pub(crate) fn remove(&mut self, object: &Object) -> Option<Object> {
        self.version += 1;
        Arc::make_mut(self.shelf_of(object)).remove(&key(object.namespace(), object.name()))
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    fn shelf_of(&mut self, object: &Object) -> &mut Arc<Shelf> {
        let gvk = object.gvk();
        Arc::make_mut(&mut self.shelves).entry((gvk.group.into_owned(), gvk.kind.into_owned())).or_default()
    }

    fn shelf<K: Resource>(&self) -> Option<&Arc<Shelf>> {
        self.shelves.get(&(K::GROUP.to_owned(), K::KIND.to_owned()))
    }
}

impl fmt::Debug for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shelves.iter().map(|(kind, shelf)| (&kind.1, shelf.len()))).finish()
    }
}

/// Controllers are read for what they ask for alone: the new status of a ReplicaSet, which comes with each of its pods,
/// does not matter. Nor do disruption budgets, which are read where nothing is remembered.
fn may_matter(old: &Object, new: &Object) -> bool {
    let group = new.gvk().group;
    group != "policy" && (group != "apps" || old.metadata().generation != new.metadata().generation)
}

fn key(namespace: &str, name: &str) -> String {
    [namespace, "/", name].concat()
}
