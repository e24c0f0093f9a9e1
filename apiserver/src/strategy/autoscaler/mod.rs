//! HorizontalPodAutoscalers: their defaults, and the rules of bounds, metrics and behavior.

mod behavior;
mod metrics;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Value, json};

use super::{Strategy, checks};
use crate::convert::autoscaler::drop_carriers;
use crate::tree::{Fill, Read, fields};

/// The strategy of horizontal pod autoscalers.
pub(super) struct Autoscalers;

impl Strategy for Autoscalers {
    fn default(&self, object: &mut Value) {
        let autoscaler = fields(object);
        autoscaler.object_mut("metadata").into_iter().for_each(drop_carriers);
        let spec = autoscaler.object("spec");
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
        self.validate_update(object, &Value::Null)
    }

    /// The version of a target that stays is let pass as it is.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_bounds(spec, &at, &mut errors);
        let (target, path) = (spec.at("scaleTargetRef"), at.child("scaleTargetRef"));
        reference(target, &path, &mut errors);
        let was = old.at("spec").at("scaleTargetRef");
        let stays = !was.is_null()
            && ["apiVersion", "kind"].iter().all(|field| target.text(field) == was.text(field));
        if !stays {
            check_version(target, &path.child("apiVersion"), &mut errors);
        }
        let (measured, path) = (spec.items("metrics"), at.child("metrics"));
        metrics::validate(measured, &path, &mut errors);
        if spec.int("minReplicas") == Some(0) && !measured.iter().any(metrics::is_of_no_pods) {
            let why =
                "must specify at least one Object or External metric to support scaling to zero replicas";
            errors.push(Error::forbidden(&path, why));
        }
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
        && version.split_once('/').is_none_or(|(group, _)| group.is_empty())
        && target.text("kind") != "ReplicationController"
    {
        errors.push(Error::invalid(at, version, "apiVersion must specify API group"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_measured_in_no_pods() {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
        let texts = |metric: Value| {
            let spec =
                json!({"scaleTargetRef": target, "minReplicas": 0, "maxReplicas": 1, "metrics": [metric]});
            let errors = Autoscalers.validate(&json!({"spec": spec}));
            errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let few = "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1";
        let none = "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to \
                    zero replicas";
        let average = json!({"type": "AverageValue", "averageValue": "1"});
        let metric = json!({"metric": {"name": "m"}, "target": average});
        assert_eq!(texts(json!({"type": "Pods", "pods": metric})), [few, none]);
        assert_eq!(texts(json!({"type": "External", "external": metric})), [few]);
    }

    #[test]
    fn the_version_of_a_target_that_stays_is_let_pass() {
        let scaler = |version: &str, kind: &str| {
            let target = json!({"apiVersion": version, "kind": kind, "name": "d"});
            json!({"spec": {"scaleTargetRef": target, "maxReplicas": 1}})
        };
        let (old, why) = (scaler("v1", "A"), "apiVersion must specify API group");
        for (new, expected) in
            [(scaler("v1", "A"), None), (scaler("v1", "B"), Some(why)), (scaler("", "A"), Some(why))]
        {
            let errors = Autoscalers.validate_update(&new, &old);
            assert_eq!(errors.first().map(|error| error.detail.as_str()), expected);
        }
        assert_eq!(Autoscalers.validate(&old)[0].detail, why);
    }
}
