//! What is said of the built-in types and their fields; unpacked when a document is made, and not kept.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;
use steersman_core::tree::Value;

const DOCS: &[u8] = include_bytes!("../../data/docs.json.gz");

/// What is said of the built-in types, by their names in the tables.
#[derive(Deserialize)]
pub(super) struct Docs(BTreeMap<String, TypeDoc>);

/// What is said of a type.
#[derive(Default, Deserialize)]
pub(super) struct TypeDoc {
    pub(super) about: String,
    pub(super) fields: BTreeMap<String, FieldDoc>,
}

/// What is said of a field.
#[derive(Default, Deserialize)]
pub(super) struct FieldDoc {
    #[serde(default)]
    pub(super) about: String,
    /// The values it may have, if they are few and known.
    #[serde(default, rename = "enum")]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) default: Value,
}

impl Docs {
    /// Unpacks everything: about a megabyte, in some milliseconds.
    pub(super) fn unpack() -> Self {
        let mut text = Vec::new();
        GzDecoder::new(DOCS).read_to_end(&mut text).expect("the checked-in file is whole");
        serde_json::from_slice(&text).expect("the checked-in file is well formed")
    }

    pub(super) fn of(&self, name: &str) -> Option<&TypeDoc> {
        self.0.get(name)
    }
}
