//! PersistentVolumes: their defaults, and the phase that they start in.

use serde_json::{Value, json};

use super::{Strategy, WriteContext, pod_spec};
use crate::moment::seconds;
use crate::tree::{Fill, fields};

/// The strategy of persistent volumes.
pub(super) struct PersistentVolumes;

impl Strategy for PersistentVolumes {
    fn default(&self, object: &mut Value) {
        let volume = fields(object);
        volume.object("status").fill_zero("phase", "Pending");
        let spec = volume.object("spec");
        spec.fill_zero("persistentVolumeReclaimPolicy", "Retain");
        spec.fill("volumeMode", "Filesystem");
        pod_spec::default_volume_sources(spec);
    }

    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        fields(object).put("status", json!({"phase": "Pending", "lastPhaseTransitionTime": seconds(cx.now)}));
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
