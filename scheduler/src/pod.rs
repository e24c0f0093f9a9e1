//! A pod as the scheduler sees it: what placing it depends on, worked out once when it enters.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::amounts::Amounts;
use crate::ports::{self, HostPort};
use crate::requests;
use crate::terms::Terms;

/// Labels of an object that has none.
pub(crate) const NO_LABELS: &BTreeMap<String, String> = &BTreeMap::new();

/// A pod with its requests as whole numbers, its host ports, and its affinity terms parsed.
#[derive(Clone, Debug)]
pub struct PodInfo {
    pod: Arc<Pod>,
    key: Arc<str>,
    asked: Arc<Asked>,
}

/// What a pod asks for.
#[derive(Clone, Debug)]
struct Asked {
    requests: Amounts,
    scored_requests: Amounts,
    host_ports: Vec<HostPort>,
    terms: Terms,
}

impl PodInfo {
    /// Works out what placing the pod depends on.
    pub fn new(pod: impl Into<Arc<Pod>>) -> Self {
        let pod = pod.into();
        let (requests, scored_requests) = requests::of(&pod);
        let asked = Asked { requests, scored_requests, host_ports: ports::of(&pod), terms: Terms::of(&pod) };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        PodInfo { key: format!("{namespace}/{name}").into(), asked: Arc::new(asked), pod }
    }

    /// A newer version of the pod: what it asks for as before is not worked out again.
    pub(crate) fn renewed(&self, pod: Arc<Pod>) -> Self {
        if !ask_alike(&self.pod, &pod) || self.pod.metadata.uid != pod.metadata.uid {
            return PodInfo::new(pod);
        }
        PodInfo { pod, key: self.key.clone(), asked: self.asked.clone() }
    }

    /// The pod itself.
    pub fn pod(&self) -> &Arc<Pod> {
        &self.pod
    }

    /// `namespace/name`.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    /// The uid; empty for a pod that was never stored.
    pub fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether both are the same pod, perhaps in different versions.
    pub fn is(&self, other: &PodInfo) -> bool {
        self.key == other.key && self.uid() == other.uid()
    }

    /// Whether this version asks for something else than another: a new status alone does not, but for the names of
    /// claims that were made for it.
    pub(crate) fn asks_otherwise_than(&self, other: &PodInfo) -> bool {
        let (mine, theirs) = (&self.pod.metadata, &other.pod.metadata);
        let claims = |pod: &PodInfo| pod.pod.status.as_ref()?.resource_claim_statuses.clone();
        self.pod.spec != other.pod.spec
            || mine.labels != theirs.labels
            || mine.annotations != theirs.annotations
            || claims(self) != claims(other)
    }

    /// Whether this version, on a node, counts otherwise for pods to come than another, but for its labels.
    pub(crate) fn counts_otherwise_than(&self, other: &PodInfo) -> bool {
        let (mine, theirs) = (self.spec(), other.spec());
        self.requests() != other.requests()
            || self.scored_requests() != other.scored_requests()
            || self.host_ports() != other.host_ports()
            || self.is_terminating() != other.is_terminating()
            || self.priority() != other.priority()
            || self.pod.metadata.annotations != other.pod.metadata.annotations
            || mine.map(|spec| (&spec.affinity, &spec.volumes))
                != theirs.map(|spec| (&spec.affinity, &spec.volumes))
    }

    /// The labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        self.pod.metadata.labels.as_ref().unwrap_or(NO_LABELS)
    }

    /// The spec; `None` for a pod that the API server would not admit.
    pub fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    /// What it asks for, as filters count it: containers without a request count nothing.
    pub fn requests(&self) -> &Amounts {
        &self.asked.requests
    }

    /// What it asks for, as scores count it: containers without a request count 100m CPU and 200 MiB.
    pub fn scored_requests(&self) -> &Amounts {
        &self.asked.scored_requests
    }

    /// The ports of the node that it takes.
    pub fn host_ports(&self) -> &[HostPort] {
        &self.asked.host_ports
    }

    /// Its affinity and anti-affinity to other pods.
    pub fn terms(&self) -> &Terms {
        &self.asked.terms
    }

    /// The pod group that it belongs to.
    pub fn scheduling_group(&self) -> Option<&str> {
        group_of(self.spec()?).filter(|group| !group.is_empty())
    }

    /// The priority; 0 where none is set.
    pub fn priority(&self) -> i32 {
        self.spec().and_then(|spec| spec.priority).unwrap_or_default()
    }

    /// The node it is bound to.
    pub fn node_name(&self) -> Option<&str> {
        self.spec()?.node_name.as_deref().filter(|name| !name.is_empty())
    }

    /// The node that was made room on for it.
    pub fn nominated_node_name(&self) -> Option<&str> {
        let nominated = self.pod.status.as_ref()?.nominated_node_name.as_deref();
        nominated.filter(|name| !name.is_empty())
    }

    /// The scheduler that is to place it.
    pub fn scheduler_name(&self) -> &str {
        let name = self.spec().and_then(|spec| spec.scheduler_name.as_deref());
        name.filter(|name| !name.is_empty()).unwrap_or("default-scheduler")
    }

    /// Whether deletion was asked for.
    pub fn is_terminating(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// Whether it has run to its end and takes no room any more.
    pub fn is_terminal(&self) -> bool {
        is_terminal(&self.pod)
    }

    /// When the kubelet took it over.
    pub fn start_time(&self) -> Option<Timestamp> {
        Some(self.pod.status.as_ref()?.start_time.as_ref()?.0)
    }

    /// Init containers first, then containers.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &Container> {
        let spec = self.spec();
        let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        init.iter().chain(spec.map_or(&[][..], |spec| &spec.containers))
    }
}

/// Whether a pod has run to its end and takes no room any more.
pub(crate) fn is_terminal(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether two pods of one namespace agree in all that [`Asked`] is worked out from.
fn ask_alike(one: &Pod, other: &Pod) -> bool {
    asks(one) == asks(other) && requests::resizes(one).eq(requests::resizes(other))
}

/// What a pod asks for and is granted, but for what its containers are granted.
fn asks(pod: &Pod) -> impl PartialEq {
    let spec = pod.spec.as_ref().map(|spec| {
        (&spec.containers, &spec.init_containers, &spec.overhead, &spec.resources, &spec.affinity)
    });
    let whole = pod.status.as_ref().map_or((None, &None), requests::used);
    (spec, whole, requests::resize_is_infeasible(pod))
}

// The field is in the API since 1.36.
k8s_openapi::k8s_if_ge_1_36! {
    fn group_of(spec: &PodSpec) -> Option<&str> {
        spec.scheduling_group.as_ref()?.pod_group_name.as_deref()
    }
}
k8s_openapi::k8s_if_le_1_35! {
    fn group_of(_: &PodSpec) -> Option<&str> {
        None
    }
}

impl From<Pod> for PodInfo {
    fn from(pod: Pod) -> Self {
        PodInfo::new(pod)
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn pod(status: Value) -> Arc<Pod> {
        let container = json!({"name": "c", "resources": {"requests": {"cpu": "1"}}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [container]}, "status": status});
        Arc::new(steersman_core::tree::from_value(pod).unwrap())
    }

    fn granted(cpu: &str) -> Value {
        let status = json!({
            "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0,
            "resources": {"requests": {"cpu": cpu}}, "allocatedResources": {"cpu": cpu}
        });
        json!({"containerStatuses": [status]})
    }

    #[test]
    fn what_a_pod_asks_for_is_worked_out_anew_when_it_is_granted_something_else() {
        let pending = PodInfo::new(pod(json!({})));
        let running = pending.renewed(pod(granted("1")));
        assert!(Arc::ptr_eq(&pending.asked, &running.asked));
        let resized = running.renewed(pod(granted("2")));
        assert_eq!((running.requests().milli_cpu, resized.requests().milli_cpu), (1000, 2000));
        assert_eq!(resized.renewed(pod(granted("1"))).requests().milli_cpu, 1000);
    }
}
