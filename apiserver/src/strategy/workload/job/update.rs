//! What an update of a job may change: how much runs at a time, and where its pods run before it has started.

use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};

use super::validate::is_indexed;
use crate::strategy::checks::{self, IMMUTABLE};
use crate::strategy::internal;
use crate::tree::{Fill, Read, fields};

/// Where pods run, which is open until a suspended job has started.
const SCHEDULING: [&str; 4] = ["nodeSelector", "affinity", "tolerations", "schedulingGates"];

/// What is wrong with an update, the new object aside.
pub(super) fn validate(object: &Value, old: &Value, errors: &mut ErrorList) {
    let (spec, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
    check_completions(spec, was, &at, errors);
    checks::unchanged(spec, was, "selector", &at, errors);
    let template = spec.at("template");
    let is_open = was.flag("suspend") && !old.at("status").has("startTime");
    if template != was.at("template") && !(is_open && same_but_scheduling(template, was.at("template"))) {
        errors.push(Error::invalid(&at.child("template"), internal::pod_template(template), IMMUTABLE));
    }
    for field in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        checks::unchanged(spec, was, field, &at, errors);
    }
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

fn same_but_scheduling(template: &Value, was: &Value) -> bool {
    let mut template = template.clone();
    let template_fields = fields(&mut template);
    for field in ["labels", "annotations"] {
        restore(template_fields.object("metadata"), was.at("metadata"), field);
    }
    for field in SCHEDULING {
        restore(template_fields.object("spec"), was.at("spec"), field);
    }
    template == *was
}

fn restore(map: &mut Map<String, Value>, was: &Value, field: &str) {
    match was.at(field) {
        Value::Null => map.drop_field(field),
        value => map.put(field, value.clone()),
    }
}
