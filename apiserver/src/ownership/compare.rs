//! What differs between two versions of an object, by the rules of its schema.

use std::collections::BTreeMap;

use steersman_core::tree::{Map, Value};

use super::element::Element;
use super::place::{Form, Place, elements, entries};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// The paths that differ between an old object and a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes<'a> {
    /// Only in the new one.
    pub(super) added: Set<'a>,
    /// In both, with different values.
    pub(super) modified: Set<'a>,
    /// Only in the old one.
    pub(super) removed: Set<'a>,
}

impl<'a> Changes<'a> {
    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// What the new object sets.
    pub(super) fn into_set(self) -> Set<'a> {
        let mut set = self.added;
        set.unite(self.modified);
        set
    }

    /// Leaves out what stands at or below these paths.
    fn without(mut self, ignored: &Set<'_>) -> Self {
        for set in [&mut self.added, &mut self.modified, &mut self.removed] {
            set.prune(ignored);
        }
        self
    }

    fn attach(&mut self, step: Element<'a>, below: Changes<'a>) {
        let Changes { added, modified, removed } = below;
        for (own, set) in
            [(&mut self.added, added), (&mut self.modified, modified), (&mut self.removed, removed)]
        {
            if !set.is_empty() {
                own.attach(step.clone(), set);
            }
        }
    }

    fn unite(&mut self, other: Changes<'a>) {
        self.added.unite(other.added);
        self.modified.unite(other.modified);
        self.removed.unite(other.removed);
    }
}

/// Compares two versions of an object, but for what stands at or below the ignored paths.
pub(super) fn compare<'a>(schema: &Schema, old: &'a Value, new: &'a Value, ignored: &Set<'_>) -> Changes<'a> {
    let root = Place::root(schema);
    let mut changes = match (root.form(old), root.form(new)) {
        (Form::Map, Form::Map) => {
            let is_ignored = |field: &str| ignored.get(&Element::field(field)).is_some_and(|set| set.member);
            maps(root, entries(Some(old)), entries(Some(new)), is_ignored)
        }
        _ => at(root, Some(old), Some(new)),
    };
    for set in [&mut changes.added, &mut changes.modified, &mut changes.removed] {
        set.member = false;
    }
    changes.without(ignored)
}

fn at<'a>(place: Place<'_>, old: Option<&'a Value>, new: Option<&'a Value>) -> Changes<'a> {
    if old == new { Changes::default() } else { differing(place, old, new) }
}

fn differing<'a>(place: Place<'_>, old: Option<&'a Value>, new: Option<&'a Value>) -> Changes<'a> {
    let mut changes = Changes::default();
    match (old, new) {
        (None, None) => {}
        (None, Some(new)) => changes.added = all(place, new),
        (Some(old), None) => changes.removed = all(place, old),
        (Some(old), Some(new)) => {
            let (first, second) = (place.form(old), place.form(new));
            changes = by(first, place, old, new);
            if first != second {
                changes.unite(by(second, place, old, new));
            }
        }
    }
    changes
}

/// A value that is on one side only: its place, and every place below it that is owned by itself.
fn all<'a>(place: Place<'_>, value: &'a Value) -> Set<'a> {
    let below = match place.form(value) {
        Form::Whole => Vec::new(),
        Form::Map => {
            let entries = entries(Some(value)).into_iter().flatten();
            entries.map(|(key, value)| (Element::field(key), all(place.child(key), value))).collect()
        }
        Form::List(kind) => {
            let sides = sides(place, kind, &[], elements(Some(value)));
            sides.into_iter().map(|(step, (_, new))| (step, one_of(place.items(), &new))).collect()
        }
    };
    Set::new(true, below)
}

/// All of the only element of that identity; elements that share it are owned together.
fn one_of<'a>(place: Place<'_>, elements: &[&'a Value]) -> Set<'a> {
    match elements {
        [one] => all(place, one),
        _ => Set::here(),
    }
}

fn by<'a>(form: Form<'_>, place: Place<'_>, old: &'a Value, new: &'a Value) -> Changes<'a> {
    let (some_old, some_new) = (Some(old), Some(new));
    match form {
        Form::Map if entries(some_old).is_some() || entries(some_new).is_some() => {
            maps(place, entries(some_old), entries(some_new), |_| false)
        }
        Form::List(kind) if !(elements(some_old).is_empty() && elements(some_new).is_empty()) => {
            lists(place, kind, elements(some_old), elements(some_new))
        }
        _ => {
            let mut changes = Changes::default();
            changes.modified.member = true;
            changes
        }
    }
}

fn maps<'a>(
    place: Place<'_>,
    old: Option<&'a Map>,
    new: Option<&'a Map>,
    is_ignored: impl Fn(&str) -> bool,
) -> Changes<'a> {
    let mut changes = Changes::default();
    for (key, old, new) in paired(old, new).filter(|(key, ..)| !is_ignored(key)) {
        // Most are as they were, and need no look at the schema.
        if old != new {
            changes.attach(Element::field(key), differing(place.child(key), old, new));
        }
    }
    changes
}

/// The entries of both maps by key, in the order of the keys.
fn paired<'a>(
    old: Option<&'a Map>,
    new: Option<&'a Map>,
) -> impl Iterator<Item = (&'a str, Option<&'a Value>, Option<&'a Value>)> {
    let mut old = old.into_iter().flatten().peekable();
    let mut new = new.into_iter().flatten().peekable();
    std::iter::from_fn(move || {
        let key = match (old.peek(), new.peek()) {
            (Some((old, _)), Some((new, _))) => old.min(new),
            (one, other) => one.or(other)?.0,
        };
        let before = old.next_if(|(own, _)| *own == key).map(|(_, value)| value);
        let after = new.next_if(|(own, _)| *own == key).map(|(_, value)| value);
        Some((key.as_str(), before, after))
    })
}

/// Elements of both lists, by what tells them apart; those that cannot be told apart are left out.
type Sides<'a> = BTreeMap<Element<'a>, (Vec<&'a Value>, Vec<&'a Value>)>;

fn sides<'a>(place: Place<'_>, kind: &ListKind, old: &'a [Value], new: &'a [Value]) -> Sides<'a> {
    let mut sides = Sides::new();
    for value in old {
        if let Ok(step) = place.identity(kind, value) {
            sides.entry(step).or_default().0.push(value);
        }
    }
    for value in new {
        if let Ok(step) = place.identity(kind, value) {
            sides.entry(step).or_default().1.push(value);
        }
    }
    sides
}

fn lists<'a>(place: Place<'_>, kind: &ListKind, old: &'a [Value], new: &'a [Value]) -> Changes<'a> {
    let mut changes = Changes::default();
    for (step, (old, new)) in sides(place, kind, old, new) {
        changes.attach(step, pair(place.items(), &old, &new));
    }
    changes
}

/// Compares the elements that share an identity. Those that share it with others of their own list are owned together.
fn pair<'a>(place: Place<'_>, old: &[&'a Value], new: &[&'a Value]) -> Changes<'a> {
    let (old_one, new_one) = (old.first().copied(), new.first().copied());
    let mut changes = Changes::default();
    match (old.len() > 1, new.len() > 1) {
        (false, false) => return at(place, old_one, new_one),
        (true, true) => changes.modified.member = old != new,
        (true, false) => {
            changes = at(place, None, new_one);
            changes.removed.member = true;
        }
        (false, true) => {
            changes = at(place, old_one, None);
            changes.added.member = true;
        }
    }
    changes
}
