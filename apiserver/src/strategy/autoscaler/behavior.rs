//! How fast an autoscaler acts: defaults and rules.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value, json};

use crate::strategy::checks;
use crate::tree::{Fill, Read};

/// The longest time that is looked back, in seconds.
const LONGEST_WINDOW: i64 = 3600;

/// The longest period of a policy, in seconds.
const LONGEST_PERIOD: i64 = 1800;

/// Fills in what a behavior leaves out.
pub(super) fn default(behavior: &mut Map) {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let up = behavior.object("scaleUp");
    up.fill("stabilizationWindowSeconds", 0);
    up.fill("selectPolicy", "Max");
    up.fill("policies", json!([pods, percent]));
    let down = behavior.object("scaleDown");
    down.fill("selectPolicy", "Max");
    down.fill("policies", json!([percent]));
}

/// What is wrong with a behavior.
pub(super) fn validate(behavior: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["scaleUp", "scaleDown"] {
        if behavior.has(field) {
            check_rules(behavior.at(field), &at.child(field), errors);
        }
    }
}

fn check_rules(rules: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("stabilizationWindowSeconds");
    match rules.int("stabilizationWindowSeconds") {
        Some(window) if window < 0 => {
            errors.push(Error::invalid(&path, window, "must be greater than or equal to zero"));
        }
        Some(window) if window > LONGEST_WINDOW => {
            let why = format!("must be less than or equal to {LONGEST_WINDOW}");
            errors.push(Error::invalid(&path, window, why));
        }
        _ => {}
    }
    if rules.has("selectPolicy") {
        let policies = ["Disabled", "Max", "Min"];
        checks::one_of(rules.text("selectPolicy"), &policies, &at.child("selectPolicy"), errors);
    }
    let (policies, path) = (rules.items("policies"), at.child("policies"));
    if policies.is_empty() {
        errors.push(Error::required(&path, "must specify at least one Policy"));
    }
    for (index, policy) in policies.iter().enumerate() {
        check_policy(policy, &path.index(index), errors);
    }
    checks::quantity_not_negative(rules.at("tolerance"), &at.child("tolerance"), errors);
}

fn check_policy(policy: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::one_of(policy.text("type"), &["Percent", "Pods"], &at.child("type"), errors);
    for field in ["value", "periodSeconds"] {
        let number = policy.int(field).unwrap_or_default();
        if number <= 0 {
            errors.push(Error::invalid(&at.child(field), number, "must be greater than zero"));
        } else if field == "periodSeconds" && number > LONGEST_PERIOD {
            let why = format!("must be less than or equal to {LONGEST_PERIOD}");
            errors.push(Error::invalid(&at.child(field), number, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_not_negative() {
        let policies = json!([{"type": "Pods", "value": 1, "periodSeconds": 15}]);
        let texts = |tolerance: &str| {
            let mut errors = ErrorList::new();
            let behavior = json!({"scaleUp": {"policies": policies, "tolerance": tolerance}});
            validate(&behavior, &Path::new("behavior"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(texts("100m"), "");
        assert_eq!(
            texts("-1"),
            "behavior.scaleUp.tolerance: Invalid value: \"-1\": must be greater than or equal to 0"
        );
    }
}
