//! Writes OpenAPI documents in protobuf, as client-go asks for them: gnostic's messages.
//!
//! Only messages and fields that our documents have are known; what extends them (`x-…`) is written as it is.

mod v2;
mod v3;

use bytes::Bytes;
use steersman_core::tree::{Map, Value};

use super::dialect::Dialect;
use crate::wire::{Wire, Writer};

/// The messages of a version of OpenAPI.
trait Messages: Copy + 'static {
    /// The fields of one, by their numbers, and where what extends it goes.
    fn fields(self) -> (&'static [&'static [Field<Self>]], u32);
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
enum Shape<M: 'static> {
    Text,
    Flag,
    Whole,
    Number,
    Any,
    Message(M),
    /// The values of a list, or the one that stands where a list may stand.
    Each(&'static Shape<M>),
    /// A message around the value: the field in which it is.
    Within(u32, &'static Shape<M>),
    /// A message of named values, in that field.
    Named(u32, &'static Shape<M>),
    /// It depends on the value; `None` if there is no way to write it.
    Chosen(fn(&Value) -> Option<Shape<M>>),
}

/// The name of a field in JSON, its number, and its shape.
type Field<M> = (&'static str, u32, Shape<M>);

/// The document in protobuf.
pub(super) fn encode(document: &Value, dialect: Dialect) -> Bytes {
    let mut writer = Writer::default();
    match dialect {
        Dialect::V2 => message(&mut writer, v2::Message::Document, document),
        Dialect::V3 => message(&mut writer, v3::Message::Document, document),
    }
    Bytes::copy_from_slice(writer.written())
}

/// Writes the fields of a message, the last one first, as the writer wants it.
fn message<M: Messages>(to: &mut Writer, kind: M, value: &Value) {
    let Some(given) = value.as_object() else { return };
    let (fields, extensions) = kind.fields();
    for (name, value) in given.iter().rev().filter(|(name, _)| is_extension(name)) {
        let outer = to.mark();
        any(to, 2, value);
        to.field(1, name.as_bytes());
        to.close(extensions, outer);
    }
    for (name, number, shape) in fields.iter().copied().flatten().rev() {
        if let Some(value) = given.get(name) {
            shape.write(to, *number, value);
        }
    }
}

fn is_extension(name: &str) -> bool {
    name.starts_with("x-")
}

impl<M: Messages> Shape<M> {
    fn write(self, to: &mut Writer, number: u32, value: &Value) {
        match self {
            Shape::Text => to.field(number, value.as_str().unwrap_or_default().as_bytes()),
            Shape::Flag => to.number(number, i64::from(value.as_bool().unwrap_or_default())),
            Shape::Whole => to.number(number, value.as_i64().unwrap_or_default()),
            Shape::Number => {
                to.bytes(&value.as_f64().unwrap_or_default().to_le_bytes());
                to.tag(number, Wire::Fixed64);
            }
            Shape::Any => any(to, number, value),
            Shape::Message(kind) => inside(to, number, |to| message(to, kind, value)),
            Shape::Each(shape) => match value {
                Value::Array(all) => all.iter().rev().for_each(|one| shape.write(to, number, one)),
                one => shape.write(to, number, one),
            },
            Shape::Within(field, shape) => inside(to, number, |to| shape.write(to, field, value)),
            Shape::Named(field, shape) => inside(to, number, |to| named(to, field, value, *shape)),
            Shape::Chosen(choose) => {
                choose(value).into_iter().for_each(|shape| shape.write(to, number, value));
            }
        }
    }
}

fn inside(to: &mut Writer, number: u32, write: impl FnOnce(&mut Writer)) {
    let mark = to.mark();
    write(to);
    to.close(number, mark);
}

fn named<M: Messages>(to: &mut Writer, number: u32, value: &Value, shape: Shape<M>) {
    let none = Map::new();
    let all = value.as_object().unwrap_or(&none);
    for (name, one) in all.iter().rev().filter(|(name, _)| !is_extension(name)) {
        inside(to, number, |to| {
            shape.write(to, 2, one);
            to.field(1, name.as_bytes());
        });
    }
}

/// A value of any kind is told as YAML, which JSON is.
fn any(to: &mut Writer, number: u32, value: &Value) {
    inside(to, number, |to| to.field(2, value.to_string().as_bytes()));
}

/// Fields stand in the order of their numbers.
#[cfg(test)]
fn are_sorted<M: Messages + std::fmt::Debug>(all: &[M]) {
    for kind in all {
        for fields in kind.fields().0 {
            assert!(fields.is_sorted_by(|one, next| one.1 < next.1), "{kind:?}: {fields:?}");
        }
    }
}
