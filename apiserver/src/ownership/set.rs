//! Sets of paths into an object, as a tree: union, difference, intersection.

use std::collections::BTreeMap;

use super::element::Element;

/// A set of paths, as seen from one place of an object. Nothing below an empty set is kept, so equal sets are equal
/// trees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    /// Whether the place itself belongs to the set; never so for the whole object.
    pub(super) member: bool,
    /// The paths that lead on from here.
    pub(super) below: BTreeMap<Element, Set>,
}

impl Set {
    /// The set that holds just this place.
    pub(super) fn here() -> Self {
        Set { member: true, below: BTreeMap::new() }
    }

    /// The set of these paths, each a list of field names.
    pub(super) fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Set::default();
        for path in paths {
            let place =
                path.iter().fold(&mut set, |at, name| at.below.entry(Element::field(name)).or_default());
            place.member = true;
        }
        set
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    /// Adds what another holds below a step.
    pub(super) fn attach(&mut self, step: Element, set: Set) {
        if !set.is_empty() {
            self.below.entry(step).or_default().unite(set);
        }
    }

    /// Adds what another holds.
    pub(super) fn unite(&mut self, other: Set) {
        self.member |= other.member;
        if self.below.is_empty() {
            self.below = other.below;
            return;
        }
        for (step, set) in other.below {
            self.below.entry(step).or_default().unite(set);
        }
    }

    /// Removes what another holds.
    pub(super) fn subtract(&mut self, other: &Set) {
        self.member &= !other.member;
        for (step, set) in &other.below {
            if let Some(own) = self.below.get_mut(step) {
                own.subtract(set);
                if own.is_empty() {
                    self.below.remove(step);
                }
            }
        }
    }

    /// Removes what another holds, and everything below it; upstream's `RecursiveDifference`.
    pub(super) fn prune(&mut self, other: &Set) {
        for (step, set) in &other.below {
            if set.member {
                self.below.remove(step);
            } else if let Some(own) = self.below.get_mut(step) {
                own.prune(set);
                if own.is_empty() {
                    self.below.remove(step);
                }
            }
        }
    }

    /// What both hold.
    pub(super) fn intersection(&self, other: &Set) -> Set {
        let (few, many) = if self.below.len() <= other.below.len() { (self, other) } else { (other, self) };
        let mut common = Set { member: self.member && other.member, below: BTreeMap::new() };
        for (step, set) in &few.below {
            if let Some(there) = many.below.get(step) {
                let both = set.intersection(there);
                if !both.is_empty() {
                    common.below.insert(step.clone(), both);
                }
            }
        }
        common
    }

    /// The paths as texts, those that end at a place before those that lead on from it.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        let members = self.below.iter().filter(|(_, set)| set.member);
        paths.extend(members.map(|(step, _)| format!("{prefix}{step}")));
        for (step, set) in &self.below {
            if !set.below.is_empty() {
                set.collect(&format!("{prefix}{step}"), paths);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    type Naive = BTreeSet<Vec<String>>;

    fn naive() -> impl Strategy<Value = Naive> {
        btree_set(vec("[a-c]", 1..4), 0..12)
    }

    fn tree(naive: &Naive) -> Set {
        let paths: Vec<Vec<&str>> =
            naive.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
        Set::of_fields(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn sets_agree_with_plain_sets_of_paths(a in naive(), b in naive()) {
            let mut united = tree(&a);
            united.unite(tree(&b));
            prop_assert_eq!(united, tree(&a.union(&b).cloned().collect()));

            let mut less = tree(&a);
            less.subtract(&tree(&b));
            prop_assert_eq!(less, tree(&a.difference(&b).cloned().collect()));

            let common = tree(&a).intersection(&tree(&b));
            prop_assert_eq!(common, tree(&a.intersection(&b).cloned().collect()));

            let mut pruned = tree(&a);
            pruned.prune(&tree(&b));
            let is_below = |path: &Vec<String>| (1..=path.len()).any(|end| b.contains(&path[..end]));
            prop_assert_eq!(pruned, tree(&a.iter().filter(|path| !is_below(path)).cloned().collect()));
            prop_assert_eq!(tree(&a).paths().len(), a.len());
        }
    }
}
