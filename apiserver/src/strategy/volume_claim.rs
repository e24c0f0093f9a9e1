//! PersistentVolumeClaims: their defaults.

use serde_json::{Value, json};

use super::{Strategy, WriteContext, pod_spec};
use crate::tree::{Fill, fields};

/// The strategy of persistent volume claims.
pub(super) struct VolumeClaims;

impl Strategy for VolumeClaims {
    fn default(&self, object: &mut Value) {
        let claim = fields(object);
        pod_spec::default_claim(claim.object("spec"));
        claim.object("status").fill_zero("phase", "Pending");
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        fields(object).put("status", json!({"phase": "Pending"}));
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
