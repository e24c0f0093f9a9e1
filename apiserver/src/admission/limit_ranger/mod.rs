//! Gives pods and claims the requests and limits that their namespace has set, and refuses what is beyond them.
//!
//! <https://kubernetes.io/docs/concepts/policy/limit-range/>

mod bounds;

use std::collections::BTreeMap;

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value};

use super::{Admission, Attributes, Operation};
use crate::tree::{Fill, Read, fields};

/// Where a pod says what was set.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

pub(super) struct LimitRanger;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Pod,
    Claim,
}

#[async_trait]
impl Admission for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        subject(write).is_some()
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if subject(write) != Some(Subject::Pod) {
            return Ok(());
        }
        for range in ranges(write)? {
            set_defaults(fields(write.object), &range);
        }
        Ok(())
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let Some(subject) = subject(write) else { return Ok(()) };
        for range in ranges(write)? {
            let mut faults = match subject {
                Subject::Pod => bounds::of_pod(write.object.at("spec"), range.at("spec")),
                Subject::Claim => bounds::of_claim(write.object.at("spec"), range.at("spec")),
            };
            let mut told: Vec<String> = Vec::new();
            faults.retain(|fault| {
                let is_new = !told.contains(fault);
                told.push(fault.clone());
                is_new
            });
            match faults.as_slice() {
                [] => {}
                [only] => return Err(write.forbidden(only)),
                several => return Err(write.forbidden(format!("[{}]", several.join(", ")))),
            }
        }
        Ok(())
    }
}

/// What the write is about; nothing where limits do not matter. What containers ask for changes through `resize` only.
fn subject(write: &Attributes<'_>) -> Option<Subject> {
    if !write.resource.group.is_empty() {
        return None;
    }
    let subject = match (&*write.resource.resource, write.subresource, write.operation) {
        ("pods", "", Operation::Create) | ("pods", "resize", Operation::Update) => Subject::Pod,
        ("persistentvolumeclaims", "", Operation::Create | Operation::Update) => Subject::Claim,
        _ => return None,
    };
    let is_going = write.operation == Operation::Update
        && write.old.is_some_and(|old| old.at("metadata").has("deletionTimestamp"));
    (!is_going).then_some(subject)
}

fn ranges(write: &Attributes<'_>) -> Result<Vec<Value>> {
    let found = write.cluster.list(&GroupResource::new("", "limitranges"), write.namespace);
    found.iter().map(steersman_core::Object::to_value).collect()
}

/// What containers are given that do not say: the last of several limits counts.
fn defaults<'a>(range: &'a Value, field: &str) -> BTreeMap<&'a str, &'a Value> {
    let limits = range.at("spec").items("limits").iter().filter(|limit| limit.text("type") == "Container");
    limits.flat_map(|limit| limit.entries(field)).collect()
}

fn set_defaults(pod: &mut Map, range: &Value) {
    let (requests, limits) = (defaults(range, "defaultRequest"), defaults(range, "default"));
    let mut told = Vec::new();
    let spec = pod.object("spec");
    for (field, what) in [("containers", "container"), ("initContainers", "init container")] {
        for container in spec.objects_mut(field) {
            let name = container.text("name").to_owned();
            for (key, word, wanted) in [("requests", "request", &requests), ("limits", "limit", &limits)] {
                let set = fill(container, key, wanted);
                if !set.is_empty() {
                    told.push(format!("{} {word} for {what} {name}", set.join(", ")));
                }
            }
        }
    }
    if !told.is_empty() {
        let annotation = format!("LimitRanger plugin set: {}", told.join("; "));
        pod.object("metadata").object("annotations").put(ANNOTATION, annotation);
    }
}

/// Fills in the quantities that a container does not have; their names, ordered.
fn fill<'a>(container: &mut Map, key: &str, wanted: &BTreeMap<&'a str, &'a Value>) -> Vec<&'a str> {
    let missing = |name: &str| !container.at("resources").at(key).has(name);
    let set: Vec<&str> = wanted.keys().copied().filter(|name| missing(name)).collect();
    for name in &set {
        container.object("resources").object(key).put(name, wanted[name].clone());
    }
    set
}
