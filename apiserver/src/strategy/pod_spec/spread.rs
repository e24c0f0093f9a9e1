//! Checks topology spread constraints.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::label_keys;
use crate::strategy::checks;
use crate::tree::Read;

/// Checks the constraints of a pod.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let constraints = spec.items("topologySpreadConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let path = at.index(index);
        check_kind(constraint, &constraints[index + 1..], &path, errors);
        check_domains(constraint, &path.child("minDomains"), errors);
        for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if constraint.has(field) {
                checks::one_of(constraint.text(field), &["Honor", "Ignore"], &path.child(field), errors);
            }
        }
        label_keys::validate(constraint, &path, errors);
        checks::selector(constraint.at("labelSelector"), &path.child("labelSelector"), errors);
    }
}

/// What a constraint is of: there is one of a kind.
fn check_kind(constraint: &Value, later: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let (key, when) = (constraint.text("topologyKey"), constraint.text("whenUnsatisfiable"));
    let skew = constraint.int("maxSkew").unwrap_or_default();
    if skew <= 0 {
        errors.push(Error::invalid(&at.child("maxSkew"), skew, "must be greater than zero"));
    }
    if key.is_empty() {
        errors.push(Error::required(&at.child("topologyKey"), "can not be empty"));
    }
    checks::one_of(when, &["DoNotSchedule", "ScheduleAnyway"], &at.child("whenUnsatisfiable"), errors);
    if later.iter().any(|one| one.text("topologyKey") == key && one.text("whenUnsatisfiable") == when) {
        let path = at.child("{topologyKey, whenUnsatisfiable}");
        errors.push(Error::duplicate(&path, format!("{{{key}, {when}}}")));
    }
}

fn check_domains(constraint: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(domains) = constraint.int("minDomains") else { return };
    if domains <= 0 {
        errors.push(Error::invalid(at, domains, "must be greater than zero"));
    }
    let when = constraint.text("whenUnsatisfiable");
    if when != "DoNotSchedule" {
        let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}");
        errors.push(Error::invalid(at, domains, why));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn constraints_are_of_different_kinds() {
        let constraint = json!({"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"});
        let bad = json!({"whenUnsatisfiable": "ScheduleAnyway", "minDomains": 0});
        let cases = [
            (
                json!([constraint, constraint]),
                "t[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{a, DoNotSchedule}\"",
            ),
            (
                json!([bad]),
                "t[0].maxSkew: Invalid value: 0: must be greater than zero; t[0].topologyKey: Required value: can not be \
                 empty; t[0].minDomains: Invalid value: 0: must be greater than zero; t[0].minDomains: Invalid value: 0: \
                 can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            ),
        ];
        for (constraints, why) in cases {
            let mut errors = ErrorList::new();
            validate(&json!({"topologySpreadConstraints": constraints}), &Path::new("t"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
