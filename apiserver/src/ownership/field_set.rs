//! The paths that an object sets, by the rules of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::element::Element;
use super::place::{Form, Place, elements, entries};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// What an object sets.
pub(super) fn of<'a>(schema: &Schema, object: &'a Value) -> Set<'a> {
    let mut set = at(Place::root(schema), object);
    set.member = false;
    set
}

fn at<'a>(place: Place<'_>, value: &'a Value) -> Set<'a> {
    match place.form(value) {
        Form::Whole => Set::here(),
        Form::Map => map(place, value),
        Form::List(kind) => list(place, kind, value),
    }
}

fn map<'a>(place: Place<'_>, value: &'a Value) -> Set<'a> {
    let mut set = Set::default();
    for (key, value) in entries(Some(value)).into_iter().flatten() {
        let mut below = at(place.child(key), value);
        let is_blank = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        below.member |= is_blank || !place.declares(key);
        set.attach(Element::field(key), below);
    }
    set
}

fn list<'a>(place: Place<'_>, kind: &ListKind, value: &'a Value) -> Set<'a> {
    let mut seen: BTreeMap<Element<'_>, (usize, &'a Value)> = BTreeMap::new();
    for element in elements(Some(value)) {
        if let Ok(step) = place.identity(kind, element) {
            seen.entry(step).or_insert((0, element)).0 += 1;
        }
    }
    let mut set = Set::default();
    for (step, (count, element)) in seen {
        let mut below = if count == 1 { at(place.items(), element) } else { Set::default() };
        below.member = true;
        set.attach(step, below);
    }
    set
}

/// Adds the declared fields on the way to the paths of a set, which are owned by whoever owns what is below them.
pub(super) fn with_named<'a>(set: &Set<'a>, schema: &Schema) -> Set<'a> {
    named(set, Place::root(schema))
}

fn named<'a>(set: &Set<'a>, place: Place<'_>) -> Set<'a> {
    let below = set.iter().map(|(step, below)| {
        let mut more = named(below, place.below(step));
        more.member |= step.field_name().is_some_and(|name| place.declares(name));
        (step.clone(), more)
    });
    Set::new(set.member, below.collect())
}
