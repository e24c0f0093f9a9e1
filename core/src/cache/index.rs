//! Stores objects by namespace and name, and by the values that indexes give for them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::api::WatchEvent;
use crate::cache::Change;
use crate::object::Object;

/// A way to find objects by something else than their name. Two indexes of one name must be the same.
#[derive(Clone, Copy)]
pub struct Index {
    name: &'static str,
    values: Values,
}

/// Calls a function with each value of an object.
type Values = fn(&Object, &mut dyn FnMut(&str));

impl Index {
    /// By the uid of the owner that manages the object.
    pub const CONTROLLER: Index = Index::new("controller", |object, found| {
        object.metadata().controller().iter().for_each(|owner| found(&owner.uid));
    });

    /// By the uid of every owner.
    pub const OWNERS: Index = Index::new("owners", |object, found| {
        object.metadata().owner_references.iter().for_each(|owner| found(&owner.uid));
    });

    /// By uid.
    pub const UID: Index = Index::new("uid", |object, found| found(object.uid()));

    /// An index that finds an object by each value that `values` calls its second argument with. The function must be
    /// pure.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use steersman_core::cache::Index;
    ///
    /// const BY_NODE: Index = Index::new("node", |object, found| {
    ///     let pod = object.lean::<Pod>().ok();
    ///     let node = pod.as_ref().and_then(|pod| pod.spec.as_ref()?.node_name.as_deref());
    ///     node.into_iter().for_each(found);
    /// });
    /// ```
    pub const fn new(name: &'static str, values: Values) -> Self {
        Index { name, values }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn finds(&self, object: &Object, by: &str) -> bool {
        let mut is_found = false;
        (self.values)(object, &mut |value| is_found |= value == by);
        is_found
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Index").field(&self.name).finish()
    }
}

/// Objects by namespace and name, with indexes that always agree with them.
#[derive(Default)]
pub(super) struct Indexed {
    namespaces: BTreeMap<String, BTreeMap<String, Object>>,
    len: usize,
    indexes: BTreeMap<&'static str, (Index, Found)>,
}

/// Objects by the values of an index.
type Found = BTreeMap<String, BTreeSet<Keyed>>;

/// An object that is ordered by its namespace and name.
struct Keyed(Object);

impl Indexed {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.namespaces.values().flat_map(BTreeMap::values)
    }

    pub(super) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Object> {
        self.namespaces.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    /// What `index` gives for `value`; `None` if the index was not built yet.
    pub(super) fn by(&self, index: &Index, value: &str) -> Option<impl Iterator<Item = &Object>> {
        let (_, found) = self.indexes.get(index.name)?;
        Some(found.get(value).into_iter().flatten().map(|keyed| &keyed.0))
    }

    pub(super) fn add_index(&mut self, index: Index) {
        if self.indexes.contains_key(index.name) {
            return;
        }
        let mut found = Found::new();
        for object in self.iter() {
            (index.values)(object, &mut |value| enter(&mut found, value, object));
        }
        self.indexes.insert(index.name, (index, found));
    }

    /// Takes over one event, and adds what it changes; bookmarks and repetitions change nothing.
    pub(super) fn apply(&mut self, event: WatchEvent, changes: &mut Vec<Change>) {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => self.put(object, changes),
            WatchEvent::Deleted(object) => {
                // What it was like is in the cache, decoded, and says all but the version of the deletion.
                changes.extend(self.remove(&object).map(Change::Deleted));
            }
            WatchEvent::Bookmark { .. } | WatchEvent::Error(_) => {}
        }
    }

    /// Takes over a whole list, and adds what it changes: what is not in it is gone.
    pub(super) fn replace(&mut self, items: Vec<Object>, changes: &mut Vec<Change>) {
        let kept: BTreeSet<(&str, &str)> = items.iter().map(key).collect();
        let gone: Vec<Object> = self.iter().filter(|object| !kept.contains(&key(object))).cloned().collect();
        changes.extend(gone.iter().filter_map(|object| self.remove(object).map(Change::Deleted)));
        items.into_iter().for_each(|object| self.put(object, changes));
    }

    fn put(&mut self, new: Object, changes: &mut Vec<Change>) {
        let namespace = self.namespaces.get_mut(new.namespace());
        let Some(place) = namespace.and_then(|namespace| namespace.get_mut(new.name())) else {
            self.insert(new.clone());
            return changes.push(Change::Added(new));
        };
        if place.uid() != new.uid() {
            // Another object of the same name: the deletion in between went unseen.
            let old = place.clone();
            self.remove(&old);
            self.insert(new.clone());
            changes.extend([Change::Deleted(old), Change::Added(new)]);
        } else if place.resource_version() != new.resource_version() {
            let old = std::mem::replace(place, new.clone());
            self.index_version(&old, &new);
            changes.push(Change::Modified { old, new });
        }
    }

    /// Has the indexes find a newer version in the place of an older one of the same object.
    fn index_version(&mut self, old: &Object, new: &Object) {
        for (index, found) in self.indexes.values_mut() {
            (index.values)(old, &mut |value| {
                if !index.finds(new, value) {
                    leave(found, value, old);
                }
            });
            (index.values)(new, &mut |value| enter(found, value, new));
        }
    }

    fn insert(&mut self, object: Object) {
        for (index, found) in self.indexes.values_mut() {
            (index.values)(&object, &mut |value| enter(found, value, &object));
        }
        let namespace = self.namespaces.entry(object.namespace().to_owned()).or_default();
        namespace.insert(object.name().to_owned(), object);
        self.len += 1;
    }

    /// Removes the object of that namespace and name, and gives what was there.
    fn remove(&mut self, object: &Object) -> Option<Object> {
        let namespace = self.namespaces.get_mut(object.namespace())?;
        let old = namespace.remove(object.name())?;
        if namespace.is_empty() {
            self.namespaces.remove(object.namespace());
        }
        for (index, found) in self.indexes.values_mut() {
            (index.values)(&old, &mut |value| leave(found, value, &old));
        }
        self.len -= 1;
        Some(old)
    }
}

/// Finds an object, in this version, by a value.
fn enter(found: &mut Found, value: &str, object: &Object) {
    let entered = Keyed(object.clone());
    match found.get_mut(value) {
        Some(objects) => drop(objects.replace(entered)),
        None => drop(found.insert(value.to_owned(), BTreeSet::from([entered]))),
    }
}

fn leave(found: &mut Found, value: &str, object: &Object) {
    if let Some(objects) = found.get_mut(value) {
        objects.remove(&Keyed(object.clone()));
        if objects.is_empty() {
            found.remove(value);
        }
    }
}

fn key(object: &Object) -> (&str, &str) {
    (object.namespace(), object.name())
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        key(&self.0) == key(&other.0)
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        key(&self.0).cmp(&key(&other.0))
    }
}
