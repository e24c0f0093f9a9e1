//! Ranks nodes by how evenly pods would be spread.

use std::sync::Arc;

use super::spread_constraints::Constraint;
use super::spread_counts::{Count, Counts};
use crate::change::{Change, Reach};
use crate::plugin::{MAX_SCORE, NodeScore, Normalize, Range, Scoring};
use crate::pod::PodInfo;
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};

const HOSTNAME: &str = "kubernetes.io/hostname";

/// Nodes with more pods that count raise the raw score; the lowest becomes the best.
pub(super) fn prepare(
    pod: &Arc<PodInfo>,
    constraints: Vec<Constraint>,
    needs_all: bool,
    nodes: &Snapshot,
    feasible: &[NodeIndex],
) -> Scoring {
    let counts = Counts::new(pod, constraints, needs_all, nodes);
    let weights = counts.each.iter().map(|count| Weight::new(count, pod, nodes)).collect();
    let mut spread = Spread { counts, weights, considered: 0 };
    let considered = feasible.iter().filter_map(|index| nodes.node(*index));
    for node in considered {
        spread.consider(node.index(), true);
    }
    Scoring::PerNode { score: Box::new(spread), normalize: Normalize::With(normalize) }
}

/// How the pods that count are spread now.
struct Spread {
    counts: Counts,
    weights: Vec<Weight>,
    /// How many of the nodes that will do are in a domain of each constraint that must be had.
    considered: usize,
}

/// How much a constraint weighs: more with more domains, so that those over few and over many domains weigh alike.
struct Weight {
    /// By node, the pods that count; only for hosts, where the domain of a node is the node itself.
    on_node: Option<Vec<i64>>,
    /// By domain, the nodes in question.
    nodes: Vec<usize>,
    /// How many domains have such nodes.
    domains: usize,
    value: f64,
}

impl Weight {
    fn new(count: &Count, pod: &PodInfo, nodes: &Snapshot) -> Self {
        let on_node = (count.constraint.topology_key == HOSTNAME).then(|| {
            let mut on_node = vec![0; nodes.rows()];
            nodes.nodes().for_each(|node| on_node[node.index().place()] = count.constraint.count(pod, node));
            on_node
        });
        Weight { on_node, nodes: vec![0; count.domains.end()], domains: 0, value: 0.0 }
    }
}

impl Spread {
    /// Takes a node into question or out of it.
    fn consider(&mut self, node: NodeIndex, is_in_question: bool) {
        if !self.counts.considers(node) {
            return;
        }
        let more = |number: usize| if is_in_question { number + 1 } else { number.saturating_sub(1) };
        self.considered = more(self.considered);
        for (count, weight) in self.counts.each.iter().zip(&mut self.weights) {
            let nodes = &mut weight.nodes[count.domains.domain(node)];
            let before = std::mem::replace(nodes, more(*nodes));
            weight.domains = weight.domains + usize::from(*nodes > 0) - usize::from(before > 0);
            let domains = if weight.on_node.is_some() { self.considered } else { weight.domains };
            weight.value = (domains as f64 + 2.0).ln();
        }
    }
}

impl NodeScore for Spread {
    fn score(&self, node: NodeView<'_>) -> Option<i64> {
        if !self.counts.considers(node.index()) {
            return None;
        }
        let mut score = 0.0;
        for (count, weight) in self.counts.each.iter().zip(&self.weights) {
            let domain = count.domains.domain(node.index());
            if domain > 0 {
                let there = match &weight.on_node {
                    Some(on_node) => on_node[node.index().place()],
                    None => count.at(domain),
                };
                score += there as f64 * weight.value + (count.constraint.max_skew - 1) as f64;
            }
        }
        Some(score.round() as i64)
    }

    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let mut reached = Vec::new();
        for change in changes {
            for (count, weight) in self.counts.each.iter().zip(&mut self.weights) {
                if let Some(on_node) = &mut weight.on_node
                    && self.counts.counts(count, change.pod)
                {
                    on_node[change.node.index().place()] += change.by;
                }
            }
            self.counts.change(*change, false, |count, _, domain, _| {
                if count.constraint.topology_key != HOSTNAME {
                    reached.push((count.domains.clone(), domain));
                }
            });
        }
        Reach::Domains(reached)
    }

    fn domains(&self) -> Option<Arc<Domains>> {
        match (self.counts.each.as_slice(), self.weights.as_slice()) {
            ([only], [Weight { on_node: None, .. }]) => Some(only.domains.clone()),
            _ => None,
        }
    }

    fn feasible_changed(&mut self, nodes: &[(NodeIndex, bool)]) -> Reach {
        let values = |spread: &Self| spread.weights.iter().map(|weight| weight.value).collect::<Vec<_>>();
        let before = values(self);
        nodes.iter().for_each(|(node, feasible)| self.consider(*node, *feasible));
        if values(self) == before { Reach::Node } else { Reach::Everywhere }
    }
}

fn normalize(raw: i64, range: Range) -> i64 {
    match range.highest {
        0 => MAX_SCORE,
        highest => MAX_SCORE * (highest + range.lowest - raw) / highest,
    }
}
