//! How the values at one place of an object are owned: as a whole, by their fields, or by their elements.

use std::borrow::Cow;

use steersman_core::tree::{List, Map, Value};

use super::element::Element;
use crate::schema::{Cursor, Field, ListKind, Presence, Rest, Scalar, Schema, Shape};

/// A place of an object. Where the schema says nothing, the values themselves say how they are owned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    cursor: Option<Cursor<'a>>,
    /// Whether free values are owned by their fields: so in custom resources, and nowhere else.
    custom: bool,
}

/// How a value is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// As a whole.
    Whole,
    /// By its fields or entries.
    Map,
    /// By its elements.
    List(&'a ListKind),
}

/// What is told of an element of a list that cannot be told apart from others.
pub(super) type NoIdentity = String;

impl<'a> Place<'a> {
    /// The whole object.
    pub(super) fn root(schema: &'a Schema) -> Self {
        Place { cursor: Some(schema.cursor()), custom: schema.is_custom() }
    }

    /// What the schema says of the place; nothing if it leaves the values free.
    pub(super) fn shape(self) -> Option<&'a Shape> {
        match self.cursor?.shape() {
            Shape::Scalar(Scalar::Any) => None,
            shape => Some(shape),
        }
    }

    /// How `value` is owned here.
    pub(super) fn form(self, value: &Value) -> Form<'a> {
        let is_atomic = || self.cursor.is_some_and(Cursor::is_atomic);
        match self.shape() {
            Some(Shape::Object(_) | Shape::Map(_)) if !is_atomic() => Form::Map,
            Some(Shape::List(_, kind)) if *kind != ListKind::Atomic => Form::List(kind),
            None if self.custom && (value.is_object() || value.is_null()) => Form::Map,
            _ => Form::Whole,
        }
    }

    /// Whether objects here have the field below which `child` stands, rather than free keys.
    pub(super) fn has_declared(self, child: Place<'_>) -> bool {
        child.cursor.is_some() && self.cursor.and_then(Cursor::object).is_some()
    }

    /// Whether objects here have a field of that name, rather than free keys.
    pub(super) fn declares(self, key: &str) -> bool {
        self.cursor.is_some_and(|cursor| cursor.field(key).is_some())
    }

    /// Whether a key of that name, below which `child` stands, may stand here.
    pub(super) fn allows(self, child: Place<'_>) -> bool {
        let object = self.cursor.and_then(Cursor::object);
        child.cursor.is_some() || object.is_none_or(|object| matches!(object.rest, Rest::Kept))
    }

    /// The place below a key.
    pub(super) fn child(self, key: &str) -> Self {
        Place { cursor: self.cursor.and_then(|cursor| cursor.child(key)), ..self }
    }

    /// The same of keys that are asked for in their order; `from` is where the field of the last one stands.
    pub(super) fn next_child(self, key: &str, from: &mut usize) -> Self {
        Place { cursor: self.cursor.and_then(|cursor| cursor.next_child(key, from)), ..self }
    }

    /// The place of a list's elements.
    pub(super) fn items(self) -> Self {
        let is_list = matches!(self.shape(), Some(Shape::List(..)));
        Place { cursor: self.cursor.filter(|_| is_list).map(Cursor::items), ..self }
    }

    /// The place below a step of a path.
    pub(super) fn below(self, step: &Element<'_>) -> Self {
        match step.field_name() {
            Some(name) => self.child(name),
            None => self.items(),
        }
    }

    /// What tells an element of a list here apart from the others.
    pub(super) fn identity(self, kind: &ListKind, element: &Value) -> Result<Element<'static>, NoIdentity> {
        match kind {
            ListKind::Map(keys) => self.key_of(keys, element),
            ListKind::Set | ListKind::Atomic => match element {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".into())
                }
                Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null".into())
                }
                scalar => Ok(Element::value(scalar)),
            },
        }
    }

    /// Whether nothing tells two elements of lists apart: at once, where one need not know what would. It may be denied.
    pub(super) fn are_alike(self, kind: &ListKind, one: &Value, other: &Value) -> bool {
        match (kind, one, other) {
            (ListKind::Map(keys), Value::Object(one), Value::Object(other)) => {
                keys.iter().all(|key| one.get(key) == other.get(key))
            }
            _ => one == other,
        }
    }

    fn key_of(self, keys: &[String], element: &Value) -> Result<Element<'static>, NoIdentity> {
        let element = match element {
            Value::Object(element) => element,
            Value::Null => return Err("associative list with keys may not have a null element".into()),
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let items = self.items();
        let mut given =
            keys.iter().filter_map(|key| Some((key.as_str(), items.key_value(element, key)?))).peekable();
        if given.peek().is_none() {
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default \
                 values for any key fields)",
                keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(" ")
            ));
        }
        Ok(Element::key(given))
    }

    fn key_value<'v>(self, element: &'v Map, key: &str) -> Option<Cow<'v, Value>> {
        let default = || key_default(self.cursor?.object()?.name.as_str(), self.cursor?.field(key)?);
        element.get(key).map(Cow::Borrowed).or_else(|| default().map(Cow::Owned))
    }
}

/// What a key field is where an element leaves it out: the published schemas give fields that are always written their
/// zero value, and a few others a default of their own.
fn key_default(type_name: &str, field: &Field) -> Option<Value> {
    match (&field.node.default, type_name, field.name.as_str()) {
        (Some(default), _, _) => Some(default.clone()),
        (None, "ContainerPort" | "ServicePort", "protocol") => Some("TCP".into()),
        (None, "LocalObjectReference", "name") => Some("".into()),
        _ if field.presence != Presence::Always => None,
        _ => match field.node.shape {
            Shape::Scalar(Scalar::String) => Some("".into()),
            Shape::Scalar(Scalar::Int32 | Scalar::Int64) => Some(0.into()),
            _ => None,
        },
    }
}

/// Reads a value as an object, where anything else counts as none.
pub(super) fn entries(value: Option<&Value>) -> Option<&Map> {
    value.and_then(Value::as_object).filter(|map| !map.is_empty())
}

/// Reads a value as a list, where anything else counts as none.
pub(super) fn elements(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], List::as_slice)
}
