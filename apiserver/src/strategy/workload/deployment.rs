//! Deployments: the rolling update's defaults and rules.

use serde_json::{Map, Value};

use crate::strategy::pod_template;
use crate::strategy::tree::{Fill, Read, drop_zero, fields};
use crate::strategy::{Strategy, WriteContext};

/// The strategy of deployments.
pub(in crate::strategy) struct Deployments;

/// The fields that Go keeps behind a pointer, or always writes.
const POINTERS: &[&str] =
    &["progressDeadlineSeconds", "replicas", "revisionHistoryLimit", "selector", "strategy", "template"];

impl Strategy for Deployments {
    fn default(&self, object: &mut Value) {
        let deployment = fields(object);
        deployment.object("status");
        let spec = deployment.object("spec");
        drop_zero(spec, POINTERS);
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        spec.fill("progressDeadlineSeconds", 600);
        default_strategy(spec.object("strategy"));
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        fields(object).object("status");
    }
}

fn default_strategy(strategy: &mut Map<String, Value>) {
    strategy.fill_zero("type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.object("rollingUpdate");
        rolling.fill("maxUnavailable", "25%");
        rolling.fill("maxSurge", "25%");
    }
}
