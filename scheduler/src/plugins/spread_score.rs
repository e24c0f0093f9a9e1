//! Ranks nodes by how evenly pods would be spread.

use std::collections::{BTreeMap, BTreeSet};

use super::node_affinity::Required;
use super::spread_constraints::{Constraint, in_all};
use crate::plugin::{MAX_SCORE, Normalize, Scoring};
use crate::pod::PodInfo;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};

const HOSTNAME: &str = "kubernetes.io/hostname";

/// A constraint, with the number of pods that count in each domain of the nodes in question.
struct Weighed {
    constraint: Constraint,
    /// Empty for hosts: there the node's own pods are counted.
    pods: BTreeMap<String, i64>,
    /// Grows with the number of domains, so that constraints over few and over many domains weigh alike.
    weight: f64,
}

/// Nodes with more pods that count raise the raw score; the lowest becomes the best.
pub(super) fn prepare<'a>(
    pod: &'a PodInfo,
    constraints: Vec<Constraint>,
    needs_all: bool,
    nodes: &'a Snapshot,
    feasible: &[NodeIndex],
) -> Scoring<'a> {
    let ignored = |node: &NodeView<'_>| needs_all && !in_all(&constraints, *node);
    let (out, considered): (Vec<_>, Vec<_>) =
        feasible.iter().filter_map(|index| nodes.node(*index)).partition(ignored);
    let out: BTreeSet<NodeIndex> = out.iter().map(|node| node.index()).collect();
    let placed: Vec<NodeView<'_>> = nodes.nodes().filter(|node| !ignored(node)).collect();
    let required = Required::of(pod);
    let weigh = |constraint| weigh(constraint, pod, &required, &considered, &placed);
    let weighed: Vec<Weighed> = constraints.into_iter().map(weigh).collect();
    let left_out = out.clone();
    let score = move |node: NodeView<'_>| {
        if left_out.contains(&node.index()) { 0 } else { raw(&weighed, pod, node) }
    };
    Scoring::per_node(score, Normalize::With(Box::new(move |nodes, scores| normalize(&out, nodes, scores))))
}

fn weigh(
    constraint: Constraint,
    pod: &PodInfo,
    required: &Required<'_>,
    considered: &[NodeView<'_>],
    placed: &[NodeView<'_>],
) -> Weighed {
    let mut pods = BTreeMap::new();
    let mut domains = considered.len();
    if constraint.topology_key != HOSTNAME {
        pods.extend(considered.iter().map(|node| (domain(&constraint, *node).to_owned(), 0)));
        domains = pods.len();
        for node in placed.iter().filter(|node| constraint.includes(pod, required, **node)) {
            if let Some(there) = pods.get_mut(domain(&constraint, *node)) {
                *there += constraint.count(pod, *node);
            }
        }
    }
    Weighed { constraint, pods, weight: (domains as f64 + 2.0).ln() }
}

/// The domain of the node; nodes without the label are one together.
fn domain<'n>(constraint: &Constraint, node: NodeView<'n>) -> &'n str {
    node.labels().get(&constraint.topology_key).map(String::as_str).unwrap_or_default()
}

fn raw(weighed: &[Weighed], pod: &PodInfo, node: NodeView<'_>) -> i64 {
    let labelled = weighed.iter().filter(|each| node.labels().contains_key(&each.constraint.topology_key));
    let score: f64 = labelled
        .map(|Weighed { constraint, pods, weight }| {
            let there = match constraint.topology_key.as_str() {
                HOSTNAME => constraint.count(pod, node),
                _ => pods.get(domain(constraint, node)).copied().unwrap_or_default(),
            };
            there as f64 * weight + (constraint.max_skew - 1) as f64
        })
        .sum();
    score.round() as i64
}

fn normalize(out: &BTreeSet<NodeIndex>, nodes: &[NodeIndex], scores: &mut [i64]) {
    let counted = || nodes.iter().zip(scores.iter()).filter(|(node, _)| !out.contains(node));
    let lowest = counted().map(|(_, score)| *score).min().unwrap_or_default();
    let highest = counted().map(|(_, score)| *score).max().unwrap_or_default();
    for (node, score) in nodes.iter().zip(scores) {
        *score = match (out.contains(node), highest) {
            (true, _) => 0,
            (false, 0) => MAX_SCORE,
            (false, _) => MAX_SCORE * (highest + lowest - *score) / highest,
        };
    }
}
