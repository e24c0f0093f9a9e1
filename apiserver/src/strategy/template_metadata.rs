//! The metadata of a template that objects are named for by others: labels and annotations, and nothing else.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::checks;
use crate::tree::{Read, is_zero};

/// What cannot be set, in upstream's order and spelling.
const FORBIDDEN: [(&str, &str); 13] = [
    ("name", "name"),
    ("generateName", "generateName"),
    ("namespace", "namespace"),
    ("selfLink", "selfLink"),
    ("uid", "uID"),
    ("resourceVersion", "resourceVersion"),
    ("generation", "generation"),
    ("creationTimestamp", "creationTimestamp"),
    ("deletionTimestamp", "deletionTimestamp"),
    ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
    ("ownerReferences", "ownerReferences"),
    ("finalizers", "finalizers"),
    ("managedFields", "managedFields"),
];

/// Checks the metadata of a template.
pub(super) fn validate(metadata: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::annotations(metadata.at("annotations"), &at.child("annotations"), errors);
    checks::labels(metadata.at("labels"), &at.child("labels"), errors);
    let set = FORBIDDEN.iter().filter(|(field, _)| !is_zero(metadata.at(field)));
    errors.extend(set.map(|(_, shown)| Error::forbidden(&at.child(shown), "cannot be set")));
}
