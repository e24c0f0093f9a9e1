//! Shows a controller what is seen now: typed objects out of caches, and the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use steersman_core::cache::{Cache, Index, Typed};
use steersman_core::resource::GroupVersionResource;
use steersman_core::selector::LabelSelector;
use steersman_core::{Object, Resource};

/// What is seen at one moment, of the kinds that the controller's [`Sources`](super::Sources) name. Cloning shares.
///
/// Objects come out of the caches shared, and in the order of their namespaces and names.
///
/// # Panics
/// Every method panics for a kind that no source names: such a controller would see an empty world.
#[derive(Clone, Debug)]
pub struct View {
    now: Timestamp,
    caches: Arc<BTreeMap<GroupVersionResource, Cache>>,
}

impl View {
    pub(super) fn new(now: Timestamp, caches: Arc<BTreeMap<GroupVersionResource, Cache>>) -> Self {
        View { now, caches }
    }

    /// A view of nothing at a given time, to which [`View::with`] adds: for tests and what-if.
    pub fn fixed(now: Timestamp) -> Self {
        View::new(now, Arc::default())
    }

    /// The same, showing exactly these objects of the kind `K`.
    ///
    /// # Panics
    /// If an object cannot be encoded.
    #[must_use]
    pub fn with<K: Resource>(mut self, objects: &[K]) -> Self {
        let resource = GroupVersionResource::of::<K>();
        let encode = |object| Object::from_typed(object).expect("every typed object has a JSON form");
        let cache = Cache::fixed(resource.clone(), objects.iter().map(encode).collect());
        Arc::make_mut(&mut self.caches).insert(resource, cache);
        self
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// One object; the namespace is empty for cluster-scoped ones.
    pub fn get<K: Resource>(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.of::<K>().get(namespace, name)
    }

    /// All objects.
    pub fn list<K: Resource>(&self) -> Vec<Arc<K>> {
        self.of::<K>().list()
    }

    /// The objects of a namespace.
    pub fn in_namespace<K: Resource>(&self, namespace: &str) -> Vec<Arc<K>> {
        self.of::<K>().in_namespace(namespace)
    }

    /// The objects that are managed by the owner with this uid.
    pub fn owned<K: Resource>(&self, owner_uid: &str) -> Vec<Arc<K>> {
        self.of::<K>().by(&Index::CONTROLLER, owner_uid)
    }

    /// The same without those that the caller knows already: [`Cache::by_where`] says how they are asked for.
    pub(crate) fn owned_where<K: Resource>(
        &self,
        owner_uid: &str,
        wanted: impl FnMut(&Object) -> bool,
    ) -> Vec<Arc<K>> {
        self.of::<K>().by_where(&Index::CONTROLLER, owner_uid, wanted)
    }

    /// The objects that `index` gives `value` for.
    pub fn by<K: Resource>(&self, index: &Index, value: &str) -> Vec<Arc<K>> {
        self.of::<K>().by(index, value)
    }

    /// The objects of a namespace whose labels match.
    pub fn selected<K: Resource>(&self, namespace: &str, selector: &LabelSelector) -> Vec<Arc<K>> {
        let objects = self.cache(&GroupVersionResource::of::<K>()).in_namespace(namespace);
        let matching = objects.iter().filter(|object| selector.matches(&object.metadata().labels));
        matching.filter_map(|object| object.lean().ok()).collect()
    }

    /// The cache of a resource: what only needs metadata reads it here, without decoding.
    pub fn cache(&self, resource: &GroupVersionResource) -> &Cache {
        self.caches.get(resource).expect("a controller only looks at kinds that its sources name")
    }

    fn of<K: Resource>(&self) -> Typed<K> {
        self.cache(&GroupVersionResource::of::<K>()).typed()
    }
}
