//! What a new object sets, written as `fieldsV1` in one walk: most objects have one owner when they are made, and need
//! no sets for it.
//!
//! The text is the one of [`compare`](super::compare) with an object that has nothing, which says what it means.

use steersman_core::tree::{InOrder, Map, Value};

use super::codec;
use super::element::Element;
use super::paths::Paths;
use super::place::{Form, Place, elements, entries};
use super::reset::NOBODYS;
use crate::schema::{ListKind, Schema};

/// Writes the fields that `new` sets beyond `blank`: not those at or below `ignored`, nor those that nobody owns. Whether
/// there are any; `None` where only a comparison tells.
pub(super) fn write(
    schema: &Schema,
    blank: &Value,
    new: &Value,
    ignored: Paths<'_>,
    out: &mut String,
) -> Option<bool> {
    let mut walk = Walk { out, is_clear: true };
    let at = At { place: Place::root(schema), ignored, nobodys: NOBODYS };
    let is_any = walk.value(at, Some(blank), new);
    walk.is_clear.then_some(is_any)
}

/// A place of the object, and what is left out there.
#[derive(Clone, Copy)]
struct At<'a> {
    place: Place<'a>,
    ignored: Paths<'a>,
    nobodys: Paths<'a>,
}

impl<'a> At<'a> {
    /// The place below a field.
    fn field(self, place: Place<'a>, name: &str) -> Self {
        At { place, ignored: self.ignored.below(name), nobodys: self.nobodys.below(name) }
    }

    /// The place of an element of a list, where nothing is left out.
    fn item(self) -> Self {
        At { place: self.place.items(), ignored: Paths::NONE, nobodys: Paths::NONE }
    }
}

struct Walk<'o> {
    out: &'o mut String,
    /// Whether the walk has met nothing that it cannot tell.
    is_clear: bool,
}

impl Walk<'_> {
    /// Writes what `new` sets at a place; nothing, if it sets nothing there. `old` is what the blank object has.
    fn value(&mut self, at: At<'_>, old: Option<&Value>, new: &Value) -> bool {
        if at.ignored.end_here() || old == Some(new) {
            return false;
        }
        let form = at.place.form(new);
        let is_set = old.is_none_or(|old| self.replaces(at.place, form, old, new));
        let is_member = is_set && !at.nobodys.end_here();
        match (form, new) {
            (Form::Map, Value::Object(map)) => self.node(is_member, |walk| walk.entries(at, old, map)),
            (Form::List(kind), Value::Array(list)) => {
                self.node(is_member, |walk| walk.elements(at, kind, list))
            }
            _ => self.leaf(is_member),
        }
    }

    /// Whether `new` is another value than the blank object's as a whole.
    fn replaces(&mut self, place: Place<'_>, form: Form<'_>, old: &Value, new: &Value) -> bool {
        self.is_clear &= place.form(old) == form && elements(Some(old)).is_empty();
        match form {
            Form::Whole => true,
            Form::Map => entries(Some(old)).is_none() && entries(Some(new)).is_none(),
            Form::List(_) => elements(Some(new)).is_empty(),
        }
    }

    /// Writes a place below which nothing is; nothing, if it is no member itself.
    fn leaf(&mut self, is_member: bool) -> bool {
        self.out.push_str(if is_member { "{}" } else { "" });
        is_member
    }

    /// Writes a place with what `below` writes; a leaf, if that is nothing.
    fn node(&mut self, is_member: bool, below: impl FnOnce(&mut Self)) -> bool {
        let start = self.out.len();
        self.out.push_str(if is_member { codec::OPEN_HERE } else { "{" });
        let inner = self.out.len();
        below(self);
        if self.out.len() == inner {
            self.out.truncate(start);
            return self.leaf(is_member);
        }
        self.out.push('}');
        true
    }

    fn entries(&mut self, at: At<'_>, old: Option<&Value>, new: &Map) {
        let (mut old, mut from) = (InOrder::of(old), 0);
        for (key, value) in new {
            let below = at.field(at.place.next_child(key, &mut from), key);
            let old = old.get(key);
            self.step(&Element::field(key), |walk| walk.value(below, old, value));
        }
    }

    fn elements(&mut self, at: At<'_>, kind: &ListKind, list: &[Value]) {
        let known = |value| Some((at.place.identity(kind, value).ok()?, value));
        let mut known: Vec<(Element<'_>, &Value)> = list.iter().filter_map(known).collect();
        known.sort_by(|a, b| a.0.cmp(&b.0));
        for same in known.chunk_by(|a, b| a.0 == b.0) {
            self.step(&same[0].0, |walk| match same {
                [(_, one)] => walk.value(at.item(), None, one),
                // Elements that share an identity are owned together.
                _ => {
                    walk.out.push_str("{}");
                    true
                }
            });
        }
    }

    /// Writes a step and what is below it, if there is something.
    fn step(&mut self, step: &Element<'_>, below: impl FnOnce(&mut Self) -> bool) {
        let start = self.out.len();
        codec::separate(self.out);
        step.write(self.out);
        self.out.push(':');
        if !below(self) {
            self.out.truncate(start);
        }
    }
}
