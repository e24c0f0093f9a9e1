//! Keeps a volume that is being deleted while a claim is bound to it.
//!
//! <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>

use k8s_openapi::api::core::v1::PersistentVolume;

use crate::finalizer::{self, Wanted};
use crate::{Controller, Outcome, View};

const FINALIZER: &str = "kubernetes.io/pv-protection";

/// Keeps the finalizer of volumes that are in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct PvProtection;

impl Controller for PvProtection {
    type Object = PersistentVolume;
    const NAME: &'static str = "pv-protection";

    fn reconcile(&self, _: &View, volume: &PersistentVolume) -> Outcome {
        let mut outcome = Outcome::done();
        let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
        match finalizer::wanted(volume, FINALIZER) {
            Wanted::Added => finalizer::add(volume, FINALIZER, &mut outcome),
            Wanted::RemovedIfUnused if phase != Some("Bound") => {
                finalizer::remove(volume, FINALIZER, &mut outcome);
            }
            Wanted::RemovedIfUnused | Wanted::AsItIs => {}
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::{Value, from_value, json};

    use super::*;
    use crate::runner::{Operation, PatchBody};

    #[test]
    fn a_volume_is_kept_while_it_is_bound() {
        let deleted = || json!("2026-01-01T00:00:00Z");
        let cases = [
            (json!({}), "Available", Some(json!(["other", FINALIZER]))),
            (json!({"deletionTimestamp": deleted()}), "Available", None),
            (json!({"finalizers": ["other", FINALIZER]}), "Available", None),
            (
                json!({"finalizers": ["other", FINALIZER], "deletionTimestamp": deleted()}),
                "Released",
                Some(json!(["other"])),
            ),
            (json!({"finalizers": ["other", FINALIZER], "deletionTimestamp": deleted()}), "Bound", None),
        ];
        for (metadata, phase, expected) in cases {
            let mut volume =
                json!({"metadata": {"name": "v", "finalizers": ["other"]}, "status": {"phase": phase}});
            for (name, value) in metadata.as_object().unwrap() {
                volume["metadata"][name] = value.clone();
            }
            let volume: PersistentVolume = from_value(volume).unwrap();
            let outcome = PvProtection.reconcile(&View::fixed(Timestamp::UNIX_EPOCH), &volume);
            let written: Option<Value> = outcome.actions().first().map(|action| match &action.operation {
                Operation::Patch(_, PatchBody::Merge(patch)) => patch["metadata"]["finalizers"].clone(),
                other => panic!("{other:?}"),
            });
            assert_eq!(written, expected, "{metadata} {phase}");
        }
    }
}
