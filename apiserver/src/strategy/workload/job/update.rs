//! What an update of a job may change: how much runs at a time, and where its pods run before it has started.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};

use super::validate::is_indexed;
use crate::strategy::checks::{self, IMMUTABLE};
use crate::strategy::internal::{self, Printed};
use crate::tree::{Fill, Read, fields, is_zero};

/// Where pods run, affinity to nodes aside.
const SCHEDULING: [&str; 3] = ["nodeSelector", "tolerations", "schedulingGates"];

/// What is wrong with an update, the new object aside.
pub(super) fn validate(object: &Value, old: &Value, errors: &mut ErrorList) {
    let (spec, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
    check_completions(spec, was, &at, errors);
    checks::unchanged(spec, was, "selector", &at, errors);
    check_template(spec.at("template"), old, &at.child("template"), errors);
    checks::unchanged(spec, was, "completionMode", &at, errors);
    let mut unchanged = |field: &str, print: fn(&Value) -> Printed| {
        if spec.at(field) != was.at(field) {
            errors.push(Error::invalid(&at.child(field), print(spec.at(field)), IMMUTABLE));
        }
    };
    unchanged("podFailurePolicy", internal::failure_policy);
    unchanged("backoffLimitPerIndex", internal::plain);
    unchanged("managedBy", internal::plain);
    unchanged("successPolicy", internal::success_policy);
}

/// The pods of a suspended job of which none runs may be placed elsewhere, and ask for something else.
fn check_template(template: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (was, status) = (old.at("spec").at("template"), old.at("status"));
    let stopped = !status.has("startTime") || is_suspended(status);
    let is_open = old.at("spec").flag("suspend") && stopped && status.int("active").unwrap_or_default() == 0;
    if !is_open {
        if template != was {
            errors.push(Error::invalid(at, internal::pod_template(template), IMMUTABLE));
        }
        return;
    }
    let pod = template.at("spec");
    if *pod != with_open(was.at("spec"), pod) {
        errors.push(Error::invalid(&at.child("spec"), internal::pod_spec(pod), IMMUTABLE));
    }
}

fn is_suspended(status: &Value) -> bool {
    let mut conditions = status.items("conditions").iter();
    conditions.any(|condition| condition.text("type") == "Suspended" && condition.text("status") == "True")
}

/// The completions of an Indexed job change with its parallelism.
fn check_completions(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !is_indexed(spec) {
        return checks::unchanged(spec, was, "completions", at, errors);
    }
    let Some(completions) = spec.int("completions") else { return };
    if was.int("completions") != Some(completions) && spec.int("parallelism") != Some(completions) {
        let why = "can only be modified in tandem with spec.parallelism";
        errors.push(Error::invalid(&at.child("completions"), completions, why));
    }
}

/// The pod as it was, with what may change as it is in `new`.
fn with_open(was: &Value, new: &Value) -> Value {
    let mut was = was.clone();
    let pod = fields(&mut was);
    for field in SCHEDULING {
        take(pod, new, field);
    }
    if pod.has("affinity") || new.has("affinity") {
        take(pod.object("affinity"), new.at("affinity"), "nodeAffinity");
    }
    if !new.has("affinity") && is_zero(pod.at("affinity")) {
        pod.drop_field("affinity");
    }
    for list in ["initContainers", "containers"] {
        if pod.items(list).len() != new.items(list).len() {
            continue;
        }
        for (container, new) in pod.objects_mut(list).zip(new.items(list)) {
            if container.text("name") == new.text("name") {
                take(container, new, "resources");
            }
        }
    }
    was
}

fn take(map: &mut Map, from: &Value, field: &str) {
    match from.at(field) {
        Value::Null => map.drop_field(field),
        value => map.put(field, value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_suspended_job_can_be_placed_elsewhere_and_ask_for_more() {
        let pod = |affinity: Value, memory: &str, image: &str| {
            json!({"affinity": affinity, "containers": [
                {"name": "c", "image": image, "resources": {"limits": {"memory": memory}}}]})
        };
        let was = pod(json!({"nodeAffinity": {"a": 1}}), "1Gi", "i");
        let cases = [
            (pod(json!(null), "1Gi", "i"), true),
            (pod(json!({"nodeAffinity": {"a": 2}}), "2Gi", "i"), true),
            (pod(json!({"podAffinity": {"a": 2}}), "1Gi", "i"), false),
            (pod(json!({"nodeAffinity": {"a": 1}}), "1Gi", "other"), false),
        ];
        for (mut new, is_allowed) in cases {
            if new.at("affinity").is_null() {
                fields(&mut new).drop_field("affinity");
            }
            assert_eq!(new == with_open(&was, &new), is_allowed, "{new}");
        }
    }
}
