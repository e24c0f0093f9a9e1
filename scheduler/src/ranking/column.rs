//! One plugin's scores of all nodes that will do, raw and brought to one scale, kept up to date.

use std::sync::Arc;

use super::totals::{NodeSet, Totals};
use crate::change::Reached;
use crate::plugin::{MAX_SCORE, NodeScore, Normalize, Range};
use crate::snapshot::{Domains, NodeIndex, Snapshot};

/// The raw score of a node that was not scored since it may have changed.
const UNKNOWN: i64 = i64::MIN;
/// The raw score of a node that the plugin leaves out.
const LEFT_OUT: i64 = i64::MIN + 1;
/// Ranges up to this width are normalized by a table.
const TABLE: i64 = 1024;

/// One plugin's scores. Raw scores are kept for nodes that will not do, too, until something changes there.
pub(super) struct Column {
    pub(super) plugin: &'static str,
    pub(super) weight: i64,
    pub(super) score: Box<dyn NodeScore>,
    normalize: Normalize,
    raw: Vec<i64>,
    normalized: Vec<u8>,
    extremes: Extremes,
}

/// The plugin gave a score that is none.
pub(super) struct OutOfScale(pub(super) i64);

/// Which nodes have to be scored again.
pub(super) struct Again<'a> {
    /// Nodes where something changed.
    pub(super) nodes: &'a [NodeIndex],
    /// Nodes that have begun or ceased to do.
    pub(super) flipped: &'a [NodeIndex],
    /// How far the changes reach for the plugin.
    pub(super) reached: &'a Reached,
}

impl Column {
    pub(super) fn new(
        plugin: &'static str,
        weight: i64,
        score: Box<dyn NodeScore>,
        normalize: Normalize,
        rows: usize,
    ) -> Self {
        Column {
            plugin,
            weight,
            score,
            normalize,
            raw: vec![UNKNOWN; rows],
            normalized: vec![0; rows],
            extremes: Extremes::NONE,
        }
    }

    /// On the plugin's own scale; 0 for what it leaves out.
    pub(super) fn raw(&self, node: NodeIndex) -> i64 {
        let raw = self.raw[node.place()];
        if raw <= LEFT_OUT { 0 } else { raw }
    }

    pub(super) fn normalized(&self, node: NodeIndex) -> i64 {
        self.normalized[node.place()].into()
    }

    /// Scores nodes again, and brings everything up to date that depends on that.
    pub(super) fn score_again(
        &mut self,
        again: &Again<'_>,
        feasible: &NodeSet,
        snapshot: &Snapshot,
        totals: &mut Totals,
    ) -> Result<(), OutOfScale> {
        let before = self.extremes.range();
        for node in again.flipped {
            let raw = self.raw[node.place()];
            let (old, new) = if feasible.contains(*node) { (UNKNOWN, raw) } else { (raw, UNKNOWN) };
            self.extremes.replace(old, new);
        }
        let mut nodes = again.nodes.to_vec();
        let by_domain = self.score.is_by_domain() && !again.reached.everywhere;
        if again.reached.everywhere {
            nodes.extend(snapshot.nodes().map(|node| node.index()));
        } else if by_domain {
            again.reached.domains.iter().for_each(|domain| self.score_domain(domain, feasible, snapshot));
        } else {
            nodes.extend(again.reached.nodes());
        }
        nodes.extend(again.flipped.iter().filter(|node| self.raw[node.place()] == UNKNOWN));
        nodes.iter().for_each(|node| self.score_node(*node, feasible, snapshot));
        self.extremes.settle(&self.raw, feasible);
        if !matches!(self.normalize, Normalize::Not) && self.extremes.range() != before {
            return self.normalize_all(feasible, totals);
        }
        nodes.extend(again.flipped);
        nodes.extend(again.reached.nodes().filter(|_| by_domain));
        let range = self.extremes.range();
        nodes.into_iter().filter(|node| feasible.contains(*node)).try_for_each(|node| {
            let score = self.normalize.apply(self.raw[node.place()], range);
            self.set(node, score, totals)
        })
    }

    fn score_node(&mut self, node: NodeIndex, feasible: &NodeSet, snapshot: &Snapshot) {
        let place = &mut self.raw[node.place()];
        match snapshot.node(node).filter(|_| feasible.contains(node)) {
            Some(view) => {
                let raw = self.score.score(view).map_or(LEFT_OUT, |raw| raw.max(LEFT_OUT + 1));
                self.extremes.replace(std::mem::replace(place, raw), raw);
            }
            None => *place = UNKNOWN,
        }
    }

    /// Scores one node of the domain, and takes that over for the others.
    fn score_domain(&mut self, domain: &(Arc<Domains>, usize), feasible: &NodeSet, snapshot: &Snapshot) {
        let nodes = domain.0.nodes(domain.1);
        let first = nodes.iter().find(|node| feasible.contains(**node)).and_then(|node| snapshot.node(*node));
        let raw = first.and_then(|node| self.score.score(node)).map_or(UNKNOWN, |raw| raw.max(LEFT_OUT + 1));
        for node in nodes {
            let place = &mut self.raw[node.place()];
            if *place != LEFT_OUT {
                *place = raw;
            }
        }
        self.extremes.is_lost = true;
    }

    /// Brings all raw scores to the scale of the range that holds now.
    fn normalize_all(&mut self, feasible: &NodeSet, totals: &mut Totals) -> Result<(), OutOfScale> {
        let range = self.extremes.range();
        let width = range.highest.saturating_sub(range.lowest);
        let table: Option<Vec<i64>> = (0..TABLE)
            .contains(&width)
            .then(|| (0..=width).map(|at| self.normalize.apply(range.lowest + at, range)).collect());
        for node in feasible.iter() {
            let score = match (self.raw[node.place()], &table) {
                (UNKNOWN | LEFT_OUT, _) => 0,
                (raw, Some(table)) => table[(raw - range.lowest) as usize],
                (raw, None) => self.normalize.apply(raw, range),
            };
            self.set(node, score, totals)?;
        }
        Ok(())
    }

    fn set(&mut self, node: NodeIndex, score: i64, totals: &mut Totals) -> Result<(), OutOfScale> {
        let place = &mut self.normalized[node.place()];
        let before = i64::from(*place);
        if score != before {
            *place = u8::try_from(score).ok().filter(|_| score <= MAX_SCORE).ok_or(OutOfScale(score))?;
            totals.add(node, self.weight * (score - before));
        }
        Ok(())
    }
}

impl Normalize {
    fn apply(&self, raw: i64, range: Range) -> i64 {
        match self {
            _ if raw <= LEFT_OUT => 0,
            Normalize::Not => raw,
            Normalize::Proportional => share(raw, range.highest),
            Normalize::Reversed => MAX_SCORE - share(raw, range.highest),
            Normalize::With(rule) => rule(raw, range),
        }
    }
}

/// Where all are 0, all are the worst, or reversed the best.
fn share(raw: i64, highest: i64) -> i64 {
    if highest == 0 { 0 } else { raw.saturating_mul(MAX_SCORE) / highest }
}

/// The lowest and the highest of raw scores, and how many nodes have them.
struct Extremes {
    range: Range,
    at_lowest: usize,
    at_highest: usize,
    is_lost: bool,
}

impl Extremes {
    const NONE: Extremes = Extremes {
        range: Range { lowest: i64::MAX, highest: i64::MIN },
        at_lowest: 0,
        at_highest: 0,
        is_lost: false,
    };

    fn range(&self) -> Range {
        self.range
    }

    fn replace(&mut self, old: i64, new: i64) {
        if old == new {
            return;
        }
        if old > LEFT_OUT {
            self.at_lowest -= usize::from(old == self.range.lowest && self.at_lowest > 0);
            self.at_highest -= usize::from(old == self.range.highest && self.at_highest > 0);
            self.is_lost |= self.at_lowest == 0 || self.at_highest == 0;
        }
        if new > LEFT_OUT {
            self.add(new);
        }
    }

    fn add(&mut self, raw: i64) {
        if raw < self.range.lowest {
            (self.range.lowest, self.at_lowest) = (raw, 0);
        }
        if raw > self.range.highest {
            (self.range.highest, self.at_highest) = (raw, 0);
        }
        self.at_lowest += usize::from(raw == self.range.lowest);
        self.at_highest += usize::from(raw == self.range.highest);
    }

    /// Looks for the extremes again if a last one was replaced.
    fn settle(&mut self, raw: &[i64], feasible: &NodeSet) {
        if self.is_lost {
            *self = Extremes::NONE;
            let raw = feasible.iter().map(|node| raw[node.place()]).filter(|raw| *raw > LEFT_OUT);
            raw.for_each(|raw| self.add(raw));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_scores_become_shares_of_the_highest() {
        let cases = [
            (Normalize::Proportional, [1, 2, 4], [25, 50, 100]),
            (Normalize::Reversed, [1, 2, 4], [75, 50, 0]),
            (Normalize::Proportional, [0, 0, 0], [0, 0, 0]),
            (Normalize::Reversed, [0, 0, 0], [100, 100, 100]),
        ];
        for (normalize, raw, expected) in cases {
            let range = Range { lowest: raw[0], highest: raw[2] };
            assert_eq!(raw.map(|raw| normalize.apply(raw, range)), expected);
        }
    }

    #[test]
    fn extremes_follow_what_comes_and_goes() {
        let mut extremes = Extremes::NONE;
        let mut raw = [UNKNOWN; 3];
        let feasible: NodeSet = (0..3).map(NodeIndex::at).collect();
        for (at, new, lowest, highest) in
            [(0, 5, 5, 5), (1, 7, 5, 7), (2, 5, 5, 7), (0, 9, 5, 9), (2, UNKNOWN, 7, 9), (1, LEFT_OUT, 9, 9)]
        {
            extremes.replace(std::mem::replace(&mut raw[at], new), new);
            extremes.settle(&raw, &feasible);
            assert_eq!(extremes.range(), Range { lowest, highest });
        }
    }
}
