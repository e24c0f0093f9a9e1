//! Rules out and ranks nodes by the pods that are near them.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity>

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use serde::Deserialize;
use steersman_core::resource::GroupVersionResource;

use super::affinity_score;
use super::{Configured, InvalidArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, NodeFilter, Plugin, Prepared, Score, Scoring};
use crate::pod::{NO_LABELS, PodInfo};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::terms::Term;
use crate::verdict::{Rejection, Verdict};

/// Rules out and ranks nodes by affinity and anti-affinity between pods.
#[derive(Debug, Default)]
pub struct InterPodAffinity {
    args: InterPodAffinityArgs,
}

/// Upstream's `InterPodAffinityArgs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct InterPodAffinityArgs {
    /// How much it counts that pods which must be near such a pod are near, from 0 to 100.
    pub hard_pod_affinity_weight: i64,
    /// Whether the wishes of pods that are there are left out if the pod has none itself.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

impl Default for InterPodAffinityArgs {
    fn default() -> Self {
        InterPodAffinityArgs { hard_pod_affinity_weight: 1, ignore_preferred_terms_of_existing_pods: false }
    }
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        let wants = |other: &Arc<PodInfo>| selects(&pod.terms().required_affinity, other);
        let avoids = |other: &Arc<PodInfo>| {
            selects(&pod.terms().required_anti_affinity, other)
                || selects(&other.terms().required_anti_affinity, pod)
        };
        Wake::when(match event {
            Event::NodeAdded(_) | Event::PodUpdated { .. } => true,
            Event::NodeUpdated { old, new } => old.metadata.labels != new.metadata.labels,
            Event::AssignedPodAdded(other) => wants(other),
            Event::AssignedPodUpdated { old, new } => wants(new) || avoids(old),
            Event::AssignedPodDeleted(other) => avoids(other),
            Event::NodeDeleted(_) => false,
            Event::Related { .. } => event.related::<Namespace>().is_some(),
        })
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![GroupVersionResource::of::<Namespace>()]
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

/// Whether a term may mean a pod; of namespaces selected by labels, any may be meant.
fn selects(terms: &[Term], pod: &PodInfo) -> bool {
    let may_select = |term: &Term| {
        (term.namespaces.contains(pod.namespace()) || !term.namespace_selector.is_nothing())
            && term.selector.matches(pod.labels())
    };
    terms.iter().any(may_select)
}

impl Filter for InterPodAffinity {
    fn prepare<'a>(&'a self, pod: &'a PodInfo, nodes: &'a Snapshot) -> Prepared<'a> {
        if let Some(why) = &pod.terms().malformed {
            return Prepared::Reject(Rejection::unresolvable(format!("parsing pod: {why}")));
        }
        let neighbours = Neighbours::count(pod, nodes);
        if neighbours.near.is_empty() && neighbours.apart.is_empty() && neighbours.unwelcome.is_empty() {
            return Prepared::Skip;
        }
        Prepared::PerNode(Box::new(neighbours))
    }
}

impl Score for InterPodAffinity {
    fn prepare<'a>(&'a self, pod: &'a PodInfo, nodes: &'a Snapshot, _: &'a [NodeIndex]) -> Scoring<'a> {
        affinity_score::prepare(&self.args, pod, nodes)
    }
}

/// Domains by topology key and value, with the number of pods that count there. Only those with any are kept.
#[derive(Default)]
struct Counts(BTreeMap<String, BTreeMap<String, i64>>);

impl Counts {
    fn add(&mut self, key: &str, node: NodeView<'_>, by: i64) {
        let Some(value) = node.labels().get(key) else { return };
        let domains = self.0.entry(key.to_owned()).or_default();
        let count = domains.entry(value.clone()).or_default();
        *count += by;
        if *count == 0 {
            domains.remove(value);
        }
        if domains.is_empty() {
            self.0.remove(key);
        }
    }

    fn at(&self, key: &str, value: &str) -> i64 {
        self.0.get(key).and_then(|domains| domains.get(value)).copied().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The pods that the pod must be near, must be apart from, and that will not have it near.
struct Neighbours<'a> {
    pod: &'a PodInfo,
    namespace_labels: BTreeMap<String, String>,
    near: Vec<Term>,
    apart: Vec<Term>,
    wanted: Counts,
    avoided: Counts,
    unwelcome: Counts,
}

impl<'a> Neighbours<'a> {
    fn count(pod: &'a PodInfo, nodes: &Snapshot) -> Self {
        let resolved = |terms: &[Term]| terms.iter().map(|term| term.resolved(nodes)).collect();
        let mut neighbours = Neighbours {
            pod,
            namespace_labels: namespace_labels(pod, nodes),
            near: resolved(&pod.terms().required_affinity),
            apart: resolved(&pod.terms().required_anti_affinity),
            wanted: Counts::default(),
            avoided: Counts::default(),
            unwelcome: Counts::default(),
        };
        for node in nodes.nodes_with_required_anti_affinity() {
            node.pods().iter().for_each(|other| neighbours.count_unwelcome(other, node, 1));
        }
        if !neighbours.near.is_empty() || !neighbours.apart.is_empty() {
            for node in nodes.nodes() {
                node.pods().iter().for_each(|other| neighbours.count_own(other, node, 1));
            }
        }
        neighbours
    }

    fn count_unwelcome(&mut self, other: &PodInfo, node: NodeView<'_>, by: i64) {
        for term in &other.terms().required_anti_affinity {
            if term.matches(self.pod, &self.namespace_labels) {
                self.unwelcome.add(&term.topology_key, node, by);
            }
        }
    }

    fn count_own(&mut self, other: &PodInfo, node: NodeView<'_>, by: i64) {
        if all_match(&self.near, other) {
            self.near.iter().for_each(|term| self.wanted.add(&term.topology_key, node, by));
        }
        for term in self.apart.iter().filter(|term| term.matches(other, NO_LABELS)) {
            self.avoided.add(&term.topology_key, node, by);
        }
    }

    /// Near each of the wanted pods; the first of a group that wants to be together may be anywhere.
    fn is_near(&self, node: NodeView<'_>) -> bool {
        let mut near = true;
        for term in &self.near {
            let Some(value) = node.labels().get(&term.topology_key) else { return false };
            near &= self.wanted.at(&term.topology_key, value) > 0;
        }
        near || (self.wanted.is_empty() && all_match(&self.near, self.pod))
    }

    fn is_apart(&self, node: NodeView<'_>) -> bool {
        let avoided = |term: &Term| {
            let value = node.labels().get(&term.topology_key);
            value.is_some_and(|value| self.avoided.at(&term.topology_key, value) > 0)
        };
        !self.apart.iter().any(avoided)
    }

    fn is_welcome(&self, node: NodeView<'_>) -> bool {
        let unwelcome = |(key, domains): (&String, &BTreeMap<String, i64>)| {
            node.labels().get(key).and_then(|value| domains.get(value)).is_some_and(|pods| *pods > 0)
        };
        !self.unwelcome.0.iter().any(unwelcome)
    }
}

impl NodeFilter for Neighbours<'_> {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        if !self.is_near(node) {
            return Err(Rejection::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if !self.is_apart(node) {
            return Err(Rejection::unschedulable("node(s) didn't match pod anti-affinity rules"));
        }
        if !self.is_welcome(node) {
            return Err(Rejection::unschedulable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }

    fn pod_added(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.count_unwelcome(pod, node, 1);
        self.count_own(pod, node, 1);
    }

    fn pod_removed(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.count_unwelcome(pod, node, -1);
        self.count_own(pod, node, -1);
    }
}

fn all_match(terms: &[Term], pod: &PodInfo) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, NO_LABELS))
}

/// The labels of the pod's namespace.
pub(super) fn namespace_labels(pod: &PodInfo, nodes: &Snapshot) -> BTreeMap<String, String> {
    let namespace = nodes.related.get::<Namespace>("", pod.namespace());
    namespace.and_then(|namespace| namespace.metadata.labels.clone()).unwrap_or_default()
}

impl Configured for InterPodAffinity {
    type Args = InterPodAffinityArgs;

    fn configured(args: InterPodAffinityArgs) -> Result<Self, InvalidArgs> {
        let weight = args.hard_pod_affinity_weight;
        if !(0..=100).contains(&weight) {
            return Err(InvalidArgs(format!(
                "hardPodAffinityWeight: Invalid value: {weight}: not in valid range [0, 100]"
            )));
        }
        Ok(InterPodAffinity { args })
    }
}
