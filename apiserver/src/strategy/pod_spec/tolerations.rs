//! Checks tolerations.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::Value;

use crate::strategy::checks;
use crate::tree::Read;

/// What a taint does.
pub(in crate::strategy) const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks the tolerations of a pod.
pub(in crate::strategy) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_all(spec.items("tolerations"), at, errors);
}

/// Checks a list of tolerations.
pub(in crate::strategy) fn check_all(tolerations: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, toleration) in tolerations.iter().enumerate() {
        check(toleration, &at.index(index), errors);
    }
}

fn check(toleration: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (key, operator) = (toleration.text("key"), toleration.text("operator"));
    let (value, effect) = (toleration.text("value"), toleration.text("effect"));
    let path = at.child("operator");
    if !key.is_empty() {
        errors.extend(labels::validate_label_name(key, &at.child("key")));
    } else if operator != "Exists" {
        let why =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(Error::invalid(&path, operator, why));
    }
    if toleration.has("tolerationSeconds") && effect != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(Error::invalid(&at.child("effect"), effect, why));
    }
    match operator {
        "" | "Equal" => {
            let messages = labels::label_value(value);
            if !messages.is_empty() {
                errors.push(Error::invalid(&path, value, messages.join(";")));
            }
        }
        "Exists" if !value.is_empty() => {
            errors.push(Error::invalid(&path, value, "value must be empty when `operator` is 'Exists'"));
        }
        "Exists" => {}
        // They compare numbers behind a gate that is off by default, and are named nowhere else.
        "Lt" | "Gt" => {
            errors.push(Error::not_supported(&path, operator, &["Equal", "Exists", "Lt", "Gt"]));
        }
        other => errors.push(Error::not_supported(&path, other, &["Equal", "Exists"])),
    }
    if !effect.is_empty() {
        checks::one_of(effect, EFFECTS, &at.child("effect"), errors);
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_toleration_tells_what_it_tolerates() {
        let cases = [
            (json!({"operator": "Exists"}), ""),
            (json!({"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 1}), ""),
            (
                json!({"key": "a", "operator": "Exists", "value": "b"}),
                "t[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
            ),
            (
                json!({"key": "a", "operator": "Gt", "value": "1"}),
                "t[0].operator: Unsupported value: \"Gt\": supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\"",
            ),
            (
                json!({"key": "a", "operator": "Is", "tolerationSeconds": 1}),
                "t[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set; \
                 t[0].operator: Unsupported value: \"Is\": supported values: \"Equal\", \"Exists\"",
            ),
        ];
        for (toleration, why) in cases {
            let mut errors = ErrorList::new();
            validate(&json!({"tolerations": [toleration]}), &Path::new("t"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
