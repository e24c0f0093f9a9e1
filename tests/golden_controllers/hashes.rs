//! Binds template hashes by first appearance: the hash is no contract, but it must be the same wherever it appears.

use std::collections::BTreeMap;

use steersman::core::tree::{Value, json};

const LABELS: &[&str] = &["pod-template-hash", "controller-revision-hash"];

/// Our hashes and the recorded ones they stand for.
#[derive(Default)]
pub(crate) struct Hashes {
    bound: BTreeMap<String, String>,
}

impl Hashes {
    /// Pairs the hashes that appear in both for the first time: by equal templates, then in order.
    pub(crate) fn bind(&mut self, expected: &Value, actual: &[Value]) {
        let mut theirs = Vec::new();
        templates(expected, &mut theirs);
        let mut ours = Vec::new();
        actual.iter().for_each(|object| templates(object, &mut ours));
        theirs.retain(|(hash, _)| !self.bound.values().any(|bound| bound == hash));
        ours.retain(|(hash, _)| !self.bound.contains_key(hash));
        for (hash, template) in &ours {
            let equal = theirs.iter().position(|(_, other)| other == template);
            let place = equal.or_else(|| (ours.len() == theirs.len() && ours.len() == 1).then_some(0));
            if let Some(place) = place {
                self.bound.insert(hash.clone(), theirs.remove(place).0);
            }
        }
    }

    /// `text` with our hashes in place of the recorded ones.
    pub(crate) fn ours(&self, text: &str) -> String {
        self.bound.iter().fold(text.to_owned(), |text, (ours, theirs)| text.replace(theirs.as_str(), ours))
    }

    /// `object` with the recorded hashes in place of ours.
    pub(crate) fn translate(&self, object: &Value) -> Value {
        let mut text = object.to_string();
        for (ours, theirs) in &self.bound {
            text = text.replace(ours.as_str(), theirs);
        }
        serde_json::from_str(&text).expect("hashes hold no quotes")
    }
}

/// Every (hash, images of the template that bears it), each hash once, those of ReplicaSets first.
fn templates(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| templates(one, found)),
        Value::Object(fields) => {
            let labels = fields.get("labels").or_else(|| value.pointer("/metadata/labels"));
            let hash = LABELS.iter().find_map(|label| labels?.get(label)?.as_str());
            if let Some(hash) = hash.filter(|hash| !found.iter().any(|(known, _)| known == hash)) {
                let spec = value.pointer("/spec/template/spec").or_else(|| value.get("spec"));
                found.push((hash.to_owned(), essence(spec)));
            }
            fields.values().for_each(|one| templates(one, found));
        }
        _ => {}
    }
}

/// What tells two templates of a scenario apart, and is the same in an input and in a normalised object.
fn essence(spec: Option<&Value>) -> String {
    let mut containers = spec.map(|spec| json!({ "containers": spec["containers"] })).unwrap_or_default();
    crate::normal::drop_pod_defaults(&mut containers);
    containers.to_string()
}
