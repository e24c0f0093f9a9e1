//! `pods/resize`: changes what the containers of a pod ask for and are limited to, while it runs (KEP-1287).

use async_trait::async_trait;
use serde_json::{Map, Value};
use steersman_core::Result;
use steersman_core::field::{self, ErrorList, Path};

use super::Subresource;
use crate::strategy::{WriteContext, quality_of_service, validate_pod_spec};
use crate::tree::{Fill, Read, fields};

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// The resources that change.
const OPEN: [&str; 2] = ["cpu", "memory"];

pub(super) struct Resize;

#[async_trait]
impl Subresource for Resize {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "pods")
    }

    fn name(&self) -> &'static str {
        "resize"
    }

    /// Everything but the resources of containers stays as it was.
    fn replace(&self, body: Value, old: &Value, _cx: &WriteContext<'_>) -> Result<Value> {
        let mut pod = old.clone();
        let (spec, wanted) = (fields(&mut pod).object("spec"), body.at("spec"));
        for list in LISTS {
            for container in spec.objects_mut(list) {
                let name = container.text("name").to_owned();
                let Some(wanted) = wanted.items(list).iter().find(|wanted| wanted.text("name") == name)
                else {
                    continue;
                };
                put(container, wanted, "resources");
                put(container, wanted, "resizePolicy");
            }
        }
        Ok(pod)
    }

    fn validate(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = validate_pod_spec(object);
        if old.at("metadata").at("annotations").has("kubernetes.io/config.mirror") {
            errors.push(field::Error::forbidden(&Path::ROOT, "static pods cannot be resized"));
            return errors;
        }
        let (spec, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
        if was.at("os").text("name") == "windows" {
            errors.push(field::Error::forbidden(&Path::ROOT, "windows pods cannot be resized"));
        }
        let class = quality_of_service(was);
        if class != quality_of_service(spec) {
            let why = "Pod QOS Class may not change as a result of resizing";
            errors.push(field::Error::invalid(&at, class, why));
        }
        for list in LISTS {
            let path = at.child(list);
            for (index, (now, before)) in spec.items(list).iter().zip(was.items(list)).enumerate() {
                let path = path.index(index);
                check_kept(
                    now.at("resources"),
                    before.at("resources"),
                    &path.child("resources"),
                    &mut errors,
                );
            }
        }
        if with_open(spec, was) != *was {
            errors.push(field::Error::forbidden(&at, "only cpu and memory resources are mutable"));
        }
        errors
    }
}

fn put(container: &mut Map<String, Value>, from: &Value, field: &str) {
    match from.at(field) {
        Value::Null => container.drop_field(field),
        value => container.put(field, value.clone()),
    }
}

/// What a container asks for, or is limited to, can change but not go away.
fn check_kept(now: &Value, before: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for list in ["requests", "limits"] {
        let is_gone = |resource: &str| before.at(list).has(resource) && !now.at(list).has(resource);
        if OPEN.into_iter().any(is_gone) {
            let why = format!("resource {list} cannot be removed");
            errors.push(field::Error::forbidden(&at.child(list), why));
        }
    }
}

/// The new spec with everything that may change as it was before.
fn with_open(spec: &Value, was: &Value) -> Value {
    let mut next = spec.clone();
    for list in LISTS {
        for (container, before) in fields(&mut next).objects_mut(list).zip(was.items(list)) {
            for amounts in ["requests", "limits"] {
                restore(container.object("resources"), before.at("resources"), amounts);
            }
        }
    }
    next
}

fn restore(resources: &mut Map<String, Value>, before: &Value, amounts: &str) {
    let was = before.at(amounts);
    let mut restored = resources.at(amounts).clone();
    for resource in OPEN {
        match was.at(resource) {
            Value::Null => fields(&mut restored).drop_field(resource),
            quantity => fields(&mut restored).put(resource, quantity.clone()),
        }
    }
    let is_empty = restored.as_object().is_none_or(Map::is_empty);
    if is_empty && was.is_null() {
        resources.drop_field(amounts);
    } else {
        resources.put(amounts, restored);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(resources: Value) -> String {
        let pod = |resources: Value| {
            let container = json!({
                "name": "c", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File",
                "resources": resources,
            });
            json!({"spec": {"containers": [container], "restartPolicy": "Always", "dnsPolicy": "Default"}})
        };
        let old = pod(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}));
        let errors = Resize.validate(&pod(resources), &old);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn processors_and_memory_change_and_nothing_else() {
        let cases = [
            (json!({"requests": {"cpu": "2"}, "limits": {"cpu": "3"}}), ""),
            (
                json!({"requests": {"cpu": "1", "ephemeral-storage": "1"}, "limits": {"cpu": "2"}}),
                "spec: Forbidden: only cpu and memory resources are mutable",
            ),
            (
                json!({"requests": {"cpu": "1"}}),
                "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
            ),
        ];
        for (resources, expected) in cases {
            assert_eq!(messages(resources), expected);
        }
    }
}
