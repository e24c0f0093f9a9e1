//! Leases: durations and counts are not negative.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

/// The strategy of leases.
pub(super) struct Leases;

impl Strategy for Leases {
    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        drop_election(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &WriteContext<'_>) {
        drop_election(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        if let Some(seconds) = spec.int("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
            errors.push(Error::invalid(&at.child("leaseDurationSeconds"), seconds, "must be greater than 0"));
        }
        checks::non_negative(spec, "leaseTransitions", &at, &mut errors);
        errors
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// Coordinated leader election is behind a gate that is off by default.
fn drop_election(object: &mut Value) {
    let spec = fields(object).object("spec");
    spec.drop_field("strategy");
    spec.drop_field("preferredHolder");
}
