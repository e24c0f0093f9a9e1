//! Adds a finalizer to objects that should have it, and removes it from those that may go.

use steersman_core::Resource;
use steersman_core::tree::json;

use crate::runner::Outcome;

/// What is to become of an object's finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    AsItIs,
    /// The object is new, or somebody has taken the finalizer away.
    Added,
    /// The object is being deleted: nothing but its use is to keep it.
    RemovedIfUnused,
}

/// What is to become of the finalizer of an object.
pub(crate) fn wanted<K: Resource>(object: &K, finalizer: &str) -> Wanted {
    let metadata = object.metadata();
    let has = metadata.finalizers.iter().flatten().any(|one| one == finalizer);
    match (metadata.deletion_timestamp.is_some(), has) {
        (true, true) => Wanted::RemovedIfUnused,
        (false, false) => Wanted::Added,
        (true, false) | (false, true) => Wanted::AsItIs,
    }
}

/// Adds it.
pub(crate) fn add<K: Resource>(object: &K, finalizer: &str, outcome: &mut Outcome) {
    let mut finalizers = object.metadata().finalizers.clone().unwrap_or_default();
    finalizers.push(finalizer.to_owned());
    write(object, &finalizers, outcome);
}

/// Removes it.
pub(crate) fn remove<K: Resource>(object: &K, finalizer: &str, outcome: &mut Outcome) {
    let mut finalizers = object.metadata().finalizers.clone().unwrap_or_default();
    finalizers.retain(|one| one != finalizer);
    write(object, &finalizers, outcome);
}

/// Only of the version that was seen: who has added or removed another one meanwhile is not undone.
fn write<K: Resource>(object: &K, finalizers: &[String], outcome: &mut Outcome) {
    let version = &object.metadata().resource_version;
    let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
    outcome.merge(object, patch).may_be_missing();
}
