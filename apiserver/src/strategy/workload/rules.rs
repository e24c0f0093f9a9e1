//! The rules that kinds with a pod template share.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

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

/// The template of a kind of replica set, which is not looked at if its selector cannot be read. What stays as it is in
/// `old`, the spec that is replaced, was found valid when it was written.
pub(super) fn check_selected(spec: &Value, old: Option<&Value>, at: &Path<'_>, errors: &mut ErrorList) {
    let stays = |old: &Value| ["selector", "template"].iter().all(|field| spec.at(field) == old.at(field));
    if old.is_some_and(stays) {
        return;
    }
    let selector = spec.at("selector");
    if checks::is_malformed(selector) {
        errors.push(Error::invalid(&at.child("selector"), selector, "invalid label selector"));
    } else {
        check_template(spec, "ReplicaSet", at, errors);
    }
}

/// The template must be selected, and its pods must run on.
pub(super) fn check_template(spec: &Value, kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (template, path) = (spec.at("template"), at.child("template"));
    check_labels(spec.at("selector"), template, &path, errors);
    pod_template::validate(template, &path, errors);
    check_runs_on(template, kind, &path, errors);
}

/// What is selected are the pods of the template at `at`.
pub(super) fn check_labels(selector: &Value, template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let labels = template.at("metadata").at("labels");
    if !is_empty(selector) && !checks::selects(selector, labels) {
        let metadata = at.child("metadata");
        let why = "`selector` does not match template `labels`";
        errors.push(Error::invalid(&metadata.child("labels"), labels, why));
    }
}

/// Pods that are replaced when they end are restarted first, for ever.
pub(super) fn check_runs_on(template: &Value, kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let (spec, path) = (template.at("spec"), at.child("spec"));
    let restart = spec.text("restartPolicy");
    if restart != "Always" {
        errors.push(Error::not_supported(&path.child("restartPolicy"), restart, &["Always"]));
    }
    if spec.has("activeDeadlineSeconds") {
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.push(Error::forbidden(&path.child("activeDeadlineSeconds"), why));
    }
}

/// No count of the status is negative, and none of `parts` is more than `replicas`.
/// `ready` is what upstream calls the ready ones there.
pub(super) fn check_status(
    object: &Value,
    counts: &[&str],
    parts: &[&str],
    ready: &str,
    errors: &mut ErrorList,
) {
    let (status, at) = (object.at("status"), Path::new("status"));
    for field in counts {
        checks::non_negative(status, field, &at, errors);
    }
    let count = |field: &str| status.int(field).unwrap_or_default();
    let replicas = count("replicas");
    for field in parts {
        if count(field) > replicas {
            let why = "cannot be greater than status.replicas";
            errors.push(Error::invalid(&at.child(field), count(field), why));
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let why = format!("cannot be greater than {ready}");
        errors.push(Error::invalid(&at.child("availableReplicas"), count("availableReplicas"), why));
    }
}

/// How often names have collided is only ever counted up.
pub(super) fn check_collisions(object: &Value, old: &Value, errors: &mut ErrorList) {
    let (status, was, field) = (object.at("status"), old.at("status"), "collisionCount");
    let count = status.int(field);
    if was.int(field).is_some_and(|was| count.is_none_or(|count| count < was)) {
        let at = Path::new("status");
        errors.push(Error::invalid(&at.child(field), count.unwrap_or_default(), "cannot be decremented"));
    }
}

/// What the creator of an object is told whose pods have its name, and a host name made of it.
pub(super) fn name_warning(object: &Value, old: Option<&Value>) -> Option<String> {
    let messages = names::dns1123_label(object.at("metadata").text("name"));
    (old.is_none() && !messages.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS \
             label is recommended: [{}]",
            messages.join(" ")
        )
    })
}

/// Whether warnings are due: the object is new, or what it asks for has changed.
pub(super) fn has_changed(object: &Value, old: Option<&Value>) -> bool {
    old.is_none_or(|old| object.at("metadata").at("generation") != old.at("metadata").at("generation"))
}

/// The warnings of an object that makes pods of `spec.template`.
pub(super) fn warnings(object: &Value, old: Option<&Value>) -> Vec<String> {
    let (spec, mut warnings) = (Path::new("spec"), Vec::from_iter(name_warning(object, old)));
    if has_changed(object, old) {
        let template = object.at("spec").at("template");
        warnings.extend(pod_template::warnings(template, &spec.child("template")));
    }
    warnings
}

/// Whether a selector is there and selects everything.
fn is_empty(selector: &Value) -> bool {
    selector.is_object()
        && ["matchLabels", "matchExpressions"].iter().all(|part| crate::tree::is_zero(selector.at(part)))
}
