//! The seam between components and the API server: verbs on resources, lists, watches.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::tree::Value;
use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};

use crate::error::{Error, Result};
use crate::object::Object;
use crate::resource::{ApiResource, GroupVersionResource};
use crate::selector::{FieldSelector, LabelSelector};

/// What a request is about: a resource, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Group, version and resource.
    pub resource: GroupVersionResource,
    /// The namespace; empty for cluster-scoped resources and for lists over all namespaces.
    pub namespace: String,
    /// The name; empty for collections.
    pub name: String,
    /// The subresource (`status`, `scale`, …); empty for the object itself.
    pub subresource: Cow<'static, str>,
}

impl Target {
    /// A whole collection, over all namespaces.
    pub fn all(resource: GroupVersionResource) -> Self {
        Target { resource, namespace: String::new(), name: String::new(), subresource: Cow::Borrowed("") }
    }

    /// The same within a namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// One object of the collection.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// A subresource of the object.
    #[must_use]
    pub fn subresource(mut self, subresource: impl Into<Cow<'static, str>>) -> Self {
        self.subresource = subresource.into();
        self
    }
}

/// How a `resourceVersion` of a list is meant; upstream's `resourceVersionMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionMatch {
    /// Exactly that version, or 410.
    Exact,
    /// That version or a newer one.
    NotOlderThan,
}

/// Options of get.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// At least as new as this; empty is the newest.
    pub resource_version: String,
}

/// Options of list.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Only objects with matching labels.
    pub labels: LabelSelector,
    /// Only objects with matching fields.
    pub fields: FieldSelector,
    /// The version to read; empty is the newest.
    pub resource_version: String,
    /// How `resource_version` is meant.
    pub version_match: Option<VersionMatch>,
    /// At most this many objects; 0 is no limit.
    pub limit: usize,
    /// Where an earlier page ended.
    pub continue_token: String,
}

/// Options of watch.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// Only objects with matching labels.
    pub labels: LabelSelector,
    /// Only objects with matching fields.
    pub fields: FieldSelector,
    /// Deliver what came after this version; empty or `0` starts with what there is.
    pub resource_version: String,
    /// How `resource_version` is meant; must be `NotOlderThan` where `send_initial_events` is set.
    pub version_match: Option<VersionMatch>,
    /// Which bookmarks are welcome.
    pub bookmarks: Bookmarks,
    /// Whether to start with everything there is, closed by a bookmark annotated `k8s.io/initial-events-end`.
    pub send_initial_events: Option<bool>,
    /// End the watch after this long.
    pub timeout: Option<Duration>,
}

/// The bookmarks of a watch, beside the one that closes the initial events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bookmarks {
    /// None.
    #[default]
    None,
    /// One where the watch ends at its time limit, for the next to begin there. A server in another process sends one every
    /// minute instead, as nobody knows when a connection breaks.
    AtEnd,
    /// One every minute.
    EveryMinute,
}

/// What to do about unknown and duplicate fields; upstream's `fieldValidation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and warn.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// Options of create, update and patch.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Do everything but store.
    pub dry_run: bool,
    /// Who is recorded as the owner of the fields set; empty is derived from the client.
    pub field_manager: String,
    /// What to do about unknown and duplicate fields.
    pub field_validation: FieldValidation,
    /// Apply only: take fields over from other managers.
    pub force: bool,
}

/// A change to an object. [`json!`](crate::tree::json) writes one; a `serde_json::Value` becomes one by `into`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Patch {
    /// RFC 6902, `application/json-patch+json`.
    Json(Value),
    /// RFC 7386, `application/merge-patch+json`.
    Merge(Value),
    /// `application/strategic-merge-patch+json`.
    Strategic(Value),
    /// Server-side apply, `application/apply-patch+yaml`.
    Apply(Value),
}

/// Objects of a collection, as of one version.
#[derive(Clone, Debug, Default)]
pub struct ObjectList {
    /// The objects, ordered by namespace and name.
    pub items: Vec<Object>,
    /// The version that was read.
    pub resource_version: String,
    /// Where the next page starts; empty on the last.
    pub continue_token: String,
    /// How many objects follow this page, where that is known.
    pub remaining: Option<i64>,
}

/// What a watch delivers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// The object was created, or began to match.
    Added(Object),
    /// The object was changed.
    Modified(Object),
    /// The object was deleted, or ceased to match; its last state, with the version of the deletion.
    Deleted(Object),
    /// Everything up to this version has been delivered.
    Bookmark {
        /// The version.
        resource_version: String,
        /// Whether this ends the initial events.
        initial_events_end: bool,
    },
    /// The watch has failed and ends: most often 410, list again.
    Error(Error),
}

/// A running watch. It ends with an error event, at its time limit, or when the server stops.
pub type WatchStream = BoxStream<'static, WatchEvent>;

/// What a delete led to.
#[derive(Clone, Debug)]
pub enum Deletion {
    /// The object is gone.
    Done(Box<Status>),
    /// The object remains for now, with a deletion timestamp: it has finalizers, or time to end gracefully.
    Pending(Object),
}

/// The API server, as one user sees it: in process, or at the other end of a connection.
///
/// A component cannot tell the difference. Every method may be called concurrently. Reads may be repeated; a write
/// that failed with a retryable error may or may not have taken effect.
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Reads one object, or a subresource of it.
    async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object>;

    /// Reads a collection.
    async fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList>;

    /// Follows a collection. Dropping the stream ends the watch.
    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream>;

    /// Creates an object, or posts to a subresource (`binding`, `eviction`, `token`) and returns its answer.
    async fn create(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object>;

    /// Replaces an object or a subresource of it; 409 if the body carries an old `resourceVersion`.
    async fn update(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object>;

    /// Changes an object or a subresource of it.
    async fn patch(&self, target: &Target, patch: Patch, options: &WriteOptions) -> Result<Object>;

    /// Deletes an object.
    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion>;

    /// Deletes every object of a collection that matches; returns what was there.
    async fn delete_collection(
        &self,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList>;

    /// Every resource that is served, in its preferred version first.
    async fn discover(&self) -> Result<Arc<[ApiResource]>>;

    /// Completes once [`Api::discover`] may tell something else than `known`, which it told last; at once where nobody says
    /// when that is, so that it is for the caller to ask now and then. May be dropped and asked again.
    async fn discovery_changed(&self, known: &Arc<[ApiResource]>) {
        let _ = known;
    }
}
