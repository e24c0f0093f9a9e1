//! Deletes pods from nodes with `NoExecute` taints that they do not tolerate, or not for ever.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions>. When which
//! pod is to go is kept by `Evictions`, which does no I/O.

mod evictions;
mod tolerations;

use std::future::pending;
use std::pin::pin;

use futures::future::{Either, join_all, select};
use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod, Toleration};
use steersman_core::api::Patch;
use steersman_core::cache::{Change, Index, Subscription, Typed};
use steersman_core::events::EventType;
use steersman_core::{Client, Env, Queue, Recorder, Result};

use crate::Key;
use crate::pod_disruption::{disruption_target, node_name, patch};
use crate::pods::condition;
use crate::runner::Context;

use evictions::Evictions;

/// How often the deletion of a pod is tried before it is left for the next change of its node.
const TRIES: usize = 5;

/// Finds pods by the node that they are on.
pub(crate) const BY_NODE: Index = Index::new("node", |object, found| {
    let pod = object.lean::<Pod>().ok();
    let node = pod.as_deref().map(node_name).filter(|node| !node.is_empty());
    node.into_iter().for_each(found);
});

/// Evicts until it is dropped; for [`Controllers::task`](crate::Controllers::task).
pub async fn run(context: Context) {
    let Context { env, client, caches } = context;
    let (nodes, pods) = (caches.of::<Node>(), caches.of::<Pod>());
    pods.index(&BY_NODE);
    nodes.synced().await;
    pods.synced().await;
    let changes = Queue::new(&env);
    let _told = [tell_of_nodes(&nodes, &changes), tell_of_pods(&pods, &changes)];
    let recorder = Recorder::start(&env, &client, "taint-eviction-controller");
    let mut manager = Manager { env, client, recorder, nodes, pods, evictions: Evictions::default() };
    loop {
        let next = manager.wait(&changes).await;
        if let Some(changed) = next {
            manager.note(&changed);
        }
        manager.evict_due().await;
    }
}

/// What has changed, nodes first: that a node has a taint is known before a pod on it is judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Changed {
    Node(String),
    Pod(Key),
}

struct Manager {
    env: Env,
    client: Client,
    recorder: Recorder,
    nodes: Typed<Node>,
    pods: Typed<Pod>,
    evictions: Evictions,
}

impl Manager {
    /// The next change; `None` if an eviction is due first.
    async fn wait(&self, changes: &Queue<Changed>) -> Option<Changed> {
        let due = async {
            match self.evictions.next_due() {
                Some(due) => self.env.sleep_until(due).await,
                None => pending().await,
            }
        };
        match select(pin!(changes.next()), pin!(due)).await {
            Either::Left((claim, _)) => Some((*claim).clone()),
            Either::Right(_) => None,
        }
    }

    fn note(&mut self, changed: &Changed) {
        let now = self.env.elapsed();
        let cancelled = match changed {
            Changed::Node(name) => {
                let node = self.nodes.get("", name);
                let on_node = || self.pods.by(&BY_NODE, name);
                self.evictions.node_changed(name, node.as_deref(), on_node, now)
            }
            Changed::Pod(key) => match self.pods.get(&key.namespace, &key.name) {
                Some(pod) => self.evictions.pod_changed(&pod, now),
                None => self.evictions.pod_gone(key),
            },
        };
        for key in cancelled {
            self.tell(&key, format!("Cancelling deletion of Pod {key}"));
        }
    }

    async fn evict_due(&mut self) {
        let due = self.evictions.take_due(self.env.elapsed());
        join_all(due.iter().map(|key| self.evict(key))).await;
    }

    async fn evict(&self, key: &Key) {
        self.tell(key, format!("Marking for deletion Pod {key}"));
        for _ in 0..TRIES {
            match self.delete(key).await {
                Ok(()) => return,
                Err(error) if error.is_not_found() => return,
                Err(error) => tracing::debug!(%key, %error, "a pod could not be evicted"),
            }
        }
        tracing::warn!(%key, "a pod could not be evicted");
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let pods = self.client.namespaced::<Pod>(&key.namespace);
        let pod = pods.get(&key.name).await?;
        let message = "Taint manager: deleting due to NoExecute taint";
        let target = disruption_target(&pod, self.env.now(), "DeletionByTaintManager", message);
        if condition(&pod, &target.type_) != Some(&target) {
            pods.patch_status(&key.name, Patch::Strategic(patch(&pod, None, Some(&target)))).await?;
        }
        pods.delete(&key.name).await.map(drop)
    }

    fn tell(&self, key: &Key, message: String) {
        let pod = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(key.namespace.to_string()),
            name: Some(key.name.to_string()),
            ..ObjectReference::default()
        };
        self.recorder.event(pod, EventType::Normal, "TaintManagerEviction", message);
    }
}

/// The node of a pod, and what it tolerates there.
fn place_of(pod: &Pod) -> (&str, &[Toleration]) {
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref());
    (node_name(pod), tolerations.unwrap_or_default())
}

fn tell_of_nodes(nodes: &Typed<Node>, changes: &Queue<Changed>) -> Subscription {
    let changes = changes.clone();
    nodes.subscribe(move |change| changes.add(Changed::Node(change.object().name().to_owned())))
}

/// Tells of pods that are new, gone, bound, or given other tolerations; nothing else matters to evictions.
fn tell_of_pods(pods: &Typed<Pod>, changes: &Queue<Changed>) -> Subscription {
    let changes = changes.clone();
    pods.subscribe(move |change| {
        let matters = match change {
            Change::Added(_) | Change::Deleted(_) => true,
            Change::Modified { old, new } => match (old.lean::<Pod>(), new.lean::<Pod>()) {
                (Ok(old), Ok(new)) => place_of(&old) != place_of(&new),
                _ => false,
            },
        };
        if matters {
            changes.add(Changed::Pod(Key::of(change.object())));
        }
    })
}
