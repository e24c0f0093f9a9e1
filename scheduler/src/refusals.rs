//! Which nodes were ruled out, and why: nodes are many, reasons few.

use std::collections::BTreeMap;
use std::fmt;

use crate::snapshot::NodeIndex;
use crate::verdict::Refusal;

/// What ruled out each node.
#[derive(Clone, Default)]
pub struct Refusals {
    /// The number of the refusal of each node; 0 is none.
    of: Vec<u32>,
    kinds: Kinds,
    /// How many nodes have each refusal, from number 1 on.
    nodes: Vec<usize>,
}

/// Refusals, each once, numbered from 1.
#[derive(Clone, Default)]
pub(crate) struct Kinds {
    refusals: Vec<Refusal>,
    numbers: BTreeMap<Refusal, u32>,
    /// The place of the one that was numbered last.
    latest: usize,
}

impl Kinds {
    pub(crate) fn len(&self) -> usize {
        self.refusals.len()
    }

    pub(crate) fn number(&mut self, refusal: Refusal) -> u32 {
        // Nodes of one domain are refused one after the other.
        let is_it = |latest: &Refusal| latest.is_same(&refusal) || *latest == refusal;
        if self.refusals.get(self.latest).is_some_and(is_it) {
            return (self.latest + 1) as u32;
        }
        if let Some(number) = self.numbers.get(&refusal) {
            self.latest = (*number as usize).saturating_sub(1);
            return *number;
        }
        self.refusals.push(refusal.clone());
        // Each has a node of its own, and there are fewer than 2³² nodes.
        let number = self.refusals.len() as u32;
        self.numbers.insert(refusal, number);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Refusal> {
        self.refusals.get((number as usize).checked_sub(1)?)
    }
}

impl Refusals {
    /// What ruled out a node.
    pub fn get(&self, node: NodeIndex) -> Option<&Refusal> {
        self.kinds.get(self.number(node))
    }

    /// Each refusal with the number of nodes that it ruled out.
    pub fn counted(&self) -> impl Iterator<Item = (&Refusal, usize)> {
        let each = self.kinds.refusals.iter().zip(self.nodes.iter().copied());
        each.filter(|(_, nodes)| *nodes > 0)
    }

    /// How many nodes were ruled out.
    pub fn len(&self) -> usize {
        self.nodes.iter().sum()
    }

    /// Whether no node was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes that were ruled out.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeIndex, &Refusal)> {
        let each = self.of.iter().enumerate();
        each.filter_map(|(row, number)| Some((NodeIndex::at(row), self.kinds.get(*number)?)))
    }

    pub(crate) fn set(&mut self, node: NodeIndex, refusal: Refusal) {
        let number = self.kinds.number(refusal);
        self.set_number(node, number);
    }

    /// How many different refusals there have been.
    pub(crate) fn kinds_len(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn kinds(&mut self) -> &mut Kinds {
        &mut self.kinds
    }

    pub(crate) fn number(&self, node: NodeIndex) -> u32 {
        self.of.get(node.place()).copied().unwrap_or_default()
    }

    /// Gives a node the refusal of a number, 0 for none; gives back the number it had.
    #[inline]
    pub(crate) fn set_number(&mut self, node: NodeIndex, number: u32) -> u32 {
        if number > 0 && self.of.len() <= node.place() {
            self.of.resize(node.place() + 1, 0);
        }
        let Some(place) = self.of.get_mut(node.place()) else { return 0 };
        let before = std::mem::replace(place, number);
        if self.nodes.len() < self.kinds.len() {
            self.nodes.resize(self.kinds.len(), 0);
        }
        if let Some(nodes) = (before as usize).checked_sub(1).and_then(|at| self.nodes.get_mut(at)) {
            *nodes -= 1;
        }
        if let Some(nodes) = (number as usize).checked_sub(1).and_then(|at| self.nodes.get_mut(at)) {
            *nodes += 1;
        }
        before
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.nodes()).finish()
    }
}
