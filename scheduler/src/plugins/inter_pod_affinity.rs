//! Rules out and ranks nodes by the pods that are near them.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity>

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionResource;

use super::Configured;
use super::affinity_score;
use super::tallies::{Counted, Tallies};
use crate::change::{Change, Reach};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Filter, NodeFilter, Plugin, Prepared, Score, Scoring};
use crate::pod::{NO_LABELS, PodInfo};
use crate::signature::{Part, Signature};
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};
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
            Event::Related { .. } | Event::PendingPodAdded(_) => event.related::<Namespace>().is_some(),
        })
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![GroupVersionResource::of::<Namespace>()]
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        let affinity = pod.spec().and_then(|spec| spec.affinity.as_ref());
        signature.add_part(Part::Namespace, pod);
        signature.add_part(Part::Labels, pod);
        signature.add(&affinity.and_then(|affinity| affinity.pod_affinity.as_ref()));
        signature.add(&affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref()));
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
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let malformed = &pod.terms().malformed;
        if !malformed.is_empty() {
            return Prepared::Reject(Rejection::unresolvable(format!("parsing pod: {malformed}")));
        }
        Prepared::PerNode(Box::new(Neighbours::count(pod, nodes)))
    }
}

impl Score for InterPodAffinity {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, _: &[NodeIndex]) -> Scoring {
        affinity_score::prepare(&self.args, pod, nodes)
    }
}

/// The pods that the pod must be near, must be apart from, and that will not have it near.
struct Neighbours {
    pod: Arc<PodInfo>,
    namespace_labels: BTreeMap<String, String>,
    near: Vec<Term>,
    apart: Vec<Term>,
    /// Whether the pod is one of those that it must be near itself.
    is_like_itself: bool,
    /// Whether there is nothing to say about any node. Upstream leaves the plugin out then, even when pods are put on a
    /// node for trial that would have something against the pod.
    is_silent: bool,
    wanted: Tallies,
    avoided: Tallies,
    unwelcome: Tallies,
}

impl Neighbours {
    fn count(pod: &Arc<PodInfo>, nodes: &Snapshot) -> Self {
        let resolved = |terms: &[Term]| terms.iter().map(|term| term.resolved(nodes)).collect::<Vec<_>>();
        let near = resolved(&pod.terms().required_affinity);
        let apart = resolved(&pod.terms().required_anti_affinity);
        let mut neighbours = Neighbours {
            pod: pod.clone(),
            namespace_labels: namespace_labels(pod, nodes),
            is_like_itself: all_match(&near, pod),
            is_silent: false,
            wanted: Tallies::of(&near, nodes),
            avoided: Tallies::of(&apart, nodes),
            near,
            apart,
            unwelcome: Tallies::default(),
        };
        let mut turned = Turned::default();
        for change in nodes.nodes_with_required_anti_affinity().flat_map(Change::all_on) {
            neighbours.count_unwelcome(change, &mut turned);
        }
        if !neighbours.near.is_empty() || !neighbours.apart.is_empty() {
            for change in nodes.nodes().flat_map(Change::all_on) {
                neighbours.count_own(change, &mut turned);
            }
        }
        neighbours.settle();
        neighbours
    }

    fn settle(&mut self) {
        self.is_silent = self.near.is_empty() && self.apart.is_empty() && self.unwelcome.is_zero();
    }

    fn count_unwelcome(&mut self, change: Change<'_>, turned: &mut Turned) {
        for term in &change.pod.terms().required_anti_affinity {
            if term.matches(&self.pod, &self.namespace_labels) {
                turned.note(self.unwelcome.add(&term.topology_key, change.node, change.by));
            }
        }
    }

    fn count_own(&mut self, change: Change<'_>, turned: &mut Turned) {
        if all_match(&self.near, change.pod) {
            let were_there_none = self.wanted.is_zero();
            for term in &self.near {
                turned.note(self.wanted.add(&term.topology_key, change.node, change.by));
            }
            turned.everywhere |= were_there_none != self.wanted.is_zero();
        }
        for term in self.apart.iter().filter(|term| term.matches(change.pod, NO_LABELS)) {
            turned.note(self.avoided.add(&term.topology_key, change.node, change.by));
        }
    }

    /// Near each of the wanted pods; the first of a group that wants to be together may be anywhere.
    fn is_near(&self, node: NodeView<'_>) -> bool {
        let mut near = true;
        for term in &self.near {
            let Some(pods) = self.wanted.at(&term.topology_key, node.index()) else { return false };
            near &= pods > 0;
        }
        near || (self.is_like_itself && self.wanted.is_zero())
    }
}

/// Where there are pods that count and there were none, or the other way round.
#[derive(Default)]
struct Turned {
    domains: Vec<(Arc<Domains>, usize)>,
    everywhere: bool,
}

impl Turned {
    fn note(&mut self, counted: Option<Counted<'_>>) {
        self.domains.extend(counted.filter(Counted::is_turn).map(|counted| counted.domain()));
    }

    fn reach(self) -> Reach {
        if self.everywhere { Reach::Everywhere } else { Reach::Domains(self.domains) }
    }
}

impl NodeFilter for Neighbours {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        if !self.is_near(node) {
            return Err(Rejection::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if self.avoided.all_at(node.index()).any(|pods| pods > 0) {
            return Err(Rejection::unschedulable("node(s) didn't match pod anti-affinity rules"));
        }
        if self.unwelcome.all_at(node.index()).any(|pods| pods > 0) {
            return Err(Rejection::unschedulable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }

    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let mut turned = Turned::default();
        for change in changes {
            self.count_unwelcome(*change, &mut turned);
            self.count_own(*change, &mut turned);
        }
        self.settle();
        turned.reach()
    }

    fn is_local(&self) -> bool {
        self.is_silent
    }

    fn suppose(&mut self, change: Change<'_>) {
        if !self.is_silent {
            let mut turned = Turned::default();
            self.count_unwelcome(change, &mut turned);
            self.count_own(change, &mut turned);
        }
    }
}

fn all_match(terms: &[Term], pod: &PodInfo) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, NO_LABELS))
}

/// The labels of the pod's namespace.
pub(super) fn namespace_labels(pod: &PodInfo, nodes: &Snapshot) -> BTreeMap<String, String> {
    let namespace = nodes.related().get::<Namespace>("", pod.namespace());
    namespace.and_then(|namespace| namespace.metadata.labels.clone()).unwrap_or_default()
}

impl Configured for InterPodAffinity {
    type Args = InterPodAffinityArgs;

    fn check(args: &InterPodAffinityArgs, at: &Path<'_>) -> Faults {
        let weight = args.hard_pod_affinity_weight;
        let why = "not in valid range [0, 100]";
        let fault = || field::Error::invalid(&at.child("hardPodAffinityWeight"), weight, why);
        Faults::from_iter((!(0..=100).contains(&weight)).then(fault))
    }

    fn configured(args: InterPodAffinityArgs) -> Self {
        InterPodAffinity { args }
    }
}
