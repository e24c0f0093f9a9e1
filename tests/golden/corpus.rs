//! The recorded cases: where they lie and what a step is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use steersman::core::tree::Value;

#[derive(Deserialize)]
struct File {
    area: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// `false` for a case that needs no namespace.
    #[serde(default)]
    pub(crate) namespace: Option<bool>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) response: Response,
    #[serde(default)]
    pub(crate) settle: Value,
    #[serde(default)]
    pub(crate) poll: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) body_text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) body_text: Option<String>,
    #[serde(default)]
    pub(crate) events: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) body_omitted: bool,
    #[serde(default)]
    pub(crate) body_filtered: Option<String>,
}

/// The directory to replay: `GOLDEN_DIR`, or the corpus that is checked in.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("GOLDEN_DIR").map_or_else(checked_in, PathBuf::from)
}

/// This is part of two packages, of which one lies within the other.
fn checked_in() -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = folders.map(|folder| folder.join("tests/golden/api")).find(|found| found.is_dir());
    found.expect("the corpus is checked in")
}

/// Every case of a directory of `.json` and `.json.gz` files with its area, in file order.
pub(crate) fn cases(directory: &Path) -> Vec<(String, Case)> {
    let only = std::env::var("GOLDEN_ONLY").unwrap_or_default();
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).expect("the corpus exists").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let texts = files.iter().filter_map(|file| read(file));
    let parsed = texts.map(|text| serde_json::from_str::<File>(&text).expect("the corpus's format"));
    let all = parsed.flat_map(|file| file.cases.into_iter().map(move |case| (file.area.clone(), case)));
    all.filter(|(area, case)| area.starts_with(&only) || case.name.starts_with(&only)).collect()
}

fn read(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let bytes = fs::read(file).ok()?;
    if name.ends_with(".json") {
        return String::from_utf8(bytes).ok();
    }
    name.ends_with(".json.gz").then_some(())?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).ok()?;
    Some(text)
}
