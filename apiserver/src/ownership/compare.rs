//! What differs between two versions of an object, by the rules of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::element::Element;
use super::place::{Form, Place, elements, entries};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// The paths that differ between an old object and a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Only in the new one.
    pub(super) added: Set,
    /// In both, with different values.
    pub(super) modified: Set,
    /// Only in the old one.
    pub(super) removed: Set,
}

impl Changes {
    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// What the new object sets.
    pub(super) fn set(&self) -> Set {
        let mut set = self.added.clone();
        set.unite(self.modified.clone());
        set
    }

    /// Leaves out what stands at or below these paths.
    pub(super) fn without(mut self, ignored: &Set) -> Self {
        for set in [&mut self.added, &mut self.modified, &mut self.removed] {
            set.prune(ignored);
        }
        self
    }

    fn attach(&mut self, step: Element, below: Changes) {
        let Changes { added, modified, removed } = below;
        for (own, set) in
            [(&mut self.added, added), (&mut self.modified, modified), (&mut self.removed, removed)]
        {
            if !set.is_empty() {
                own.attach(step.clone(), set);
            }
        }
    }

    fn unite(&mut self, other: Changes) {
        self.added.unite(other.added);
        self.modified.unite(other.modified);
        self.removed.unite(other.removed);
    }
}

/// Compares two versions of an object.
pub(super) fn compare(schema: &Schema, old: &Value, new: &Value) -> Changes {
    let mut changes = at(Place::root(schema), Some(old), Some(new));
    for set in [&mut changes.added, &mut changes.modified, &mut changes.removed] {
        set.member = false;
    }
    changes
}

fn at(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Changes {
    let (first, second) = (old.map(|old| place.form(old)), new.map(|new| place.form(new)));
    let mut changes = match (first, second) {
        (None, None) => return Changes::default(),
        (Some(form), None) | (None, Some(form)) => by(form, place, old, new),
        (Some(first), Some(second)) if first == second => by(first, place, old, new),
        (Some(first), Some(second)) => {
            let mut changes = by(first, place, old, new);
            changes.unite(by(second, place, old, new));
            changes
        }
    };
    changes.added.member |= old.is_none();
    changes.removed.member |= new.is_none();
    changes
}

fn by(form: Form<'_>, place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Changes {
    match form {
        Form::Map if entries(old).is_some() || entries(new).is_some() => maps(place, old, new),
        Form::List(kind) if !(elements(old).is_empty() && elements(new).is_empty()) => {
            lists(place, kind, old, new)
        }
        _ => whole(old, new),
    }
}

fn whole(old: Option<&Value>, new: Option<&Value>) -> Changes {
    let mut changes = Changes::default();
    changes.modified.member = old.is_some() && new.is_some() && old != new;
    changes
}

fn maps(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Changes {
    let mut changes = Changes::default();
    let (old, new) = (entries(old), entries(new));
    for (key, value) in old.into_iter().flatten() {
        let other = new.and_then(|new| new.get(key));
        let below = at(place.child(key), Some(value), other);
        if !below.is_empty() {
            changes.attach(Element::field(key), below);
        }
    }
    for (key, value) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(key)) {
            changes.attach(Element::field(key), at(place.child(key), None, Some(value)));
        }
    }
    changes
}

/// Elements of both lists, by what tells them apart; those that cannot be told apart are left out.
type Paired<'a> = BTreeMap<Element, (Vec<&'a Value>, Vec<&'a Value>)>;

fn lists(place: Place<'_>, kind: &ListKind, old: Option<&Value>, new: Option<&Value>) -> Changes {
    let mut changes = Changes::default();
    if old == new {
        return changes;
    }
    let mut paired = Paired::new();
    for value in elements(old) {
        if let Ok(step) = place.identity(kind, value) {
            paired.entry(step).or_default().0.push(value);
        }
    }
    for value in elements(new) {
        if let Ok(step) = place.identity(kind, value) {
            paired.entry(step).or_default().1.push(value);
        }
    }
    for (step, (old, new)) in paired {
        changes.attach(step, pair(place.items(), &old, &new));
    }
    changes
}

/// Compares the elements that share an identity. Those that share it with others of their own list are owned together.
fn pair(place: Place<'_>, old: &[&Value], new: &[&Value]) -> Changes {
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
