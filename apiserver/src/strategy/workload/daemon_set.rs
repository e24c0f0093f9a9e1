//! DaemonSets: the rolling update's defaults, and the rules of the template.

use serde_json::{Value, json};
use steersman_core::field::{ErrorList, Path};

use super::rules;
use crate::strategy::{Strategy, WriteContext, checks, pod_template};
use crate::tree::{Fill, Read, fields};

/// Counts the templates that a set has had; only told to clients of old.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The strategy of daemon sets.
pub(in crate::strategy) struct DaemonSets;

impl Strategy for DaemonSets {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("revisionHistoryLimit", 10);
        let update = spec.object("updateStrategy");
        update.fill_zero("type", "RollingUpdate");
        if update.text("type") == "RollingUpdate" {
            let rolling = update.object("rollingUpdate");
            rolling.fill("maxUnavailable", 1);
        }
        if let Some(rolling) = update.object_mut("rollingUpdate") {
            rolling.fill("maxSurge", 0);
        }
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let annotations = fields(object).object("metadata").object("annotations");
        annotations.put(TEMPLATE_GENERATION, "1");
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        if spec.has("selector") {
            rules::check_selector(spec, "daemonset", &at, &mut errors);
        }
        rules::check_template(spec, "DaemonSet", &at, &mut errors);
        checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
        checks::non_negative(spec, "revisionHistoryLimit", &at, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object.at("spec"), old.at("spec"), "selector", &Path::new("spec"), &mut errors);
        errors
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let before = old.at("metadata").at("annotations").text(TEMPLATE_GENERATION).parse().unwrap_or(0_i64);
        let changed = object.at("spec").at("template") != old.at("spec").at("template");
        let now = before + i64::from(changed);
        fields(object)
            .object("metadata")
            .object("annotations")
            .put(TEMPLATE_GENERATION, json!(now.to_string()));
    }
}
