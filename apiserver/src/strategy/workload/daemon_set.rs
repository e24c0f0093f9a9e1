//! DaemonSets: the rolling update's defaults.

use serde_json::{Value, json};

use crate::strategy::{Strategy, WriteContext, pod_template};
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
            rolling.fill("maxSurge", 0);
        }
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let annotations = fields(object).object("metadata").object("annotations");
        annotations.put(TEMPLATE_GENERATION, "1");
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
