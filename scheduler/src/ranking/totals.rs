//! The best of many nodes by their totals, kept up to date: nodes are grouped, and each group knows its best.

use crate::snapshot::NodeIndex;

/// How many nodes are a group: one word of bits.
const GROUP: usize = 64;

/// A set of nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeSet {
    words: Vec<u64>,
    len: usize,
}

impl NodeSet {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn contains(&self, node: NodeIndex) -> bool {
        let (word, bit) = (node.place() / GROUP, node.place() % GROUP);
        self.words.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// Puts a node in or takes it out; whether that changed anything.
    #[inline]
    pub(crate) fn set(&mut self, node: NodeIndex, member: bool) -> bool {
        let (word, bit) = (node.place() / GROUP, node.place() % GROUP);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let word = &mut self.words[word];
        if (*word >> bit & 1 == 1) == member {
            return false;
        }
        *word ^= 1 << bit;
        self.len = if member { self.len + 1 } else { self.len - 1 };
        true
    }

    /// The nodes, by their index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeIndex> {
        let words = self.words.iter().enumerate();
        words.flat_map(|(at, word)| bits(*word).map(move |bit| NodeIndex::at(at * GROUP + bit)))
    }
}

impl FromIterator<NodeIndex> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeIndex>>(nodes: I) -> Self {
        let mut set = NodeSet::default();
        for node in nodes {
            set.set(node, true);
        }
        set
    }
}

/// The total of each node, and the best of those that count.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    totals: Vec<i64>,
    counted: NodeSet,
    groups: Vec<Best>,
    stale: Vec<bool>,
}

/// The highest total of a group, and how many of its nodes have it.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    total: i64,
    nodes: usize,
}

impl Totals {
    pub(crate) fn new(rows: usize) -> Self {
        let groups = rows.div_ceil(GROUP);
        Totals {
            totals: vec![0; rows],
            counted: NodeSet::default(),
            groups: vec![Best::default(); groups],
            stale: vec![true; groups],
        }
    }

    pub(crate) fn get(&self, node: NodeIndex) -> i64 {
        self.totals.get(node.place()).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, node: NodeIndex, more: i64) {
        self.totals[node.place()] += more;
        self.stale[node.place() / GROUP] = true;
    }

    /// Whether the node comes into question.
    pub(crate) fn count(&mut self, node: NodeIndex, counts: bool) {
        if self.counted.set(node, counts) {
            self.stale[node.place() / GROUP] = true;
        }
    }

    /// The node with the highest total; of several, the one that `tie` falls on.
    pub(crate) fn best(&mut self, tie: u64) -> Option<NodeIndex> {
        for at in 0..self.groups.len() {
            if std::mem::take(&mut self.stale[at]) {
                self.groups[at] = self.best_of(at);
            }
        }
        let with_any = || self.groups.iter().filter(|group| group.nodes > 0);
        let highest = with_any().map(|group| group.total).max()?;
        let equal: usize = with_any().filter(|group| group.total == highest).map(|group| group.nodes).sum();
        self.nth(highest, usize::try_from(tie % equal as u64).ok()?)
    }

    fn best_of(&self, group: usize) -> Best {
        let word = self.counted.words.get(group).copied().unwrap_or_default();
        let rows = group * GROUP..self.totals.len().min((group + 1) * GROUP);
        let mut totals = [i64::MIN; GROUP];
        // All at once rather than those that count one by one: without a branch this is faster.
        for (bit, (place, total)) in totals.iter_mut().zip(&self.totals[rows]).enumerate() {
            *place = if word >> bit & 1 == 1 { *total } else { i64::MIN };
        }
        let total = totals.iter().copied().max().unwrap_or(i64::MIN);
        // Where none counts, none has the best.
        let nodes = if word == 0 { 0 } else { totals.iter().filter(|of| **of == total).count() };
        Best { total, nodes }
    }

    fn nth(&self, total: i64, mut skip: usize) -> Option<NodeIndex> {
        for (at, group) in self.groups.iter().enumerate().filter(|(_, group)| group.total == total) {
            if skip < group.nodes {
                let row = self.counted_rows(at).filter(|row| self.totals[*row] == total).nth(skip)?;
                return Some(NodeIndex::at(row));
            }
            skip -= group.nodes;
        }
        None
    }

    fn counted_rows(&self, group: usize) -> impl Iterator<Item = usize> {
        let word = self.counted.words.get(group).copied().unwrap_or_default();
        bits(word).map(move |bit| group * GROUP + bit)
    }
}

fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_found_after_every_change() {
        let mut totals = Totals::new(200);
        assert_eq!(totals.best(0), None);
        for (row, total) in [(3, 10), (70, 30), (150, 30), (199, 20)] {
            totals.count(NodeIndex::at(row), true);
            totals.add(NodeIndex::at(row), total);
        }
        let best = |totals: &mut Totals| [0, 1, 2].map(|tie| totals.best(tie).map(NodeIndex::place));
        assert_eq!(best(&mut totals), [Some(70), Some(150), Some(70)]);
        totals.count(NodeIndex::at(70), false);
        assert_eq!(best(&mut totals), [Some(150); 3]);
        totals.add(NodeIndex::at(199), 11);
        assert_eq!(best(&mut totals), [Some(199); 3]);
    }

    #[test]
    fn a_group_of_which_all_nodes_count_has_its_best() {
        let mut totals = Totals::new(GROUP + 1);
        for row in 0..GROUP {
            totals.count(NodeIndex::at(row), true);
            totals.add(NodeIndex::at(row), i64::from(row % 9 == 4));
        }
        let best = [0, 1, 6].map(|tie| totals.best(tie).map(NodeIndex::place));
        assert_eq!(best, [Some(4), Some(13), Some(58)]);
    }

    #[test]
    fn a_set_lists_its_nodes_by_their_index() {
        let mut set = NodeSet::default();
        for row in [130, 5, 64, 5] {
            set.set(NodeIndex::at(row), true);
        }
        set.set(NodeIndex::at(64), false);
        assert_eq!((set.iter().map(NodeIndex::place).collect::<Vec<_>>(), set.len()), (vec![5, 130], 2));
    }
}
