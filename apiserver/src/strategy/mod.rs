//! What a schema cannot say about a kind: dependent defaults, cross-field rules, what an update may change.
//!
//! One file per kind, one line per kind in the list below.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use steersman_core::Result;
use steersman_core::field::ErrorList;
use steersman_core::tree::Value;

use crate::reader::Reader;
use crate::user::User;

mod access_rules;
mod admission_registration;
mod api_service;
mod autoscaler;
mod certificate_request;
mod checks;
mod config_map;
mod controller_revision;
mod device;
mod disruption_budget;
mod endpoint_slice;
mod endpoints;
mod event;
pub(crate) mod flow_control;
mod ingress;
mod ingress_class;
mod internal;
mod issued_certificate;
mod lease;
mod limit_range;
mod list;
mod namespace;
mod network_policy;
mod node;
mod node_annotations;
mod persistent_volume;
mod pod;
mod pod_group;
mod pod_spec;
mod pod_template;
mod priority_class;
mod request_frame;
mod resource_quota;
mod runtime_class;
mod secret;
mod service;
mod service_account;
mod service_range;
mod storage_class;
mod storage_driver;
mod template_metadata;
mod tls_pair;
mod volume_claim;
mod workload;

pub(crate) use admission_registration::validate_webhook_client;
pub(crate) use certificate_request::{
    stamp_conditions as stamp_request_conditions, validate_approval as validate_request_approval,
};
pub(crate) use internal::ephemeral_container_difference;
pub use list::Strategies;
pub(crate) use namespace::check_finalizer as check_namespace_finalizer;
pub(crate) use pod::{quality_of_service, validate_pod, validate_pod_annotations};
pub use service::ServiceRanges;

/// What a strategy may know besides the object.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct WriteContext<'a> {
    /// The moment of the write.
    pub now: Timestamp,
    /// Who writes.
    pub user: &'a User,
    /// The rest of the cluster.
    pub cluster: &'a dyn Reader,
    /// Whether nothing will be stored.
    pub dry_run: bool,
}

impl<'a> WriteContext<'a> {
    /// The context of a write that will be stored.
    pub fn new(now: Timestamp, user: &'a User, cluster: &'a dyn Reader) -> Self {
        WriteContext { now, user, cluster, dry_run: false }
    }
}

/// What becomes of the objects that an object owns when it is deleted; upstream's `propagationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are collected after it is gone.
    Background,
    /// It remains until those that block its deletion are gone.
    Foreground,
    /// They live on without an owner.
    Orphan,
}

/// Something unique in the cluster (an address, a port) that is held for an object about to be stored. Dropping it
/// gives it back; the pipeline keeps it once the object is stored.
#[must_use = "dropping a reservation gives it back"]
#[derive(Default)]
pub struct Reservation(Option<Box<dyn FnOnce() + Send>>);

impl Reservation {
    /// Nothing is held.
    pub fn none() -> Self {
        Self::default()
    }

    /// Something is held that `give_back` returns.
    pub fn new(give_back: impl FnOnce() + Send + 'static) -> Self {
        Reservation(Some(Box::new(give_back)))
    }

    /// The object was stored: what was reserved is its own from now on.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(give_back) = self.0.take() {
            give_back();
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("held", &self.0.is_some()).finish()
    }
}

/// The rules of one kind that its schema cannot express; the counterpart of upstream's
/// `registry/rest.RESTCreateStrategy` and its siblings, with the kind's `defaults.go`.
///
/// Every method is pure and has a default, which is what a kind with no rules of its own wants. Objects are JSON trees
/// that already have the types their schema asks for, are pruned, and have the schema's static defaults.
pub trait Strategy: Send + Sync {
    /// Fills in the defaults that depend on other fields. May run more than once over the same object.
    fn default(&self, object: &mut Value) {
        let _ = object;
    }

    /// Fills in those of the spec that depend on nothing else, before [`Strategy::default`] fills in others: not asked of a
    /// spec that has them already.
    fn default_spec(&self, object: &mut Value) {
        let _ = object;
    }

    /// Clears what a creator may not set and sets what the server decides. `status` is cleared, and `generation` set,
    /// by the pipeline before this.
    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        let _ = (object, cx);
    }

    /// What is wrong with a new object. Its metadata is checked by the pipeline.
    fn validate(&self, object: &Value) -> ErrorList {
        let _ = object;
        ErrorList::new()
    }

    /// What is wrong with a new object, considering the rest of the cluster. It is told before anything else.
    fn validate_in_cluster(&self, object: &Value, cx: &WriteContext<'_>) -> ErrorList {
        let _ = (object, cx);
        ErrorList::new()
    }

    /// Restores what an update may not touch. `status` is restored, and `generation` counted, by the pipeline after
    /// this.
    fn prepare_update(&self, object: &mut Value, old: &Value, cx: &WriteContext<'_>) {
        let _ = (object, old, cx);
    }

    /// What is wrong with an update. Its metadata is checked by the pipeline.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let _ = old;
        self.validate(object)
    }

    /// Restores what a write to `status` may not touch beyond `spec` and most metadata, which the pipeline restores.
    fn prepare_status(&self, object: &mut Value, old: &Value, cx: &WriteContext<'_>) {
        let _ = (object, old, cx);
    }

    /// What is wrong with a write to `status`.
    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let _ = (object, old);
        ErrorList::new()
    }

    /// What is wrong with a write to `status`, considering the rest of the cluster.
    fn validate_status_in_cluster(&self, object: &Value, old: &Value, cx: &WriteContext<'_>) -> ErrorList {
        let _ = (object, old, cx);
        ErrorList::new()
    }

    /// Warnings for whoever writes `object` (over `old`, if it is an update).
    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let _ = (object, old);
        Vec::new()
    }

    /// Warnings for whoever creates `object`, of what [`Strategy::prepare_create`] is about to change in it.
    fn creation_warnings(&self, object: &Value) -> Vec<String> {
        let _ = object;
        Vec::new()
    }

    /// Warnings for whoever writes the status of `object`.
    fn status_warnings(&self, object: &Value) -> Vec<String> {
        let _ = object;
        Vec::new()
    }

    /// How an object's name is checked; DNS subdomain unless the kind says otherwise. Messages of what is wrong.
    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        steersman_core::names::dns_subdomain(name, is_prefix)
    }

    /// Whether the server names an object that has no name and no prefix of one.
    fn names_nameless(&self) -> bool {
        false
    }

    /// Whether a finalizer names its domain, unless it is one of Kubernetes' own. Upstream asks that of the kinds whose
    /// rules use the metadata rules of `core`.
    fn qualifies_finalizers(&self) -> bool {
        true
    }

    /// Whether the rules of the kind look at the metadata: of an update again, after what is asked of every kind's.
    fn repeats_metadata(&self) -> bool {
        true
    }

    /// The same of a write to `status`.
    fn repeats_metadata_of_status(&self) -> bool {
        self.repeats_metadata()
    }

    /// Whether `metadata.generation` counts changes of the spec.
    fn counts_generation(&self) -> bool {
        true
    }

    /// Whether `metadata.generation` counts the change from `old`, if it does not count any that is outside of metadata
    /// and status.
    fn counts_change(&self, object: &Value, old: &Value) -> Option<bool> {
        let _ = (object, old);
        None
    }

    /// Whether the pipeline clears `status` on create and restores it on update.
    fn separates_status(&self) -> bool {
        true
    }

    /// Whether an update of an object that does not exist creates it.
    fn allows_create_on_update(&self) -> bool {
        false
    }

    /// Whether an update may leave `resourceVersion` out.
    fn allows_unconditional_update(&self) -> bool {
        true
    }

    /// The fields that selectors may name besides `metadata.name` and `metadata.namespace`.
    fn selectable_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// The value of one of those fields.
    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        let _ = (object, field);
        Cow::Borrowed("")
    }

    /// Fields of a custom resource that selectors may name, without the leading dot; an empty one is another version's.
    fn selectable_paths(&self) -> &[String] {
        &[]
    }

    /// The seconds that the object remains after a delete that asked for `requested`; `None` deletes at once.
    fn grace_seconds(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        let _ = (object, requested);
        None
    }

    /// Takes what must be unique in the cluster and writes it into the object: cluster IPs, node ports; the counterpart
    /// of upstream's `BeginCreate` and `BeginUpdate`. Runs before anything else of the strategy, so that what is taken is
    /// checked and admitted, too; it refuses what it cannot understand. Whatever stops the write afterwards gives it
    /// back; a dry run takes nothing.
    fn reserve(&self, object: &mut Value, old: Option<&Value>, cx: &WriteContext<'_>) -> Result<Reservation> {
        let _ = (object, old, cx);
        Ok(Reservation::none())
    }

    /// What becomes of an object that is stored and read again, as its defaults depend on what the server has changed
    /// in it; whether anything does. Runs last before it is stored.
    fn read_back(&self, object: &mut Value) -> bool {
        let _ = object;
        false
    }

    /// Gives back what [`Strategy::reserve`] took for `old`: all of it if the object was removed (`new` is `None`),
    /// else what `new` no longer holds. Runs after the store has taken the change.
    fn release(&self, old: &Value, new: Option<&Value>) {
        let _ = (old, new);
    }

    /// Takes what a stored object holds, as far as it can be had, when the server starts with a store that is not empty.
    /// May be repeated.
    fn restore(&self, object: &Value) {
        let _ = object;
    }

    /// Why nobody deletes the object of that name by itself, if so. With a collection it may go.
    fn forbids_deletion(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// What a delete changes in an object that remains for a while: a namespace becomes `Terminating`. The pipeline
    /// has set the deletion timestamp.
    fn prepare_delete(&self, object: &mut Value, cx: &WriteContext<'_>) {
        let _ = (object, cx);
    }

    /// Whether an object without finalizers in its metadata must remain for another reason: the finalizers in a
    /// namespace's spec.
    fn holds_deletion(&self, object: &Value) -> bool {
        let _ = object;
        false
    }

    /// What becomes of owned objects where a delete does not say.
    fn default_propagation(&self) -> Propagation {
        Propagation::Background
    }

    /// Whether objects of the kind own others, so that a delete may say what becomes of these.
    fn has_dependents(&self) -> bool {
        true
    }

    /// What a deleter is warned of who does not say what becomes of owned objects.
    fn unsaid_propagation_warning(&self) -> Option<String> {
        None
    }

    /// How long an object lives after it was last written; `None` is for ever.
    fn time_to_live(&self) -> Option<Duration> {
        None
    }
}
