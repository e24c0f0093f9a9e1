//! The messages of OpenAPI 2.
//!
//! <https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto>

use steersman_core::tree::Value;

use super::{Field, Messages, Shape};

/// A message that our documents have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
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

const OPERATION_OF: Shape<Message> = Shape::Message(Message::Operation);
const SCHEMA_OF: Shape<Message> = Shape::Message(Message::Schema);
const TEXTS: Shape<Message> = Shape::Each(&Shape::Text);

const DOCUMENT: &[Field<Message>] = &[
    ("swagger", 1, Shape::Text),
    ("info", 2, Shape::Message(Message::Info)),
    ("paths", 8, Shape::Named(2, &Shape::Message(Message::PathItem))),
    ("definitions", 9, Shape::Named(1, &SCHEMA_OF)),
];
const INFO: &[Field<Message>] = &[("title", 1, Shape::Text), ("version", 2, Shape::Text)];
const PATH_ITEM: &[Field<Message>] = &[
    ("get", 2, OPERATION_OF),
    ("put", 3, OPERATION_OF),
    ("post", 4, OPERATION_OF),
    ("delete", 5, OPERATION_OF),
    ("options", 6, OPERATION_OF),
    ("head", 7, OPERATION_OF),
    ("patch", 8, OPERATION_OF),
    ("parameters", 9, Shape::Each(&Shape::Chosen(parameter))),
];
const OPERATION: &[Field<Message>] = &[
    ("tags", 1, TEXTS),
    ("description", 3, Shape::Text),
    ("operationId", 5, Shape::Text),
    ("produces", 6, TEXTS),
    ("consumes", 7, TEXTS),
    ("parameters", 8, Shape::Each(&Shape::Chosen(parameter))),
    ("responses", 9, Shape::Named(1, &Shape::Within(1, &Shape::Message(Message::Response)))),
    ("schemes", 10, TEXTS),
];
const BODY_PARAMETER: &[Field<Message>] = &[
    ("description", 1, Shape::Text),
    ("name", 2, Shape::Text),
    ("in", 3, Shape::Text),
    ("required", 4, Shape::Flag),
    ("schema", 5, SCHEMA_OF),
];
/// Of the path and of the query alike.
const PARAMETER: &[Field<Message>] = &[
    ("required", 1, Shape::Flag),
    ("in", 2, Shape::Text),
    ("description", 3, Shape::Text),
    ("name", 4, Shape::Text),
];
const PATH_PARAMETER: &[Field<Message>] = &[("type", 5, Shape::Text)];
const QUERY_PARAMETER: &[Field<Message>] = &[("type", 6, Shape::Text)];
const RESPONSE: &[Field<Message>] =
    &[("description", 1, Shape::Text), ("schema", 2, Shape::Within(1, &SCHEMA_OF))];
const SCHEMA: &[Field<Message>] = &[
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
    ("required", 19, TEXTS),
    ("enum", 20, Shape::Each(&Shape::Any)),
    ("additionalProperties", 21, Shape::Chosen(schema_or_flag)),
    ("type", 22, Shape::Within(1, &TEXTS)),
    ("items", 23, Shape::Within(1, &Shape::Each(&SCHEMA_OF))),
    ("allOf", 24, Shape::Each(&SCHEMA_OF)),
    ("properties", 25, Shape::Named(1, &SCHEMA_OF)),
    ("example", 30, Shape::Any),
];

impl Messages for Message {
    fn fields(self) -> (&'static [&'static [Field<Self>]], u32) {
        match self {
            Message::Document => (&[DOCUMENT], 16),
            Message::Info => (&[INFO], 7),
            Message::PathItem => (&[PATH_ITEM], 10),
            Message::Operation => (&[OPERATION], 13),
            Message::BodyParameter => (&[BODY_PARAMETER], 6),
            Message::QueryParameter => (&[PARAMETER, QUERY_PARAMETER], 23),
            Message::PathParameter => (&[PARAMETER, PATH_PARAMETER], 22),
            Message::Response => (&[RESPONSE], 5),
            Message::Schema => (&[SCHEMA], 31),
        }
    }
}

/// Parameters lie in messages that say of what kind they are.
fn parameter(value: &Value) -> Option<Shape<Message>> {
    Some(Shape::Within(
        1,
        match value["in"].as_str() {
            Some("body") => &Shape::Within(1, &Shape::Message(Message::BodyParameter)),
            Some("path") => &Shape::Within(2, &Shape::Within(4, &Shape::Message(Message::PathParameter))),
            _ => &Shape::Within(2, &Shape::Within(3, &Shape::Message(Message::QueryParameter))),
        },
    ))
}

/// A schema, or whether there may be any.
fn schema_or_flag(value: &Value) -> Option<Shape<Message>> {
    Some(if value.is_boolean() { Shape::Within(2, &Shape::Flag) } else { Shape::Within(1, &SCHEMA_OF) })
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::super::{Dialect, are_sorted, encode};
    use super::Message::*;

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
        assert_eq!(encode(&document, Dialect::V2), expected.concat());
    }

    #[test]
    fn fields_stand_in_the_order_of_their_numbers() {
        are_sorted(&[
            Document,
            Info,
            PathItem,
            Operation,
            BodyParameter,
            QueryParameter,
            PathParameter,
            Response,
            Schema,
        ]);
    }
}
