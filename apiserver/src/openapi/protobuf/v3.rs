//! The messages of OpenAPI 3.
//!
//! <https://github.com/google/gnostic/blob/main/openapiv3/OpenAPIv3.proto>

use steersman_core::tree::Value;

use super::{Field, Messages, Shape};

/// A message that our documents have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Document,
    Info,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    Response,
    MediaType,
    Components,
    Schema,
    ExternalDocs,
    Reference,
}

const OPERATION_OF: Shape<Message> = Shape::Message(Message::Operation);
/// A schema, or a reference to one.
const SCHEMA_OF: Shape<Message> = Shape::Chosen(schema_or_reference);
const SCHEMAS: Shape<Message> = Shape::Each(&SCHEMA_OF);
const PARAMETERS: Shape<Message> = Shape::Each(&Shape::Within(1, &Shape::Message(Message::Parameter)));
const CONTENT: Shape<Message> = Shape::Named(1, &Shape::Message(Message::MediaType));

const DOCUMENT: &[Field<Message>] = &[
    ("openapi", 1, Shape::Text),
    ("info", 2, Shape::Message(Message::Info)),
    ("paths", 4, Shape::Named(1, &Shape::Message(Message::PathItem))),
    ("components", 5, Shape::Message(Message::Components)),
];
const INFO: &[Field<Message>] = &[("title", 1, Shape::Text), ("version", 6, Shape::Text)];
const PATH_ITEM: &[Field<Message>] = &[
    ("get", 4, OPERATION_OF),
    ("put", 5, OPERATION_OF),
    ("post", 6, OPERATION_OF),
    ("delete", 7, OPERATION_OF),
    ("options", 8, OPERATION_OF),
    ("head", 9, OPERATION_OF),
    ("patch", 10, OPERATION_OF),
    ("parameters", 13, PARAMETERS),
];
const OPERATION: &[Field<Message>] = &[
    ("tags", 1, Shape::Each(&Shape::Text)),
    ("description", 3, Shape::Text),
    ("operationId", 5, Shape::Text),
    ("parameters", 6, PARAMETERS),
    ("requestBody", 7, Shape::Within(1, &Shape::Message(Message::RequestBody))),
    ("responses", 8, Shape::Named(2, &Shape::Within(1, &Shape::Message(Message::Response)))),
];
const PARAMETER: &[Field<Message>] = &[
    ("name", 1, Shape::Text),
    ("in", 2, Shape::Text),
    ("description", 3, Shape::Text),
    ("required", 4, Shape::Flag),
    ("schema", 10, SCHEMA_OF),
];
const REQUEST_BODY: &[Field<Message>] =
    &[("description", 1, Shape::Text), ("content", 2, CONTENT), ("required", 3, Shape::Flag)];
const RESPONSE: &[Field<Message>] = &[("description", 1, Shape::Text), ("content", 3, CONTENT)];
const MEDIA_TYPE: &[Field<Message>] = &[("schema", 1, SCHEMA_OF)];
const COMPONENTS: &[Field<Message>] = &[("schemas", 1, Shape::Named(1, &SCHEMA_OF))];
const SCHEMA: &[Field<Message>] = &[
    ("nullable", 1, Shape::Flag),
    ("externalDocs", 6, Shape::Message(Message::ExternalDocs)),
    ("example", 7, Shape::Any),
    ("title", 9, Shape::Text),
    ("multipleOf", 10, Shape::Number),
    ("maximum", 11, Shape::Number),
    ("exclusiveMaximum", 12, Shape::Flag),
    ("minimum", 13, Shape::Number),
    ("exclusiveMinimum", 14, Shape::Flag),
    ("maxLength", 15, Shape::Whole),
    ("minLength", 16, Shape::Whole),
    ("pattern", 17, Shape::Text),
    ("maxItems", 18, Shape::Whole),
    ("minItems", 19, Shape::Whole),
    ("uniqueItems", 20, Shape::Flag),
    ("maxProperties", 21, Shape::Whole),
    ("minProperties", 22, Shape::Whole),
    ("required", 23, Shape::Each(&Shape::Text)),
    ("enum", 24, Shape::Each(&Shape::Any)),
    ("type", 25, Shape::Text),
    ("allOf", 26, SCHEMAS),
    ("oneOf", 27, SCHEMAS),
    ("anyOf", 28, SCHEMAS),
    ("not", 29, Shape::Message(Message::Schema)),
    ("items", 30, Shape::Within(1, &SCHEMAS)),
    ("properties", 31, Shape::Named(1, &SCHEMA_OF)),
    ("additionalProperties", 32, Shape::Chosen(schema_or_flag)),
    ("default", 33, Shape::Chosen(default)),
    ("description", 34, Shape::Text),
    ("format", 35, Shape::Text),
];
const EXTERNAL_DOCS: &[Field<Message>] = &[("description", 1, Shape::Text), ("url", 2, Shape::Text)];
const REFERENCE: &[Field<Message>] = &[("$ref", 1, Shape::Text)];

/// Where nothing can extend a message.
const NOWHERE: u32 = 0;

impl Messages for Message {
    fn fields(self) -> (&'static [&'static [Field<Self>]], u32) {
        match self {
            Message::Document => (&[DOCUMENT], 9),
            Message::Info => (&[INFO], 7),
            Message::PathItem => (&[PATH_ITEM], 14),
            Message::Operation => (&[OPERATION], 13),
            Message::Parameter => (&[PARAMETER], 14),
            Message::RequestBody => (&[REQUEST_BODY], 4),
            Message::Response => (&[RESPONSE], 5),
            Message::MediaType => (&[MEDIA_TYPE], 5),
            Message::Components => (&[COMPONENTS], 10),
            Message::Schema => (&[SCHEMA], 36),
            Message::ExternalDocs => (&[EXTERNAL_DOCS], 3),
            Message::Reference => (&[REFERENCE], NOWHERE),
        }
    }
}

fn schema_or_reference(value: &Value) -> Option<Shape<Message>> {
    Some(match value.get("$ref") {
        Some(_) => Shape::Within(2, &Shape::Message(Message::Reference)),
        None => Shape::Within(1, &Shape::Message(Message::Schema)),
    })
}

/// A schema, or whether there may be any.
fn schema_or_flag(value: &Value) -> Option<Shape<Message>> {
    Some(if value.is_boolean() { Shape::Within(2, &Shape::Flag) } else { Shape::Within(1, &SCHEMA_OF) })
}

/// Gnostic's messages have no words for defaults that are lists or objects.
fn default(value: &Value) -> Option<Shape<Message>> {
    match value {
        Value::Number(_) => Some(Shape::Within(1, &Shape::Number)),
        Value::Bool(_) => Some(Shape::Within(2, &Shape::Flag)),
        Value::String(_) => Some(Shape::Within(3, &Shape::Text)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::super::{Dialect, are_sorted, encode};
    use super::Message::*;

    #[test]
    fn a_document_is_written_as_gnostic_reads_it() {
        let schema = json!({
            "type": "object", "description": "d", "required": ["b"], "x-k": true, "default": {},
            "properties": {"b": {"$ref": "#/c"}, "n": {"default": false}},
        });
        let parameter = json!({"name": "p", "in": "query", "schema": {"type": "string"}});
        let answer = json!({"description": "OK", "content": {"a/b": {"schema": {"$ref": "#/c"}}}});
        let document = json!({
            "openapi": "3.0.0", "info": {"title": "t", "version": "1"},
            "paths": {"/": {"get": {"parameters": [parameter], "responses": {"200": answer}}}},
            "components": {"schemas": {"a": schema}},
        });
        let expected = [
            b"\x0a\x053.0.0".as_slice(),
            b"\x12\x06\x0a\x01t\x32\x011",
            // paths, named, "/", its item, get
            b"\x22I\x0aG\x0a\x01/\x12B\x22@",
            // a parameter, its schema
            b"2\x19\x0a\x17\x0a\x01p\x12\x05queryR\x0b\x0a\x09\xca\x01\x06string",
            // answers, named, "200", one
            b"B#\x12!\x0a\x03200\x12\x1a\x0a\x18\x0a\x02OK",
            // content, named, its type and its schema
            b"\x1a\x12\x0a\x10\x0a\x03a/b\x12\x09\x0a\x07\x12\x05\x0a\x03#/c",
            // components, schemas, named, "a", a schema
            b"*K\x0aI\x0aG\x0a\x01a\x12B\x0a@",
            b"\xba\x01\x01b",
            b"\xca\x01\x06object",
            // properties: a reference, a schema with a default
            b"\xfa\x01\x1c\x0a\x0c\x0a\x01b\x12\x07\x12\x05\x0a\x03#/c",
            b"\x0a\x0c\x0a\x01n\x12\x07\x0a\x05\x8a\x02\x02\x10\x00",
            b"\x92\x02\x01d",
            b"\xa2\x02\x0d\x0a\x03x-k\x12\x06\x12\x04true",
        ];
        assert_eq!(encode(&document, Dialect::V3), expected.concat());
    }

    #[test]
    fn fields_stand_in_the_order_of_their_numbers() {
        are_sorted(&[
            Document,
            Info,
            PathItem,
            Operation,
            Parameter,
            RequestBody,
            Response,
            MediaType,
            Components,
            Schema,
            ExternalDocs,
        ]);
    }
}
