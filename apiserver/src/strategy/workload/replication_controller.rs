//! ReplicationControllers: labels and selector come from the template.

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::rules;
use crate::strategy::{Propagation, Strategy, checks, pod_template};
use crate::tree::{Fill, Read, fields};

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
