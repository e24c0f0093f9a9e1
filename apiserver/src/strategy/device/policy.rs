//! What claims may take of a capacity that several share: some values or a range of them, and a default (KEP-5075).

use std::collections::BTreeSet;

use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::forms;
use crate::tree::Read;

/// The most values that a policy lists.
const MOST_VALUES: usize = 10;

/// What is wrong with the policy of a capacity.
pub(super) fn validate(capacity: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let policy = capacity.at("requestPolicy");
    let has_values = !policy.items("validValues").is_empty();
    if has_values && policy.has("validRange") {
        let why = "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time";
        errors.push(Error::forbidden(at, why));
        return;
    }
    let field = if has_values { "validValues" } else { "validRange" };
    let path = at.child(field);
    if !policy.has(field) || policy.at(field).as_array().is_some_and(|list| list.is_empty()) {
        return;
    }
    let of_capacity = amount(capacity.at("value")).unwrap_or_default();
    match amount(policy.at("default")) {
        None => {
            let why = format!("required when {field} is defined");
            errors.push(Error::required(&at.child("default"), why));
        }
        Some(default) if has_values => {
            check_values(policy.items(field), &default, &of_capacity, &path, errors);
        }
        Some(default) => check_range(policy.at(field), &default, &of_capacity, &path, errors),
    }
}

fn amount(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

/// They ascend, fit into the capacity, and the default is one of them.
fn check_values(
    values: &[Value],
    default: &Quantity,
    capacity: &Quantity,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let amounts: Vec<Quantity> = values.iter().filter_map(amount).collect();
    for (index, pair) in amounts.windows(2).enumerate() {
        if let [before, after] = pair
            && before > after
        {
            let why = "values must be sorted in ascending order";
            errors.push(Error::invalid(&at.index(index + 1), after.to_string(), why));
        }
    }
    forms::list(values, MOST_VALUES, at, errors, |value, at, errors| {
        if let Some(value) = amount(value).filter(|value| value > capacity) {
            let why = format!("option is larger than capacity value: {capacity}");
            errors.push(Error::invalid(at, value.to_string(), why));
        }
    });
    let is_short = amounts.len() <= MOST_VALUES;
    let mut seen = BTreeSet::new();
    for (index, value) in amounts.iter().enumerate().filter(|_| is_short) {
        if !seen.insert(value.value()) {
            errors.push(Error::duplicate(&at.index(index), value.value().to_string()));
        }
    }
    if !is_short || !amounts.contains(default) {
        let why = "default value is not valid according to the requestPolicy";
        errors.push(Error::invalid(at, default.to_string(), why));
    }
}

/// It is within the capacity, and holds the default.
fn check_range(
    range: &Value,
    default: &Quantity,
    capacity: &Quantity,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let (low, high) = (at.child("min"), at.child("max"));
    let Some(min) = amount(range.at("min")) else {
        errors.push(Error::required(&low, "required when validRange is defined"));
        return;
    };
    let max = amount(range.at("max"));
    let mut refuse = |is_wrong: bool, at: &Path<'_>, shown: &Quantity, why: String| {
        if is_wrong {
            errors.push(Error::invalid(at, shown.to_string(), why));
        }
    };
    refuse(min > *capacity, &low, &min, format!("min is larger than capacity value: {capacity}"));
    refuse(*default < min, &low, default, format!("default is less than min: {min}"));
    if let Some(max) = &max {
        refuse(min > *max, &high, &min, format!("min is larger than max: {max}"));
        refuse(max > capacity, &high, max, format!("max is larger than capacity value: {capacity}"));
        refuse(default > max, &high, default, format!("default is more than max: {max}"));
    }
    let Some(step) = amount(range.at("step")) else { return };
    let (path, first) = (at.child("step"), min.clone() + step.clone());
    let why = format!("one step {first} is larger than capacity value: {capacity}");
    refuse(first > *capacity, &path, &step, why);
    for value in [Some(default), max.as_ref()].into_iter().flatten() {
        let rest = value.value().wrapping_sub(min.value()).checked_rem(step.value());
        let why = format!("value is not a multiple of a given step ({step}) from ({min})");
        refuse(rest.is_some_and(|rest| rest != 0), &path, value, why);
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(policy: Value) -> String {
        let mut errors = ErrorList::new();
        validate(&json!({"value": "10", "requestPolicy": policy}), &Path::new("p"), &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn values_ascend_and_hold_the_default() {
        assert_eq!(texts(json!({"default": "1", "validValues": ["1", "2"]})), "");
        assert_eq!(
            texts(json!({"default": "3", "validValues": ["2", "1", "11", "11"]})),
            "p.validValues[1]: Invalid value: \"1\": values must be sorted in ascending order, p.validValues[2]: Invalid \
             value: \"11\": option is larger than capacity value: 10, p.validValues[3]: Invalid value: \"11\": option is \
             larger than capacity value: 10, p.validValues[3]: Duplicate value: \"11\", p.validValues: Invalid value: \
             \"3\": default value is not valid according to the requestPolicy"
        );
        let default = "p.default: Required value: required when validValues is defined";
        assert_eq!(texts(json!({"validValues": ["1"]})), default);
    }

    #[test]
    fn a_range_is_within_the_capacity_and_holds_the_default() {
        assert_eq!(texts(json!({"default": "4", "validRange": {"min": "2", "max": "8", "step": "2"}})), "");
        assert_eq!(
            texts(json!({"default": "1", "validRange": {"min": "12", "max": "11", "step": "2"}})),
            "p.validRange.min: Invalid value: \"12\": min is larger than capacity value: 10, p.validRange.min: Invalid \
             value: \"1\": default is less than min: 12, p.validRange.max: Invalid value: \"12\": min is larger than max: \
             11, p.validRange.max: Invalid value: \"11\": max is larger than capacity value: 10, p.validRange.step: \
             Invalid value: \"2\": one step 14 is larger than capacity value: 10, p.validRange.step: Invalid value: \"1\": \
             value is not a multiple of a given step (2) from (12), p.validRange.step: Invalid value: \"11\": value is not \
             a multiple of a given step (2) from (12)"
        );
        let least = "p.validRange.min: Required value: required when validRange is defined";
        assert_eq!(texts(json!({"default": "1", "validRange": {}})), least);
    }

    #[test]
    fn a_policy_has_values_or_a_range() {
        assert_eq!(texts(json!({"default": "1"})), "");
        assert!(
            texts(json!({"validValues": ["1"], "validRange": {}}))
                .starts_with("p: Forbidden: exactly one policy")
        );
    }
}
