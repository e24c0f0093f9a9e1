//! ReplicaSets: defaults and rules.

use std::borrow::Cow;

use serde_json::Value;

use crate::strategy::Strategy;
use crate::strategy::pod_template;
use crate::tree::{Fill, Read, fields};

/// The strategy of replica sets.
pub(in crate::strategy) struct ReplicaSets;

impl Strategy for ReplicaSets {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("replicas", 1);
        pod_template::default(spec);
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Owned(object.at("status").int("replicas").unwrap_or_default().to_string())
    }
}
