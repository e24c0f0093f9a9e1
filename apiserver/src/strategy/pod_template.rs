//! The pod template that workloads carry: its defaults and rules.

use serde_json::{Map, Value};
use steersman_core::field::{ErrorList, Path};

use super::checks;
use super::pod_spec::{self, Holder, Subject};
use crate::tree::{Fill, Read};

/// Fills in what the template in `owner.template` leaves out; one is made if there is none.
pub(super) fn default(owner: &mut Map<String, Value>) {
    let template = owner.object("template");
    template.object("metadata");
    pod_spec::default(template.object("spec"));
}

/// What is wrong with the template at `at`.
pub(super) fn validate(template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    validate_metadata(template, at, errors);
    pod_spec::validate(template.at("spec"), Holder::Template, &at.child("spec"), errors);
}

/// What is wrong with the labels and annotations of the template at `at`.
pub(super) fn validate_metadata(template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::labels(template.at("metadata").at("labels"), &at.child("labels"), errors);
    checks::annotations(template.at("metadata").at("annotations"), &at.child("annotations"), errors);
}

/// The warnings for the template at `at`.
pub(super) fn warnings(template: &Value, at: &Path<'_>) -> Vec<String> {
    pod_spec::warnings(template, at, Subject::Template)
}
