//! ControllerRevisions: numbered data that does not change.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use super::{Strategy, checks};
use crate::tree::Read;

/// The strategy of controller revisions.
pub(super) struct ControllerRevisions;

impl Strategy for ControllerRevisions {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        if !object.has("data") {
            errors.push(Error::required(&Path::new("data"), "data is mandatory"));
        }
        checks::non_negative(object, "revision", &Path::ROOT, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        checks::non_negative(object, "revision", &Path::ROOT, &mut errors);
        checks::unchanged(object, old, "data", &Path::ROOT, &mut errors);
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
