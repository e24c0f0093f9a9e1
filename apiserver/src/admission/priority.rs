//! Gives pods the priority of their class, and keeps at most one class the default.

use async_trait::async_trait;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value};
use steersman_core::versions::optional;
use steersman_core::{Object, Result};

use super::{Admission, Attributes, Operation};
use crate::tree::{Fill, Read, fields};

const PREEMPT: &str = "PreemptLowerPriority";

pub(super) struct Priority;

/// What a pod gets from its class.
struct Class {
    name: String,
    value: i64,
    preemption: String,
}

#[async_trait]
impl Admission for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        let is_of_pod = write.is(Operation::Create, "", "pods") || write.is(Operation::Update, "", "pods");
        is_of_pod || write.is_about("scheduling.k8s.io", "priorityclasses")
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if write.is(Operation::Create, "", "pods") {
            return prioritise(write);
        }
        if write.is(Operation::Update, "", "pods") {
            keep(write);
        }
        Ok(())
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let resource = "priorityclasses";
        let create = write.is(Operation::Create, "scheduling.k8s.io", resource);
        let update = write.is(Operation::Update, "scheduling.k8s.io", resource);
        if !(create || update) || !write.object.flag("globalDefault") {
            return Ok(());
        }
        match default_class(write)? {
            Some(class) if create || class.name != write.object.at("metadata").text("name") => {
                let name = class.name;
                let why =
                    format!("PriorityClass {name} is already marked as default. Only one default can exist");
                Err(write.forbidden(why))
            }
            _ => Ok(()),
        }
    }
}

fn prioritise(write: &mut Attributes<'_>) -> Result<()> {
    let spec = write.object.at("spec");
    let class = class_of(spec.text("priorityClassName"), write)?;
    let computed = "priority admission controller computed";
    if let Some(priority) = spec.int("priority").filter(|priority| *priority != class.value) {
        return Err(write.forbidden(format!(
            "the integer value of priority ({priority}) must not be provided in pod spec; {computed} {} from the \
             given PriorityClass name",
            class.value
        )));
    }
    let preemption = spec.text("preemptionPolicy");
    if !preemption.is_empty() && preemption != class.preemption {
        return Err(write.forbidden(format!(
            "the string value of PreemptionPolicy ({preemption}) must not be provided in pod spec; {computed} {} \
             from the given PriorityClass name",
            class.preemption
        )));
    }
    let spec = fields(write.object).object("spec");
    if !class.name.is_empty() {
        spec.put("priorityClassName", class.name);
    }
    spec.put("priority", class.value);
    spec.put("preemptionPolicy", class.preemption);
    Ok(())
}

fn class_of(name: &str, write: &Attributes<'_>) -> Result<Class> {
    if name.is_empty() {
        let none = || Class { name: String::new(), value: 0, preemption: PREEMPT.to_owned() };
        return Ok(default_class(write)?.unwrap_or_else(none));
    }
    let class = write.cluster.get(&classes(), "", name);
    let class =
        class.ok_or_else(|| write.forbidden(format!("no PriorityClass with name {name} was found")))?;
    read(&class)
}

/// The default class; the one of least value if there are several.
fn default_class(write: &Attributes<'_>) -> Result<Option<Class>> {
    let mut least: Option<Class> = None;
    for object in write.cluster.list(&classes(), "") {
        if object.decode::<PriorityClass>()?.global_default == Some(true) {
            let class = read(&object)?;
            if least.as_ref().is_none_or(|least| class.value < least.value) {
                least = Some(class);
            }
        }
    }
    Ok(least)
}

fn read(object: &Object) -> Result<Class> {
    let class = object.decode::<PriorityClass>()?;
    let preemption = class.preemption_policy.as_deref().filter(|policy| !policy.is_empty());
    Ok(Class {
        name: object.name().to_owned(),
        value: optional::<i32>(class.value).unwrap_or_default().into(),
        preemption: preemption.unwrap_or(PREEMPT).to_owned(),
    })
}

/// An update that leaves the priority out means to keep it.
fn keep(write: &mut Attributes<'_>) {
    let old: &Value = write.old.unwrap_or(&Value::Null).at("spec");
    let spec: &mut Map = fields(write.object).object("spec");
    for field in ["priority", "preemptionPolicy"] {
        if !spec.has(field) && old.has(field) {
            spec.put(field, old.at(field).clone());
        }
    }
}

fn classes() -> GroupResource {
    GroupResource::new("scheduling.k8s.io", "priorityclasses")
}
