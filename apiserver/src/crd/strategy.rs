//! CustomResourceDefinition: defaults, what an update may change, and the rules of a definition.

use std::collections::BTreeSet;

use steersman_core::field::ErrorList;
use steersman_core::tree::{Value, json};

use super::rules;
use super::terminate::{FINALIZER, set_terminating};
use crate::schema::unrecognized_formats;
use crate::strategy::{Strategy, WriteContext};

/// The strategy of CustomResourceDefinition.
pub(crate) struct CustomResourceDefinitions;

impl Strategy for CustomResourceDefinitions {
    fn default(&self, object: &mut Value) {
        let kind = object["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
        let is_missing = |value: Option<&Value>| value.and_then(Value::as_str).is_none_or(str::is_empty);
        if let Some(names) = object["spec"]["names"].as_object_mut().filter(|_| !kind.is_empty()) {
            if is_missing(names.get("singular")) {
                names.insert("singular".to_owned(), kind.to_lowercase().into());
            }
            if is_missing(names.get("listKind")) {
                names.insert("listKind".to_owned(), format!("{kind}List").into());
            }
        }
        if let Some(spec) = object["spec"].as_object_mut() {
            let conversion = spec.entry("conversion").or_insert(Value::Null);
            if conversion.is_null() {
                *conversion = json!({"strategy": "None"});
            }
        }
        let service = object.pointer_mut("/spec/conversion/webhook/clientConfig/service");
        if let Some(service) = service.and_then(Value::as_object_mut) {
            service.entry("port").or_insert(443.into());
        }
        let has_stored = object["status"]["storedVersions"].as_array().is_some_and(|list| !list.is_empty());
        if !has_stored {
            store_version(object);
        }
    }

    fn prepare_create(&self, object: &mut Value, _: &WriteContext<'_>) {
        object["status"] = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}});
        store_version(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        rules::definition(object)
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _: &WriteContext<'_>) {
        object["status"] = old["status"].clone();
        store_version(object);
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        rules::update(object, old)
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        rules::status(object)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let known = old.map(formats).unwrap_or_default();
        let new = formats(object).into_iter().filter(|format| !known.contains(format));
        new.map(|format| format!("unrecognized format {format:?}")).collect()
    }

    fn prepare_delete(&self, object: &mut Value, cx: &WriteContext<'_>) {
        set_terminating(object, cx.now);
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn holds_deletion(&self, object: &Value) -> bool {
        let finalizers = object["metadata"]["finalizers"].as_array();
        finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
    }
}

/// The formats that no version's values are checked for.
fn formats(object: &Value) -> BTreeSet<&str> {
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    versions.flat_map(|version| unrecognized_formats(&version["schema"]["openAPIV3Schema"])).collect()
}

/// Notes the storage version as one that objects are stored in.
fn store_version(object: &mut Value) {
    let mut versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let Some(name) = versions.find(|version| version["storage"] == true).map(|one| one["name"].clone())
    else {
        return;
    };
    match object["status"]["storedVersions"].as_array_mut() {
        Some(stored) if stored.contains(&name) => {}
        Some(stored) => stored.push(name),
        None => object["status"]["storedVersions"] = json!([name]),
    }
}
