//! Writes an OpenAPI 2 document in protobuf, as client-go asks for it: gnostic's messages.
//!
//! <https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto>. Only messages and fields that our documents
//! have are known; what extends them (`x-…`) is written as it is.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::wire::{Wire, Writer};

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Document,
    Info,
    PathItem,
    Operation,
    BodyParameter,
    QueryParameter,
    PathParameter,
    Response,
    Schema,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Texts,
    Flag,
    Whole,
    Number,
    Any,
    Anys,
    Message(Message),
    Messages(Message),
    /// A message around a message: the field in which it is.
    Within(u32, Message),
    /// A message of named messages, in that field.
    Named(u32, Message),
    /// The same, each in a message around it.
    NamedWithin(u32, Message),
    /// A text, or several.
    Types,
    /// A schema, or several.
    Items,
    /// A schema, or whether there may be any.
    SchemaOrFlag,
    Parameters,
}

/// The name of a field in JSON, its number, and its shape.
type Field = (&'static str, u32, Shape);

const DOCUMENT: &[Field] = &[
    ("swagger", 1, Shape::Text),
    ("info", 2, Shape::Message(Message::Info)),
    ("paths", 8, Shape::Named(2, Message::PathItem)),
    ("definitions", 9, Shape::Named(1, Message::Schema)),
];
const INFO: &[Field] = &[("title", 1, Shape::Text), ("version", 2, Shape::Text)];
const PATH_ITEM: &[Field] = &[
    ("get", 2, Shape::Message(Message::Operation)),
    ("put", 3, Shape::Message(Message::Operation)),
    ("post", 4, Shape::Message(Message::Operation)),
    ("delete", 5, Shape::Message(Message::Operation)),
    ("options", 6, Shape::Message(Message::Operation)),
    ("head", 7, Shape::Message(Message::Operation)),
    ("patch", 8, Shape::Message(Message::Operation)),
    ("parameters", 9, Shape::Parameters),
];
const OPERATION: &[Field] = &[
    ("tags", 1, Shape::Texts),
    ("description", 3, Shape::Text),
    ("operationId", 5, Shape::Text),
    ("produces", 6, Shape::Texts),
    ("consumes", 7, Shape::Texts),
    ("parameters", 8, Shape::Parameters),
    ("responses", 9, Shape::NamedWithin(1, Message::Response)),
    ("schemes", 10, Shape::Texts),
];
const BODY_PARAMETER: &[Field] = &[
    ("description", 1, Shape::Text),
    ("name", 2, Shape::Text),
    ("in", 3, Shape::Text),
    ("required", 4, Shape::Flag),
    ("schema", 5, Shape::Message(Message::Schema)),
];
/// Of the path and of the query alike.
const PARAMETER: &[Field] = &[
    ("required", 1, Shape::Flag),
    ("in", 2, Shape::Text),
    ("description", 3, Shape::Text),
    ("name", 4, Shape::Text),
];
const PATH_PARAMETER: &[Field] = &[("type", 5, Shape::Text)];
const QUERY_PARAMETER: &[Field] = &[("type", 6, Shape::Text)];
const RESPONSE: &[Field] =
    &[("description", 1, Shape::Text), ("schema", 2, Shape::Within(1, Message::Schema))];
const SCHEMA: &[Field] = &[
    ("$ref", 1, Shape::Text),
    ("format", 2, Shape::Text),
    ("title", 3, Shape::Text),
    ("description", 4, Shape::Text),
    ("default", 5, Shape::Any),
    ("multipleOf", 6, Shape::Number),
    ("maximum", 7, Shape::Number),
    ("exclusiveMaximum", 8, Shape::Flag),
    ("minimum", 9, Shape::Number),
    ("exclusiveMinimum", 10, Shape::Flag),
    ("maxLength", 11, Shape::Whole),
    ("minLength", 12, Shape::Whole),
    ("pattern", 13, Shape::Text),
    ("maxItems", 14, Shape::Whole),
    ("minItems", 15, Shape::Whole),
    ("uniqueItems", 16, Shape::Flag),
    ("maxProperties", 17, Shape::Whole),
    ("minProperties", 18, Shape::Whole),
    ("required", 19, Shape::Texts),
    ("enum", 20, Shape::Anys),
    ("additionalProperties", 21, Shape::SchemaOrFlag),
    ("type", 22, Shape::Types),
    ("items", 23, Shape::Items),
    ("allOf", 24, Shape::Messages(Message::Schema)),
    ("properties", 25, Shape::Named(1, Message::Schema)),
    ("example", 30, Shape::Any),
];

impl Message {
    /// Its fields by their numbers, and where what extends it goes.
    fn fields(self) -> ([&'static [Field]; 2], u32) {
        match self {
            Message::Document => ([DOCUMENT, &[]], 16),
            Message::Info => ([INFO, &[]], 7),
            Message::PathItem => ([PATH_ITEM, &[]], 10),
            Message::Operation => ([OPERATION, &[]], 13),
            Message::BodyParameter => ([BODY_PARAMETER, &[]], 6),
            Message::QueryParameter => ([PARAMETER, QUERY_PARAMETER], 23),
            Message::PathParameter => ([PARAMETER, PATH_PARAMETER], 22),
            Message::Response => ([RESPONSE, &[]], 5),
            Message::Schema => ([SCHEMA, &[]], 31),
        }
    }
}

/// The document in protobuf.
pub(super) fn encode(document: &Value) -> Bytes {
    let mut writer = Writer::default();
    message(&mut writer, Message::Document, document);
    Bytes::copy_from_slice(writer.written())
}

/// Writes the fields of a message, the last one first, as the writer wants it.
fn message(to: &mut Writer, kind: Message, value: &Value) {
    let Some(given) = value.as_object() else { return };
    let (fields, extensions) = kind.fields();
    for (name, value) in given.iter().rev().filter(|(name, _)| is_extension(name)) {
        let outer = to.mark();
        any(to, 2, value);
        to.field(1, name.as_bytes());
        to.close(extensions, outer);
    }
    for (name, number, shape) in fields.into_iter().flatten().rev() {
        if let Some(value) = given.get(*name) {
            shape.write(to, *number, value);
        }
    }
}

fn is_extension(name: &str) -> bool {
    name.starts_with("x-")
}

impl Shape {
    fn write(self, to: &mut Writer, number: u32, value: &Value) {
        match self {
            Shape::Text => to.field(number, value.as_str().unwrap_or_default().as_bytes()),
            Shape::Texts => each(to, value, |to, one| Shape::Text.write(to, number, one)),
            Shape::Flag => to.number(number, i64::from(value.as_bool().unwrap_or_default())),
            Shape::Whole => to.number(number, value.as_i64().unwrap_or_default()),
            Shape::Number => {
                to.bytes(&value.as_f64().unwrap_or_default().to_le_bytes());
                to.tag(number, Wire::Fixed64);
            }
            Shape::Any => any(to, number, value),
            Shape::Anys => each(to, value, |to, one| any(to, number, one)),
            Shape::Message(kind) => inside(to, number, |to| message(to, kind, value)),
            Shape::Messages(kind) => each(to, value, |to, one| Shape::Message(kind).write(to, number, one)),
            Shape::Within(field, kind) => {
                inside(to, number, |to| Shape::Message(kind).write(to, field, value));
            }
            Shape::Named(field, kind) => inside(to, number, |to| {
                named(to, field, value, |to, one| Shape::Message(kind).write(to, 2, one));
            }),
            Shape::NamedWithin(field, kind) => inside(to, number, |to| {
                named(to, field, value, |to, one| Shape::Within(1, kind).write(to, 2, one));
            }),
            Shape::Types => inside(to, number, |to| each(to, value, |to, one| Shape::Text.write(to, 1, one))),
            Shape::Items => inside(to, number, |to| {
                each(to, value, |to, one| Shape::Message(Message::Schema).write(to, 1, one));
            }),
            Shape::SchemaOrFlag => inside(to, number, |to| match value {
                Value::Bool(_) => Shape::Flag.write(to, 2, value),
                _ => Shape::Message(Message::Schema).write(to, 1, value),
            }),
            Shape::Parameters => each(to, value, |to, one| parameter(to, number, one)),
        }
    }
}

/// The values of a list, or the one that stands where a list may stand, the last one first.
fn each(to: &mut Writer, value: &Value, mut write: impl FnMut(&mut Writer, &Value)) {
    match value {
        Value::Array(all) => all.iter().rev().for_each(|one| write(to, one)),
        one => write(to, one),
    }
}

fn inside(to: &mut Writer, number: u32, write: impl FnOnce(&mut Writer)) {
    let mark = to.mark();
    write(to);
    to.close(number, mark);
}

fn named(to: &mut Writer, number: u32, value: &Value, mut write: impl FnMut(&mut Writer, &Value)) {
    let none = Map::new();
    let all = value.as_object().unwrap_or(&none);
    for (name, one) in all.iter().rev().filter(|(name, _)| !is_extension(name)) {
        inside(to, number, |to| {
            write(to, one);
            to.field(1, name.as_bytes());
        });
    }
}

/// A value of any kind is told as YAML, which JSON is.
fn any(to: &mut Writer, number: u32, value: &Value) {
    inside(to, number, |to| to.field(2, value.to_string().as_bytes()));
}

/// Parameters lie in messages that say of what kind they are.
fn parameter(to: &mut Writer, number: u32, value: &Value) {
    inside(to, number, |to| {
        inside(to, 1, |to| match value["in"].as_str() {
            Some("body") => Shape::Message(Message::BodyParameter).write(to, 1, value),
            Some("path") => Shape::Within(4, Message::PathParameter).write(to, 2, value),
            _ => Shape::Within(3, Message::QueryParameter).write(to, 2, value),
        });
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_written_as_gnostic_reads_it() {
        let schema =
            json!({"type": "object", "required": ["b"], "x-k": true, "properties": {"b": {"$ref": "#/c"}}});
        let document = json!({"swagger": "2.0", "definitions": {"a": schema}});
        let expected = [
            b"\x0a\x032.0".as_slice(),
            // definitions, named, "a", its schema
            b"\x4a\x35\x0a\x33\x0a\x01a\x12\x2e",
            b"\x9a\x01\x01b",
            b"\xb2\x01\x08\x0a\x06object",
            b"\xca\x01\x0c\x0a\x0a\x0a\x01b\x12\x05\x0a\x03#/c",
            b"\xfa\x01\x0d\x0a\x03x-k\x12\x06\x12\x04true",
        ];
        assert_eq!(encode(&document), expected.concat());
    }

    #[test]
    fn fields_stand_in_the_order_of_their_numbers() {
        let all = [DOCUMENT, INFO, PATH_ITEM, OPERATION, BODY_PARAMETER, PARAMETER, RESPONSE, SCHEMA];
        for fields in all {
            assert!(fields.is_sorted_by(|one, next| one.1 < next.1), "{fields:?}");
        }
    }
}
