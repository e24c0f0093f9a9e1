//! Joins what k8s-openapi says of every field with the values and defaults of the Go sources into `docs.json.gz`: what
//! OpenAPI documents tell people, and no code needs.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};

use crate::enums::{self, Constants};
use crate::go::{self, Field, Package};

struct Sources {
    packages: BTreeMap<String, Package>,
    constants: BTreeMap<String, Constants>,
}

/// Rebuilds the file in `out`; `openapi` is the folder of one version in k8s-openapi's sources (`src/v1_36`).
pub(crate) fn write(openapi: &Path, go: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let types: Map<String, Value> = serde_json::from_slice(&std::fs::read(out.join("types.json"))?)?;
    let sources = Sources { packages: go::read(go)?, constants: enums::read(go)? };
    let mut docs = Map::new();
    for file in files(openapi)? {
        let Some((name, mut doc)) = parse(&std::fs::read_to_string(file)?) else { continue };
        if let Some(row) = types.get(&name) {
            sources.complete(&name, row, &mut doc);
            docs.insert(name, doc);
        }
    }
    let mut file = GzEncoder::new(std::fs::File::create(out.join("docs.json.gz"))?, Compression::best());
    file.write_all(serde_json::to_string(&docs)?.as_bytes())?;
    file.finish()?;
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The name of a type and what is said of it and of its fields, from the text of its `json_schema`.
fn parse(source: &str) -> Option<(String, Value)> {
    let (_, schema) = source.split_once("impl crate::schemars::JsonSchema for ")?;
    let named = schema.lines().find(|line| line.trim_start().starts_with("\"io.k8s."))?;
    let name = short(&quoted(named)?)?;
    let mut fields = Map::new();
    let mut about = String::new();
    let mut field = None;
    for line in schema.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim_start();
        let is_about =
            line.starts_with("\"description\": ") || line.contains("insert(\"description\".into(), ");
        match indent {
            12 if is_about => about = text(line)?,
            16 if line.starts_with('"') && line.ends_with('{') => field = quoted(line),
            20 if is_about => {
                let Some(name) = field.take() else { continue };
                fields.insert(name, json!({"about": text(line)?}));
            }
            _ => {}
        }
    }
    Some((name, json!({"about": about, "fields": fields})))
}

/// The name in the tables of a published name: `core.v1.Pod` for `io.k8s.api.core.v1.Pod`.
fn short(name: &str) -> Option<String> {
    let steps: Vec<&str> = name.split('.').collect();
    let tail = steps.get(steps.len().checked_sub(3)?..)?;
    Some(tail.join("."))
}

/// The first string literal of a line.
fn quoted(line: &str) -> Option<String> {
    serde_json::Deserializer::from_str(&line[line.find('"')?..]).into_iter::<String>().next()?.ok()
}

/// The string literal behind `description`.
fn text(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("description\"")?;
    quoted(rest)
}

impl Sources {
    /// Adds the values that the fields of a type may have, and their defaults.
    fn complete(&self, name: &str, row: &Value, doc: &mut Value) {
        for (json, field) in self.fields(name) {
            if row["fields"].get(&json).is_none() {
                continue;
            }
            if let Some(choices) = self.choices(&field.full) {
                let entry = &mut doc["fields"][&json];
                entry["enum"] = choices.iter().map(|(value, _)| value.as_str()).collect();
                let about = entry["about"].as_str().unwrap_or_default();
                entry["about"] = format!("{about}{}", listed(choices)).into();
            }
            if let Some(default) = field.default.and_then(|text| self.default(name, &text)) {
                doc["fields"][&json]["default"] = default;
            }
        }
    }

    fn fields(&self, name: &str) -> BTreeMap<String, Field> {
        let found =
            name.rsplit_once('.').and_then(|(package, name)| self.packages.get(package)?.structs.get(name));
        let Some(found) = found else { return BTreeMap::new() };
        let mut fields = BTreeMap::new();
        for embedded in &found.embeds {
            fields.extend(self.fields(embedded.full.trim_start_matches('*')));
        }
        fields.extend(found.fields.iter().map(|field| (field.json.clone(), field.clone())));
        fields
    }

    fn choices(&self, full: &str) -> Option<&Vec<enums::Choice>> {
        let (package, name) = full.trim_start_matches(['[', ']', '*']).rsplit_once('.')?;
        let found = self.constants.get(package)?.enums.get(name);
        found.filter(|choices| !choices.is_empty())
    }

    /// A default is JSON, or names a constant: `ref(Name)`.
    fn default(&self, type_name: &str, text: &str) -> Option<Value> {
        let Some(constant) = text.strip_prefix("ref(").and_then(|rest| rest.strip_suffix(')')) else {
            return serde_json::from_str(text).ok();
        };
        let (package, _) = type_name.rsplit_once('.')?;
        let constant = constant.rsplit('.').next().unwrap_or(constant);
        self.constants.get(package)?.values.get(constant).map(|value| value.as_str().into())
    }
}

/// What upstream's generator appends to the description of a field with a closed set of values.
fn listed(choices: &[enums::Choice]) -> String {
    let line = |(value, about): &enums::Choice| format!("\n - `{value:?}` {about}").trim_end().to_owned();
    let lines: String = choices.iter().map(line).collect();
    format!("\n\nPossible enum values:{lines}")
}
