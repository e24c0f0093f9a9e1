//! One plugin's scores of all nodes that will do, raw and brought to one scale, kept up to date.

use std::sync::Arc;

use super::levels::Levels;
use super::totals::{NodeSet, Totals};
use crate::change::Reached;
use crate::plugin::{MAX_SCORE, NodeScore, Normalize, Range};
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};

/// The raw score of a slot that was not scored since it may have changed.
const UNKNOWN: i64 = i64::MIN;
/// The raw score of a slot that the plugin leaves out.
const LEFT_OUT: i64 = i64::MIN + 1;

/// One plugin's scores, by slot: a slot is a node, or where all nodes of a domain have one score, a domain. Raw scores
/// are kept for nodes that will not do, too, until something changes there.
pub(super) struct Column {
    pub(super) plugin: &'static str,
    pub(super) weight: i64,
    pub(super) score: Box<dyn NodeScore>,
    normalize: Normalize,
    /// The domains that are the slots; `None` where nodes are.
    domains: Option<Arc<Domains>>,
    raw: Vec<i64>,
    /// How many of them are known.
    known: usize,
    normalized: Vec<u8>,
    /// By domain, how many nodes will do; of no use where nodes are the slots.
    present: Vec<u32>,
    /// The slots that are present and not left out; of no use where raw scores need not be normalized.
    levels: Levels,
}

/// The plugin gave a score that is none.
pub(super) struct OutOfScale(pub(super) i64);

/// Which nodes have to be scored again.
pub(super) struct Again<'a> {
    /// Nodes where something changed.
    pub(super) nodes: &'a [NodeIndex],
    /// Nodes that have begun to do, or with `false` have ceased to.
    pub(super) flipped: &'a [(NodeIndex, bool)],
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
        let domains = score.domains();
        let slots = domains.as_ref().map_or(rows, |domains| domains.end());
        Column {
            plugin,
            weight,
            score,
            normalize,
            raw: vec![UNKNOWN; slots],
            known: 0,
            normalized: vec![0; slots],
            present: if domains.is_some() { vec![0; slots] } else { Vec::new() },
            domains,
            levels: Levels::new(slots),
        }
    }

    /// Whether the plugin scores by the same domains as when the column was made.
    pub(super) fn is_as_made(&self) -> bool {
        match (&self.domains, &self.score.domains()) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn slot(&self, node: NodeIndex) -> usize {
        self.domains.as_ref().map_or(node.place(), |domains| domains.domain(node))
    }

    /// On the plugin's own scale; 0 for what it leaves out.
    pub(super) fn raw(&self, node: NodeIndex) -> i64 {
        let raw = self.raw[self.slot(node)];
        if raw <= LEFT_OUT { 0 } else { raw }
    }

    pub(super) fn normalized(&self, node: NodeIndex) -> i64 {
        self.normalized[self.slot(node)].into()
    }

    /// Scores nodes again, and brings everything up to date that depends on that.
    pub(super) fn score_again(
        &mut self,
        again: &Again<'_>,
        feasible: &NodeSet,
        snapshot: &Snapshot,
        totals: &mut Totals,
    ) -> Result<(), OutOfScale> {
        let before = self.levels.range();
        let mut slots = Vec::new();
        if !self.stays(snapshot) {
            again.flipped.iter().for_each(|(node, feasible)| self.flip(*node, *feasible, &mut slots));
        }
        let flipped = slots.len();
        slots.extend(self.reached(again, snapshot));
        for (at, slot) in slots.iter().enumerate() {
            // What was scored before it ceased to do, and not changed since, is scored still.
            if at >= flipped || self.raw[*slot] == UNKNOWN {
                self.score_slot(*slot, feasible, snapshot);
            }
        }
        let normalize = &self.normalize;
        let changed = self.levels.settle(before, |raw, range| normalize.apply(raw, range));
        changed.into_iter().try_for_each(|(slot, score)| self.set(slot, score, totals))?;
        slots.into_iter().try_for_each(|slot| match self.raw[slot] {
            UNKNOWN => Ok(()),
            LEFT_OUT => self.set(slot, 0, totals),
            raw if self.stands_alone() => self.set(slot, self.normalize.alone(raw), totals),
            raw => self.set(slot, self.levels.normalized(raw), totals),
        })
    }

    /// Whether a score does not depend on others.
    fn stands_alone(&self) -> bool {
        matches!(self.normalize, Normalize::Not | Normalize::Each(_))
    }

    /// Whether all scores stay what they are, whichever nodes will do.
    fn stays(&self, snapshot: &Snapshot) -> bool {
        self.stands_alone() && self.domains.is_none() && self.known == snapshot.len()
    }

    /// Takes in that a node has begun or ceased to do. Adds its slot if that has begun to, too, and its score may not be
    /// what it was.
    fn flip(&mut self, node: NodeIndex, is_feasible: bool, slots: &mut Vec<usize>) {
        let slot = self.slot(node);
        if let Some(present) = self.present.get_mut(slot) {
            let before = *present;
            *present = if is_feasible { before + 1 } else { before.saturating_sub(1) };
            if before > 0 && *present > 0 {
                return;
            }
        }
        let raw = self.raw[slot];
        if self.stands_alone() && raw != UNKNOWN {
            return;
        }
        match is_feasible {
            true => {
                self.enter(slot, raw);
                slots.push(slot);
            }
            false => self.leave(slot, raw),
        }
    }

    /// The slots that changes reach, each once: a changed node is often one of a domain that is reached, too.
    fn reached(&self, again: &Again<'_>, snapshot: &Snapshot) -> Vec<usize> {
        if again.reached.everywhere {
            return match &self.domains {
                Some(domains) => (0..domains.end()).collect(),
                None => snapshot.nodes().map(|node| node.index().place()).collect(),
            };
        }
        let mut slots: Vec<usize> = again.nodes.iter().map(|node| self.slot(*node)).collect();
        for (domains, domain) in again.reached.domains() {
            match &self.domains {
                Some(own) if Arc::ptr_eq(own, domains) => slots.push(*domain),
                _ => slots.extend(domains.nodes(*domain).iter().map(|node| self.slot(*node))),
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn score_slot(&mut self, slot: usize, feasible: &NodeSet, snapshot: &Snapshot) {
        let raw = match self.view(slot, feasible, snapshot) {
            Some(view) => self.score.score(view).map_or(LEFT_OUT, |raw| raw.max(LEFT_OUT + 1)),
            None => UNKNOWN,
        };
        let before = std::mem::replace(&mut self.raw[slot], raw);
        self.known = self.known + usize::from(raw != UNKNOWN) - usize::from(before != UNKNOWN);
        if before != raw {
            self.leave(slot, before);
            self.enter(slot, raw);
        }
    }

    /// A node of the slot, if any will do.
    fn view<'s>(&self, slot: usize, feasible: &NodeSet, snapshot: &'s Snapshot) -> Option<NodeView<'s>> {
        match &self.domains {
            None => snapshot.node(NodeIndex::at(slot)).filter(|node| feasible.contains(node.index())),
            Some(domains) => {
                let first = domains.nodes(slot).first().filter(|_| self.present[slot] > 0)?;
                snapshot.node(*first)
            }
        }
    }

    fn enter(&mut self, slot: usize, raw: i64) {
        if raw > LEFT_OUT && !self.stands_alone() {
            self.levels.insert(slot, raw);
        }
    }

    fn leave(&mut self, slot: usize, raw: i64) {
        if raw > LEFT_OUT && !self.stands_alone() {
            self.levels.remove(slot, raw);
        }
    }

    fn set(&mut self, slot: usize, score: i64, totals: &mut Totals) -> Result<(), OutOfScale> {
        let before = i64::from(self.normalized[slot]);
        if score == before {
            return Ok(());
        }
        self.normalized[slot] =
            u8::try_from(score).ok().filter(|_| score <= MAX_SCORE).ok_or(OutOfScale(score))?;
        let more = self.weight * (score - before);
        match &self.domains {
            None => totals.add(NodeIndex::at(slot), more),
            Some(domains) => domains.nodes(slot).iter().for_each(|node| totals.add(*node, more)),
        }
        Ok(())
    }
}

impl Normalize {
    fn apply(&self, raw: i64, range: Range) -> i64 {
        match self {
            _ if raw <= LEFT_OUT => 0,
            Normalize::Not | Normalize::Each(_) => self.alone(raw),
            Normalize::Proportional => share(raw, range.highest),
            Normalize::Reversed => MAX_SCORE - share(raw, range.highest),
            Normalize::With(rule) => rule(raw, range),
        }
    }

    /// The score, where it does not depend on others.
    fn alone(&self, raw: i64) -> i64 {
        match self {
            Normalize::Each(rule) => rule(raw),
            _ => raw,
        }
    }
}

/// Where all are 0, all are the worst, or reversed the best.
fn share(raw: i64, highest: i64) -> i64 {
    if highest == 0 { 0 } else { raw.saturating_mul(MAX_SCORE) / highest }
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
            (Normalize::Each(|raw| 10 * raw), [1, 2, 4], [10, 20, 40]),
        ];
        for (normalize, raw, expected) in cases {
            let range = Range { lowest: raw[0], highest: raw[2] };
            assert_eq!(raw.map(|raw| normalize.apply(raw, range)), expected);
        }
    }
}
