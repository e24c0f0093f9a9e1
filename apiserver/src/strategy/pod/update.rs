//! What an update of a pod may change: images, deadlines, more tolerations, fewer gates.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::{Map, Value};

use super::narrowing;
use crate::strategy::{checks, internal, pod_spec};
use crate::tree::{Fill, Read, fields};

const ONLY: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

/// What is wrong with an update of `old`.
pub(super) fn validate(pod: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    let (new, was, at) = (pod.at("spec"), old.at("spec"), Path::new("spec"));
    for list in ["containers", "initContainers"] {
        let path = at.child(list);
        if new.items(list).len() != was.items(list).len() {
            errors.push(Error::forbidden(&path, "pod updates may not add or remove containers"));
            return errors;
        }
        check_images(new, list, &path, &mut errors);
    }
    if !check_deadline(new, was, &at.child("activeDeadlineSeconds"), &mut errors) {
        return errors;
    }
    check_tolerations(new, was, &at.child("tolerations"), &mut errors);
    check_gates(new, was, &at.child("schedulingGates"), &mut errors);
    if !was.items("schedulingGates").is_empty() {
        narrowing::validate(new, was, &at, &mut errors);
    }
    let munged = munged(new, was);
    if munged != *was {
        let difference = internal::pod_spec_difference(was, &munged);
        errors.push(Error::forbidden(&at, format!("{ONLY}{difference}")));
    }
    errors
}

/// An image can change, not go away.
fn check_images(new: &Value, list: &str, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, container) in new.items(list).iter().enumerate() {
        let item = at.index(index);
        checks::required(container, "image", &item, errors);
        pod_spec::validate_image(container, &item, errors);
    }
}

/// The new spec with everything that may change as it was before.
fn munged(new: &Value, was: &Value) -> Value {
    let mut munged = new.clone();
    let spec = fields(&mut munged);
    for list in ["containers", "initContainers"] {
        for (container, before) in spec.objects_mut(list).zip(was.items(list)) {
            container.put("image", before.at("image").clone());
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        restore(spec, was, field);
    }
    if was.int("terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0)
        && new.int("terminationGracePeriodSeconds") == Some(1)
    {
        restore(spec, was, "terminationGracePeriodSeconds");
    }
    if !was.items("schedulingGates").is_empty() {
        // While a pod waits at its gates, where it may run can still be narrowed.
        restore(spec, was, "nodeSelector");
        restore_nodes(spec, was);
    }
    munged
}

fn restore_nodes(spec: &mut Map, was: &Value) {
    let before = was.at("affinity");
    if spec.at("affinity").at("nodeAffinity") == before.at("nodeAffinity") {
        return;
    }
    restore(spec.object("affinity"), before, "nodeAffinity");
    if spec.at("affinity").as_object().is_some_and(Map::is_empty) && before.is_null() {
        spec.drop_field("affinity");
    }
}

fn restore(spec: &mut Map, was: &Value, field: &str) {
    if was.has(field) {
        spec.put(field, was.at(field).clone());
    } else {
        spec.drop_field(field);
    }
}

/// A deadline can come nearer, not go away. Where it moves the wrong way, upstream looks no further.
fn check_deadline(new: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) -> bool {
    let before = was.int("activeDeadlineSeconds");
    let Some(now) = new.int("activeDeadlineSeconds") else {
        let why = "must not update from a positive integer to nil value";
        errors.extend(before.map(|_| Error::invalid(at, Value::Null, why)));
        return true;
    };
    let faults = formats::in_range(now, 0, i64::from(i32::MAX));
    let is_in_range = faults.is_empty();
    checks::each(faults, now, at, errors);
    let is_later = is_in_range && before.is_some_and(|before| before < now);
    if is_later {
        errors.push(Error::invalid(at, now, "must be less than or equal to previous value"));
    }
    is_in_range && !is_later
}

/// Tolerations are added; those there were may only change for how long.
fn check_tolerations(new: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let parts = ["key", "operator", "value", "effect"];
    let same = |one: &Value, other: &Value| parts.iter().all(|part| one.text(part) == other.text(part));
    for before in was.items("tolerations") {
        if !new.items("tolerations").iter().any(|now| same(now, before)) {
            let why = "existing toleration can not be modified except its tolerationSeconds";
            errors.push(Error::forbidden(at, why));
            return;
        }
    }
    // Upstream looks at the tolerations once more.
    pod_spec::validate_tolerations(new, at, errors);
}

/// Gates are only opened.
fn check_gates(new: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let before = was.items("schedulingGates");
    for (index, gate) in new.items("schedulingGates").iter().enumerate() {
        if !before.contains(gate) {
            let why =
                format!("only deletion is allowed, but found new scheduling gate '{}'", gate.text("name"));
            errors.push(Error::forbidden(&at.index(index).child("name"), why));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn only_what_may_change_changes() {
        let old = json!({
            "containers": [{"name": "c", "image": "i:1"}], "activeDeadlineSeconds": 100,
            "tolerations": [{"key": "a", "operator": "Exists"}]
        });
        let change = |pointer: &str, value: Value| {
            let mut new = json!({"spec": old});
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            new.pointer_mut(parent).unwrap()[field] = value;
            let errors = validate(&new, &json!({"spec": old}));
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let why = change("/spec/nodeName", json!("n"));
        assert!(why.starts_with(&format!("spec: Forbidden: {ONLY}@@ -")), "{why}");
        assert!(why.contains("\n- \"NodeName\": \"\",\n+ \"NodeName\": \"n\",\n"), "{why}");
        assert_eq!(change("/spec/activeDeadlineSeconds", json!(50)), "");
        assert_eq!(
            change("/spec/activeDeadlineSeconds", json!(200)),
            "spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value"
        );
        assert_eq!(
            change("/spec/tolerations", json!([])),
            "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
        );
        assert_eq!(
            change("/spec/containers", json!([])),
            "spec.containers: Forbidden: pod updates may not add or remove containers"
        );
    }
}
