//! PodTemplates: a template on its own.

use serde_json::Value;

use crate::strategy::{Strategy, pod_template};
use crate::tree::fields;

/// The strategy of pod templates.
pub(in crate::strategy) struct PodTemplates;

impl Strategy for PodTemplates {
    fn default(&self, object: &mut Value) {
        pod_template::default(fields(object));
    }
}
