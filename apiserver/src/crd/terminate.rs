//! Says that a definition is being deleted; its objects go first.

use jiff::Timestamp;
use steersman_core::tree::{Value, json};

use super::establish::set_condition;
use crate::moment::seconds;

/// The finalizer that a deleted definition has until its last object is gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Notes on a definition whose deletion was asked for that its objects are about to be deleted: the finalizer, and the
/// condition `Terminating`. Doing so again changes nothing.
pub fn set_terminating(definition: &mut Value, now: Timestamp) {
    let metadata = &mut definition["metadata"];
    if !metadata["finalizers"].is_array() {
        metadata["finalizers"] = json!([]);
    }
    if let Some(finalizers) =
        metadata["finalizers"].as_array_mut().filter(|all| !all.iter().any(|one| one == FINALIZER))
    {
        finalizers.push(FINALIZER.into());
    }
    let time = seconds(now);
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(&mut definition["status"], "Terminating", true, "InstanceDeletionPending", message, &time);
}
