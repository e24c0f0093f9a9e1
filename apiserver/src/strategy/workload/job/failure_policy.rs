//! The rules of a job's pod failure policy.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::Value;

use crate::strategy::checks::{self, Omitted};
use crate::tree::Read;

/// The most rules, and the most patterns of conditions in one.
const MOST: usize = 20;

/// The most exit codes in one rule.
const MOST_CODES: usize = 255;

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];

/// What is wrong with the policy of `spec`.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (rules, path) = (spec.at("podFailurePolicy").items("rules"), at.child("rules"));
    checks::at_most(rules, MOST, &path, errors);
    for (index, rule) in rules.iter().enumerate() {
        check_rule(spec, rule, &path.index(index), errors);
    }
}

fn check_rule(spec: &Value, rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (action, path) = (rule.text("action"), at.child("action"));
    match action {
        "" => errors
            .push(Error::required(&path, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]")),
        "FailIndex" if !spec.has("backoffLimitPerIndex") => {
            errors.push(Error::invalid(&path, action, "requires the backoffLimitPerIndex to be set"));
        }
        _ => checks::one_of(action, &ACTIONS, &path, errors),
    }
    let (codes, conditions) = (rule.at("onExitCodes"), rule.items("onPodConditions"));
    if !codes.is_null() {
        check_codes(spec, codes, &at.child("onExitCodes"), errors);
    }
    check_conditions(conditions, &at.child("onPodConditions"), errors);
    let why = match (codes.is_null(), conditions.is_empty()) {
        (false, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (true, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errors.push(Error::invalid(at, Omitted, why));
}

fn check_codes(spec: &Value, codes: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (operator, path) = (codes.text("operator"), at.child("operator"));
    if operator.is_empty() {
        errors.push(Error::required(&path, "valid values: [\"In\" \"NotIn\"]"));
    } else {
        checks::one_of(operator, &["In", "NotIn"], &path, errors);
    }
    let pod = spec.at("template").at("spec");
    let mut containers = pod.items("initContainers").iter().chain(pod.items("containers"));
    let name = codes.text("containerName");
    if codes.has("containerName") && !containers.any(|container| container.text("name") == name) {
        let why = "must be one of the container or initContainer names in the pod template";
        errors.push(Error::invalid(&at.child("containerName"), name, why));
    }
    check_values(codes, operator == "In", &at.child("values"), errors);
}

fn check_values(codes: &Value, is_in: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let shown = &Value::from(codes.items("values"));
    let values: Vec<i64> = codes.items("values").iter().filter_map(Value::as_i64).collect();
    if values.is_empty() {
        errors.push(Error::invalid(at, shown, "at least one value is required"));
    }
    checks::at_most(&values, MOST_CODES, at, errors);
    for (index, value) in values.iter().enumerate() {
        if is_in && *value == 0 {
            errors.push(Error::invalid(&at.index(index), *value, "must not be 0 for the In operator"));
        }
        if values[..index].contains(value) {
            errors.push(Error::duplicate(&at.index(index), *value));
        }
    }
    if !values.is_sorted() {
        errors.push(Error::invalid(at, shown, "must be ordered"));
    }
}

fn check_conditions(conditions: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    checks::at_most(conditions, MOST, at, errors);
    for (index, pattern) in conditions.iter().enumerate() {
        let (path, kind) = (at.index(index), pattern.text("type"));
        checks::each(labels::qualified_name(kind), kind, &path.child("type"), errors);
        let (status, at) = (pattern.text("status"), path.child("status"));
        if status.is_empty() {
            errors.push(Error::required(&at, "valid values: [\"False\" \"True\" \"Unknown\"]"));
        } else {
            checks::one_of(status, &["False", "True", "Unknown"], &at, errors);
        }
    }
}
