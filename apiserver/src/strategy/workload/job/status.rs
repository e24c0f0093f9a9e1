//! What the status of a job may say, and what of it may not be taken back.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use crate::strategy::checks::{self, IMMUTABLE, Omitted};
use crate::tree::{Read, is_zero};

/// What is wrong with a status that replaces that of `old`.
pub(super) fn validate(object: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    let (status, was, at) = (object.at("status"), old.at("status"), Path::new("status"));
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        checks::non_negative(status, field, &at, &mut errors);
    }
    if status.at("conditions") != was.at("conditions")
        || status.at("completionTime") != was.at("completionTime")
    {
        check_conditions(status, &at, &mut errors);
    }
    if is_finished(status) && !is_finished(was) {
        check_finished(status, &at, &mut errors);
    }
    let (ready, active) = (count(status, "ready"), count(status, "active"));
    if ready > active && (ready != count(was, "ready") || active != count(was, "active")) {
        errors.push(Error::invalid(&at.child("ready"), ready, "cannot set more ready pods than active"));
    }
    check_change(status, was, &at, &mut errors);
    errors
}

fn check_conditions(status: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (complete, failed) = (is_true(status, "Complete"), is_true(status, "Failed"));
    let targeted = is_true(status, "FailureTarget");
    let (conditions, time) = (at.child("conditions"), at.child("completionTime"));
    let mut refuse = |is_wrong: bool, why: &str| {
        if is_wrong {
            errors.push(Error::invalid(&conditions, Omitted, why));
        }
    };
    refuse(complete && failed, "cannot set Complete=True and Failed=true conditions");
    refuse(complete && targeted, "cannot set Complete=True and FailureTarget=true conditions");
    let moment = |field: &str| status.text(field).parse::<jiff::Timestamp>().ok();
    if status.has("completionTime") && !complete {
        let why = "cannot set completionTime when there is no Complete=True condition";
        errors.push(Error::invalid(&time, status.at("completionTime"), why));
    }
    if !status.has("completionTime") && complete {
        errors.push(Error::required(&time, "completionTime is required for Complete jobs"));
    }
    if moment("completionTime").zip(moment("startTime")).is_some_and(|(end, start)| end < start) {
        let why = "completionTime cannot be set before startTime";
        errors.push(Error::invalid(&time, status.at("completionTime"), why));
    }
    let mut refuse = |is_wrong: bool, why: &str| {
        if is_wrong {
            errors.push(Error::invalid(&conditions, Omitted, why));
        }
    };
    let why = "cannot set Failed=True condition without the FailureTarget=true condition";
    refuse(failed && !targeted, why);
    let why = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
    refuse(complete && !is_true(status, "SuccessCriteriaMet"), why);
}

fn check_finished(status: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if count(status, "active") > 0 {
        let why = "active>0 is invalid for finished job";
        errors.push(Error::invalid(&at.child("active"), count(status, "active"), why));
    }
    if !status.has("startTime") {
        errors.push(Error::required(&at.child("startTime"), "startTime is required for finished job"));
    }
    let uncounted = status.at("uncountedTerminatedPods");
    if !is_zero(uncounted) && ["succeeded", "failed"].iter().any(|part| !uncounted.items(part).is_empty()) {
        let why = "uncountedTerminatedPods needs to be empty for finished job";
        errors.push(Error::invalid(&at.child("uncountedTerminatedPods"), uncounted, why));
    }
    if count(status, "terminating") > 0 {
        let why = "terminating>0 is invalid for finished job";
        errors.push(Error::invalid(&at.child("terminating"), count(status, "terminating"), why));
    }
}

fn check_change(status: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let conditions = at.child("conditions");
    let disabled = |kind: &str| is_true(was, kind) && !is_true(status, kind);
    for kind in ["Failed", "Complete", "FailureTarget"] {
        if disabled(kind) {
            let why = format!("cannot disable the terminal {kind}=True condition");
            errors.push(Error::invalid(&conditions, Omitted, why));
        }
    }
    for field in ["failed", "succeeded"] {
        if count(status, field) < count(was, field) {
            let why = format!("cannot decrease the {field} counter");
            errors.push(Error::invalid(&at.child(field), count(status, field), why));
        }
    }
    let time = "completionTime";
    if was.has(time) && status.has(time) && status.at(time) != was.at(time) {
        errors.push(Error::invalid(&at.child(time), status.at(time), IMMUTABLE));
    }
    if disabled("SuccessCriteriaMet") {
        let why = "cannot disable the SuccessCriteriaMet=True condition";
        errors.push(Error::invalid(&conditions, Omitted, why));
    }
}

fn is_finished(status: &Value) -> bool {
    is_true(status, "Complete") || is_true(status, "Failed")
}

fn is_true(status: &Value, kind: &str) -> bool {
    let mut conditions = status.items("conditions").iter();
    conditions.any(|condition| condition.text("type") == kind && condition.text("status") == "True")
}

fn count(status: &Value, field: &str) -> i64 {
    status.int(field).unwrap_or_default()
}
