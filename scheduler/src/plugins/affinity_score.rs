//! Ranks nodes by which pods are near that the pod, or they themselves, would have near or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::inter_pod_affinity::{InterPodAffinityArgs, namespace_labels};
use super::tallies::Tallies;
use crate::change::{Change, Reach};
use crate::plugin::{MAX_SCORE, NodeScore, Normalize, Range, Scoring};
use crate::pod::{NO_LABELS, PodInfo};
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};
use crate::terms::{Term, WeightedTerm};

/// The weights that wishes give to domains.
struct Wishes {
    pod: Arc<PodInfo>,
    namespace_labels: BTreeMap<String, String>,
    near: Vec<WeightedTerm>,
    apart: Vec<WeightedTerm>,
    hard_weight: i64,
    weights: Tallies,
    /// Whether nobody had wished anything when it was made: no node is better than another then.
    idle: bool,
}

pub(super) fn prepare(args: &InterPodAffinityArgs, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Scoring {
    let resolve = |wish: &WeightedTerm| WeightedTerm { weight: wish.weight, term: wish.term.resolved(nodes) };
    let resolved = |terms: &[WeightedTerm]| terms.iter().map(resolve).collect::<Vec<_>>();
    let mut wishes = Wishes {
        pod: pod.clone(),
        namespace_labels: namespace_labels(pod, nodes),
        near: resolved(&pod.terms().preferred_affinity),
        apart: resolved(&pod.terms().preferred_anti_affinity),
        hard_weight: args.hard_pod_affinity_weight,
        weights: Tallies::default(),
        idle: false,
    };
    let has_wishes = !wishes.near.is_empty() || !wishes.apart.is_empty();
    if args.ignore_preferred_terms_of_existing_pods && !has_wishes {
        return Scoring::Skip;
    }
    let mut reached = Vec::new();
    for change in nodes.nodes_with_affinity().flat_map(Change::all_on) {
        wishes.add_theirs(change, &mut reached);
        reached.clear();
    }
    if has_wishes {
        for change in nodes.nodes().flat_map(Change::all_on) {
            wishes.add_own(change, &mut reached);
            reached.clear();
        }
    }
    wishes.idle = wishes.weights.is_empty();
    let normalize = if wishes.idle { Normalize::Each(|_| 0) } else { Normalize::With(normalize) };
    Scoring::PerNode { score: Box::new(wishes), normalize }
}

impl Wishes {
    /// What a pod that is there has to say about the pod coming near.
    fn add_theirs(&mut self, change: Change<'_>, reached: &mut Vec<(Arc<Domains>, usize)>) {
        let terms = change.pod.terms();
        let hard = terms.required_affinity.iter().map(|term| (term, self.hard_weight));
        let near = terms.preferred_affinity.iter().map(|wish| (&wish.term, wish.weight));
        let apart = terms.preferred_anti_affinity.iter().map(|wish| (&wish.term, -wish.weight));
        for (term, weight) in hard.chain(near).chain(apart) {
            if term.matches(&self.pod, &self.namespace_labels) {
                give(&mut self.weights, term, weight, change, reached);
            }
        }
    }

    /// What the pod has to say about one that is there.
    fn add_own(&mut self, change: Change<'_>, reached: &mut Vec<(Arc<Domains>, usize)>) {
        let near = self.near.iter().map(|wish| (&wish.term, wish.weight));
        let apart = self.apart.iter().map(|wish| (&wish.term, -wish.weight));
        for (term, weight) in near.chain(apart) {
            if term.matches(change.pod, NO_LABELS) {
                give(&mut self.weights, term, weight, change, reached);
            }
        }
    }
}

/// Gives weight to the domain of a node, and tells which that is.
fn give(
    weights: &mut Tallies,
    term: &Term,
    weight: i64,
    change: Change<'_>,
    reached: &mut Vec<(Arc<Domains>, usize)>,
) {
    if weight != 0 {
        let given = weights.add(&term.topology_key, change.node, weight * change.by);
        reached.extend(given.map(|counted| counted.domain()));
    }
}

impl NodeScore for Wishes {
    fn score(&self, node: NodeView<'_>) -> Option<i64> {
        Some(self.weights.all_at(node.index()).sum())
    }

    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let mut reached = Vec::new();
        for change in changes {
            self.add_theirs(*change, &mut reached);
            self.add_own(*change, &mut reached);
        }
        match (self.idle, reached.is_empty()) {
            (true, true) => Reach::Nowhere,
            (true, false) => Reach::Unknown,
            (false, _) => Reach::Domains(reached),
        }
    }

    fn domains(&self) -> Option<Arc<Domains>> {
        self.weights.only()
    }

    fn feasible_changed(&mut self, _: &[(NodeIndex, bool)]) -> Reach {
        Reach::Node
    }
}

/// The lowest becomes the worst, the highest the best; all are the worst if they are equal.
fn normalize(raw: i64, Range { lowest, highest }: Range) -> i64 {
    let share = if highest > lowest { (raw - lowest) as f64 / (highest - lowest) as f64 } else { 0.0 };
    (MAX_SCORE as f64 * share) as i64
}
