//! The paths that an object sets, by the rules of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::element::Element;
use super::place::{Form, Place, elements, entries};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// What an object sets.
pub(super) fn of(schema: &Schema, object: &Value) -> Set {
    let mut set = at(Place::root(schema), object);
    set.member = false;
    set
}

fn at(place: Place<'_>, value: &Value) -> Set {
    match place.form(value) {
        Form::Whole => Set::here(),
        Form::Map => map(place, value),
        Form::List(kind) => list(place, kind, value),
    }
}

fn map(place: Place<'_>, value: &Value) -> Set {
    let mut set = Set::default();
    for (key, value) in entries(Some(value)).into_iter().flatten() {
        let mut below = at(place.child(key), value);
        let is_blank = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        below.member |= is_blank || !place.declares(key);
        set.attach(Element::field(key), below);
    }
    set
}

fn list(place: Place<'_>, kind: &ListKind, value: &Value) -> Set {
    let mut seen: BTreeMap<Element, (usize, &Value)> = BTreeMap::new();
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
pub(super) fn with_named(set: &Set, schema: &Schema) -> Set {
    named(set, Place::root(schema))
}

fn named(set: &Set, place: Place<'_>) -> Set {
    let below = set.below.iter().map(|(step, below)| {
        let mut more = named(below, place.below(step));
        more.member |= step.field_name().is_some_and(|name| place.declares(name));
        (step.clone(), more)
    });
    Set { member: set.member, below: below.collect() }
}
