//! Holds what a component knows of a resource: every object as last seen, found by name, namespace or index.
//!
//! The counterpart of upstream's informers. A [`Cache`] lists its resource once and then follows a watch; where
//! that is cut off it resumes, and where history is gone it lists again and tells the differences. Readers get
//! objects that are shared, never copied; [`Object::decode`] decodes each version at most once for everybody.
//! [`Caches`] gives every component of a process the same cache of a resource.
//!
//! A cache is behind the server by nature. Whoever must see an own write first waits for [`Cache::seen`].

mod index;
mod reflector;
mod shared;
mod typed;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::task::{Context, Poll};

use crate::api::{ObjectList, Target, WatchEvent};
use crate::client::Client;
use crate::env::{Env, Task};
use crate::object::Object;
use crate::resource::{GroupVersionResource, Resource};
use crate::selector::{FieldSelector, LabelSelector};
use crate::waiters::Waiters;

pub use index::Index;
pub use shared::Caches;
pub use typed::Typed;

use index::Indexed;

/// The objects of one resource as last seen. Cloning shares; dropping the last clone stops following.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    _reflector: Option<Arc<Task<()>>>,
}

/// Which objects a cache holds.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The resource, and the namespace if only one is wanted.
    pub target: Target,
    /// Only objects with matching labels.
    pub labels: LabelSelector,
    /// Only objects with matching fields.
    pub fields: FieldSelector,
}

/// How an object in a cache has changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is new to the cache.
    Added(Object),
    /// It is another version of the same object (equal uid).
    Modified {
        /// As it was.
        old: Object,
        /// As it is.
        new: Object,
    },
    /// It is gone; the state that the cache held, which may be older than the last there was.
    Deleted(Object),
}

/// As long as it lives, its function is told of changes.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription(#[expect(dead_code, reason = "it is held to be dropped")] Arc<Handler>);

type Handler = Box<dyn Fn(&Change) + Send + Sync>;

/// For how many changes room is kept.
const ROOM: usize = 16;

struct Shared {
    selection: Selection,
    /// Taken before `state`, and held while handlers run: changes reach everybody in one order.
    handlers: Mutex<Handlers>,
    state: RwLock<State>,
}

/// Who is told of changes.
#[derive(Default)]
struct Handlers {
    all: Vec<Weak<Handler>>,
    /// Room for what they are told of.
    changes: Vec<Change>,
}

struct State {
    objects: Indexed,
    /// Everything up to this version is in; `None` until the first list is.
    seen: Option<u64>,
    waiting: Waiters<Wanted>,
}

/// What a task waits with.
struct Wait<'a> {
    shared: &'a Shared,
    number: u64,
}

/// What somebody waits for.
enum Wanted {
    /// The cache is at least as new as this version; 0 is any.
    Version(u64),
    /// The object of this namespace and name is not the one with this uid.
    Gone { namespace: String, name: String, uid: String },
}

impl Selection {
    /// All objects of a resource.
    pub fn all(resource: GroupVersionResource) -> Self {
        Selection {
            target: Target::all(resource),
            labels: LabelSelector::default(),
            fields: FieldSelector::default(),
        }
    }

    /// All objects of a Rust type.
    pub fn of<K: Resource>() -> Self {
        Self::all(GroupVersionResource::of::<K>())
    }

    /// Only those in `namespace`.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.target = self.target.in_namespace(namespace);
        self
    }

    /// Only those with matching labels.
    #[must_use]
    pub fn with_labels(mut self, labels: LabelSelector) -> Self {
        self.labels = labels;
        self
    }

    /// Only those with matching fields.
    #[must_use]
    pub fn with_fields(mut self, fields: FieldSelector) -> Self {
        self.fields = fields;
        self
    }
}

impl Change {
    /// The state before, if there was one.
    pub fn before(&self) -> Option<&Object> {
        match self {
            Change::Added(_) => None,
            Change::Modified { old, .. } | Change::Deleted(old) => Some(old),
        }
    }

    /// The state after, unless it is gone.
    pub fn now(&self) -> Option<&Object> {
        match self {
            Change::Added(new) | Change::Modified { new, .. } => Some(new),
            Change::Deleted(_) => None,
        }
    }

    /// The last state that is known.
    pub fn object(&self) -> &Object {
        match self {
            Change::Added(object) | Change::Modified { new: object, .. } | Change::Deleted(object) => object,
        }
    }
}

impl Cache {
    /// Starts to follow the selected objects. They are there once [`Cache::synced`] completes.
    pub fn start(env: &Env, client: &Client, selection: Selection) -> Self {
        let resource = selection.target.resource.resource.clone();
        let env = env.child(&format!("cache/{resource}"));
        let shared = Arc::new(Shared::new(selection));
        let reflector = env.spawn("reflector", reflector::run(env.clone(), client.clone(), shared.clone()));
        Cache { shared, _reflector: Some(Arc::new(reflector)) }
    }

    /// A cache that holds just these objects and never changes: for tests of what reads caches, and for what-if.
    pub fn fixed(resource: GroupVersionResource, objects: Vec<Object>) -> Self {
        let shared = Shared::new(Selection::all(resource));
        shared.replace(ObjectList { items: objects, ..ObjectList::default() });
        Cache { shared: Arc::new(shared), _reflector: None }
    }

    /// The resource whose objects it holds.
    pub fn resource(&self) -> &GroupVersionResource {
        &self.shared.selection.target.resource
    }

    /// Completes once everything that the first list gave is in, and subscribers have been told.
    pub async fn synced(&self) {
        self.wait_for(Wanted::Version(0)).await;
    }

    /// Completes once the cache is at least as new as `resource_version`, so that a write which returned it can be
    /// read back. A version that is no decimal number counts as seen.
    pub async fn seen(&self, resource_version: &str) {
        if let Ok(version) = resource_version.parse() {
            self.wait_for(Wanted::Version(version)).await;
        }
    }

    /// Completes once the cache no longer holds the object of that namespace, name and uid: the counterpart of
    /// [`Cache::seen`] for a deletion, which returns no version.
    pub async fn gone(&self, namespace: &str, name: &str, uid: &str) {
        let wanted =
            Wanted::Gone { namespace: namespace.to_owned(), name: name.to_owned(), uid: uid.to_owned() };
        self.wait_for(wanted).await;
    }

    /// Whether [`Cache::synced`] would complete at once.
    pub fn is_synced(&self) -> bool {
        self.shared.read().has(&Wanted::Version(0))
    }

    /// One object; the namespace is empty for cluster-scoped ones.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Object> {
        self.shared.read().objects.get(namespace, name).cloned()
    }

    /// All objects, ordered by namespace and name.
    pub fn list(&self) -> Vec<Object> {
        self.shared.read().objects.iter().cloned().collect()
    }

    /// The objects of a namespace, ordered by name.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Object> {
        self.shared.read().objects.in_namespace(namespace).cloned().collect()
    }

    /// The objects that `index` gives `value` for, ordered by namespace and name. The first use of an index builds
    /// it; from then on it is kept.
    pub fn by(&self, index: &Index, value: &str) -> Vec<Object> {
        self.by_where(index, value, |_| true)
    }

    /// Those of them that are `wanted`, which is asked in their order and must not ask the cache: the others are not
    /// touched.
    pub fn by_where(
        &self,
        index: &Index,
        value: &str,
        mut wanted: impl FnMut(&Object) -> bool,
    ) -> Vec<Object> {
        let mut found = |state: &State| {
            let all = state.objects.by(index, value)?;
            Some(all.filter(|object| wanted(object)).cloned().collect())
        };
        if let Some(found) = found(&self.shared.read()) {
            return found;
        }
        self.index(index);
        found(&self.shared.read()).unwrap_or_default()
    }

    /// Builds `index`, so that its first use need not.
    pub fn index(&self, index: &Index) {
        self.shared.write().objects.add_index(*index);
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.shared.read().objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same as objects of the Rust type `K`.
    pub fn typed<K: Resource>(&self) -> Typed<K> {
        Typed::new(self.clone())
    }

    /// Calls `told` for every object there is, and from then on for every change, in order, until the returned
    /// handle is dropped.
    ///
    /// The cache waits for `told`, and already holds the change when it is called: it should do no more than note
    /// a key. It may read this cache, but must not subscribe to it.
    pub fn subscribe(&self, told: impl Fn(&Change) + Send + Sync + 'static) -> Subscription {
        let handler: Arc<Handler> = Arc::new(Box::new(told));
        let mut handlers = self.shared.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for object in self.list() {
            handler(&Change::Added(object));
        }
        handlers.all.push(Arc::downgrade(&handler));
        Subscription(handler)
    }

    async fn wait_for(&self, wanted: Wanted) {
        let number = {
            let mut state = self.shared.write();
            if state.has(&wanted) {
                return;
            }
            state.waiting.enter(wanted)
        };
        Wait { shared: &self.shared, number }.await;
    }
}

impl Shared {
    fn new(selection: Selection) -> Self {
        let state = State { objects: Indexed::default(), seen: None, waiting: Waiters::new() };
        Shared { selection, handlers: Mutex::default(), state: RwLock::new(state) }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a whole list and tells how it differs from what was there.
    fn replace(&self, list: ObjectList) {
        self.change(&list.resource_version, |objects, changes| {
            objects.replace(list.items, changes);
        });
    }

    /// Takes over what a watch delivered, up to `resource_version`, and leaves nothing of it.
    fn apply(&self, events: &mut Vec<WatchEvent>, resource_version: &str) {
        // Most of what a quiet watch delivers says only how far it is.
        if events.iter().all(|event| matches!(event, WatchEvent::Bookmark { .. })) {
            events.clear();
            return self.write().advance(resource_version);
        }
        self.change(resource_version, |objects, changes| {
            events.drain(..).for_each(|event| objects.apply(event, changes));
        });
    }

    fn change(&self, resource_version: &str, change: impl FnOnce(&mut Indexed, &mut Vec<Change>)) {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = std::mem::take(&mut handlers.changes);
        change(&mut self.write().objects, &mut changes);
        if !changes.is_empty() {
            handlers.all.retain(|handler| match handler.upgrade() {
                Some(handler) => {
                    changes.iter().for_each(&**handler);
                    true
                }
                None => false,
            });
        }
        changes.clear();
        changes.shrink_to(ROOM);
        handlers.changes = changes;
        drop(handlers);
        self.write().advance(resource_version);
    }
}

impl State {
    fn has(&self, wanted: &Wanted) -> bool {
        wanted.is_in(&self.objects, self.seen)
    }

    fn advance(&mut self, resource_version: &str) {
        // A server whose versions cannot be compared still gets its caches synced; nobody can wait for more.
        let version = resource_version.parse().unwrap_or_default();
        self.seen = self.seen.max(Some(version));
        self.waiting.wake_all(|wanted| wanted.is_in(&self.objects, self.seen));
    }
}

impl Wanted {
    fn is_in(&self, objects: &Indexed, seen: Option<u64>) -> bool {
        let Some(seen) = seen else { return false };
        match self {
            Wanted::Version(version) => seen >= *version,
            Wanted::Gone { namespace, name, uid } => {
                objects.get(namespace, name).is_none_or(|object| object.uid() != uid)
            }
        }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.write().waiting.poll(self.number, cx)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.shared.write().waiting.leave(self.number);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("selection", &self.shared.selection).field("len", &self.len()).finish()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

#[cfg(test)]
mod tests;
