//! Checks topology spread constraints.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;

use crate::strategy::checks;
use crate::tree::Read;

/// Checks the constraints of a pod.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let constraints = spec.items("topologySpreadConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let path = at.index(index);
        check(constraint, &path, errors);
        let (key, when) = (constraint.text("topologyKey"), constraint.text("whenUnsatisfiable"));
        let same = |one: &&Value| one.text("topologyKey") == key && one.text("whenUnsatisfiable") == when;
        if constraints[..index].iter().any(|before| same(&before)) {
            let pair = format!("{{{key}, {when}}}");
            errors.push(Error::duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), pair));
        }
    }
}

fn check(constraint: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (key, when) = (constraint.text("topologyKey"), constraint.text("whenUnsatisfiable"));
    if let Some(skew) = constraint.int("maxSkew").filter(|skew| *skew <= 0) {
        errors.push(Error::invalid(&at.child("maxSkew"), skew, "must be greater than zero"));
    }
    if key.is_empty() {
        errors.push(Error::required(&at.child("topologyKey"), "can not be empty"));
    } else {
        errors.extend(labels::validate_label_name(key, &at.child("topologyKey")));
    }
    checks::one_of(when, &["DoNotSchedule", "ScheduleAnyway"], &at.child("whenUnsatisfiable"), errors);
    if let Some(domains) = constraint.int("minDomains") {
        let path = at.child("minDomains");
        if domains <= 0 {
            errors.push(Error::invalid(&path, domains, "must be greater than zero"));
        } else if when != "DoNotSchedule" {
            let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}");
            errors.push(Error::invalid(&path, domains, why));
        }
    }
    for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        if constraint.has(field) {
            checks::one_of(constraint.text(field), &["Honor", "Ignore"], &at.child(field), errors);
        }
    }
    let keys = constraint.items("matchLabelKeys");
    if !keys.is_empty() && !constraint.has("labelSelector") {
        let why = "must not be specified when labelSelector is not set";
        errors.push(Error::forbidden(&at.child("matchLabelKeys"), why));
    }
    checks::selector(constraint.at("labelSelector"), &at.child("labelSelector"), errors);
}
