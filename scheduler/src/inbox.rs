//! Collects what changed in the caches until the scheduler takes it in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::mpsc;
use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::cache::{Caches, Subscription};
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Object, Resource};

/// What an object is to the scheduler. Nodes are taken in first, then what plugins read, then pods: so that pods that
/// wait are woken with everything else known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Node,
    Related,
    Pod,
}

/// Only the newest state of an object is kept: there are never more entries than objects.
pub(crate) struct Inbox {
    pending: Arc<Mutex<Pending>>,
    rings: mpsc::Receiver<()>,
    _subscriptions: Vec<Subscription>,
}

/// By kind, resource and key.
type Pending = BTreeMap<(Kind, Arc<str>, String), State>;

/// The last state known of an object; what it was before is kept for nobody.
struct State {
    object: Object,
    gone: bool,
}

/// What happened to an object: the last state known of it.
pub(crate) struct News {
    pub(crate) kind: Kind,
    pub(crate) key: String,
    pub(crate) object: Object,
    pub(crate) gone: bool,
}

impl Inbox {
    /// Follows nodes, pods, and the resources that plugins read.
    pub(crate) fn follow(caches: &Caches, related: impl IntoIterator<Item = GroupVersionResource>) -> Self {
        let pending = Arc::new(Mutex::new(Pending::new()));
        let (bell, rings) = mpsc::channel(0);
        let follow = |kind, resource: &GroupVersionResource| {
            let (pending, bell) = (pending.clone(), Mutex::new(bell.clone()));
            let name: Arc<str> = Arc::from(&*resource.resource);
            caches.resource(resource).subscribe(move |change| {
                let key = (kind, name.clone(), change.object().metadata().key());
                let state = State { object: change.object().clone(), gone: change.now().is_none() };
                pending.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
                // A full bell has been rung already.
                let _ = bell.lock().unwrap_or_else(PoisonError::into_inner).try_send(());
            })
        };
        let mut subscriptions = vec![
            follow(Kind::Node, &GroupVersionResource::of::<Node>()),
            follow(Kind::Pod, &GroupVersionResource::of::<Pod>()),
        ];
        subscriptions.extend(related.into_iter().map(|resource| follow(Kind::Related, &resource)));
        Inbox { pending, rings, _subscriptions: subscriptions }
    }

    /// What changed since the last time.
    pub(crate) fn take(&self) -> Vec<News> {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let each = pending.into_iter();
        each.map(|((kind, _, key), State { object, gone })| News { kind, key, object, gone }).collect()
    }

    /// Rings after something changed.
    pub(crate) fn rings(&mut self) -> &mut mpsc::Receiver<()> {
        &mut self.rings
    }
}

/// The typed object; one without the shape of its type is left out, and the log says so.
pub(crate) fn decoded<K: Resource>(object: &Object) -> Option<Arc<K>> {
    object.lean().inspect_err(|error| tracing::warn!(?object, %error, "object left out")).ok()
}
