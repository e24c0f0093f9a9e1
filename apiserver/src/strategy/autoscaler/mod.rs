//! HorizontalPodAutoscalers: their defaults, and the rules of bounds, metrics and behavior.

mod behavior;
mod metrics;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Value, json};

use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The strategy of horizontal pod autoscalers.
pub(super) struct Autoscalers;

impl Strategy for Autoscalers {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("minReplicas", 1);
        if spec.items("metrics").is_empty() {
            let target = json!({"type": "Utilization", "averageUtilization": 80});
            spec.put("metrics", json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
        }
        if let Some(behavior) = spec.object_mut("behavior") {
            behavior::default(behavior);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_bounds(spec, &at, &mut errors);
        let (target, path) = (spec.at("scaleTargetRef"), at.child("scaleTargetRef"));
        reference(target, &path, &mut errors);
        check_version(target, &path.child("apiVersion"), &mut errors);
        metrics::validate(spec.items("metrics"), &at.child("metrics"), &mut errors);
        behavior::validate(spec.at("behavior"), &at.child("behavior"), &mut errors);
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        for field in ["currentReplicas", "desiredReplicas"] {
            checks::non_negative(object.at("status"), field, &at, &mut errors);
        }
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn check_bounds(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (least, most) = (spec.int("minReplicas"), spec.int("maxReplicas").unwrap_or_default());
    let path = at.child("maxReplicas");
    if let Some(least) = least.filter(|least| *least < 1) {
        errors.push(Error::invalid(&at.child("minReplicas"), least, "must be greater than or equal to 1"));
    }
    if most == 0 {
        errors.push(Error::required(&path, "must be set and greater than 0"));
    } else if most < 0 {
        errors.push(Error::invalid(&path, most, "must be greater than or equal to 1"));
    }
    if least.is_some_and(|least| most < least) {
        errors.push(Error::invalid(&path, most, "must be greater than or equal to `minReplicas`"));
    }
}

/// An object of some version, named by kind and name.
fn reference(target: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["kind", "name"] {
        checks::path_segment(target, field, at, errors);
    }
}

/// A version that can be read; true if it is one.
fn check_form(target: &Value, at: &Path<'_>, errors: &mut ErrorList) -> bool {
    let version = target.text("apiVersion");
    let is_readable = version.matches('/').count() <= 1;
    if !is_readable {
        errors.push(Error::invalid(at, version, format!("unexpected GroupVersion string: {version}")));
    }
    is_readable
}

/// Only replication controllers have no group.
fn check_version(target: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let version = target.text("apiVersion");
    if check_form(target, at, errors)
        && !version.contains('/')
        && target.text("kind") != "ReplicationController"
    {
        errors.push(Error::invalid(at, version, "apiVersion must specify API group"));
    }
}
