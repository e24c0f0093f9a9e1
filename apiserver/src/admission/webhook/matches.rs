//! Whether a webhook is asked about a write, and in which version the write is shown to it.

use std::collections::BTreeMap;

use serde_json::Value;
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource};
use steersman_core::{Error, Result};

use super::hook::Hook;
use super::shown::Shown;
use crate::admission::policy::{Evaluation, Namespace, Scope, Seen, is_named};
use crate::admission::{Attributes, Operation};
use crate::tree::Read;

/// The resource, and the kind of its objects, that a webhook is asked about in place of those of the write: the same, or
/// the same in another version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Version {
    pub(super) resource: GroupVersionResource,
    pub(super) kind: GroupVersionKind,
}

impl Hook {
    /// How the write is shown to the webhook; `None` if it is not asked.
    ///
    /// # Errors
    /// The webhook is about such writes, and what else it asks for cannot be found out.
    pub(super) async fn is_about(&self, write: &Attributes<'_>) -> Result<Option<Shown>> {
        let in_namespace = self.selects_namespace(write);
        if matches!(in_namespace, Ok(false)) || !self.selects_object(write) {
            return Ok(None);
        }
        let Some(version) = self.version_of(write)? else { return Ok(None) };
        in_namespace?;
        let shown = Shown::of(write, version).await?;
        Ok(if self.meets_conditions(write, &shown).await? { Some(shown) } else { None })
    }

    fn selects_namespace(&self, write: &Attributes<'_>) -> Result<bool> {
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

    fn selects_object(&self, write: &Attributes<'_>) -> bool {
        let selects = |object: &Value| !object.is_null() && self.objects.matches(&labels(object));
        self.objects.is_everything() || selects(write.object) || write.old.is_some_and(selects)
    }

    /// The first version of the resource that a rule names: that of the write, if any does.
    fn version_of(&self, write: &Attributes<'_>) -> Result<Option<Version>> {
        let names =
            |resource: &GroupVersionResource| self.rules.iter().any(|rule| is_named(rule, write, resource));
        let resource = if names(write.resource) {
            Some(write.resource.clone())
        } else if self.is_equivalent {
            let others = write.cluster.equivalents(write.resource, write.subresource);
            let mut rules = self.rules.iter();
            rules.find_map(|rule| others.iter().find(|other| is_named(rule, write, other)).cloned())
        } else {
            None
        };
        let Some(resource) = resource else { return Ok(None) };
        let kind = write.cluster.kind_of(&resource, write.subresource).ok_or_else(|| {
            let (group, version, name) = (&resource.group, &resource.version, &resource.resource);
            Error::internal(format!("unable to convert to {group}/{version}, Resource={name}: unknown kind"))
        })?;
        Ok(Some(Version { resource, kind }))
    }

    async fn meets_conditions(&self, write: &Attributes<'_>, shown: &Shown) -> Result<bool> {
        if self.preamble.is_unconditional() {
            return Ok(true);
        }
        let namespace = Namespace::default();
        let seen =
            Seen::of(write, namespace.of(write)?).showing(&shown.version.kind, &shown.object, &shown.old);
        let mut answers = Seen::answers(write);
        let scope = Scope { preamble: &self.preamble, params: &Value::Null };
        match Evaluation::new(write, &seen, &mut answers).applies(scope).await {
            Ok(applies) => Ok(applies),
            Err(why) if self.preamble.fails => {
                Err(Error::forbidden(&write.resource.group_resource(), write.name_told(), why))
            }
            Err(_) => Ok(false),
        }
    }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.at("metadata").entries("labels");
    labels.map(|(key, value)| (key.to_owned(), value.as_str().unwrap_or_default().to_owned())).collect()
}
