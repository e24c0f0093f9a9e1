//! Objects other than nodes and pods that plugins read: namespaces, disruption budgets, services, volumes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steersman_core::resource::group_of;
use steersman_core::{Object, Resource};

/// Objects of one kind by namespace and name.
type Shelf = BTreeMap<String, BTreeMap<String, Object>>;

/// A group and a kind.
type Label = (String, String);

/// Objects by group and kind, namespace and name. A plugin says what it reads with [`crate::Plugin::reads`].
#[derive(Clone, Default)]
pub struct Related {
    /// There are few kinds: they are found by comparing.
    shelves: Arc<Vec<(Label, Arc<Shelf>)>>,
    /// How many edits there were that may matter.
    version: u64,
}

impl Related {
    /// An object; the namespace is empty for cluster-scoped ones. One without the shape of `K` counts as absent.
    pub fn get<K: Resource>(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.shelf::<K>()?.get(namespace)?.get(name)?.lean().ok()
    }

    /// All objects of a type, by namespace and name.
    pub fn all<K: Resource>(&self) -> impl Iterator<Item = Arc<K>> {
        let objects =
            self.shelf::<K>().into_iter().flat_map(|shelf| shelf.values()).flat_map(BTreeMap::values);
        objects.filter_map(|object| object.lean().ok())
    }

    /// Adds an object or replaces it; gives back the one that was there.
    pub(crate) fn set(&mut self, object: Object) -> Option<Object> {
        let shelf = Arc::make_mut(self.shelf_of(&object));
        let Some(known) = shelf.get_mut(object.namespace()).and_then(|all| all.get_mut(object.name())) else {
            shelf.entry(object.namespace().to_owned()).or_default().insert(object.name().to_owned(), object);
            self.version += 1;
            return None;
        };
        let matters = may_matter(known, &object);
        let old = std::mem::replace(known, object);
        self.version += u64::from(matters);
        Some(old)
    }

    /// Removes an object, whatever version of it is given; gives back the one that was there.
    pub(crate) fn remove(&mut self, object: &Object) -> Option<Object> {
        self.version += 1;
        let shelf = Arc::make_mut(self.shelf_of(object));
        let all = shelf.get_mut(object.namespace())?;
        let old = all.remove(object.name());
        if all.is_empty() {
            shelf.remove(object.namespace());
        }
        old
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    fn shelf_of(&mut self, object: &Object) -> &mut Arc<Shelf> {
        let (group, kind) = (group_of(object.api_version()), object.kind());
        let shelves = Arc::make_mut(&mut self.shelves);
        let known = shelves.iter().position(|(label, _)| is_labelled(label, group, kind));
        let at = known.unwrap_or_else(|| {
            shelves.push(((group.to_owned(), kind.to_owned()), Arc::default()));
            shelves.len() - 1
        });
        &mut shelves[at].1
    }

    fn shelf<K: Resource>(&self) -> Option<&Arc<Shelf>> {
        let mut shelves = self.shelves.iter();
        shelves.find(|(label, _)| is_labelled(label, K::GROUP, K::KIND)).map(|(_, shelf)| shelf)
    }
}

impl fmt::Debug for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |shelf: &Shelf| shelf.values().map(BTreeMap::len).sum::<usize>();
        f.debug_map().entries(self.shelves.iter().map(|(label, shelf)| (&label.1, count(shelf)))).finish()
    }
}

fn is_labelled((of_group, of_kind): &Label, group: &str, kind: &str) -> bool {
    of_kind == kind && of_group == group
}

/// Controllers are read for whom they select alone, which stays as it is while they live: how many pods a ReplicaSet is to
/// have, and what comes of it, does not matter. Nor do disruption budgets, which are read where nothing is remembered.
fn may_matter(old: &Object, new: &Object) -> bool {
    match group_of(new.api_version()) {
        "policy" => false,
        "apps" => old.uid() != new.uid(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn object(api_version: &str, kind: &str, uid: &str, spec: Value) -> Object {
        let metadata = json!({"name": "web", "namespace": "default", "uid": uid});
        let tree = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
        Object::from_value(&tree).unwrap()
    }

    #[test]
    fn the_size_of_a_controller_does_not_matter_and_whom_a_service_selects_does() {
        let set = |uid, replicas| object("apps/v1", "ReplicaSet", uid, json!({"replicas": replicas}));
        let service = |app| object("v1", "Service", "s", json!({"selector": {"app": app}}));
        let mut related = Related::default();
        let edits = [set("a", 1), set("a", 2), set("b", 2), service("web"), service("db")];
        let versions = edits.map(|edit| {
            related.set(edit);
            related.version()
        });
        assert_eq!(versions, [1, 1, 2, 3, 4]);
    }
}
