//! Keeps when which pod is to be evicted, as taints and tolerations come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Taint};

use crate::Key;
use crate::pod_disruption::node_name;

use super::place_of;
use super::tolerations::{Tolerated, tolerated};

/// Times are those of [`steersman_core::Env::elapsed`].
#[derive(Default)]
pub(super) struct Evictions {
    /// The `NoExecute` taints of the nodes that have some.
    taints: BTreeMap<String, Vec<Taint>>,
    pods: BTreeMap<Key, Eviction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eviction {
    /// The pod is tolerated from `since` until `due`.
    Scheduled { since: Duration, due: Duration },
    /// It was carried out, and is not to be again unless called off meanwhile.
    Done,
}

impl Evictions {
    /// Looks at the pods of a node whose taints have changed; the pods whose eviction that calls off.
    pub(super) fn node_changed(
        &mut self,
        name: &str,
        node: Option<&Node>,
        pods: impl FnOnce() -> Vec<Arc<Pod>>,
        now: Duration,
    ) -> Vec<Key> {
        let Some(node) = node else {
            self.taints.remove(name);
            return Vec::new();
        };
        let taints = no_execute(node);
        let before = self.taints.get(name).map(Vec::as_slice).unwrap_or_default();
        if before == taints {
            return Vec::new();
        }
        if taints.is_empty() {
            self.taints.remove(name);
        } else {
            self.taints.insert(name.to_owned(), taints);
        }
        pods().iter().filter(|pod| self.judge(pod, now)).map(|pod| Key::of_typed(&**pod)).collect()
    }

    /// Looks at a pod that is new, was bound, or tolerates something else; its key if that calls its eviction off.
    pub(super) fn pod_changed(&mut self, pod: &Pod, now: Duration) -> Vec<Key> {
        // Where the node has no taints (any more), whatever there was to call off has been.
        let called_off = self.taints.contains_key(node_name(pod)) && self.judge(pod, now);
        called_off.then(|| Key::of_typed(pod)).into_iter().collect()
    }

    /// Forgets a pod; its key if that calls its eviction off.
    pub(super) fn pod_gone(&mut self, key: &Key) -> Vec<Key> {
        self.call_off(key).then(|| key.clone()).into_iter().collect()
    }

    /// When the next eviction is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.scheduled().map(|(due, _)| due).min()
    }

    /// The pods to evict now, the longest due first.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<Key> {
        let mut due: Vec<(Duration, Key)> =
            self.scheduled().filter(|(due, _)| *due <= now).map(|(due, key)| (due, key.clone())).collect();
        due.sort();
        for (_, key) in &due {
            self.pods.insert(key.clone(), Eviction::Done);
        }
        due.into_iter().map(|(_, key)| key).collect()
    }

    /// Schedules a pod's eviction, or calls it off; whether a scheduled one was called off.
    fn judge(&mut self, pod: &Pod, now: Duration) -> bool {
        let ((node, tolerations), key) = (place_of(pod), Key::of_typed(pod));
        let taints = self.taints.get(node).map(Vec::as_slice).unwrap_or_default();
        match tolerated(taints, tolerations) {
            Tolerated::Forever => self.call_off(&key),
            Tolerated::No => {
                let called_off = self.call_off(&key);
                self.pods.insert(key, Eviction::Scheduled { since: now, due: now });
                called_off
            }
            Tolerated::For(time) => self.tolerate(&key, time, now),
        }
    }

    /// A pod that is tolerated already stays so until the time that was set then, as upstream, even where another
    /// taint is tolerated for less.
    fn tolerate(&mut self, key: &Key, time: Duration, now: Duration) -> bool {
        let stands = match self.pods.get(key) {
            Some(Eviction::Done) => true,
            Some(Eviction::Scheduled { since, .. }) => *since < now,
            None => false,
        };
        if stands {
            return false;
        }
        let called_off = self.call_off(key);
        let due = now.saturating_add(time);
        self.pods.insert(key.clone(), Eviction::Scheduled { since: now, due });
        called_off
    }

    fn call_off(&mut self, key: &Key) -> bool {
        matches!(self.pods.remove(key), Some(Eviction::Scheduled { .. }))
    }

    fn scheduled(&self) -> impl Iterator<Item = (Duration, &Key)> {
        self.pods.iter().filter_map(|(key, eviction)| match eviction {
            Eviction::Scheduled { due, .. } => Some((*due, key)),
            Eviction::Done => None,
        })
    }
}

fn no_execute(node: &Node) -> Vec<Taint> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints.iter().filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pod(name: &str, tolerations: &Value) -> Arc<Pod> {
        let spec = json!({"nodeName": "n", "containers": [], "tolerations": tolerations});
        let pod = json!({"metadata": {"name": name, "namespace": "a"}, "spec": spec});
        Arc::new(from_value(pod).unwrap())
    }

    fn tolerating(seconds: u64) -> Value {
        json!([{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}])
    }

    /// The node gets these taints; the names of the pods whose eviction is called off.
    fn taint(evictions: &mut Evictions, keys: &[&str], pods: &[Arc<Pod>], now: u64) -> Vec<String> {
        let taints: Vec<Value> = keys.iter().map(|key| json!({"key": key, "effect": "NoExecute"})).collect();
        let node: Node = from_value(json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})).unwrap();
        let called_off = evictions.node_changed("n", Some(&node), || pods.to_vec(), seconds(now));
        called_off.into_iter().map(|key| key.name.into()).collect()
    }

    fn due(evictions: &mut Evictions, now: u64) -> Vec<String> {
        evictions.take_due(seconds(now)).into_iter().map(|key| key.name.into()).collect()
    }

    #[test]
    fn what_is_not_tolerated_goes_at_once_and_only_once() {
        let (mut evictions, pods) = (Evictions::default(), [pod("p", &json!([]))]);
        taint(&mut evictions, &["k"], &pods, 10);
        assert_eq!(
            (evictions.next_due(), due(&mut evictions, 10)),
            (Some(seconds(10)), vec!["p".to_owned()])
        );
        taint(&mut evictions, &["k"], &pods, 11);
        assert_eq!((evictions.next_due(), due(&mut evictions, 11)), (None, vec![]));
    }

    #[test]
    fn what_is_tolerated_for_a_while_goes_after_it() {
        let (mut evictions, pods) = (Evictions::default(), [pod("p", &tolerating(30))]);
        taint(&mut evictions, &["k"], &pods, 10);
        assert_eq!(due(&mut evictions, 39), Vec::<String>::new());
        assert_eq!(due(&mut evictions, 40), ["p"]);
    }

    #[test]
    fn a_taint_that_goes_in_time_calls_the_eviction_off() {
        let (mut evictions, pods) = (Evictions::default(), [pod("p", &tolerating(30)), pod("q", &json!([]))]);
        taint(&mut evictions, &["k"], &pods, 10);
        assert_eq!(due(&mut evictions, 10), ["q"]);
        assert_eq!(taint(&mut evictions, &[], &pods, 20), ["p"], "q is on its way already");
        assert_eq!(evictions.next_due(), None);
    }

    #[test]
    fn another_taint_does_not_begin_the_time_anew() {
        let (mut evictions, pods) =
            (Evictions::default(), [pod("p", &json!([{"operator": "Exists", "tolerationSeconds": 30}]))]);
        taint(&mut evictions, &["k"], &pods, 10);
        assert_eq!(taint(&mut evictions, &["k", "l"], &pods, 20), Vec::<String>::new());
        assert_eq!(evictions.next_due(), Some(seconds(40)));
    }

    #[test]
    fn a_pod_bound_to_a_tainted_node_is_judged_and_one_that_is_gone_forgotten() {
        let mut evictions = Evictions::default();
        taint(&mut evictions, &["k"], &[], 10);
        evictions.pod_changed(&pod("p", &tolerating(30)), seconds(20));
        assert_eq!(evictions.next_due(), Some(seconds(50)));
        assert_eq!(evictions.pod_changed(&pod("p", &json!([{"operator": "Exists"}])), seconds(25)).len(), 1);
        evictions.pod_changed(&pod("p", &tolerating(30)), seconds(30));
        let gone = Key::new("a", "p");
        assert_eq!(evictions.pod_gone(&gone), [gone], "who watches is told, as of any eviction called off");
        assert_eq!(evictions.next_due(), None);
    }
}
