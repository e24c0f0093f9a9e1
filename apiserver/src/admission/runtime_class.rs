//! Gives pods the overhead and the placement of their runtime class.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields};

pub(super) struct RuntimeClass;

#[async_trait]
impl Admission for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        let spec = write.object.at("spec");
        let names_any = !spec.text("runtimeClassName").is_empty() || spec.has("overhead");
        write.is(Operation::Create, "", "pods") && names_any
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let class = find(write)?;
        overhead(write, &class)?;
        place(write, class.at("scheduling"))
    }
}

/// The pod's class; null if it names none.
fn find(write: &Attributes<'_>) -> Result<Value> {
    let name = write.object.at("spec").text("runtimeClassName");
    if name.is_empty() {
        return Ok(Value::Null);
    }
    match write.cluster.get(&GroupResource::new("node.k8s.io", "runtimeclasses"), "", name) {
        Some(class) => class.to_value(),
        None => {
            let name = steersman_core::field::quote(name);
            Err(write.forbidden(format!("pod rejected: RuntimeClass {name} not found")))
        }
    }
}

fn overhead(write: &mut Attributes<'_>, class: &Value) -> Result<()> {
    let wanted = class.at("overhead").at("podFixed");
    let said = write.object.at("spec").at("overhead");
    match (wanted.is_null(), said.is_null()) {
        (true, false) => Err(write
            .forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")),
        (false, false) if wanted != said => {
            Err(write.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
        }
        (false, true) => {
            fields(write.object).object("spec").put("overhead", wanted.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}

fn place(write: &mut Attributes<'_>, scheduling: &Value) -> Result<()> {
    for (key, wanted) in scheduling.entries("nodeSelector") {
        let (wanted, said) =
            (wanted.as_str().unwrap_or_default(), write.object.at("spec").at("nodeSelector"));
        if said.has(key) && said.text(key) != wanted {
            return Err(write.forbidden(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {}",
                said.text(key)
            )));
        }
    }
    if scheduling.is_null() {
        return Ok(());
    }
    let spec = fields(write.object).object("spec");
    for (key, wanted) in scheduling.entries("nodeSelector") {
        spec.object("nodeSelector").put(key, wanted.clone());
    }
    for toleration in scheduling.items("tolerations") {
        let tolerations = spec.list("tolerations");
        if !tolerations.contains(toleration) {
            tolerations.push(toleration.clone());
        }
    }
    Ok(())
}
