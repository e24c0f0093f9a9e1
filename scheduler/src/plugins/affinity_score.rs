//! Ranks nodes by which pods are near that the pod, or they themselves, would have near or not.

use std::collections::BTreeMap;

use super::inter_pod_affinity::{InterPodAffinityArgs, namespace_labels};
use crate::plugin::{MAX_SCORE, Normalize, Scoring};
use crate::pod::{NO_LABELS, PodInfo};
use crate::snapshot::{NodeView, Snapshot};
use crate::terms::{Term, WeightedTerm};

/// The weights that wishes give to domains, by topology key and value.
#[derive(Default)]
struct Wishes(BTreeMap<String, BTreeMap<String, i64>>);

impl Wishes {
    /// A pod on the node gives weight to the node's domain if the term means `pod`.
    fn add(
        &mut self,
        term: &Term,
        weight: i64,
        pod: &PodInfo,
        namespace: &BTreeMap<String, String>,
        node: NodeView<'_>,
    ) {
        if let Some(value) = node.labels().get(&term.topology_key)
            && term.matches(pod, namespace)
        {
            let domains = self.0.entry(term.topology_key.clone()).or_default();
            *domains.entry(value.clone()).or_default() += weight;
        }
    }

    fn at(&self, node: NodeView<'_>) -> i64 {
        let weights = self.0.iter().filter_map(|(key, domains)| domains.get(node.labels().get(key)?));
        weights.sum()
    }
}

pub(super) fn prepare<'a>(args: &InterPodAffinityArgs, pod: &'a PodInfo, nodes: &'a Snapshot) -> Scoring<'a> {
    let resolved = |terms: &[WeightedTerm]| {
        let resolve =
            |wish: &WeightedTerm| WeightedTerm { weight: wish.weight, term: wish.term.resolved(nodes) };
        terms.iter().map(resolve).collect::<Vec<_>>()
    };
    let near = resolved(&pod.terms().preferred_affinity);
    let apart = resolved(&pod.terms().preferred_anti_affinity);
    let has_wishes = !near.is_empty() || !apart.is_empty();
    if args.ignore_preferred_terms_of_existing_pods && !has_wishes {
        return Scoring::Skip;
    }
    let namespace = namespace_labels(pod, nodes);
    let mut wishes = Wishes::default();
    for (node, other) in
        nodes.nodes_with_affinity().flat_map(|node| node.pods().iter().map(move |other| (node, other)))
    {
        add_theirs(&mut wishes, args, other, pod, &namespace, node);
    }
    if has_wishes {
        for (node, other) in nodes.nodes().flat_map(|node| node.pods().iter().map(move |other| (node, other)))
        {
            near.iter().for_each(|wish| wishes.add(&wish.term, wish.weight, other, NO_LABELS, node));
            apart.iter().for_each(|wish| wishes.add(&wish.term, -wish.weight, other, NO_LABELS, node));
        }
    }
    if wishes.0.is_empty() {
        return Scoring::Skip;
    }
    Scoring::per_node(
        move |node: NodeView<'_>| wishes.at(node),
        Normalize::With(Box::new(|_, scores| normalize(scores))),
    )
}

/// What a pod that is there has to say about the pod coming near.
fn add_theirs(
    wishes: &mut Wishes,
    args: &InterPodAffinityArgs,
    other: &PodInfo,
    pod: &PodInfo,
    namespace: &BTreeMap<String, String>,
    node: NodeView<'_>,
) {
    let terms = other.terms();
    if args.hard_pod_affinity_weight > 0 {
        for term in &terms.required_affinity {
            wishes.add(term, args.hard_pod_affinity_weight, pod, namespace, node);
        }
    }
    for wish in &terms.preferred_affinity {
        wishes.add(&wish.term, wish.weight, pod, namespace, node);
    }
    for wish in &terms.preferred_anti_affinity {
        wishes.add(&wish.term, -wish.weight, pod, namespace, node);
    }
}

/// The lowest becomes the worst, the highest the best; all are the worst if they are equal.
fn normalize(scores: &mut [i64]) {
    let lowest = scores.iter().copied().min().unwrap_or_default();
    let range = scores.iter().copied().max().unwrap_or_default() - lowest;
    for score in scores {
        let share = if range > 0 { (*score - lowest) as f64 / range as f64 } else { 0.0 };
        *score = (MAX_SCORE as f64 * share) as i64;
    }
}
