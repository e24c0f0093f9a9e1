//! What somebody wants to do.

use steersman_core::api::Target;
use steersman_core::selector::FieldSelector;

use crate::reader::Reader;
use crate::user::User;

/// What somebody wants to do; upstream's `authorizer.Attributes`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Access<'a> {
    /// Who.
    pub user: &'a User,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or a verb that only
    /// authorisation knows (`impersonate`, `escalate`, `bind`); for a path the method in small letters.
    pub verb: &'a str,
    /// To what.
    pub asked: Asked<'a>,
    /// The cluster's objects.
    pub cluster: &'a dyn Reader,
}

/// What an access is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// Objects.
    Resource(ResourceAccess<'a>),
    /// A path that is no resource: `/healthz`.
    Path(&'a str),
}

/// Which objects an access is about. What is empty is not restricted, or does not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceAccess<'a> {
    /// The group; empty for the core group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The resource: `pods`.
    pub resource: &'a str,
    /// The subresource: `log`.
    pub subresource: &'a str,
    /// The namespace; empty for cluster-scoped resources and for lists over all namespaces. A namespace is in itself.
    pub namespace: &'a str,
    /// The name; empty for collections, but for those selected by `metadata.name`.
    pub name: &'a str,
    /// What the objects of a list or watch are selected by.
    pub fields: Option<&'a FieldSelector>,
}

impl<'a> ResourceAccess<'a> {
    /// What a request for this target is about. `fields` selects the objects of a list or watch.
    pub fn of(target: &'a Target, fields: Option<&'a FieldSelector>) -> Self {
        let Target { resource, namespace, name, subresource } = target;
        let is_namespace = resource.group.is_empty() && resource.resource == "namespaces";
        let selected = fields.and_then(|fields| fields.requires("metadata.name"));
        ResourceAccess {
            group: &resource.group,
            version: &resource.version,
            resource: &resource.resource,
            subresource: subresource.split('/').next().unwrap_or_default(),
            namespace: if is_namespace { name } else { namespace },
            name: if name.is_empty() { selected.unwrap_or_default() } else { name },
            fields,
        }
    }

    /// The resource with its subresource: `pods/log`.
    pub(crate) fn full_resource(&self) -> String {
        match self.subresource {
            "" => self.resource.to_owned(),
            subresource => format!("{}/{subresource}", self.resource),
        }
    }
}
