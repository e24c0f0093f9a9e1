//! Sets of paths into an object, as a tree: union, difference, intersection.

use std::cmp::Ordering;

use super::element::Element;
use super::paths::Paths;

/// A set of paths, as seen from one place of an object. Nothing below an empty set is kept, so equal sets are equal
/// trees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set<'a> {
    /// Whether the place itself belongs to the set; never so for the whole object.
    pub(super) member: bool,
    /// The paths that lead on from here, ordered by their steps. Most places have few, so this is no map.
    below: Vec<(Element<'a>, Set<'a>)>,
}

impl<'a> Set<'a> {
    /// The set that holds just this place.
    pub(super) fn here() -> Self {
        Set { member: true, below: Vec::new() }
    }

    /// The set that holds what is below these steps, which come in any order; of a step that comes twice, the last.
    pub(super) fn new(member: bool, mut below: Vec<(Element<'a>, Set<'a>)>) -> Self {
        if !below.is_sorted_by(|a, b| a.0 < b.0) {
            below.reverse();
            below.sort_by(|a, b| a.0.cmp(&b.0));
            below.dedup_by(|later, first| later.0 == first.0);
        }
        below.retain(|(_, set)| !set.is_empty());
        Set { member, below }
    }

    /// The set of these paths, each a list of field names.
    pub(super) fn of_fields(paths: &[&[&'a str]]) -> Self {
        let mut set = Set::default();
        for path in paths {
            let place = path.iter().fold(&mut set, |at, name| at.place(Element::field(name)));
            place.member = true;
        }
        set
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    /// Whether it holds nothing below this place.
    pub(super) fn is_leaf(&self) -> bool {
        self.below.is_empty()
    }

    /// What it holds below each step, in the order of the steps.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Element<'a>, &Set<'a>)> {
        self.below.iter().map(|(step, set)| (step, set))
    }

    /// What it holds below a step.
    pub(super) fn get(&self, step: &Element<'_>) -> Option<&Set<'a>> {
        self.find(step).ok().map(|index| &self.below[index].1)
    }

    /// Whether it holds all that another does.
    pub(super) fn covers(&self, other: &Set<'_>) -> bool {
        (self.member || !other.member)
            && other.iter().all(|(step, set)| self.get(step).is_some_and(|own| own.covers(set)))
    }

    /// Whether it holds something that another does.
    pub(super) fn meets(&self, other: &Set<'_>) -> bool {
        (self.member && other.member)
            || other.iter().any(|(step, set)| self.get(step).is_some_and(|own| own.meets(set)))
    }

    /// Adds what another holds below a step.
    pub(super) fn attach(&mut self, step: &Element<'a>, set: Set<'a>) {
        if !set.is_empty() {
            self.place(step.clone()).unite(set);
        }
    }

    /// Adds what another holds.
    pub(super) fn unite(&mut self, other: Set<'a>) {
        self.member |= other.member;
        if self.below.is_empty() {
            self.below = other.below;
            return;
        }
        let mut own = std::mem::take(&mut self.below).into_iter().peekable();
        let mut theirs = other.below.into_iter().peekable();
        while let (Some((a, _)), Some((b, _))) = (own.peek(), theirs.peek()) {
            match a.cmp(b) {
                Ordering::Less => self.below.extend(own.next()),
                Ordering::Greater => self.below.extend(theirs.next()),
                Ordering::Equal => {
                    self.below.extend(own.next());
                    if let (Some((_, both)), Some((_, set))) = (self.below.last_mut(), theirs.next()) {
                        both.unite(set);
                    }
                }
            }
        }
        self.below.extend(own.chain(theirs));
    }

    /// Removes what another holds.
    pub(super) fn subtract(&mut self, other: &Set<'_>) {
        self.member &= !other.member;
        let mut emptied = false;
        for (step, set) in &other.below {
            if let Ok(index) = self.find(step) {
                let own = &mut self.below[index].1;
                own.subtract(set);
                emptied |= own.is_empty();
            }
        }
        if emptied {
            self.below.retain(|(_, set)| !set.is_empty());
        }
    }

    /// Removes what stands at or below these paths; upstream's `RecursiveDifference`.
    pub(super) fn prune(&mut self, paths: Paths<'_>) {
        if paths.end_here() {
            *self = Set::default();
        }
        self.change_along(paths, Set::prune);
    }

    /// Removes what stands at these paths themselves.
    pub(super) fn remove(&mut self, paths: Paths<'_>) {
        self.member &= !paths.end_here();
        self.change_along(paths, Set::remove);
    }

    /// What stands at these paths themselves.
    pub(super) fn along(&self, paths: Paths<'_>) -> Set<'a> {
        let below = |(step, set): &(Element<'a>, Set<'a>)| {
            let common = set.along(paths.beyond(step));
            (!common.is_empty()).then(|| (step.clone(), common))
        };
        if paths.is_empty() {
            return Set::default();
        }
        let member = self.member && paths.end_here();
        Set { member, below: self.below.iter().filter_map(below).collect() }
    }

    /// What both hold.
    pub(super) fn intersection(&self, other: &Set<'_>) -> Set<'a> {
        let both = |(step, set): &(Element<'a>, Set<'a>)| {
            let common = set.intersection(other.get(step)?);
            (!common.is_empty()).then(|| (step.clone(), common))
        };
        Set { member: self.member && other.member, below: self.below.iter().filter_map(both).collect() }
    }

    /// The paths as texts, those that end at a place before those that lead on from it.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        let mut below: Vec<_> = self.below.iter().collect();
        below.sort_by(|a, b| a.0.cmp_as_told(&b.0));
        let members = below.iter().filter(|(_, set)| set.member);
        paths.extend(members.map(|(step, _)| format!("{prefix}{step}")));
        for (step, set) in below {
            if !set.below.is_empty() {
                set.collect(&format!("{prefix}{step}"), paths);
            }
        }
    }

    /// The set below a step, made if there is none. Steps that come in order are put at the end.
    fn place(&mut self, step: Element<'a>) -> &mut Set<'a> {
        let found = match self.below.last().map(|(last, _)| last.cmp(&step)) {
            None | Some(Ordering::Less) => Err(self.below.len()),
            Some(Ordering::Equal) => Ok(self.below.len() - 1),
            Some(Ordering::Greater) => self.find(&step),
        };
        let index = found.unwrap_or_else(|index| {
            self.below.insert(index, (step, Set::default()));
            index
        });
        &mut self.below[index].1
    }

    fn find(&self, step: &Element<'_>) -> Result<usize, usize> {
        self.below.binary_search_by(|(own, _)| own.cmp(step))
    }

    /// Changes what is below the steps that paths lead through, and lets go of what is empty then.
    fn change_along(&mut self, paths: Paths<'_>, change: impl Fn(&mut Set<'a>, Paths<'_>)) {
        if !paths.is_empty() {
            self.below.retain_mut(|(step, set)| {
                change(set, paths.beyond(step));
                !set.is_empty()
            });
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

    fn tree(naive: &Naive) -> Set<'static> {
        let mut set = Set::default();
        for path in naive {
            let step = |name: &String| Element::Field(name.clone().into());
            path.iter().fold(&mut set, |at, name| at.place(step(name))).member = true;
        }
        set
    }

    proptest! {
        #[test]
        fn sets_agree_with_plain_sets_of_paths(a in naive(), b in naive()) {
            let mut united = tree(&a);
            united.unite(tree(&b));
            prop_assert!(united.covers(&tree(&b)));
            prop_assert_eq!(tree(&a).covers(&tree(&b)), a.is_superset(&b));
            prop_assert_eq!(united, tree(&a.union(&b).cloned().collect()));

            let mut less = tree(&a);
            less.subtract(&tree(&b));
            prop_assert_eq!(less, tree(&a.difference(&b).cloned().collect()));

            prop_assert_eq!(tree(&a).meets(&tree(&b)), !a.is_disjoint(&b));
            let common = tree(&a).intersection(&tree(&b));
            prop_assert_eq!(common, tree(&a.intersection(&b).cloned().collect()));

            let mut pruned = tree(&a);
            let paths: Vec<Vec<&str>> = b.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
            let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
            let paths = Paths::from_root(&paths);
            pruned.prune(paths);
            let is_below = |path: &Vec<String>| (1..=path.len()).any(|end| b.contains(&path[..end]));
            prop_assert_eq!(pruned, tree(&a.iter().filter(|path| !is_below(path)).cloned().collect()));
            let mut rest = tree(&a);
            prop_assert_eq!(rest.along(paths), rest.intersection(&tree(&b)));
            rest.remove(paths);
            prop_assert_eq!(rest, tree(&a.difference(&b).cloned().collect()));
            prop_assert_eq!(tree(&a).paths().len(), a.len());
        }
    }
}
