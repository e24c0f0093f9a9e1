//! What becomes of an object's dependents: the finalizers by which the garbage collector is told; upstream's
//! `deletionFinalizersForGarbageCollection`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::metadata::{DELETE_DEPENDENTS, ORPHAN_DEPENDENTS};
use steersman_core::object::Metadata;
use steersman_core::tree::Value;

use super::metadata;
use crate::strategy::{Propagation, Strategy};

/// Whether the object has finalizers.
pub(super) fn any(tree: &Value) -> bool {
    tree["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

/// Sets the finalizer of the policy that a delete asks for, and removes that of another.
pub(super) fn apply(tree: &mut Value, old: &Metadata, strategy: &dyn Strategy, options: &DeleteOptions) {
    let mut finalizers: Vec<String> = old.finalizers.clone();
    finalizers.retain(|finalizer| finalizer != ORPHAN_DEPENDENTS && finalizer != DELETE_DEPENDENTS);
    match policy(old, strategy, options) {
        Propagation::Background => {}
        Propagation::Orphan => finalizers.push(ORPHAN_DEPENDENTS.to_owned()),
        Propagation::Foreground => finalizers.push(DELETE_DEPENDENTS.to_owned()),
    }
    let unchanged =
        finalizers.len() == old.finalizers.len() && finalizers.iter().all(|one| old.finalizers.contains(one));
    if unchanged {
        return;
    }
    let metadata = metadata::of(tree);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers", finalizers.into());
    }
}

/// What is asked for, else what the object's finalizers say, else what its kind does.
fn policy(old: &Metadata, strategy: &dyn Strategy, options: &DeleteOptions) -> Propagation {
    if !strategy.has_dependents() {
        return Propagation::Background;
    }
    if let Some(orphan) = options.orphan_dependents {
        return if orphan { Propagation::Orphan } else { Propagation::Background };
    }
    match options.propagation_policy.as_deref() {
        Some("Orphan") => return Propagation::Orphan,
        Some("Foreground") => return Propagation::Foreground,
        Some(_) => return Propagation::Background,
        None => {}
    }
    let has = |name: &str| old.finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN_DEPENDENTS) {
        Propagation::Orphan
    } else if has(DELETE_DEPENDENTS) {
        Propagation::Foreground
    } else {
        strategy.default_propagation()
    }
}
