//! The typed face of a cache.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::{Cache, Index};
use crate::object::Object;
use crate::resource::Resource;

/// A cache whose objects are read as the Rust type `K`, without their `managedFields`, each version decoded once for all
/// readers. Everything else is as in [`Cache`].
///
/// An object that does not have the shape of `K` is left out, and the log says so: the server has let in what it
/// should not have.
#[derive(Clone, Debug)]
pub struct Typed<K> {
    cache: Cache,
    kind: PhantomData<fn() -> K>,
}

impl<K: Resource> Typed<K> {
    pub(super) fn new(cache: Cache) -> Self {
        Typed { cache, kind: PhantomData }
    }

    /// One object; the namespace is empty for cluster-scoped ones.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        decode(&self.cache.get(namespace, name)?)
    }

    /// All objects, ordered by namespace and name.
    pub fn list(&self) -> Vec<Arc<K>> {
        decode_all(self.cache.list())
    }

    /// The objects of a namespace, ordered by name.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        decode_all(self.cache.in_namespace(namespace))
    }

    /// The objects that `index` gives `value` for, ordered by namespace and name.
    pub fn by(&self, index: &Index, value: &str) -> Vec<Arc<K>> {
        decode_all(self.cache.by(index, value))
    }

    /// Those of them that are `wanted`; see [`Cache::by_where`].
    pub fn by_where(&self, index: &Index, value: &str, wanted: impl FnMut(&Object) -> bool) -> Vec<Arc<K>> {
        decode_all(self.cache.by_where(index, value, wanted))
    }

    /// The untyped cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl<K> Deref for Typed<K> {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

fn decode_all<K: Resource>(objects: Vec<Object>) -> Vec<Arc<K>> {
    objects.into_iter().filter_map(|object| decode(&object)).collect()
}

fn decode<K: Resource>(object: &Object) -> Option<Arc<K>> {
    let decoded = object.lean();
    decoded.inspect_err(|error| tracing::error!(?object, %error, "left out of the cache's answers")).ok()
}
