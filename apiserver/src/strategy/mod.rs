//! What a schema cannot say about a kind: dependent defaults, cross-field rules, what an update may change.
//!
//! One file per kind, one line per kind in the list below.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use steersman_core::field::ErrorList;

use crate::user::User;

/// What a strategy may know besides the object.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WriteContext<'a> {
    /// The moment of the write.
    pub now: Timestamp,
    /// Who writes.
    pub user: &'a User,
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

    /// Warnings for whoever writes `object` (over `old`, if it is an update).
    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let _ = (object, old);
        Vec::new()
    }

    /// How an object's name is checked; DNS subdomain unless the kind says otherwise. Messages of what is wrong.
    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        steersman_core::names::dns_subdomain(name, is_prefix)
    }

    /// Whether `metadata.generation` counts changes of the spec.
    fn counts_generation(&self) -> bool {
        true
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

    /// The seconds that the object remains after a delete that asked for `requested`; `None` deletes at once.
    fn grace_seconds(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        let _ = (object, requested);
        None
    }
}
