//! ReplicaSets: defaults and rules.

use steersman_core::field::{ErrorList, Path};
use steersman_core::tree::Value;

use super::rules;
use crate::strategy::{Strategy, checks, pod_template};
use crate::tree::{Fill, Read, fields};

/// The strategy of replica sets.
pub(in crate::strategy) struct ReplicaSets;

impl Strategy for ReplicaSets {
    fn default_spec(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("replicas", 1);
        pod_template::default(spec);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        validate(object.at("spec"), None)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (spec, old) = (object.at("spec"), old.at("spec"));
        let mut errors = validate(spec, Some(old));
        checks::unchanged(spec, old, "selector", &Path::new("spec"), &mut errors);
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
        let counts = [
            "replicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "availableReplicas",
            "observedGeneration",
            "terminatingReplicas",
        ];
        rules::check_status(object, &counts, &parts, "readyReplicas", &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        rules::warnings(object, old)
    }
}

/// What is wrong with a spec, which replaces `old`.
fn validate(spec: &Value, old: Option<&Value>) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
    checks::non_negative(spec, "replicas", &at, &mut errors);
    checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
    rules::check_selector(spec, "deployment", &at, &mut errors);
    rules::check_selected(spec, old, &at, &mut errors);
    errors
}
