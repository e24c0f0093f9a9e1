//! Rules out nodes by the pod's node selector and required node affinity, and ranks them by the preferred one.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Node, NodeAffinity as ApiAffinity, NodeSelectorTerm, PreferredSchedulingTerm,
};
use serde::Deserialize;
use steersman_core::field::Path;

use super::Configured;
use super::node_selector::{NodeSelector, Term, is_empty};
use crate::bare::Bare;
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Filter, Normalize, Plugin, Prepared, Score, Scoring};
use crate::pod::{NO_LABELS, PodInfo};
use crate::signature::{Part, Signature};
use crate::snapshot::{NodeIndex, Snapshot};
use crate::verdict::{Rejection, Verdict};

/// Rules out and ranks nodes by node selector and node affinity.
#[derive(Debug, Default)]
pub struct NodeAffinity {
    added_required: Option<Arc<NodeSelector>>,
    added_preferred: Vec<Preferred>,
}

/// Upstream's `NodeAffinityArgs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NodeAffinityArgs {
    /// Holds for every pod of the profile, besides the pod's own.
    pub added_affinity: Option<ApiAffinity>,
}

/// What a pod requires of a node.
pub(super) struct Required {
    added: Option<Arc<NodeSelector>>,
    labels: Option<BTreeMap<String, String>>,
    affinity: Option<NodeSelector>,
}

/// A term that is wished for, and how much.
#[derive(Clone, Debug)]
struct Preferred {
    weight: i64,
    term: Term,
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn heeds(&self, event: &Event) -> bool {
        event.node().is_some()
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        let did_match = match event {
            Event::NodeUpdated { old, .. } => Required::of(pod).check(old).is_ok(),
            _ => false,
        };
        let required = Required::of(pod).with(&self.added_required);
        Wake::when(!did_match && event.node().is_some_and(|node| required.check(node).is_ok()))
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add_part(Part::NodeSelector, pod);
        signature.add_part(Part::NodeAffinity, pod);
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Required {
    /// What the pod itself requires.
    pub(super) fn of(pod: &PodInfo) -> Self {
        let required = api_affinity(pod)
            .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
        let labels = pod.spec().and_then(|spec| spec.node_selector.clone());
        Required { added: None, labels, affinity: required.map(NodeSelector::lenient) }
    }

    fn with(self, added: &Option<Arc<NodeSelector>>) -> Self {
        Required { added: added.clone(), ..self }
    }

    fn is_nothing(&self) -> bool {
        self.added.is_none() && self.affinity.is_none() && self.labels.is_none()
    }

    pub(super) fn check(&self, node: &Node) -> Verdict {
        if self.added.as_ref().is_some_and(|added| !added.matches(node)) {
            return Err(Rejection::unresolvable("node(s) didn't match scheduler-enforced node affinity"));
        }
        let labels = node.metadata.labels.as_ref().unwrap_or(NO_LABELS);
        let mut wanted = self.labels.iter().flatten();
        let selected = wanted.all(|(key, value)| labels.get(key) == Some(value));
        if selected && self.affinity.as_ref().is_none_or(|affinity| affinity.matches(node)) {
            return Ok(());
        }
        Err(Rejection::unresolvable("node(s) didn't match Pod's node affinity/selector"))
    }
}

impl Filter for NodeAffinity {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        let required = Required::of(pod).with(&self.added_required);
        if required.is_nothing() {
            return Prepared::Skip;
        }
        let check = Box::new(Bare(move |node: crate::NodeView<'_>| required.check(node.node())));
        match named_nodes(pod) {
            Some(names) if names.is_empty() => {
                Prepared::Reject(Rejection::unresolvable("pod affinity terms conflict"))
            }
            Some(names) => Prepared::Among(names, check),
            None => Prepared::PerNode(check),
        }
    }
}

impl Score for NodeAffinity {
    /// The sum of the weights of the terms that match.
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot, _: &[NodeIndex]) -> Scoring {
        let wished = api_affinity(pod)
            .and_then(|affinity| affinity.preferred_during_scheduling_ignored_during_execution.as_deref());
        let preferred = match preferred(wished.unwrap_or_default()) {
            Ok(preferred) => preferred,
            Err(faults) => return Scoring::Fail(Rejection::error(faults.to_string())),
        };
        if wished.is_none() && self.added_preferred.is_empty() {
            return Scoring::Skip;
        }
        let preferred = [&self.added_preferred[..], &preferred[..]].concat();
        let score = move |node: crate::NodeView<'_>| {
            preferred.iter().filter(|wish| wish.term.matches(node.node())).map(|wish| wish.weight).sum()
        };
        Scoring::per_bare_node(score, Normalize::Proportional)
    }
}

impl Configured for NodeAffinity {
    type Args = NodeAffinityArgs;

    fn check(args: &NodeAffinityArgs, at: &Path<'_>) -> Faults {
        let Some(added) = &args.added_affinity else { return Faults::default() };
        let (at, mut errors) = (at.child("addedAffinity"), Faults::default());
        if let Some(required) = &added.required_during_scheduling_ignored_during_execution {
            let path = at.child("requiredDuringSchedulingIgnoredDuringExecution");
            let list = path.child("nodeSelectorTerms");
            for (index, term) in required.node_selector_terms.iter().enumerate() {
                errors.extend(Term::parse(term, &list.index(index)).err().iter().flat_map(Faults::iter));
            }
        }
        let wished = added.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        let path = at.child("preferredDuringSchedulingIgnoredDuringExecution");
        for (index, wish) in wished.enumerate().filter(|(_, wish)| counts(wish)) {
            let faults = Term::parse(&wish.preference, &path.index(index)).err();
            errors.extend(faults.iter().flat_map(Faults::iter));
        }
        errors
    }

    fn configured(args: NodeAffinityArgs) -> Self {
        let Some(added) = args.added_affinity else { return NodeAffinity::default() };
        let wished = added.preferred_during_scheduling_ignored_during_execution.unwrap_or_default();
        let required = added.required_during_scheduling_ignored_during_execution;
        NodeAffinity {
            added_required: required.as_ref().map(NodeSelector::lenient).map(Arc::new),
            added_preferred: preferred(&wished).unwrap_or_default(),
        }
    }
}

fn api_affinity(pod: &PodInfo) -> Option<&ApiAffinity> {
    pod.spec()?.affinity.as_ref()?.node_affinity.as_ref()
}

fn counts(wish: &PreferredSchedulingTerm) -> bool {
    wish.weight != 0 && !is_empty(&wish.preference)
}

/// Wishes of weight 0 and wishes that say nothing do not count; a malformed one spoils all, and what is wrong with each is
/// told.
fn preferred(wishes: &[PreferredSchedulingTerm]) -> Result<Vec<Preferred>, Faults> {
    let (mut preferred, mut faults) = (Vec::new(), Faults::default());
    for (at, wish) in wishes.iter().enumerate().filter(|(_, wish)| counts(wish)) {
        match Term::parse(&wish.preference, &Path::ROOT.index(at)) {
            Ok(term) => preferred.push(Preferred { weight: wish.weight.into(), term }),
            Err(found) => faults.extend(found.iter()),
        }
    }
    if faults.is_empty() { Ok(preferred) } else { Err(faults) }
}

/// The nodes that the pod's required terms name, if every term names some; terms are alternatives.
fn named_nodes(pod: &PodInfo) -> Option<BTreeSet<String>> {
    let required = api_affinity(pod)?.required_during_scheduling_ignored_during_execution.as_ref()?;
    let mut names = None;
    for term in &required.node_selector_terms {
        names.get_or_insert_with(BTreeSet::new).extend(named_by(term)?);
    }
    names
}

/// The nodes that one term names: its requirements must all be met.
fn named_by(term: &NodeSelectorTerm) -> Option<BTreeSet<String>> {
    let named = term.match_fields.iter().flatten();
    let named = named.filter(|field| field.key == "metadata.name" && field.operator == "In");
    let sets = named.map(|field| field.values.iter().flatten().cloned().collect::<BTreeSet<String>>());
    sets.reduce(|some, other| some.intersection(&other).cloned().collect())
}
