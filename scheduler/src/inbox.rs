//! Collects what changed in the caches until the scheduler takes it in.

use std::cmp::Ordering;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

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

pub(crate) struct Inbox {
    pending: Arc<Mutex<Pending>>,
    /// Room for what is taken.
    taken: Vec<News>,
    _subscriptions: Vec<Subscription>,
}

/// What changed, in the order in which it did. Of each object only the newest state counts: what is older goes when there
/// are `most`.
struct Pending {
    news: Vec<News>,
    most: usize,
    waker: Option<Waker>,
}

/// How much news may be pending before it is looked through for what is out of date.
const ENOUGH: usize = 64;

/// What happened to an object: the last state known of it; what it was before is kept for nobody.
pub(crate) struct News {
    pub(crate) kind: Kind,
    resource: Arc<str>,
    pub(crate) object: Object,
    pub(crate) gone: bool,
}

impl Inbox {
    /// Follows nodes, pods, and the resources that plugins read.
    pub(crate) fn follow(caches: &Caches, related: impl IntoIterator<Item = GroupVersionResource>) -> Self {
        let pending = Pending { news: Vec::new(), most: ENOUGH, waker: None };
        let pending = Arc::new(Mutex::new(pending));
        let follow = |kind, resource: &GroupVersionResource| {
            let (pending, name) = (pending.clone(), Arc::<str>::from(&*resource.resource));
            caches.resource(resource).subscribe(move |change| {
                let (object, gone) = (change.object().clone(), change.now().is_none());
                lock(&pending).add(News { kind, resource: name.clone(), object, gone });
            })
        };
        let mut subscriptions = vec![
            follow(Kind::Node, &GroupVersionResource::of::<Node>()),
            follow(Kind::Pod, &GroupVersionResource::of::<Pod>()),
        ];
        subscriptions.extend(related.into_iter().map(|resource| follow(Kind::Related, &resource)));
        Inbox { pending, taken: Vec::new(), _subscriptions: subscriptions }
    }

    /// What changed since the last time, by kind, resource and key.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = News> {
        std::mem::swap(&mut lock(&self.pending).news, &mut self.taken);
        keep_newest(&mut self.taken);
        self.taken.drain(..)
    }

    /// Completes once there is something to take.
    pub(crate) async fn changed(&self) {
        poll_fn(|cx| {
            let mut pending = lock(&self.pending);
            if !pending.news.is_empty() {
                return Poll::Ready(());
            }
            pending.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Pending {
    fn add(&mut self, news: News) {
        self.news.push(news);
        if self.news.len() > self.most {
            keep_newest(&mut self.news);
            self.most = ENOUGH.max(2 * self.news.len());
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Orders news by what it is about, and drops what was older.
fn keep_newest(news: &mut Vec<News>) {
    news.sort_by(News::order);
    news.dedup_by(|newer, older| {
        let is_same = newer.order(older).is_eq();
        if is_same {
            std::mem::swap(newer, older);
        }
        is_same
    });
}

impl News {
    fn order(&self, other: &Self) -> Ordering {
        let whose = (self.kind, &self.resource).cmp(&(other.kind, &other.resource));
        whose.then_with(|| key(&self.object).cmp(key(&other.object)))
    }
}

/// `namespace/name`, byte by byte.
fn key(object: &Object) -> impl Iterator<Item = u8> {
    object.namespace().bytes().chain([b'/']).chain(object.name().bytes())
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The typed object; one without the shape of its type is left out, and the log says so.
pub(crate) fn decoded<K: Resource>(object: &Object) -> Option<Arc<K>> {
    object.lean().inspect_err(|error| tracing::warn!(?object, %error, "object left out")).ok()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn news(kind: Kind, namespace: &str, name: &str, gone: bool) -> News {
        let metadata = json!({"namespace": namespace, "name": name});
        let tree = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
        News { kind, resource: Arc::from("pods"), object: Object::from_value(&tree).unwrap(), gone }
    }

    #[test]
    fn of_each_object_the_newest_state_is_taken_in_order() {
        let mut all = vec![
            news(Kind::Pod, "a", "x", false),
            news(Kind::Pod, "a-b", "x", false),
            news(Kind::Pod, "a", "x", true),
            news(Kind::Node, "", "z", false),
        ];
        keep_newest(&mut all);
        let all: Vec<_> = all.iter().map(|news| (news.object.namespace(), news.gone)).collect();
        assert_eq!(all, [("", false), ("a-b", false), ("a", true)]);
    }
}
