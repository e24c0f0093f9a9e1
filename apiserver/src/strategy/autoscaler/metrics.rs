//! The rules of what an autoscaler measures.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{Quantity, names};

use crate::strategy::{checks, pod_spec};
use crate::tree::Read;

const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];

/// The sources, in the order in which they are looked at, and the types that have them.
const SOURCES: [(&str, &str); 5] = [
    ("object", "Object"),
    ("external", "External"),
    ("pods", "Pods"),
    ("resource", "Resource"),
    ("containerResource", "ContainerResource"),
];

const EITHER: &str = "must set either a target raw value or a target utilization";

const EITHER_VALUE: &str = "must set either a target value for metric or a per-pod target";

/// What is wrong with the metrics.
pub(super) fn validate(metrics: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, metric) in metrics.iter().enumerate() {
        check(metric, &at.index(index), errors);
    }
}

/// Whether a metric can be measured where there are no pods.
pub(super) fn is_of_no_pods(metric: &Value) -> bool {
    matches!(metric.text("type"), "Object" | "External")
}

fn check(metric: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (kind, path) = (metric.text("type"), at.child("type"));
    if kind.is_empty() {
        errors.push(Error::required(&path, "must specify a metric source type"));
    }
    checks::one_of(kind, &TYPES, &path, errors);
    let present: Vec<&str> =
        SOURCES.iter().map(|(source, _)| *source).filter(|source| metric.has(source)).collect();
    if let Some(first) = present.first() {
        check_source(first, metric.at(first), &at.child(first), errors);
    }
    let Some((wanted, _)) = SOURCES.iter().find(|(_, of)| *of == kind) else {
        errors.push(Error::not_supported(&path, kind, &TYPES));
        return;
    };
    if !metric.has(wanted) {
        let why = "must populate information for the given metric source";
        errors.push(Error::required(&at.child(wanted), why));
    }
    if present.len() != 1 {
        for other in present.iter().filter(|source| *source != wanted) {
            errors.push(Error::forbidden(&at.child(other), "must populate the given metric source only"));
        }
    }
}

fn check_source(source: &str, metric: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match source {
        "object" => {
            let (object, path) = (metric.at("describedObject"), at.child("describedObject"));
            super::reference(object, &path, errors);
            super::check_form(object, &path.child("apiVersion"), errors);
            check_identifier(metric, at, errors);
        }
        "external" | "pods" => check_identifier(metric, at, errors),
        _ => {
            let (name, path) = (metric.text("name"), at.child("name"));
            if name.is_empty() {
                errors.push(Error::required(&path, "must specify a resource name"));
            } else if source == "containerResource" {
                pod_spec::validate_container_resource(name, &path, errors);
            }
            if source == "containerResource" {
                check_container(metric.text("container"), &at.child("container"), errors);
            }
        }
    }
    let (target, path) = (metric.at("target"), at.child("target"));
    check_target(target, &path, errors);
    check_values(source, target, &path, errors);
}

fn check_container(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if name.is_empty() {
        errors.push(Error::required(at, "must specify a container"));
    } else {
        checks::each(names::dns1123_label(name), name, at, errors);
    }
}

/// What of a target each source needs, and may not have at once.
fn check_values(source: &str, target: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let average = at.child("averageValue");
    let (value, per_pod, share) =
        (target.has("value"), target.has("averageValue"), target.has("averageUtilization"));
    match source {
        "object" if !value && !per_pod => {
            errors.push(Error::required(&average, "must set either a target value or averageValue"));
        }
        "external" if !value && !per_pod => {
            errors.push(Error::required(&average, EITHER_VALUE));
        }
        "external" if value && per_pod => {
            let why = "may not set both a target value for metric and a per-pod target";
            errors.push(Error::forbidden(&at.child("value"), why));
        }
        "pods" if !per_pod => {
            errors.push(Error::required(&average, "must specify a positive target averageValue"));
        }
        "object" | "external" | "pods" => {}
        _ if !share && !per_pod => errors.push(Error::required(&at.child("averageUtilization"), EITHER)),
        _ if share && per_pod => {
            let why = "may not set both a target raw value and a target utilization";
            errors.push(Error::forbidden(&average, why));
        }
        _ => {}
    }
}

fn check_identifier(metric: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (identifier, path) = (metric.at("metric"), at.child("metric"));
    if identifier.text("name").is_empty() {
        errors.push(Error::required(&path.child("name"), "must specify a metric name"));
    } else {
        checks::path_segment(identifier, "name", &path, errors);
    }
}

fn check_target(target: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (kind, path) = (target.text("type"), at.child("type"));
    if kind.is_empty() {
        errors.push(Error::required(&path, "must specify a metric target type"));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind) {
        errors.push(Error::invalid(&path, kind, "must be either Utilization, Value, or AverageValue"));
    }
    for field in ["value", "averageValue"] {
        if target.has(field) && !is_positive(target.at(field)) {
            errors.push(Error::invalid(&at.child(field), target.at(field), "must be positive"));
        }
    }
    if let Some(share) = target.int("averageUtilization").filter(|share| *share < 1) {
        errors.push(Error::invalid(&at.child("averageUtilization"), share, "must be greater than 0"));
    }
}

fn is_positive(quantity: &Value) -> bool {
    let quantity = quantity.as_str().and_then(|text| text.parse::<Quantity>().ok());
    quantity.is_some_and(|quantity| !quantity.is_zero() && !quantity.is_negative())
}
