//! Deployments: the rolling update's defaults and rules.

use serde_json::{Map, Value};

use crate::strategy::Strategy;
use crate::strategy::pod_template;
use crate::tree::{Fill, Read, fields};

/// The strategy of deployments.
pub(in crate::strategy) struct Deployments;

impl Strategy for Deployments {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        spec.fill("progressDeadlineSeconds", 600);
        default_strategy(spec.object("strategy"));
        pod_template::default(spec);
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
