//! Whether label selectors select a write: by the namespace that it is in, and by its objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::Deserialize;
use steersman_core::resource::GroupResource;
use steersman_core::selector::LabelSelector;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::{Attributes, Operation};
use crate::tree::Read;

/// The selectors of a webhook, a policy or a binding.
pub(super) struct Selectors {
    namespaces: LabelSelector,
    objects: LabelSelector,
}

impl Selectors {
    /// Reads `namespaceSelector` and `objectSelector`.
    pub(super) fn read(selection: &Value) -> Self {
        Selectors {
            namespaces: selector(selection.at("namespaceSelector")),
            objects: selector(selection.at("objectSelector")),
        }
    }

    /// Whether the namespace of the write is selected. What is in none is not restricted by the labels of any; a namespace
    /// is by its own.
    ///
    /// # Errors
    /// There is no such namespace.
    pub(super) fn select_namespace(&self, write: &Attributes<'_>) -> Result<bool> {
        let is_namespace = write.is_about_namespaces();
        if self.namespaces.is_everything() || (write.namespace.is_empty() && !is_namespace) {
            return Ok(true);
        }
        let is_written = matches!(write.operation, Operation::Create | Operation::Update);
        if is_namespace && is_written && write.subresource.is_empty() {
            return Ok(self.namespaces.matches(&labels(write.object)));
        }
        let (namespaces, name) = (GroupResource::new("", "namespaces"), write.namespace_told());
        let namespace = write.cluster.get(&namespaces, "", name);
        let namespace = namespace.ok_or_else(|| Error::not_found(&namespaces, name))?;
        Ok(self.namespaces.matches(&namespace.metadata().labels))
    }

    /// Whether the object is selected as it would be, or as it is.
    pub(super) fn select_object(&self, write: &Attributes<'_>) -> bool {
        let selects = |object: &Value| has_labels(object) && self.objects.matches(&labels(object));
        self.objects.is_everything() || selects(write.object) || write.old.is_some_and(selects)
    }
}

/// A selector that is not there selects everything. One that cannot be read was refused when it was written.
fn selector(selector: &Value) -> LabelSelector {
    let selector = Option::<v1::LabelSelector>::deserialize(selector).unwrap_or_default().unwrap_or_default();
    LabelSelector::from_object(Some(&selector)).unwrap_or_else(|_| LabelSelector::everything())
}

/// Whether something can have labels: the options of a connection cannot.
fn has_labels(object: &Value) -> bool {
    object.has("metadata")
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.at("metadata").entries("labels");
    labels.map(|(key, value)| (key.to_owned(), value.as_str().unwrap_or_default().to_owned())).collect()
}
