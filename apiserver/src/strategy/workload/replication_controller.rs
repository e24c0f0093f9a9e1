//! ReplicationControllers: labels and selector come from the template.

use std::borrow::Cow;

use serde_json::Value;

use crate::strategy::{Propagation, Strategy, pod_template};
use crate::tree::{Fill, Read, fields};

/// The strategy of replication controllers.
pub(in crate::strategy) struct ReplicationControllers;

impl Strategy for ReplicationControllers {
    fn default(&self, object: &mut Value) {
        let controller = fields(object);
        let spec = controller.object("spec");
        spec.fill("replicas", 1);
        pod_template::default(spec);
        let labels = spec.at("template").at("metadata").at("labels").clone();
        if labels.is_null() {
            return;
        }
        spec.fill_zero("selector", labels.clone());
        controller.object("metadata").fill_zero("labels", labels);
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
