//! The recorded scenarios: where they lie and what a step is.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use steersman::core::tree::{Map, Value};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) area: String,
    pub(crate) namespace: String,
    #[serde(default)]
    pub(crate) kcm: Map,
    #[serde(default)]
    pub(crate) kinds: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) also: Vec<String>,
    #[serde(default)]
    pub(crate) no_events: bool,
    #[serde(default)]
    pub(crate) show_defaults: bool,
    #[serde(default)]
    pub(crate) show_namespace: bool,
    #[serde(default)]
    pub(crate) hide_nodes: bool,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Step {
    Do(Map),
    Settle(f64),
    Wait(Map),
    Expect(Expect),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Expect {
    pub(crate) objects: Map,
    #[serde(default)]
    pub(crate) new_events: Vec<Value>,
    #[serde(default)]
    pub(crate) no_events: bool,
    #[serde(default)]
    pub(crate) kinds: Option<Vec<String>>,
}

/// The directory to replay: `GOLDEN_DIR`, or the corpus that is checked in.
pub(crate) fn directory() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/controllers");
    std::env::var_os("GOLDEN_DIR").map_or_else(own, PathBuf::from)
}

/// Every scenario of a directory of `.jsonl` and `.jsonl.gz` files, in file order; `GOLDEN_ONLY=prefix` narrows.
pub(crate) fn scenarios(directory: &Path) -> Vec<Scenario> {
    let only = std::env::var("GOLDEN_ONLY").unwrap_or_default();
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).expect("the corpus exists").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let texts = files.iter().filter_map(|file| read(file));
    let lines: Vec<String> =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let parsed = lines.iter().map(|line| serde_json::from_str(line).expect("a scenario a line"));
    parsed.filter(|scenario: &Scenario| scenario.name.starts_with(&only)).collect()
}

fn read(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let bytes = fs::read(file).ok()?;
    if name.ends_with(".jsonl") {
        return String::from_utf8(bytes).ok();
    }
    let mut text = String::new();
    name.ends_with(".jsonl.gz").then_some(())?;
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).ok()?;
    Some(text)
}
