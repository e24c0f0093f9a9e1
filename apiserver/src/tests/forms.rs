//! The forms in which answers come and bodies are sent: protobuf, tables, metadata alone, YAML, and lists in pieces.

use bytes::Bytes;
use futures::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::World;
use crate::http::Body;
use crate::wire::{self, Envelope};
use crate::{Tables, User};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The status, the media type, and the pieces of the body.
struct Answer {
    status: StatusCode,
    media: String,
    pieces: Vec<Bytes>,
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }
}

impl World {
    fn call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(http::HeaderName, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let response = self.run(self.server.call(User::admin(), request.body(body.into()).unwrap()));
        let (parts, body) = response.into_parts();
        let pieces = match body {
            Body::Full(bytes) => vec![bytes],
            Body::Chunks(chunks) => self.run(chunks.collect()),
            #[cfg(feature = "http")]
            Body::Upgrade(_) => panic!("these answers upgrade nothing"),
        };
        let media = parts.headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
        Answer { status: parts.status, media, pieces }
    }

    fn read(&self, uri: &str, accept: &str) -> Answer {
        self.call(Method::GET, uri, &[(ACCEPT, accept)], Bytes::new())
    }

    fn make(&self, name: &str, data: &Value) {
        let map = json!({"metadata": {"name": name}, "data": data}).to_string();
        let answer = self.call(Method::POST, MAPS, &[(CONTENT_TYPE, "application/json")], map);
        assert_eq!(answer.status, StatusCode::CREATED);
    }
}

/// What a message in an envelope says, without the zeros that Go writes.
fn opened(bytes: &[u8]) -> Value {
    let envelope = Envelope::open(bytes).unwrap();
    let kind = GroupVersionKind::from_api_version(envelope.api_version, envelope.kind);
    let schema = Tables::load().schema(&kind).unwrap();
    Value::Object(wire::decode(&schema, envelope.message).unwrap())
}

#[test]
fn an_object_is_written_and_read_as_protobuf() {
    let world = World::new();
    let tables = Tables::load();
    let schema = tables.schema(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap();
    let map = json!({"metadata": {"name": "a"}, "data": {"k": "v"}}).to_string();
    let mut encoder = wire::Encoder::default();
    let message = encoder.encode(&schema, map.as_bytes()).unwrap().to_vec();
    let (before, behind) = wire::around("v1", "ConfigMap", message.len());
    let body = [before.as_slice(), &message, behind].concat();
    let headers = [(CONTENT_TYPE, PROTOBUF), (ACCEPT, PROTOBUF)];
    let made = world.call(Method::POST, MAPS, &headers, body.clone());
    assert_eq!((made.status, made.media.as_str()), (StatusCode::CREATED, PROTOBUF));
    assert_eq!(opened(&made.bytes())["data"]["k"], "v");

    let wrong = world.call(Method::POST, "/api/v1/namespaces/default/secrets", &headers, body);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(opened(&wrong.bytes())["reason"], "BadRequest");
    let cut = world.call(Method::POST, MAPS, &headers, before);
    assert_eq!(cut.status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_long_list_comes_in_pieces_that_add_up() {
    let world = World::new();
    for index in 0..40 {
        world.make(&format!("m{index:02}"), &json!({"k": "x".repeat(5_000)}));
    }
    let json = world.read(MAPS, "application/json");
    assert!(json.pieces.len() > 2);
    assert_eq!(json.json()["items"].as_array().unwrap().len(), 40);
    let pretty = world.read(&format!("{MAPS}?pretty=true"), "application/json");
    assert_eq!(pretty.json(), json.json());
    let protobuf = world.read(MAPS, PROTOBUF);
    assert!(protobuf.pieces.len() > 2);
    let items = opened(&protobuf.bytes());
    assert_eq!(items["items"][39]["metadata"]["name"], "m39");
    assert_eq!(items["metadata"]["resourceVersion"], json.json()["metadata"]["resourceVersion"]);
}

#[test]
fn a_watch_in_protobuf_is_cut_into_frames() {
    let world = World::new();
    world.make("a", &json!({"k": "v"}));
    let answer =
        world.read(&format!("{MAPS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name=a"), PROTOBUF);
    assert_eq!(answer.media, "application/vnd.kubernetes.protobuf;stream=watch");
    let frame = &answer.pieces[0];
    let (length, event) = frame.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, event.len());
    assert!(event.starts_with(b"\x0a\x05ADDED\x12"));
    let object = event.windows(4).position(|four| four == b"k8s\0").unwrap();
    assert_eq!(opened(&event[object..])["data"]["k"], "v");
}

#[test]
fn a_table_has_a_row_for_each_object() {
    let world = World::new();
    world.make("a", &json!({"k": "v", "l": "w"}));
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let answer = world.read(&format!("{MAPS}/a?includeObject=None"), table).json();
    assert_eq!(answer["rows"], json!([{"cells": ["a", 2, "0s"], "object": null}]));
    assert_eq!(answer["columnDefinitions"][1]["name"], "Data");
    let watch = world.read(&format!("{MAPS}?watch=true&timeoutSeconds=1&includeObject=None"), table);
    let event: Value = serde_json::from_slice(&watch.pieces[0]).unwrap();
    assert_eq!(event["object"]["kind"], "Table");
    let wrong = world.read(&format!("{MAPS}?includeObject=All"), table);
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn metadata_alone_comes_as_json_and_as_protobuf() {
    let world = World::new();
    world.make("a", &json!({"k": "v"}));
    let metadata = |media: &str, kind: &str| format!("{media};as={kind};v=v1;g=meta.k8s.io");
    let one = world.read(&format!("{MAPS}/a"), &metadata("application/json", "PartialObjectMetadata")).json();
    assert_eq!((&one["kind"], &one["data"]), (&"PartialObjectMetadata".into(), &Value::Null));
    let many = world.read(MAPS, &metadata(PROTOBUF, "PartialObjectMetadataList"));
    assert_eq!(opened(&many.bytes())["items"][0]["metadata"]["name"], one["metadata"]["name"]);
    let refused = world.read(MAPS, &metadata("application/json", "PartialObjectMetadata"));
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
}

#[test]
fn answers_and_errors_come_as_yaml() {
    let world = World::new();
    world.make("a", &json!({"k": "1"}));
    let found = world.read(&format!("{MAPS}/a"), "application/yaml");
    assert_eq!(found.media, "application/yaml");
    let found: Value = serde_saphyr::from_str(std::str::from_utf8(&found.bytes()).unwrap()).unwrap();
    assert_eq!(found["data"]["k"], "1");
    let missing = world.read(&format!("{MAPS}/b"), "application/yaml");
    assert_eq!((missing.status, missing.media.as_str()), (StatusCode::NOT_FOUND, "application/yaml"));
}

#[test]
fn openapi_documents_are_written_in_json_and_in_protobuf() {
    let world = World::new();
    // Each with the version that the document starts with, in its first field.
    let cases = [
        ("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "2.0"),
        ("/openapi/v3/apis/apps/v1", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf", "3.0.0"),
        ("/openapi/v3/version", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", "3.0.0"),
    ];
    for (path, asked, version) in cases {
        let answer = world.read(path, asked);
        assert_eq!((answer.status, answer.media), (StatusCode::OK, asked.replace('@', ".")), "{path}");
        let first = [&[0x0a, version.len() as u8], version.as_bytes()].concat();
        assert!(answer.pieces[0].starts_with(&first), "{path}");
        let document = world.read(path, "application/json").json();
        assert!(document["openapi"] == version || document["swagger"] == version, "{path}");
        assert_eq!(world.read(path, "text/html").status, StatusCode::NOT_ACCEPTABLE);
    }
    // Neither version of protobuf is taken for the other.
    assert_eq!(world.read("/openapi/v3/version", cases[0].1).status, StatusCode::NOT_ACCEPTABLE);
}
