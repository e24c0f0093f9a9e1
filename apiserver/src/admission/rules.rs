//! Which resource of a write rules are about: its own, or the same in another version.

use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::Attributes;
use crate::tree::Read;

/// The resource, and the kind of its objects, that policies and webhooks are asked about in place of those of the write:
/// the same, or the same in another version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Version {
    pub(super) resource: GroupVersionResource,
    pub(super) kind: GroupVersionKind,
}

impl Version {
    /// That of the write itself.
    pub(super) fn own(write: &Attributes<'_>) -> Self {
        Version { resource: write.resource.clone(), kind: write.kind.clone() }
    }

    /// The first version of the written resource that a rule names: that of the write, if any does; the others only where
    /// they count as equivalent.
    ///
    /// # Errors
    /// Nobody knows the kind of that version.
    pub(super) fn named(
        rules: &[Value],
        is_equivalent: bool,
        write: &Attributes<'_>,
    ) -> Result<Option<Self>> {
        if rules.iter().any(|rule| is_named(rule, write, write.resource)) {
            return Ok(Some(Self::own(write)));
        }
        if !is_equivalent {
            return Ok(None);
        }
        let others = write.cluster.equivalents(write.resource, write.subresource);
        let mut rules = rules.iter();
        let other = rules.find_map(|rule| others.iter().find(|other| is_named(rule, write, other)).cloned());
        let Some(resource) = other else { return Ok(None) };
        let kind = write.cluster.kind_of(&resource, write.subresource).ok_or_else(|| {
            let (group, version, name) = (&resource.group, &resource.version, &resource.resource);
            Error::internal(format!("unable to convert to {group}/{version}, Resource={name}: unknown kind"))
        })?;
        Ok(Some(Version { resource, kind }))
    }
}

/// Whether a rule names the operation of a write, and a resource: that of the write, or the same in another version.
fn is_named(rule: &Value, write: &Attributes<'_>, resource: &GroupVersionResource) -> bool {
    let has = |field: &str, wanted: &str| rule.texts(field).any(|one| one == "*" || one == wanted);
    let scope = match rule.text("scope") {
        "Cluster" => write.namespace.is_empty() || resource.resource == "namespaces",
        "Namespaced" => !write.namespace.is_empty() && resource.resource != "namespaces",
        _ => true,
    };
    let names = rule.items("resourceNames");
    scope
        && has("operations", write.operation.word())
        && has("apiGroups", &resource.group)
        && has("apiVersions", &resource.version)
        && rule.texts("resources").any(|pattern| is_resource(pattern, resource, write.subresource))
        && (names.is_empty() || names.iter().any(|name| name == write.name_told()))
}

/// `pods`, `pods/status`, `pods/*`, `*/status`, `*`, `*/*`.
fn is_resource(pattern: &str, own: &GroupVersionResource, part: &str) -> bool {
    let (resource, subresource) = pattern.split_once('/').unwrap_or((pattern, ""));
    let is = |pattern: &str, own: &str| pattern == "*" || pattern == own;
    is(resource, &own.resource) && is(subresource, part)
}
