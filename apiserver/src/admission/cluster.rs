//! What plugins may ask of the cluster, and do to it, while a write is under way.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::api::Target;
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource, Scope};
use steersman_core::tree::Value;

use crate::authorize::{Asked, Decision};
use crate::reader::Reader;
use crate::subresource::Change;
use crate::user::User;

/// The cluster, as plugins see it.
#[async_trait]
pub trait Cluster: Reader {
    /// What the authorisers think of an access; upstream's `authorizer.Authorize`.
    async fn decide(&self, user: &User, verb: &str, asked: Asked<'_>) -> Decision;

    /// Changes the status of an object as the server itself, which owns it from then on. `change` is called again on the
    /// newest version for as long as others are faster (at most 100 times); nothing is stored if it fails, or changes
    /// nothing. Neither admission nor the kind's strategy sees the change.
    ///
    /// # Errors
    /// Those of `change`; 404 if there is no such object; 409 if others were always faster.
    async fn update_status(&self, target: &Target, change: &Change<'_>) -> Result<()>;

    /// The resource whose objects are of a kind, and where they live.
    fn resource_of(&self, kind: &GroupVersionKind) -> Option<(GroupResource, Scope)>;

    /// What an object of a resource becomes when a configuration is merged into it as by an apply; nobody owns what that
    /// sets, and nothing is defaulted.
    ///
    /// # Errors
    /// The configuration does not have the types of the kind, or would replace what is owned as a whole; in upstream's
    /// words.
    fn merge(&self, resource: &GroupVersionResource, object: &Value, config: Value) -> Result<Value, String>;

    /// The kind of the objects of a resource, or of what is written to a subresource of theirs.
    fn kind_of(&self, resource: &GroupVersionResource, subresource: &str) -> Option<GroupVersionKind>;

    /// The other versions of a resource, of its group or of another, that have the same objects and that subresource;
    /// upstream's `EquivalentResourceMapper`.
    fn equivalents(&self, resource: &GroupVersionResource, subresource: &str) -> Vec<GroupVersionResource>;

    /// An object of a write as a version of its resource has it; where a subresource has a form of its own, in that form.
    ///
    /// # Errors
    /// It cannot be converted.
    async fn present(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: &Value,
    ) -> Result<Value, String>;

    /// The object of a write for what somebody has made of its form in a version, with its defaults.
    ///
    /// # Errors
    /// It does not have the types of its kind, or cannot be converted.
    async fn restore(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: Value,
    ) -> Result<Value, String>;
}
