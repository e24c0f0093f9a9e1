//! Groups, versions, kinds and resources, and what makes a Rust type one of them.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;

type Name = Cow<'static, str>;

/// A group and a resource in it: `deployments.apps`. Names a resource in error messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: Name,
    /// The plural, lower-case resource name.
    pub resource: Name,
}

/// A group, a version and a kind in it: what `apiVersion` and `kind` of an object say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: Name,
    /// The version: `v1`, `v1beta1`, …
    pub version: Name,
    /// The kind: `Pod`, …
    pub kind: Name,
}

/// A group, a version and a resource in it: what a request path says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    pub group: Name,
    /// The version: `v1`, `v1beta1`, …
    pub version: Name,
    /// The plural, lower-case resource name.
    pub resource: Name,
}

/// Whether objects of a resource live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Objects have no namespace.
    Cluster,
    /// Every object is in a namespace.
    Namespaced,
}

/// Everything a client must know of a resource in order to talk about it; one row of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiResource {
    /// Group, version and plural name.
    pub resource: GroupVersionResource,
    /// The kind of its objects.
    pub kind: Name,
    /// Whether its objects live in namespaces.
    pub scope: Scope,
    /// The verbs it serves: `get`, `list`, …
    pub verbs: Cow<'static, [Name]>,
    /// The names of its subresources: `status`, `scale`, …
    pub subresources: Cow<'static, [Name]>,
}

impl GroupResource {
    /// A resource of a group; the group is empty for the core group.
    pub fn new(group: impl Into<Name>, resource: impl Into<Name>) -> Self {
        GroupResource { group: group.into(), resource: resource.into() }
    }
}

impl GroupVersionKind {
    /// A kind of a group and version.
    pub fn new(group: impl Into<Name>, version: impl Into<Name>, kind: impl Into<Name>) -> Self {
        GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Splits an `apiVersion` (`apps/v1`, or `v1` for the core group).
    pub fn from_api_version(api_version: &str, kind: &str) -> Self {
        let (group, version) = split(api_version);
        Self::new(group.to_owned(), version.to_owned(), kind.to_owned())
    }

    /// The `apiVersion` of objects of this kind: `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// Whether that is the `apiVersion` of objects of this kind.
    pub fn has_api_version(&self, api_version: &str) -> bool {
        let version = match &*self.group {
            "" => Some(api_version),
            group => api_version.strip_prefix(group).and_then(|rest| rest.strip_prefix('/')),
        };
        version == Some(&*self.version)
    }

    /// The kind and the group, as error messages name them: `Deployment.apps`, `Pod`.
    pub fn group_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }
}

impl GroupVersionResource {
    /// A resource of a group and version.
    pub fn new(group: impl Into<Name>, version: impl Into<Name>, resource: impl Into<Name>) -> Self {
        GroupVersionResource { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// The `apiVersion` of objects of this resource.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The resource without its version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }

    /// The resource of the Rust type `K`.
    pub fn of<K: Resource>() -> Self {
        Self::new(K::GROUP, K::VERSION, K::URL_PATH_SEGMENT)
    }
}

impl ApiResource {
    /// The group, version and kind of its objects.
    pub fn gvk(&self) -> GroupVersionKind {
        let GroupVersionResource { group, version, .. } = self.resource.clone();
        GroupVersionKind { group, version, kind: self.kind.clone() }
    }

    /// Whether it serves `verb`.
    pub fn serves(&self, verb: &str) -> bool {
        self.verbs.iter().any(|served| served == verb)
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&qualified(&self.resource, &self.group))
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Resource={}", self.api_version(), self.resource)
    }
}

/// The group in an `apiVersion`; empty for the core group.
pub fn group_of(api_version: &str) -> &str {
    split(api_version).0
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.rsplit_once('/').unwrap_or(("", api_version))
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { [group, "/", version].concat() }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// A Rust type that is a Kubernetes resource: every top-level type of [`k8s_openapi`], and every type that
/// [`resource!`](crate::resource!) names.
///
/// Implemented for everything that fits; it is a short name for its bounds.
pub trait Resource:
    k8s_openapi::Resource
    + k8s_openapi::Metadata<Ty = ObjectMeta>
    + Serialize
    + DeserializeOwned
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<K> Resource for K where
    K: k8s_openapi::Resource
        + k8s_openapi::Metadata<Ty = ObjectMeta>
        + Serialize
        + DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Whether objects of the Rust type `K` live in namespaces.
pub fn scope_of<K: Resource>() -> Scope
where
    K::Scope: 'static,
{
    if TypeId::of::<K::Scope>() == TypeId::of::<k8s_openapi::ClusterResourceScope>() {
        Scope::Cluster
    } else {
        Scope::Namespaced
    }
}

/// Makes a Rust type with a `metadata: ObjectMeta` field a resource.
///
/// The type must implement `serde::Serialize` and `Deserialize` and must write its own `apiVersion` and `kind`, or
/// leave them out: the client fills them in.
///
/// ```
/// use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Boat {
///     metadata: ObjectMeta,
///     length_metres: u32,
/// }
/// steersman_core::resource!(Boat: "harbour.example", "v1", "boats", Namespaced);
///
/// assert_eq!(steersman_core::resource::GroupVersionResource::of::<Boat>().api_version(), "harbour.example/v1");
/// ```
#[macro_export]
macro_rules! resource {
    ($kind:ident : $group:literal, $version:literal, $plural:literal, Namespaced) => {
        $crate::resource!(@impl $kind, $group, $version, $plural, NamespaceResourceScope);
    };
    ($kind:ident : $group:literal, $version:literal, $plural:literal, Cluster) => {
        $crate::resource!(@impl $kind, $group, $version, $plural, ClusterResourceScope);
    };
    (@impl $kind:ident, $group:literal, $version:literal, $plural:literal, $scope:ident) => {
        impl $crate::k8s_openapi::Resource for $kind {
            const API_VERSION: &'static str = concat!($group, "/", $version);
            const GROUP: &'static str = $group;
            const KIND: &'static str = stringify!($kind);
            const VERSION: &'static str = $version;
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = $crate::k8s_openapi::$scope;
        }

        impl $crate::k8s_openapi::Metadata for $kind {
            type Ty = $crate::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

            fn metadata(&self) -> &Self::Ty {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut Self::Ty {
                &mut self.metadata
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::{Node, Pod};

    use super::*;

    #[test]
    fn names_print_as_upstream_prints_them() {
        assert_eq!(GroupVersionResource::of::<Deployment>().group_resource().to_string(), "deployments.apps");
        assert_eq!(GroupVersionResource::of::<Pod>().group_resource().to_string(), "pods");
        assert_eq!(
            GroupVersionKind::from_api_version("apps/v1", "Deployment").group_kind(),
            "Deployment.apps"
        );
        assert_eq!(GroupVersionKind::from_api_version("v1", "Pod").to_string(), "v1, Kind=Pod");
    }

    #[test]
    fn a_kind_knows_its_api_version() {
        for own in ["apps/v1", "v1"] {
            let kind = GroupVersionKind::from_api_version(own, "Deployment");
            for other in ["apps/v1", "v1", "/v1", "apps/v1/", "apps/", "appsv1", "apps", ""] {
                assert_eq!(kind.has_api_version(other), kind.api_version() == other, "{own} {other}");
            }
        }
    }

    #[test]
    fn the_scope_of_a_type_is_known() {
        assert_eq!(scope_of::<Node>(), Scope::Cluster);
        assert_eq!(scope_of::<Pod>(), Scope::Namespaced);
    }
}
