//! The paths that an object sets, by the rules of its schema.

use std::collections::BTreeMap;

use steersman_core::tree::{Map, Value};

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
    let below = entries(Some(value)).into_iter().flatten().map(|(key, value)| {
        let child = place.child(key);
        let mut below = at(child, value);
        let is_blank = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        below.member |= is_blank || !place.has_declared(child);
        (Element::field(key), below)
    });
    Set::new(false, below.collect())
}

fn list<'a>(place: Place<'_>, kind: &ListKind, value: &'a Value) -> Set<'a> {
    let mut seen: BTreeMap<Element<'_>, (usize, &'a Value)> = BTreeMap::new();
    for element in elements(Some(value)) {
        if let Ok(step) = place.identity(kind, element) {
            seen.entry(step).or_insert((0, element)).0 += 1;
        }
    }
    let below = seen.into_iter().map(|(step, (count, element))| {
        let mut below = if count == 1 { at(place.items(), element) } else { Set::default() };
        below.member = true;
        (step, below)
    });
    Set::new(false, below.collect())
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
