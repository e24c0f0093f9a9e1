//! PodTemplates: a template on its own.

use steersman_core::field::{ErrorList, Path};
use steersman_core::tree::Value;

use super::rules;
use crate::strategy::{Strategy, pod_template};
use crate::tree::{Read, fields};

/// The strategy of pod templates.
pub(in crate::strategy) struct PodTemplates;

impl Strategy for PodTemplates {
    fn default(&self, object: &mut Value) {
        pod_template::default(fields(object));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        pod_template::validate(object.at("template"), &Path::new("template"), &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        if !rules::has_changed(object, old) {
            return Vec::new();
        }
        pod_template::warnings(object.at("template"), &Path::new("template"))
    }
}
