//! Remembers for which pods room was made on which node.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pod::PodInfo;

/// Pods that wait for the room that was made for them, by the name of the node.
#[derive(Clone, Debug, Default)]
pub struct Nominated {
    by_node: Arc<BTreeMap<Arc<str>, Vec<Arc<PodInfo>>>>,
    by_pod: Arc<BTreeMap<Arc<str>, Arc<str>>>,
}

impl Nominated {
    /// The pods that wait for a node.
    pub fn on(&self, node: &str) -> &[Arc<PodInfo>] {
        self.by_node.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// The node that a pod waits for.
    pub fn node_of(&self, pod: &PodInfo) -> Option<&Arc<str>> {
        self.by_pod.get(pod.key())
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.by_pod.is_empty()
    }

    /// The names of the nodes that pods wait for.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_node.keys()
    }

    /// Has a pod, which waits for none yet, wait for a node.
    pub(super) fn nominate(&mut self, pod: &Arc<PodInfo>, node: &str) {
        Arc::make_mut(&mut self.by_pod).insert(pod.key().clone(), node.into());
        Arc::make_mut(&mut self.by_node).entry(node.into()).or_default().push(pod.clone());
    }

    /// Has a pod, named by its key, wait no more; gives back the node and the pod if it waited.
    pub(super) fn withdraw(&mut self, pod: &str) -> Option<(Arc<str>, Arc<PodInfo>)> {
        let node = self.by_pod.get(pod)?.clone();
        Arc::make_mut(&mut self.by_pod).remove(pod);
        let by_node = Arc::make_mut(&mut self.by_node);
        let pods = by_node.get_mut(&node)?;
        let withdrawn = pods.iter().position(|have| **have.key() == *pod).map(|at| pods.remove(at));
        if pods.is_empty() {
            by_node.remove(&node);
        }
        Some((node, withdrawn?))
    }
}
