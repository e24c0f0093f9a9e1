//! The cluster as one scheduling decision sees it: nodes, the pods on them, and what else plugins read.
//!
//! Cloning is cheap and editing a clone leaves the original as it was, so "what if" is: clone, edit, ask again. Nodes
//! are numbered; their rows lie next to each other in chunks that clones share until one of them is written to. A
//! cluster of n nodes is cloned by sharing n/64 chunks, and an edit copies at most one chunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use steersman_core::Object;

use crate::pod::PodInfo;

mod domains;
mod history;
mod mentions;
mod node;
mod nominated;
mod related;

pub use domains::Domains;
pub(crate) use history::{Moment, What};
pub(crate) use mentions::{Mention, Mentions, key as claim_key};
pub use node::{NodeEdit, NodeView};
pub use nominated::Nominated;
pub use related::Related;

use domains::Topology;
use history::History;
use node::Row;

/// How many rows clones share as one.
const CHUNK: usize = 64;

/// The number of a node in a [`Snapshot`] and in every clone of it, until the node is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIndex(u32);

/// The cluster as one scheduling decision sees it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    chunks: Vec<Arc<Vec<Option<Row>>>>,
    free: Vec<NodeIndex>,
    names: Arc<BTreeMap<Arc<str>, NodeIndex>>,
    image_nodes: Arc<BTreeMap<String, usize>>,
    with_affinity: Arc<BTreeSet<NodeIndex>>,
    with_required_anti_affinity: Arc<BTreeSet<NodeIndex>>,
    generation: u64,
    nominated: Nominated,
    related: Related,
    mentions: Mentions,
    topology: Topology,
    history: History,
    now: Option<Timestamp>,
}

impl NodeIndex {
    /// The node of this row.
    pub(crate) fn at(row: usize) -> Self {
        // There are fewer than 2³² rows.
        NodeIndex(row as u32)
    }

    /// The row, to find the node in columns.
    pub(crate) fn place(self) -> usize {
        self.0 as usize
    }

    fn chunk(self) -> (usize, usize) {
        (self.place() / CHUNK, self.place() % CHUNK)
    }
}

impl Snapshot {
    /// No nodes, no pods.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// A number that grows with every edit; [`NodeView::generation`] tells of which edit a node is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// One more than the highest index of a node.
    pub(crate) fn rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// The domains of a topology key. Worked out when first asked for, and again after nodes have changed.
    pub fn domains(&self, topology_key: &str) -> Arc<Domains> {
        self.topology.domains(self, topology_key)
    }

    /// The time at which it is decided; `None` where nobody said. Without it nothing is too late.
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Says at what time it is decided. That alone changes nothing that was worked out before.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Pods for which room was made on a node, and which are not there yet.
    pub fn nominated(&self) -> &Nominated {
        &self.nominated
    }

    /// Objects other than nodes and pods.
    pub fn related(&self) -> &Related {
        &self.related
    }

    /// Who speaks of claims, volumes and disks.
    pub(crate) fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// The nodes, by their index.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.iter()).zip(0..);
        rows.filter_map(|(row, index)| {
            Some(NodeView { snapshot: self, index: NodeIndex(index), row: row.as_ref()? })
        })
    }

    /// A node that exists.
    pub fn node(&self, index: NodeIndex) -> Option<NodeView<'_>> {
        let (chunk, at) = index.chunk();
        let row = self.chunks.get(chunk)?.get(at)?.as_ref()?;
        Some(NodeView { snapshot: self, index, row })
    }

    /// A node by its name.
    pub fn node_named(&self, name: &str) -> Option<NodeView<'_>> {
        self.node(*self.names.get(name)?)
    }

    /// The nodes that have pods with any affinity or anti-affinity.
    pub fn nodes_with_affinity(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.with_affinity.iter().filter_map(|index| self.node(*index))
    }

    /// The nodes that have pods with required anti-affinity.
    pub fn nodes_with_required_anti_affinity(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.with_required_anti_affinity.iter().filter_map(|index| self.node(*index))
    }

    /// How many nodes have an image.
    pub fn nodes_with_image(&self, image: &str) -> usize {
        self.image_nodes.get(image).copied().unwrap_or_default()
    }

    /// Has a pod wait for room on a node, and on no other.
    pub fn nominate(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.withdraw(pod.key());
        self.nominated.nominate(pod, node);
        self.mentions.add(mentions::of_pod(pod));
        self.note_waiting(node);
    }

    /// Has a pod, named by its key, wait no more; gives it back if it waited.
    pub fn withdraw(&mut self, pod: &str) -> Option<Arc<PodInfo>> {
        let (node, pod) = self.nominated.withdraw(pod)?;
        self.mentions.remove(mentions::of_pod(&pod));
        self.note_waiting(&node);
        Some(pod)
    }

    fn note_waiting(&mut self, node: &str) {
        self.generation += 1;
        if let Some(index) = self.names.get(node).copied() {
            self.mark_waiting(index, node);
            self.note_change(index, What::Waits);
        }
    }

    fn note_change(&mut self, node: NodeIndex, what: What) {
        self.history.note(node, what, self.names.len());
    }

    fn mark_waiting(&mut self, index: NodeIndex, node: &str) {
        let waiting = if self.nominated.on(node).is_empty() { 0 } else { self.generation };
        let (chunk, at) = index.chunk();
        if let Some(row) = &mut Arc::make_mut(&mut self.chunks[chunk])[at] {
            row.waiting = waiting;
        }
    }

    /// Adds an object that is neither node nor pod, or replaces it; gives back the one that was there.
    pub fn set_related(&mut self, object: Object) -> Option<Object> {
        self.generation += 1;
        self.mentions.add(mentions::of_object(&object));
        let old = self.related.set(object);
        self.mentions.remove(old.as_ref().map(mentions::of_object).unwrap_or_default());
        old
    }

    /// Removes an object, whatever version of it is given; gives back the one that was there.
    pub fn remove_related(&mut self, object: &Object) -> Option<Object> {
        self.generation += 1;
        let old = self.related.remove(object);
        self.mentions.remove(old.as_ref().map(mentions::of_object).unwrap_or_default());
        old
    }

    /// Adds a node, or replaces what is known of it; the pods on it stay.
    pub fn set_node(&mut self, node: impl Into<Arc<Node>>) -> NodeIndex {
        let node = node.into();
        let name = node.metadata.name.as_deref().unwrap_or_default();
        if let Some(known) = self.node_named(name)
            && are_alike(known.node(), &node)
        {
            let index = known.index();
            self.write(index, |row| row.describe(node));
            return index;
        }
        let index = match self.names.get(name) {
            Some(index) => *index,
            None => self.insert(name.into()),
        };
        self.uncount_images(index);
        self.write(index, |row| row.describe(node));
        self.count_images(index);
        self.topology = Topology::default();
        self.history.break_off();
        index
    }

    /// Removes a node and gives back the pods that were on it.
    pub fn remove_node(&mut self, name: &str) -> Vec<Arc<PodInfo>> {
        let Some(index) = Arc::make_mut(&mut self.names).remove(name) else { return Vec::new() };
        self.uncount_images(index);
        let (chunk, at) = index.chunk();
        let row = Arc::make_mut(&mut self.chunks[chunk])[at].take();
        self.generation += 1;
        self.free.push(index);
        Arc::make_mut(&mut self.with_affinity).remove(&index);
        Arc::make_mut(&mut self.with_required_anti_affinity).remove(&index);
        self.topology = Topology::default();
        self.history.break_off();
        let pods = row.map(Row::into_pods).unwrap_or_default();
        pods.iter().for_each(|pod| self.mentions.remove(mentions::of_pod(pod)));
        pods
    }

    /// Puts a pod on a node, whether it fits or not.
    pub fn add_pod(&mut self, index: NodeIndex, pod: &Arc<PodInfo>) {
        if self.write(index, |row| row.add(pod)).is_none() {
            return;
        }
        if pod.terms().any() {
            self.index_affinity(index);
        }
        self.mentions.add(mentions::of_pod(pod));
        self.note_change(index, What::Came(pod.clone()));
    }

    /// Takes a pod off a node; `false` if it was not there.
    pub fn remove_pod(&mut self, index: NodeIndex, pod: &PodInfo) -> bool {
        let Some(removed) = self.write(index, |row| row.remove(pod)).flatten() else { return false };
        if removed.terms().any() {
            self.index_affinity(index);
        }
        self.mentions.remove(mentions::of_pod(&removed));
        self.note_change(index, What::Went(removed));
        true
    }

    /// Replaces a pod on a node by a newer version of it that asks for the same; `false` if it was not there.
    pub(crate) fn refresh_pod(&mut self, index: NodeIndex, pod: &Arc<PodInfo>) -> bool {
        let Some(old) = self.write(index, |row| row.refresh(pod)).flatten() else { return false };
        if old.labels() != pod.labels() {
            // Others may select it now, or no longer.
            self.note_change(index, What::Went(old));
            self.note_change(index, What::Came(pod.clone()));
        }
        true
    }

    fn insert(&mut self, name: Arc<str>) -> NodeIndex {
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        let (chunk, at) = index.chunk();
        Arc::make_mut(&mut self.chunks[chunk])[at] = Some(Row::new(name.clone()));
        self.mark_waiting(index, &name);
        Arc::make_mut(&mut self.names).insert(name, index);
        index
    }

    /// Makes one more row. The cluster has fewer than 2³² nodes.
    fn grow(&mut self) -> NodeIndex {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let last = self.chunks.len() - 1;
        let chunk = Arc::make_mut(&mut self.chunks[last]);
        chunk.push(None);
        NodeIndex((last * CHUNK + chunk.len() - 1) as u32)
    }

    fn write<T>(&mut self, index: NodeIndex, edit: impl FnOnce(&mut Row) -> T) -> Option<T> {
        let (chunk, at) = index.chunk();
        let row = Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(at)?.as_mut()?;
        self.generation += 1;
        row.generation = self.generation;
        Some(edit(row))
    }

    fn index_affinity(&mut self, index: NodeIndex) {
        let Some(node) = self.node(index) else { return };
        let any = node.pods().iter().any(|pod| pod.terms().any());
        let anti = node.pods().iter().any(|pod| !pod.terms().required_anti_affinity.is_empty());
        set_membership(&mut self.with_affinity, index, any);
        set_membership(&mut self.with_required_anti_affinity, index, anti);
    }

    fn count_images(&mut self, index: NodeIndex) {
        let Some(names) = self.node(index).map(|node| node.image_names()) else { return };
        let counts = Arc::make_mut(&mut self.image_nodes);
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
    }

    fn uncount_images(&mut self, index: NodeIndex) {
        let Some(names) = self.node(index).map(|node| node.image_names()) else { return };
        let counts = Arc::make_mut(&mut self.image_nodes);
        for name in names {
            match counts.get_mut(&name) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    counts.remove(&name);
                }
            }
        }
    }
}

/// Whether both say the same of the node, though one may be younger.
fn are_alike(one: &Node, other: &Node) -> bool {
    let mut one = one.clone();
    one.metadata.resource_version.clone_from(&other.metadata.resource_version);
    one.metadata.managed_fields.clone_from(&other.metadata.managed_fields);
    let mine = one.status.as_mut().and_then(|status| status.conditions.as_mut());
    let others = other.status.as_ref().and_then(|status| status.conditions.as_ref());
    for (mine, other) in mine.into_iter().flatten().zip(others.into_iter().flatten()) {
        mine.last_heartbeat_time.clone_from(&other.last_heartbeat_time);
    }
    one == *other
}

fn set_membership(set: &mut Arc<BTreeSet<NodeIndex>>, index: NodeIndex, member: bool) {
    if set.contains(&index) == member {
        return;
    }
    let set = Arc::make_mut(set);
    if member {
        set.insert(index)
    } else {
        set.remove(&index)
    };
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn node(name: &str, cpu: &str) -> Node {
        let status = json!({"allocatable": {"cpu": cpu, "pods": "10"}, "images": [{"names": ["a:1"]}]});
        steersman_core::tree::from_value(json!({"metadata": {"name": name}, "status": status})).unwrap()
    }

    fn pod(name: &str) -> Arc<PodInfo> {
        let container = json!({"name": "c", "resources": {"requests": {"cpu": "500m"}}});
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": [container]}});
        Arc::new(PodInfo::new(
            steersman_core::tree::from_value::<k8s_openapi::api::core::v1::Pod>(pod).unwrap(),
        ))
    }

    #[test]
    fn editing_a_clone_leaves_the_original_as_it_was() {
        let mut original = Snapshot::new();
        let index = original.set_node(node("a", "1"));
        let mut edited = original.clone();
        edited.add_pod(index, &pod("p"));
        edited.set_node(node("b", "1"));
        assert_eq!((original.len(), edited.len()), (1, 2));
        assert_eq!(original.node(index).unwrap().requested().milli_cpu, 0);
        assert_eq!(edited.node(index).unwrap().requested().milli_cpu, 500);
        assert_eq!((original.nodes_with_image("a:1"), edited.nodes_with_image("a:1")), (1, 2));
    }

    #[test]
    fn taking_a_pod_off_gives_back_what_it_took() {
        let mut snapshot = Snapshot::new();
        let index = snapshot.set_node(node("a", "1"));
        let before = snapshot.node(index).unwrap().requested().clone();
        snapshot.add_pod(index, &pod("p"));
        assert!(snapshot.remove_pod(index, &pod("p")));
        assert!(!snapshot.remove_pod(index, &pod("p")));
        assert_eq!(*snapshot.node(index).unwrap().requested(), before);
    }

    #[test]
    fn describing_a_node_anew_keeps_its_pods() {
        let mut snapshot = Snapshot::new();
        let index = snapshot.set_node(node("a", "1"));
        snapshot.add_pod(index, &pod("p"));
        assert_eq!(snapshot.set_node(node("a", "2")), index);
        let seen = snapshot.node(index).unwrap();
        assert_eq!((seen.allocatable().milli_cpu, seen.pods().len()), (2000, 1));
        assert_eq!(snapshot.nodes_with_image("a:1"), 1);
    }

    #[test]
    fn a_removed_node_leaves_nothing_but_its_pods() {
        let mut snapshot = Snapshot::new();
        let index = snapshot.set_node(node("a", "1"));
        snapshot.add_pod(index, &pod("p"));
        assert_eq!(snapshot.remove_node("a").len(), 1);
        assert!(snapshot.node(index).is_none() && snapshot.is_empty());
        assert_eq!(snapshot.nodes_with_image("a:1"), 0);
        assert_eq!(snapshot.set_node(node("b", "1")), index);
    }
}
