//! Says which kinds a controller looks at, and which of its keys a change leads to.

use std::fmt;
use std::sync::Arc;

use steersman_core::cache::{Change, Index};
use steersman_core::resource::{GroupVersionKind, GroupVersionResource, group_of};
use steersman_core::{Object, Resource};

use super::{Key, View};

/// The kinds that a controller looks at.
#[derive(Clone, Default)]
#[must_use]
pub struct Sources(Vec<Source>);

#[derive(Clone)]
pub(super) struct Source {
    pub(super) resource: GroupVersionResource,
    pub(super) indexes: Vec<Index>,
    trigger: Trigger,
}

#[derive(Clone)]
enum Trigger {
    Nothing,
    Itself,
    Owner,
    Mapped(Arc<Map>),
}

type Map = dyn Fn(&View, &Change) -> Vec<Key> + Send + Sync;

impl Sources {
    /// Nothing but the controller's own kind.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also objects of `K`; a change leads to the owner that manages the object, if that is of the controller's kind.
    pub fn owns<K: Resource>(self) -> Self {
        self.with::<K>(&[Index::CONTROLLER], Trigger::Owner)
    }

    /// Also objects of `K`; a change leads to the keys that `map` gives for it.
    pub fn watches<K: Resource>(
        self,
        map: impl Fn(&View, &Change) -> Vec<Key> + Send + Sync + 'static,
    ) -> Self {
        self.with::<K>(&[], Trigger::Mapped(Arc::new(map)))
    }

    /// Also objects of `K`; changes lead nowhere.
    pub fn reads<K: Resource>(self) -> Self {
        self.with::<K>(&[], Trigger::Nothing)
    }

    /// Builds `index` for `K` at the start, rather than when it is first used. `K` must be named besides.
    pub fn indexes<K: Resource>(self, index: Index) -> Self {
        self.with::<K>(&[index], Trigger::Nothing)
    }

    pub(super) fn itself<K: Resource>(self) -> Self {
        self.with::<K>(&[], Trigger::Itself)
    }

    fn with<K: Resource>(mut self, indexes: &[Index], trigger: Trigger) -> Self {
        let resource = GroupVersionResource::of::<K>();
        self.0.push(Source { resource, indexes: indexes.to_vec(), trigger });
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }
}

impl Source {
    /// Whether a change can lead anywhere.
    pub(super) fn is_trigger(&self) -> bool {
        !matches!(self.trigger, Trigger::Nothing)
    }

    /// Hands on the keys that a change leads to; `kind` is the controller's own, and `view` what it sees now.
    pub(super) fn lead(
        &self,
        kind: &GroupVersionKind,
        view: impl FnOnce() -> View,
        change: &Change,
        to: impl FnMut(Key),
    ) {
        match &self.trigger {
            Trigger::Nothing => {}
            Trigger::Itself => std::iter::once(Key::of(change.object())).for_each(to),
            Trigger::Owner => owners(kind, change).for_each(to),
            Trigger::Mapped(map) => map(&view(), change).into_iter().for_each(to),
        }
    }
}

/// The managing owners of `kind`, before and after the change.
fn owners(kind: &GroupVersionKind, change: &Change) -> impl Iterator<Item = Key> {
    let [before, now] = [change.before(), change.now()].map(|object| owner(kind, object?));
    let both = [before.filter(|before| now.as_ref() != Some(before)), now];
    both.into_iter().flatten().map(|(namespace, name)| Key::new(namespace, name))
}

/// Namespace and name of the managing owner, if that is of `kind`.
fn owner<'a>(kind: &GroupVersionKind, object: &'a Object) -> Option<(&'a str, &'a str)> {
    let owner = object.metadata().controller()?;
    let same = group_of(&owner.api_version) == kind.group && owner.kind == kind.kind;
    same.then(|| (object.namespace(), owner.name.as_str()))
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|source| source.resource.to_string())).finish()
    }
}
