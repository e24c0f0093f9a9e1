//! Checks affinities to nodes and pods.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{labels, names};

use super::label_keys;
use crate::strategy::checks;
use crate::tree::Read;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const BAD_OPERATOR: &str = "not a valid selector operator";

/// Checks all affinities of a pod.
pub(super) fn validate(affinity: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if affinity.has("nodeAffinity") {
        check_nodes(affinity.at("nodeAffinity"), &at.child("nodeAffinity"), errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        if affinity.has(kind) {
            check_pods(affinity.at(kind), &at.child(kind), errors);
        }
    }
}

/// What is wrong with a selector of nodes.
pub(in crate::strategy) fn validate_selector(selector: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, terms) = (at.child("nodeSelectorTerms"), selector.items("nodeSelectorTerms"));
    if terms.is_empty() {
        errors.push(Error::required(&path, "must have at least one node selector term"));
    }
    for (index, term) in terms.iter().enumerate() {
        check_term(term, true, &path.index(index), errors);
    }
}

fn check_nodes(affinity: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if affinity.has(REQUIRED) {
        validate_selector(affinity.at(REQUIRED), &at.child(REQUIRED), errors);
    }
    let path = at.child(PREFERRED);
    for (index, preferred) in affinity.items(PREFERRED).iter().enumerate() {
        let item = path.index(index);
        check_weight(preferred, &item, errors);
        check_term(preferred.at("preference"), false, &item.child("preference"), errors);
    }
}

fn check_weight(weighted: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let weight = weighted.int("weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        errors.push(Error::invalid(&at.child("weight"), weight, "must be in the range 1-100"));
    }
}

fn check_term(term: &Value, required: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("matchExpressions");
    for (index, expression) in term.items("matchExpressions").iter().enumerate() {
        check_expression(expression, required, &path.index(index), errors);
    }
    let path = at.child("matchFields");
    for (index, field) in term.items("matchFields").iter().enumerate() {
        check_field(field, &path.index(index), errors);
    }
}

fn check_expression(expression: &Value, required: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let (operator, values) = (expression.text("operator"), expression.items("values"));
    let path = at.child("values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(Error::required(&path, "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&path, why));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errors.push(Error::required(
                &path,
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            ));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(Error::invalid(&at.child("operator"), other, BAD_OPERATOR)),
    }
    errors.extend(labels::validate_label_name(expression.text("key"), &at.child("key")));
    if required {
        for (index, value) in expression.texts("values").enumerate() {
            checks::each(labels::label_value(value), value, &path.index(index), errors);
        }
    }
}

fn check_field(requirement: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (key, operator) = (requirement.text("key"), requirement.text("operator"));
    let path = at.child("values");
    match operator {
        "In" | "NotIn" if requirement.items("values").len() != 1 => {
            let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(Error::required(&path, why));
        }
        "In" | "NotIn" => {}
        other => errors.push(Error::invalid(&at.child("operator"), other, BAD_OPERATOR)),
    }
    if key != "metadata.name" {
        errors.push(Error::invalid(&at.child("key"), key, "not a valid field selector key"));
        return;
    }
    for (index, value) in requirement.texts("values").enumerate() {
        checks::each(names::dns1123_subdomain(value), value, &path.index(index), errors);
    }
}

fn check_pods(affinity: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child(REQUIRED);
    for (index, term) in affinity.items(REQUIRED).iter().enumerate() {
        check_pod_term(term, &path.index(index), errors);
    }
    let path = at.child(PREFERRED);
    for (index, weighted) in affinity.items(PREFERRED).iter().enumerate() {
        let item = path.index(index);
        check_weight(weighted, &item, errors);
        check_pod_term(weighted.at("podAffinityTerm"), &item.child("podAffinityTerm"), errors);
    }
}

fn check_pod_term(term: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for selector in ["labelSelector", "namespaceSelector"] {
        checks::selector(term.at(selector), &at.child(selector), errors);
    }
    for name in term.texts("namespaces") {
        checks::each(names::dns1123_label(name), name, &at.child("namespace"), errors);
    }
    label_keys::validate(term, at, errors);
    let key = term.text("topologyKey");
    if key.is_empty() {
        errors.push(Error::required(&at.child("topologyKey"), "can not be empty"));
    }
    errors.extend(labels::validate_label_name(key, &at.child("topologyKey")));
}
