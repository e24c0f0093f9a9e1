//! ReplicaSets: defaults and rules.

use std::borrow::Cow;

use serde_json::Value;

use crate::strategy::pod_template;
use crate::strategy::tree::{Fill, Read, drop_zero, fields};
use crate::strategy::{Strategy, WriteContext};

/// The strategy of replica sets.
pub(in crate::strategy) struct ReplicaSets;

impl Strategy for ReplicaSets {
    fn default(&self, object: &mut Value) {
        let set = fields(object);
        set.object("status").fill("replicas", 0);
        let spec = set.object("spec");
        drop_zero(spec, &["replicas", "selector", "template"]);
        spec.fill("replicas", 1);
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        fields(object).object("status").fill("replicas", 0);
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Owned(object.at("status").int("replicas").unwrap_or_default().to_string())
    }
}
