//! One node of a snapshot: what it offers, what is taken, and the pods that take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};

use super::{NodeIndex, Snapshot};
use crate::amounts::Amounts;
use crate::pod::{NO_LABELS, PodInfo};
use crate::ports::HostPort;

/// A node, as plugins see it.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) index: NodeIndex,
    pub(super) row: &'a Row,
}

/// A node with other pods on it than the snapshot has.
#[derive(Clone, Debug)]
pub struct NodeEdit {
    index: NodeIndex,
    row: Row,
}

/// What filters and scores of every pod read lies in the row itself; the rest is shared.
#[derive(Clone, Debug)]
pub(super) struct Row {
    allocatable: Amounts,
    requested: Amounts,
    scored_requested: Amounts,
    unschedulable: bool,
    pub(super) generation: u64,
    /// Which edit of the snapshot changed last who waits for room here; 0 while nobody does.
    pub(super) waiting: u64,
    name: Arc<str>,
    node: Arc<Node>,
    pods: Arc<Vec<Arc<PodInfo>>>,
    ports: Arc<Vec<HostPort>>,
}

impl<'a> NodeView<'a> {
    /// The number of the node.
    pub fn index(&self) -> NodeIndex {
        self.index
    }

    /// The name.
    pub fn name(&self) -> &'a Arc<str> {
        &self.row.name
    }

    /// The node itself.
    pub fn node(&self) -> &'a Arc<Node> {
        &self.row.node
    }

    /// Which edit of the snapshot changed the node last.
    pub fn generation(&self) -> u64 {
        self.row.generation
    }

    /// The pods that wait for room on it.
    pub fn waiting(&self) -> &'a [Arc<PodInfo>] {
        if self.row.waiting == 0 { &[] } else { self.snapshot.nominated().on(self.name()) }
    }

    /// What tells its state, with the pods on it and those that wait for it, from any before and after.
    pub(crate) fn moment(&self) -> (u64, u64) {
        (self.row.generation, self.row.waiting)
    }

    /// The labels.
    pub fn labels(&self) -> &'a BTreeMap<String, String> {
        self.row.node.metadata.labels.as_ref().unwrap_or(NO_LABELS)
    }

    /// The taints.
    pub fn taints(&self) -> &'a [Taint] {
        let taints = self.row.node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
        taints.unwrap_or_default()
    }

    /// Whether it is cordoned.
    pub fn is_unschedulable(&self) -> bool {
        self.row.unschedulable
    }

    /// What it offers to pods.
    pub fn allocatable(&self) -> &'a Amounts {
        &self.row.allocatable
    }

    /// What its pods ask for, as filters count it.
    pub fn requested(&self) -> &'a Amounts {
        &self.row.requested
    }

    /// What its pods ask for, as scores count it ([`PodInfo::scored_requests`]).
    pub fn scored_requested(&self) -> &'a Amounts {
        &self.row.scored_requested
    }

    /// The pods on it, those assumed among them, in the order they came.
    pub fn pods(&self) -> &'a [Arc<PodInfo>] {
        &self.row.pods
    }

    /// The ports its pods take.
    pub fn ports(&self) -> &'a [HostPort] {
        &self.row.ports
    }

    /// The same node, to put pods on it and take them off for trial.
    pub fn edited(&self) -> NodeEdit {
        NodeEdit { index: self.index, row: self.row.clone() }
    }

    /// The snapshot it is in.
    pub fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }

    /// The size in bytes of an image that is on the node.
    pub fn image_size(&self, name: &str) -> Option<i64> {
        let images = self.row.node.status.as_ref()?.images.as_ref()?;
        let last = images.iter().rev().find(|image| image.names.iter().flatten().any(|have| have == name))?;
        Some(last.size_bytes.unwrap_or_default())
    }

    /// The names of the images on it, each once.
    pub(super) fn image_names(&self) -> Vec<String> {
        let images = self.row.node.status.as_ref().and_then(|status| status.images.as_ref());
        let names = images.into_iter().flatten().flat_map(|image| image.names.iter().flatten());
        let mut names: Vec<String> = names.cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl NodeEdit {
    /// The node as it would be.
    pub fn view<'a>(&'a self, snapshot: &'a Snapshot) -> NodeView<'a> {
        NodeView { snapshot, index: self.index, row: &self.row }
    }

    /// Puts a pod on it, whether it fits or not.
    pub fn add(&mut self, pod: &Arc<PodInfo>) {
        self.row.add(pod);
    }

    /// Takes a pod off; `false` if it was not there.
    pub fn remove(&mut self, pod: &PodInfo) -> bool {
        self.row.remove(pod).is_some()
    }
}

impl Row {
    pub(super) fn new(name: Arc<str>) -> Self {
        Row {
            name,
            allocatable: Amounts::default(),
            requested: Amounts::default(),
            scored_requested: Amounts::default(),
            unschedulable: false,
            generation: 0,
            waiting: 0,
            node: Arc::default(),
            pods: Arc::default(),
            ports: Arc::default(),
        }
    }

    pub(super) fn describe(&mut self, node: Arc<Node>) {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        self.allocatable = allocatable.map(Amounts::of).unwrap_or_default();
        self.unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
        self.node = node;
    }

    pub(super) fn add(&mut self, pod: &Arc<PodInfo>) {
        self.requested.add(pod.requests());
        self.scored_requested.add(pod.scored_requests());
        Arc::make_mut(&mut self.pods).push(pod.clone());
        for port in pod.host_ports() {
            if !self.ports.contains(port) {
                Arc::make_mut(&mut self.ports).push(port.clone());
            }
        }
    }

    /// Takes off the version of the pod that was added, whatever version is asked for.
    pub(super) fn remove(&mut self, pod: &PodInfo) -> Option<Arc<PodInfo>> {
        let at = self.pods.iter().position(|have| have.is(pod))?;
        let pod = Arc::make_mut(&mut self.pods).remove(at);
        self.requested.subtract(pod.requests());
        self.scored_requested.subtract(pod.scored_requests());
        // As upstream has it, the port is free now, even if another pod was put here that wants it too.
        if !pod.host_ports().is_empty() {
            Arc::make_mut(&mut self.ports).retain(|have| !pod.host_ports().contains(have));
        }
        Some(pod)
    }

    /// Gives back the version that was there.
    pub(super) fn refresh(&mut self, pod: &Arc<PodInfo>) -> Option<Arc<PodInfo>> {
        let place = Arc::make_mut(&mut self.pods).iter_mut().find(|have| have.is(pod))?;
        Some(std::mem::replace(place, pod.clone()))
    }

    pub(super) fn into_pods(self) -> Vec<Arc<PodInfo>> {
        Arc::unwrap_or_clone(self.pods)
    }
}
