//! `pods/resize`: changes what the containers of a pod ask for and are limited to, while it runs (KEP-1287).

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::tree::{Map, Value, json};

use super::Subresource;
use crate::strategy::{WriteContext, quality_of_service, validate_pod};
use crate::tree::{Fill, Read, fields, is_zero};

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

    /// Everything but the resources of the pod and its containers stays as it was. Of containers that are others now,
    /// or stand in another order, the rules will tell.
    fn replace(&self, body: Value, old: &Value, _cx: &WriteContext<'_>) -> Result<Value> {
        let (wanted, was) = (body.at("spec"), old.at("spec"));
        if LISTS.iter().any(|list| wanted.items(list).len() != was.items(list).len()) {
            return Ok(body);
        }
        let mut pod = old.clone();
        let spec = fields(&mut pod).object("spec");
        put(spec, wanted, "resources");
        for list in LISTS {
            let mut pairs = wanted.items(list).iter().zip(was.items(list));
            if pairs.any(|(now, before)| now.text("name") != before.text("name")) {
                put(spec, wanted, list);
                continue;
            }
            for (container, wanted) in spec.objects_mut(list).zip(wanted.items(list)) {
                put(container, wanted, "resources");
                put(container, wanted, "resizePolicy");
            }
        }
        Ok(pod)
    }

    fn validate(&self, object: &Value, old: &Value) -> ErrorList {
        let (spec, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
        if old.at("metadata").at("annotations").has("kubernetes.io/config.mirror") {
            return vec![field::Error::forbidden(&Path::ROOT, "static pods cannot be resized")];
        }
        if was.at("os").text("name") == "windows" {
            return vec![field::Error::forbidden(&Path::ROOT, "windows pods cannot be resized")];
        }
        let mut errors = validate_pod(object);
        let class = quality_of_service(was);
        if class != quality_of_service(spec) {
            let why = "Pod QOS Class may not change as a result of resizing";
            errors.push(field::Error::invalid(&at, class, why));
        }
        if !is_supported(old) {
            errors.push(field::Error::forbidden(&at, "Pod running on node without support for resize"));
        }
        check_whole(spec, was, &at, &mut errors);
        if !check_order(spec, was, &at, &mut errors) {
            return errors;
        }
        check_containers(spec, was, &at, &mut errors);
        if errors.is_empty() && with_open(spec, was) != *was {
            errors.push(field::Error::forbidden(&at, MUTABLE));
        }
        errors
    }
}

const MUTABLE: &str = "only cpu and memory resources are mutable";

/// A node that can resize says what its running containers have.
fn is_supported(pod: &Value) -> bool {
    let mut statuses = pod.at("status").items("containerStatuses").iter();
    statuses.find(|status| status.at("state").has("running")).is_none_or(|status| status.has("resources"))
}

/// The resources of the pod as a whole (KEP-5419).
fn check_whole(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (now, before, path) = (spec.at("resources"), was.at("resources"), at.child("resources"));
    if now.is_null() && !before.is_null() {
        errors.push(field::Error::forbidden(&path, "pod-level resources cannot be removed"));
        return;
    }
    check_kept(now, before, "pod-level resource", &path, errors);
    if restored(now, before) != *before {
        errors.push(field::Error::forbidden(at, format!("{MUTABLE} at pod-level")));
    }
}

/// The containers are the same ones; true if they are.
fn check_order(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) -> bool {
    let found = errors.len();
    for list in LISTS {
        let (now, before, path) = (spec.items(list), was.items(list), at.child(list));
        if now.len() != before.len() {
            let why = format!("{list} may not be added or removed on resize");
            errors.push(field::Error::forbidden(&path, why));
            continue;
        }
        for (index, (now, before)) in now.iter().zip(before).enumerate() {
            if now.text("name") != before.text("name") {
                let why = format!("{list} may not be renamed or reordered on resize");
                errors.push(field::Error::forbidden(&path.index(index).child("name"), why));
            }
        }
    }
    errors.len() == found
}

fn check_containers(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for list in ["initContainers", "containers"] {
        let path = at.child(list);
        for (index, (now, before)) in spec.items(list).iter().zip(was.items(list)).enumerate() {
            let path = path.index(index);
            let (now, before) = (now.at("resources"), before.at("resources"));
            check_kept(now, before, "resource", &path.child("resources"), errors);
        }
    }
    for (now, before) in spec.items("containers").iter().zip(was.items("containers")) {
        if with_open_container(now, before) != *before {
            errors.push(field::Error::forbidden(at, MUTABLE));
        }
    }
    let path = at.child("initContainers");
    for (index, (now, before)) in
        spec.items("initContainers").iter().zip(was.items("initContainers")).enumerate()
    {
        check_init(now, before, &path.index(index), errors);
    }
}

/// An init container that ends may be given something else, but is not restarted for it.
fn check_init(now: &Value, before: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if with_open_container(now, before) != *before {
        let why = "only cpu and memory resources for init or sidecar containers are mutable";
        errors.push(field::Error::forbidden(at, why));
    }
    if now == before || now.text("restartPolicy") == "Always" {
        return;
    }
    let restarts =
        now.items("resizePolicy").iter().filter(|policy| policy.text("restartPolicy") == "RestartContainer");
    let why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
    errors.extend(restarts.map(|_| field::Error::forbidden(at, why)));
}

fn put(container: &mut Map, from: &Value, field: &str) {
    match from.at(field) {
        Value::Null => container.drop_field(field),
        value => container.put(field, value.clone()),
    }
}

/// What is asked for, or what it is limited to, can change but not go away.
fn check_kept(now: &Value, before: &Value, words: &str, at: &Path<'_>, errors: &mut ErrorList) {
    for list in ["requests", "limits"] {
        if before.entries(list).any(|(resource, _)| !now.at(list).has(resource)) {
            let why = format!("{words} {list} cannot be removed");
            errors.push(field::Error::forbidden(&at.child(list), why));
        }
    }
}

/// The new spec with everything that may change as it was before.
fn with_open(spec: &Value, was: &Value) -> Value {
    let mut next = spec.clone();
    for list in LISTS {
        for (container, before) in fields(&mut next).items_mut(list).iter_mut().zip(was.items(list)) {
            *container = with_open_container(container, before);
        }
    }
    let resources = restored(spec.at("resources"), was.at("resources"));
    put(fields(&mut next), &json!({"resources": resources}), "resources");
    next
}

/// Upstream forgets claims here, so that a container that has some never passes for unchanged.
fn with_open_container(container: &Value, before: &Value) -> Value {
    let mut next = container.clone();
    let mut resources = restored(container.at("resources"), before.at("resources"));
    if let Some(resources) = resources.as_object_mut() {
        resources.drop_field("claims");
    }
    put(fields(&mut next), &json!({"resources": resources}), "resources");
    next
}

/// Resources with what may change of them as it was before; those that hold nothing else are nothing if they were.
fn restored(resources: &Value, before: &Value) -> Value {
    if resources.is_null() {
        return Value::Null;
    }
    let mut next = resources.clone();
    for amounts in ["requests", "limits"] {
        restore(fields(&mut next), before, amounts);
    }
    if before.is_null() && is_zero(&next) { Value::Null } else { next }
}

fn restore(resources: &mut Map, before: &Value, amounts: &str) {
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
    use super::*;

    #[test]
    fn the_containers_stay_who_they_are() {
        let pod = |names: &[&str]| {
            let containers: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"spec": {"containers": containers}})
        };
        let cases = [
            (
                pod(&["b", "a"]),
                "s.containers[0].name: Forbidden: containers may not be renamed or reordered on resize",
            ),
            (pod(&["a"]), "s.containers: Forbidden: containers may not be added or removed on resize"),
        ];
        for (new, why) in cases {
            let (mut errors, old) = (ErrorList::new(), pod(&["a", "c"]));
            assert!(!check_order(new.at("spec"), old.at("spec"), &Path::new("s"), &mut errors));
            assert_eq!(errors[0].to_string(), why);
        }
    }

    #[test]
    fn the_resources_of_a_whole_pod_change_but_do_not_go() {
        let old = json!({"resources": {"requests": {"cpu": "1"}}});
        let cases = [
            (json!({"resources": {"requests": {"cpu": "2"}}}), ""),
            (json!({}), "s.resources: Forbidden: pod-level resources cannot be removed"),
            (
                json!({"resources": {"limits": {"cpu": "2"}}}),
                "s.resources.requests: Forbidden: pod-level resource requests cannot be removed",
            ),
        ];
        for (new, why) in cases {
            let mut errors = ErrorList::new();
            check_whole(&new, &old, &Path::new("s"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }

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
