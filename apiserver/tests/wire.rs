//! Every kind of the reference corpus, as JSON and as the protobuf that Go writes for it.
//!
//! `wire.json.gz` holds one object a kind in which every field is set.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;
use steersman_apiserver::schema::Duplicates;
use steersman_apiserver::wire::{self, Encoder, Envelope};
use steersman_apiserver::{Schema, Tables};
use steersman_core::api::FieldValidation;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};

const CORPUS: &[u8] = include_bytes!("wire.json.gz");

#[derive(Deserialize)]
struct Case {
    name: String,
    json: Value,
    pb: String,
}

impl Case {
    fn protobuf(&self) -> Vec<u8> {
        STANDARD.decode(&self.pb).expect("the corpus is base64")
    }

    fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_default()
    }

    fn schema(&self, tables: &Tables) -> Schema {
        tables.schema(&self.kind()).unwrap_or_else(|| panic!("{} is not in the tables", self.name))
    }

    fn kind(&self) -> GroupVersionKind {
        let kind = self.json["kind"].as_str().unwrap_or("WatchEvent").to_owned();
        GroupVersionKind::from_api_version(self.text("apiVersion"), &kind)
    }
}

fn corpus() -> Vec<Case> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(CORPUS).read_to_string(&mut text).expect("the corpus is whole");
    serde_json::from_str(&text).expect("the corpus has its form")
}

fn encoded(encoder: &mut Encoder, case: &Case, schema: &Schema, json: &Value) -> Vec<u8> {
    let message = encoder.encode(schema, json.to_string().as_bytes()).expect("the object has its kind");
    let (before, behind) = wire::around(case.text("apiVersion"), case.text("kind"), message.len());
    [before.as_slice(), message, behind].concat()
}

#[test]
fn json_becomes_the_protobuf_that_go_writes() {
    let (tables, mut encoder) = (Tables::load(), Encoder::default());
    for case in corpus() {
        let bytes = encoded(&mut encoder, &case, &case.schema(&tables), &case.json);
        let wanted = case.protobuf();
        let same = bytes.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        assert!(bytes == wanted, "{} differs at byte {same} of {}", case.name, wanted.len());
    }
}

#[test]
fn the_protobuf_that_go_writes_becomes_json() {
    let tables = Tables::load();
    for case in corpus() {
        let (schema, bytes) = (case.schema(&tables), case.protobuf());
        let envelope = Envelope::open(&bytes).unwrap();
        let mut object = wire::decode(&schema, envelope.message).unwrap();
        for (field, text) in [("apiVersion", envelope.api_version), ("kind", envelope.kind)] {
            if !text.is_empty() {
                object.insert(field.to_owned(), text.into());
            }
        }
        let mut object = Value::Object(object);
        let kind = case.kind();
        schema.admit(&mut object, &kind, &Duplicates::default(), FieldValidation::Strict).unwrap();
        assert_eq!(object, case.json, "{}", case.name);
    }
}

#[test]
fn an_object_without_fields_makes_the_way_there_and_back() {
    let (tables, mut encoder) = (Tables::load(), Encoder::default());
    for case in corpus() {
        let schema = case.schema(&tables);
        let mut blank = Value::Object(Map::new());
        let kind = case.kind();
        schema.admit(&mut blank, &kind, &Duplicates::default(), FieldValidation::Strict).unwrap();
        let bytes = encoded(&mut encoder, &case, &schema, &blank);
        let mut again =
            Value::Object(wire::decode(&schema, Envelope::open(&bytes).unwrap().message).unwrap());
        schema.admit(&mut again, &kind, &Duplicates::default(), FieldValidation::Strict).unwrap();
        assert_eq!(again, blank, "{}", case.name);
    }
}

/// Some of the messages, for tests that change them.
fn messages() -> Vec<(Schema, Vec<u8>)> {
    let tables = Tables::load();
    let chosen =
        ["core.v1.Pod", "core.v1.Node", "apps.v1.ControllerRevision", "core.v1.ConfigMap", "core.v1.Status"];
    let chosen = corpus().into_iter().filter(|case| chosen.contains(&case.name.as_str()));
    let open = |case: Case| {
        let bytes = case.protobuf();
        (case.schema(&tables), Envelope::open(&bytes).expect("the corpus has envelopes").message.to_vec())
    };
    chosen.map(open).collect()
}

proptest! {
    /// Whatever is sent, the answer is a value or an error.
    #[test]
    fn a_message_that_was_tampered_with_is_read_or_refused(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>(),
    ) {
        for (schema, mut message) in messages() {
            let at = at.index(message.len());
            message[at] = byte;
            let _ = wire::decode(&schema, &message);
            let _ = wire::decode(&schema, &message[..end.index(message.len())]);
            let _ = Envelope::open(&message);
        }
    }

    /// The same the other way.
    #[test]
    fn a_text_that_was_tampered_with_is_written_or_refused(at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let (tables, mut encoder) = (Tables::load(), Encoder::default());
        for case in corpus().into_iter().filter(|case| case.name.starts_with("core.v1.P")) {
            let mut json = case.json.to_string().into_bytes();
            let at = at.index(json.len());
            json[at] = byte;
            let _ = encoder.encode(&case.schema(&tables), &json);
            let _ = encoder.encode(&case.schema(&tables), &json[..at]);
        }
    }
}
