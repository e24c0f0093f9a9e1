//! StorageClasses: their defaults.

use serde_json::Value;

use super::Strategy;
use crate::tree::{Fill, fields};

/// The strategy of storage classes.
pub(super) struct StorageClasses;

impl Strategy for StorageClasses {
    fn default(&self, object: &mut Value) {
        let class = fields(object);
        class.fill("reclaimPolicy", "Delete");
        class.fill("volumeBindingMode", "Immediate");
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
