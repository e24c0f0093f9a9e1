//! Sets the pods of nodes that are not ready to not ready.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use steersman_core::api::Patch;
use steersman_core::cache::{Change, Subscription, Typed};
use steersman_core::events::{About, EventType};
use steersman_core::{Client, Queue, Recorder, Result};

use crate::Key;
use crate::pod_disruption::{node_name, patch, with_transition};
use crate::pods::condition;
use crate::tainteviction::BY_NODE;

pub(super) struct Pods {
    client: Client,
    cache: Typed<Pod>,
}

impl Pods {
    pub(super) fn new(client: &Client, cache: Typed<Pod>) -> Self {
        cache.index(&BY_NODE);
        Pods { client: client.clone(), cache }
    }

    pub(super) async fn synced(&self) {
        self.cache.synced().await;
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Pod>> {
        self.cache.get(&key.namespace, &key.name)
    }

    /// Adds the keys of pods that are new, or were bound.
    pub(super) fn tell_of_bound(&self, bound: &Queue<Key>) -> Subscription {
        let bound = bound.clone();
        self.cache.subscribe(move |change| {
            let is_news = match change {
                Change::Added(_) => true,
                Change::Modified { old, new } => match (old.lean::<Pod>(), new.lean::<Pod>()) {
                    (Ok(old), Ok(new)) => node_name(&old) != node_name(&new),
                    _ => false,
                },
                Change::Deleted(_) => false,
            };
            if is_news {
                bound.add(Key::of(change.object()));
            }
        })
    }

    /// Sets all pods of a node to not ready, as far as they are not; the first failure, after all were tried.
    pub(super) async fn mark_not_ready(&self, node: &str, recorder: &Recorder, now: Timestamp) -> Result<()> {
        let mut outcome = Ok(());
        for pod in self.cache.by(&BY_NODE, node) {
            let marked = self.mark(&pod, recorder, now).await;
            outcome = outcome.and(marked);
        }
        outcome
    }

    /// Sets a pod that counts as ready to not ready.
    pub(super) async fn mark(&self, pod: &Pod, recorder: &Recorder, now: Timestamp) -> Result<()> {
        let Some(ready) = condition(pod, "Ready").filter(|ready| ready.status != "False") else {
            return Ok(());
        };
        let not_ready = PodCondition { status: "False".to_owned(), ..ready.clone() };
        let not_ready = with_transition(pod, not_ready, now);
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let change = Patch::Strategic(patch(pod, None, Some(&not_ready)));
        match self.client.namespaced::<Pod>(namespace).patch_status(name, change).await {
            Err(error) if error.is_not_found() => return Ok(()),
            outcome => outcome?,
        };
        recorder.event(About::of_typed(pod), EventType::Warning, "NodeNotReady", "Node is not ready");
        Ok(())
    }
}
