//! The rules that kinds with a pod template share.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use crate::strategy::{checks, pod_template};
use crate::tree::Read;

/// The selector must be there and select something; `kind` is what upstream calls the object there.
pub(super) fn check_selector(spec: &Value, kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (selector, path) = (spec.at("selector"), at.child("selector"));
    if selector.is_null() {
        errors.push(Error::required(&path, ""));
        return;
    }
    checks::selector(selector, &path, errors);
    if is_empty(selector) {
        errors.push(Error::invalid(&path, selector, format!("empty selector is invalid for {kind}")));
    }
}

/// The template must be selected, and its pods must run on.
pub(super) fn check_template(spec: &Value, kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (template, path) = (spec.at("template"), at.child("template"));
    let (selector, labels) = (spec.at("selector"), template.at("metadata").at("labels"));
    if !is_empty(selector) && !checks::selects(selector, labels) {
        let metadata = path.child("metadata");
        let why = "`selector` does not match template `labels`";
        errors.push(Error::invalid(&metadata.child("labels"), labels, why));
    }
    pod_template::validate(template, &path, errors);
    check_runs_on(template, kind, &path, errors);
}

/// Pods that are replaced when they end are restarted first, for ever.
pub(super) fn check_runs_on(template: &Value, kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (spec, path) = (template.at("spec"), at.child("spec"));
    let restart = spec.text("restartPolicy");
    if matches!(restart, "OnFailure" | "Never") {
        errors.push(Error::not_supported(&path.child("restartPolicy"), restart, &["Always"]));
    }
    if spec.has("activeDeadlineSeconds") {
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.push(Error::forbidden(&path.child("activeDeadlineSeconds"), why));
    }
}

/// No count of the status is negative, and none of `parts` is more than `replicas`.
pub(super) fn check_status(object: &Value, counts: &[&str], parts: &[&str], errors: &mut ErrorList) {
    let (status, at) = (object.at("status"), Path::new("status"));
    for field in counts {
        checks::non_negative(status, field, &at, errors);
    }
    let count = |field: &str| status.int(field).unwrap_or_default();
    for field in parts {
        if count(field) > count("replicas") {
            let why = "cannot be greater than status.replicas";
            errors.push(Error::invalid(&at.child(field), count(field), why));
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let why = "cannot be greater than readyReplicas";
        errors.push(Error::invalid(&at.child("availableReplicas"), count("availableReplicas"), why));
    }
}

/// Whether a selector is there and selects everything.
fn is_empty(selector: &Value) -> bool {
    selector.is_object()
        && ["matchLabels", "matchExpressions"].iter().all(|part| crate::tree::is_zero(selector.at(part)))
}
