//! Keeps the cluster as the scheduler believes it to be: what was seen, and what was decided and is not seen yet.
//!
//! A pod whose node was chosen is *assumed* there from that moment, so that the next decision counts it. Seeing the
//! pod on its node confirms it; a failed binding, or its time running out, takes it back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use steersman_core::Object;

use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// The cluster as the scheduler believes it to be.
#[derive(Debug, Default)]
pub struct Cache {
    snapshot: Snapshot,
    pods: BTreeMap<Arc<str>, Placed>,
    /// The keys of the pods of each node, also of nodes that are not, or no longer, known.
    by_node: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    expiry: Option<Duration>,
}

#[derive(Debug)]
struct Placed {
    pod: Arc<PodInfo>,
    node: Arc<str>,
    assumed: Assumed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assumed {
    No,
    /// Binding is under way.
    Binding,
    /// Bound, and not seen yet, at most until then.
    Until(Duration),
}

impl Cache {
    /// Nothing seen. Pods that were bound and are not seen within `expiry` are taken back; `None`, as upstream has
    /// it, trusts the binding.
    pub fn new(expiry: Option<Duration>) -> Self {
        Cache { expiry, ..Cache::default() }
    }

    /// The cluster, to decide on.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The cluster, to change what is not nodes or pods on nodes.
    pub(crate) fn snapshot_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// Adds an object that is neither node nor pod, or replaces it; gives back the one that was there.
    pub fn set_related(&mut self, object: Object) -> Option<Object> {
        self.snapshot.set_related(object)
    }

    /// Removes an object that is neither node nor pod; gives back the one that was there.
    pub fn remove_related(&mut self, object: &Object) -> Option<Object> {
        self.snapshot.remove_related(object)
    }

    /// The pod on a node with this key, seen or assumed.
    pub fn pod(&self, key: &str) -> Option<&Arc<PodInfo>> {
        self.pods.get(key).map(|placed| &placed.pod)
    }

    /// Whether the pod is assumed to be on a node and was not seen there.
    pub fn is_assumed(&self, key: &str) -> bool {
        self.pods.get(key).is_some_and(|placed| placed.assumed != Assumed::No)
    }

    /// A node has come or changed. Pods that were seen on it before it was are counted now.
    pub fn set_node(&mut self, node: &Arc<Node>) {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let known = self.snapshot.node_named(name).is_some();
        let index = self.snapshot.set_node(node.clone());
        if !known {
            for key in self.by_node.get(name).into_iter().flatten() {
                if let Some(placed) = self.pods.get(key) {
                    self.snapshot.add_pod(index, &placed.pod);
                }
            }
        }
    }

    /// A node is gone. Its pods are remembered until they are gone too.
    pub fn remove_node(&mut self, name: &str) {
        self.snapshot.remove_node(name);
    }

    /// A pod was seen on a node, new or changed.
    pub fn set_pod(&mut self, pod: &Arc<PodInfo>) {
        let Some(node) = pod.node_name().map(Arc::from) else { return };
        if !self.refresh(pod, &node) {
            self.remove_pod(pod.key());
            self.place(pod.clone(), node, Assumed::No);
        }
    }

    /// Takes over a newer version of a pod that changes nothing for others but by its labels, which a binding may give it;
    /// `false` if it is not such.
    fn refresh(&mut self, pod: &Arc<PodInfo>, node: &Arc<str>) -> bool {
        let Some(placed) = self.pods.get_mut(pod.key()) else { return false };
        if placed.node != *node || !placed.pod.is(pod) || placed.pod.counts_otherwise_than(pod) {
            return false;
        }
        (placed.pod, placed.assumed) = (pod.clone(), Assumed::No);
        if let Some(index) = self.snapshot.node_named(node).map(|node| node.index()) {
            self.snapshot.refresh_pod(index, pod);
        }
        true
    }

    /// The pod will be on the node.
    pub fn assume(&mut self, pod: &Arc<PodInfo>, node: &Arc<str>) {
        self.remove_pod(pod.key());
        self.place(pod.clone(), node.clone(), Assumed::Binding);
    }

    /// The API server has taken note; the pod will be seen.
    pub fn bound(&mut self, key: &str, now: Duration) {
        if let (Some(placed), Some(expiry)) = (self.pods.get_mut(key), self.expiry)
            && placed.assumed == Assumed::Binding
        {
            placed.assumed = Assumed::Until(now + expiry);
        }
    }

    /// The pod will not be on its node after all; nothing happens if it was seen there.
    pub fn forget(&mut self, key: &str) -> Option<Arc<PodInfo>> {
        if self.is_assumed(key) { self.remove_pod(key) } else { None }
    }

    /// Takes back the pods that were bound and not seen in time.
    pub fn expire(&mut self, now: Duration) -> Vec<Arc<PodInfo>> {
        if self.expiry.is_none() {
            return Vec::new();
        }
        let late = |placed: &Placed| matches!(placed.assumed, Assumed::Until(deadline) if deadline <= now);
        let late: Vec<Arc<str>> =
            self.pods.iter().filter(|(_, placed)| late(placed)).map(|(key, _)| key.clone()).collect();
        late.iter().filter_map(|key| self.remove_pod(key)).collect()
    }

    /// When [`Cache::expire`] next has something to do.
    pub fn next_expiry(&self) -> Option<Duration> {
        self.expiry?;
        let deadline = |placed: &Placed| match placed.assumed {
            Assumed::Until(deadline) => Some(deadline),
            Assumed::No | Assumed::Binding => None,
        };
        self.pods.values().filter_map(deadline).min()
    }

    /// A pod is gone from its node.
    pub fn remove_pod(&mut self, key: &str) -> Option<Arc<PodInfo>> {
        let placed = self.pods.remove(key)?;
        if let Some(keys) = self.by_node.get_mut(&placed.node) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_node.remove(&placed.node);
            }
        }
        if let Some(index) = self.snapshot.node_named(&placed.node).map(|node| node.index()) {
            self.snapshot.remove_pod(index, &placed.pod);
        }
        Some(placed.pod)
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: Arc<str>, assumed: Assumed) {
        if let Some(index) = self.snapshot.node_named(&node).map(|node| node.index()) {
            self.snapshot.add_pod(index, &pod);
        }
        self.by_node.entry(node.clone()).or_default().insert(pod.key().clone());
        self.pods.insert(pod.key().clone(), Placed { pod, node, assumed });
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use steersman_core::tree::json;

    use super::*;
    use crate::{Decision, Picker, Profile};

    fn node() -> Arc<Node> {
        Arc::new(steersman_core::tree::from_value(json!({"metadata": {"name": "n"}})).unwrap())
    }

    fn pod(node: Option<&str>) -> Arc<PodInfo> {
        let container = json!({"name": "c", "resources": {"requests": {"cpu": "1"}}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": node, "containers": [container]}});
        Arc::new(PodInfo::new(steersman_core::tree::from_value::<Pod>(pod).unwrap()))
    }

    fn taken(cache: &Cache) -> i64 {
        cache.snapshot().node_named("n").map_or(0, |node| node.requested().milli_cpu)
    }

    #[test]
    fn an_assumed_pod_counts_until_it_is_forgotten() {
        let mut cache = Cache::default();
        cache.set_node(&node());
        cache.assume(&pod(None), &"n".into());
        assert_eq!((taken(&cache), cache.is_assumed("/p")), (1000, true));
        assert!(cache.forget("/p").is_some());
        assert_eq!(taken(&cache), 0);
    }

    #[test]
    fn seeing_an_assumed_pod_confirms_it() {
        let mut cache = Cache::default();
        cache.set_node(&node());
        cache.assume(&pod(None), &"n".into());
        cache.set_pod(&pod(Some("n")));
        assert!(cache.forget("/p").is_none());
        assert_eq!(taken(&cache), 1000);
    }

    #[test]
    fn labels_that_a_pod_is_given_on_its_node_count_for_others() {
        let read = |value| Arc::new(PodInfo::new(steersman_core::tree::from_value::<Pod>(value).unwrap()));
        let bound = |labels| {
            read(
                json!({"metadata": {"name": "p", "labels": labels}, "spec": {"nodeName": "n", "containers": []}}),
            )
        };
        let term = json!({"labelSelector": {"matchLabels": {"zone": "z"}}, "topologyKey": "host"});
        let apart = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
        let other = read(
            json!({"metadata": {"name": "q"}, "spec": {"containers": [], "affinity": {"podAntiAffinity": apart}}}),
        );
        let (mut cache, mut picker) = (Cache::default(), Picker::new(Profile::default()));
        let labels = json!({"host": "n"});
        let node =
            json!({"metadata": {"name": "n", "labels": labels}, "status": {"allocatable": {"pods": "9"}}});
        cache.set_node(&Arc::new(steersman_core::tree::from_value(node).unwrap()));
        cache.assume(&bound(json!({})), &"n".into());
        let mut fits = |cache: &Cache| matches!(picker.pick(&other, cache.snapshot(), 0), Decision::Node(_));
        assert!(fits(&cache));
        cache.set_pod(&bound(json!({"zone": "z"})));
        assert!(!fits(&cache));
        cache.set_pod(&bound(json!({})));
        assert!(fits(&cache));
        assert!(!cache.is_assumed("/p"));
    }

    #[test]
    fn a_bound_pod_that_is_not_seen_in_time_is_taken_back() {
        let mut cache = Cache::new(Some(Duration::from_secs(30)));
        cache.set_node(&node());
        cache.assume(&pod(None), &"n".into());
        assert_eq!(cache.next_expiry(), None);
        cache.bound("/p", Duration::from_secs(10));
        assert_eq!(cache.next_expiry(), Some(Duration::from_secs(40)));
        assert!(cache.expire(Duration::from_secs(39)).is_empty());
        assert_eq!(cache.expire(Duration::from_secs(40)).len(), 1);
        assert_eq!(taken(&cache), 0);
    }

    #[test]
    fn pods_may_be_seen_before_their_node_and_outlive_it() {
        let mut cache = Cache::default();
        cache.set_pod(&pod(Some("n")));
        cache.set_node(&node());
        assert_eq!(taken(&cache), 1000);
        cache.remove_node("n");
        cache.set_node(&node());
        assert_eq!(taken(&cache), 1000);
        cache.remove_pod("/p");
        assert_eq!(taken(&cache), 0);
    }
}
