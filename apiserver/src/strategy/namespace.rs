//! Namespaces: their finalizer, phase and name label.

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::metadata::{DELETE_DEPENDENTS, ORPHAN_DEPENDENTS};
use steersman_core::tree::{Map, Value, json};
use steersman_core::{labels, names};

use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

/// The label that says a namespace's name, so that selectors can.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The finalizer that the namespace controller removes once the namespace is empty.
const FINALIZER: &str = "kubernetes";

/// The finalizers that need no domain.
const STANDARD: [&str; 3] = [FINALIZER, ORPHAN_DEPENDENTS, DELETE_DEPENDENTS];

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

    fn validate(&self, object: &Value) -> ErrorList {
        let at = Path::new("spec");
        let finalizers: Vec<String> = object.at("spec").texts("finalizers").map(str::to_owned).collect();
        finalizers.iter().flat_map(|name| check_finalizer(name, &at.child("finalizers"))).collect()
    }

    fn validate_update(&self, _object: &Value, _old: &Value) -> ErrorList {
        ErrorList::new()
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let phase = object.at("status").text("phase");
        let status = Path::new("status");
        let why = match (object.at("metadata").has("deletionTimestamp"), phase) {
            (false, phase) if phase != "Active" => "may only be 'Active' if `deletionTimestamp` is empty",
            (true, phase) if phase != "Terminating" => {
                "may only be 'Terminating' if `deletionTimestamp` is not empty"
            }
            _ => return ErrorList::new(),
        };
        vec![Error::invalid(&status.child("Phase"), phase, why)]
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

/// What is wrong with the name of a finalizer in the spec of a namespace.
pub(crate) fn check_finalizer(name: &str, at: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    checks::each(labels::qualified_name(name), name, at, &mut errors);
    if !name.contains('/') && !STANDARD.contains(&name) {
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(Error::invalid(at, name, why));
    }
    errors
}

fn label(namespace: &mut Map) {
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
