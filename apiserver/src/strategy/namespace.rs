//! Namespaces: their finalizer, phase and name label.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use steersman_core::names;

use super::{Strategy, WriteContext};
use crate::tree::{Fill, Read, fields};

/// The label that says a namespace's name, so that selectors can.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The finalizer that the namespace controller removes once the namespace is empty.
const FINALIZER: &str = "kubernetes";

/// The strategy of namespaces.
pub(super) struct Namespaces;

impl Strategy for Namespaces {
    fn default(&self, object: &mut Value) {
        let namespace = fields(object);
        namespace.object("spec");
        namespace.object("status").fill_zero("phase", "Active");
        label(namespace);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let namespace = fields(object);
        label(namespace);
        namespace.put("status", json!({"phase": "Active"}));
        let finalizers = namespace.object("spec").list("finalizers");
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            finalizers.push(FINALIZER.into());
        }
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let finalizers = old.at("spec").at("finalizers").clone();
        let spec = fields(object).object("spec");
        if finalizers.is_null() {
            spec.drop_field("finalizers");
        } else {
            spec.put("finalizers", finalizers);
        }
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        names::dns_label(name, is_prefix)
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.phase"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.at("status").text("phase"))
    }

    fn prepare_delete(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        fields(object).object("status").put("phase", "Terminating");
    }

    fn holds_deletion(&self, object: &Value) -> bool {
        !object.at("spec").items("finalizers").is_empty()
    }
}

fn label(namespace: &mut Map<String, Value>) {
    let metadata = namespace.object("metadata");
    let name = metadata.text("name").to_owned();
    if !name.is_empty() {
        metadata.object("labels").put(NAME_LABEL, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_carries_its_name_as_a_label() {
        let mut namespace = json!({"metadata": {"name": "a", "labels": {"x": "y"}}});
        Namespaces.default(&mut namespace);
        assert_eq!(namespace["metadata"]["labels"], json!({NAME_LABEL: "a", "x": "y"}));
        assert_eq!(namespace["status"], json!({"phase": "Active"}));
    }
}
