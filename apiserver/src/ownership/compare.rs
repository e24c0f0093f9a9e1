//! What differs between two versions of an object, by the rules of its schema.

use std::cmp::Ordering;

use steersman_core::tree::{Map, Value};

use super::element::Element;
use super::paths::Paths;
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
    fn without(mut self, ignored: Paths<'_>) -> Self {
        for set in [&mut self.added, &mut self.modified, &mut self.removed] {
            set.prune(ignored);
        }
        self
    }

    fn attach(&mut self, step: &Element<'a>, below: Changes<'a>) {
        self.added.attach(step, below.added);
        self.modified.attach(step, below.modified);
        self.removed.attach(step, below.removed);
    }

    fn unite(&mut self, other: Changes<'a>) {
        self.added.unite(other.added);
        self.modified.unite(other.modified);
        self.removed.unite(other.removed);
    }
}

/// Compares two versions of an object, but for what stands at or below the ignored paths.
pub(super) fn compare<'a>(
    schema: &Schema,
    old: &'a Value,
    new: &'a Value,
    ignored: Paths<'_>,
) -> Changes<'a> {
    let root = Place::root(schema);
    let mut changes = match (root.form(old), root.form(new)) {
        (Form::Map, Form::Map) => {
            let is_ignored = |field: &str| ignored.below(field).end_here();
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
    let mut set = match (place.form(value), value) {
        (Form::Map, Value::Object(map)) => all_entries(place, map),
        (Form::List(kind), Value::Array(list)) => lists(place, kind, &[], list).added,
        _ => Set::default(),
    };
    set.member = true;
    set
}

fn all_entries<'a>(place: Place<'_>, map: &'a Map) -> Set<'a> {
    let (mut set, mut from) = (Set::default(), 0);
    for (key, value) in map {
        set.attach(&Element::field(key), all(place.next_child(key, &mut from), value));
    }
    set
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
    for_each_pair(old, new, |key, old, new| {
        // Most are as they were, and need no look at the schema.
        if old != new && !is_ignored(key) {
            changes.attach(&Element::field(key), differing(place.child(key), old, new));
        }
    });
    changes
}

/// Looks at the entries of both maps by key, in the order of the keys.
fn for_each_pair<'a>(
    old: Option<&'a Map>,
    new: Option<&'a Map>,
    mut look: impl FnMut(&'a str, Option<&'a Value>, Option<&'a Value>),
) {
    let mut olds = old.map(Map::iter).unwrap_or_default();
    let mut news = new.map(Map::iter).unwrap_or_default();
    let (mut old, mut new) = (olds.next(), news.next());
    loop {
        let order = match (old, new) {
            // They mostly have the same.
            (Some((old, _)), Some((new, _))) if old == new => Ordering::Equal,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let before = old.filter(|_| order.is_le());
        let after = new.filter(|_| order.is_ge());
        if let Some((key, _)) = before.or(after) {
            look(key, before.map(|(_, value)| value), after.map(|(_, value)| value));
        }
        if before.is_some() {
            old = olds.next();
        }
        if after.is_some() {
            new = news.next();
        }
    }
}

/// Elements of lists that have one identity.
struct Side<'a> {
    step: Element<'static>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

/// The elements of both lists, ordered by what tells them apart; those that cannot be told apart are left out.
fn sides<'a>(place: Place<'_>, kind: &ListKind, old: &'a [Value], new: &'a [Value]) -> Vec<Side<'a>> {
    let mut sides = Vec::with_capacity(old.len().max(new.len()));
    let mut push = |old: Option<&'a Value>, new: Option<&'a Value>| {
        let step = old.or(new).and_then(|value| place.identity(kind, value).ok());
        sides.extend(step.map(|step| Side { step, old, new }));
    };
    for index in 0..old.len().max(new.len()) {
        match (old.get(index), new.get(index)) {
            // Most stay where they are, and need to be told apart from the others once.
            (Some(old), Some(new)) if place.are_alike(kind, old, new) => push(Some(old), Some(new)),
            (old, new) => {
                push(old, None);
                push(None, new);
            }
        }
    }
    sides.sort_by(|a, b| a.step.cmp(&b.step));
    sides
}

fn lists<'a>(place: Place<'_>, kind: &ListKind, old: &'a [Value], new: &'a [Value]) -> Changes<'a> {
    let mut changes = Changes::default();
    for same in sides(place, kind, old, new).chunk_by(|a, b| a.step == b.step) {
        let below = match same {
            [one] => at(place.items(), one.old, one.new),
            _ => pair(place.items(), same),
        };
        changes.attach(&same[0].step, below);
    }
    changes
}

/// Compares the elements that share an identity. Those that share it with others of their own list are owned together.
fn pair<'a>(place: Place<'_>, same: &[Side<'a>]) -> Changes<'a> {
    let (old, new) = (same.iter().filter_map(|side| side.old), same.iter().filter_map(|side| side.new));
    let (old_one, new_one) = (old.clone().next(), new.clone().next());
    let mut changes = Changes::default();
    match (old.clone().nth(1).is_some(), new.clone().nth(1).is_some()) {
        (false, false) => return at(place, old_one, new_one),
        (true, true) => changes.modified.member = !old.eq(new),
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
