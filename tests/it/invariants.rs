//! What must hold of every pod at every moment, watched while a story goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use steersman::core::env::Task;
use steersman::prelude::*;

use crate::{is_ready, node};

/// What was seen of the pods so far.
#[derive(Default)]
struct Seen {
    /// The last state of each pod, by uid.
    pods: BTreeMap<String, Arc<Pod>>,
    gone: BTreeSet<String>,
}

/// Watches the pods of the namespace `default` and panics once a change breaks an invariant. Dropping it ends that.
pub(crate) async fn hold(cluster: &Cluster) -> Task<()> {
    let pods = cluster.api::<Pod>().namespace("default");
    let mut changes = pods.watch(&WatchOptions::default()).await.expect("pods can be watched");
    cluster.env().spawn("invariants", async move {
        let mut seen = Seen::default();
        while let Some(change) = changes.next().await {
            match change {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => seen.change(&pod),
                WatchEvent::Deleted(pod) => seen.delete(&pod),
                WatchEvent::Error(error) => panic!("the watch goes on: {error}"),
                _ => {}
            }
        }
    })
}

impl Seen {
    fn change(&mut self, pod: &Object) {
        let pod: Arc<Pod> = pod.decode().expect("pods are pods");
        let uid = pod.metadata.uid.clone().expect("every object has a uid");
        assert!(!self.gone.contains(&uid), "a pod that was deleted is back: {pod:?}");
        if is_ready(&pod) {
            let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref());
            assert!(!node(&pod).is_empty() && address.is_some(), "ready nowhere: {pod:?}");
        }
        if let Some(before) = self.pods.insert(uid, pod.clone()) {
            follows(&before, &pod);
        }
    }

    fn delete(&mut self, pod: &Object) {
        let uid = pod.metadata().uid.clone();
        assert!(self.gone.insert(uid), "deleted twice: {:?}", pod.metadata());
    }
}

/// Whether a pod may change so: it is bound once, never outlives its end, and is not called back from its deletion.
fn follows(before: &Pod, after: &Pod) {
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    assert!(node(before).is_empty() || node(before) == node(after), "bound twice: {before:?} {after:?}");
    let ended = ["Succeeded", "Failed"].contains(&phase(before).as_str());
    assert!(!ended || phase(after) == phase(before), "lives after its end: {before:?} {after:?}");
    let called_back =
        before.metadata.deletion_timestamp.is_some() && after.metadata.deletion_timestamp.is_none();
    assert!(!called_back, "called back from its deletion: {before:?} {after:?}");
}
