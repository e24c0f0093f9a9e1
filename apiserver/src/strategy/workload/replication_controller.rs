//! ReplicationControllers: labels and selector come from the template.

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::rules;
use crate::strategy::{Propagation, Strategy, checks, pod_template};
use crate::tree::{Fill, Read, fields};

/// The prefix of the annotations by which upstream notes fields that it could not convert.
const UNCONVERTED: &str = "non-convertible.kubernetes.io";

/// The strategy of replication controllers.
pub(in crate::strategy) struct ReplicationControllers;

impl Strategy for ReplicationControllers {
    fn default(&self, object: &mut Value) {
        let controller = fields(object);
        let spec = controller.object("spec");
        spec.fill("replicas", 1);
        if !spec.has("template") {
            return;
        }
        pod_template::default(spec);
        let labels = spec.at("template").at("metadata").at("labels").clone();
        if labels.is_null() {
            return;
        }
        spec.fill_zero("selector", labels.clone());
        controller.object("metadata").fill_zero("labels", labels);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
        let selector = spec.at("selector");
        if crate::tree::is_zero(selector) {
            errors.push(Error::required(&at.child("selector"), ""));
        }
        checks::non_negative(spec, "replicas", &at, &mut errors);
        let (template, path) = (spec.at("template"), at.child("template"));
        if template.is_null() {
            errors.push(Error::required(&path, ""));
            return errors;
        }
        let labels = template.at("metadata").at("labels");
        if selector.as_object().into_iter().flatten().any(|(key, value)| labels.at(key) != value) {
            let metadata = path.child("metadata");
            let why = "`selector` does not match template `labels`";
            errors.push(Error::invalid(&metadata.child("labels"), labels, why));
        }
        pod_template::validate(template, &path, &mut errors);
        rules::check_runs_on(template, "ReplicationController", &path, &mut errors);
        errors
    }

    /// Upstream takes annotations under its prefix for fields that it could not convert.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (self.validate(object), Path::new("spec"));
        let (selector, was) = (object.at("spec").at("selector"), old.at("spec").at("selector"));
        for (key, value) in old.at("metadata").entries("annotations") {
            let Some((prefix, field)) = key.split_once('/') else { continue };
            if !prefix.starts_with(UNCONVERTED) {
                continue;
            }
            if !field.contains("selector") {
                let detail = "unknown non-convertible field".to_owned();
                errors.push(Error { detail, ..Error::not_found(&Path::new(field), value) });
            } else if selector != was {
                let why = "cannot update non-convertible selector";
                errors.push(Error::invalid(&at.child("selector"), selector, why));
            }
        }
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
        let counts =
            ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];
        rules::check_status(object, &counts, &parts, "readyReplicas", &mut errors);
        errors
    }

    /// Upstream looks at the template that is replaced.
    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let (spec, mut warnings) = (Path::new("spec"), Vec::from_iter(rules::name_warning(object, old)));
        if rules::has_changed(object, old) {
            let template = old.unwrap_or(object).at("spec").at("template");
            warnings.extend(pod_template::warnings(template, &spec.child("template")));
        }
        warnings
    }

    fn default_propagation(&self) -> Propagation {
        Propagation::Orphan
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Owned(object.at("status").int("replicas").unwrap_or_default().to_string())
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_controller_with_fields_that_were_not_converted_cannot_be_updated() {
        let controller = |key: &str, value: &str| {
            let mut controller = json!({
                "metadata": {"annotations": {key: "x"}},
                "spec": {"selector": {"a": value}, "template": {
                    "metadata": {"labels": {"a": value}},
                    "spec": {"containers": [{"name": "c", "image": "i", "terminationMessagePolicy": "File",
                        "imagePullPolicy": "Always"}]}}},
            });
            ReplicationControllers.default(&mut controller);
            controller
        };
        let cases = [
            ("non-convertible", "b", ""),
            ("non-convertible.kubernetes.io", "b", ""),
            (
                "non-convertible.kubernetes.io/spec",
                "a",
                "spec: Not found: \"x\": unknown non-convertible field",
            ),
            ("non-convertible.kubernetes.io/selector", "a", ""),
            (
                "non-convertible.kubernetes.io/selector",
                "b",
                "spec.selector: Invalid value: {\"a\":\"b\"}: cannot update non-convertible selector",
            ),
        ];
        for (key, value, expected) in cases {
            let errors =
                ReplicationControllers.validate_update(&controller(key, value), &controller(key, "a"));
            assert_eq!(
                errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                expected,
                "{key}"
            );
        }
    }
}
