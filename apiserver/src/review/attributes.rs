//! What is wrong with the selectors of a question about rights.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::{Value, json};

use crate::tree::Read;

/// What is wrong with the selectors of resource attributes, if there are any.
pub(super) fn validate(attributes: &Value, at: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let selectors: [(&str, Check); 2] = [("fieldSelector", check_field), ("labelSelector", check_label)];
    for (name, check) in selectors {
        let selector = attributes.at(name);
        if !selector.is_null() {
            check_selector(selector, check, &at.child(name), &mut errors);
        }
    }
    errors
}

/// The attributes of a path as upstream's internal type prints.
pub(super) fn shown_path(attributes: &Value) -> Value {
    json!({"Path": attributes.text("path"), "Verb": attributes.text("verb")})
}

/// Finds what is wrong with one requirement.
type Check = fn(&Value, &Path<'_>, &mut ErrorList);

fn check_selector(selector: &Value, check: Check, at: &Path<'_>, errors: &mut ErrorList) {
    let (raw, requirements) = (selector.text("rawSelector"), selector.items("requirements"));
    if !raw.is_empty() && !requirements.is_empty() {
        let why = "may not specified at the same time as requirements";
        errors.push(Error::invalid(&at.child("rawSelector"), raw, why));
    }
    if raw.is_empty() && requirements.is_empty() {
        let why = format!("when {at} is specified, requirements or rawSelector is required");
        errors.push(Error::required(&at.child("requirements"), why));
    }
    let list = at.child("requirements");
    for (index, requirement) in requirements.iter().enumerate() {
        check(requirement, &list.index(index), errors);
    }
}

fn check_field(requirement: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if requirement.text("key").is_empty() {
        errors.push(Error::required(&at.child("key"), "must be specified"));
    }
    check_values(requirement, at, errors);
}

fn check_label(requirement: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_values(requirement, at, errors);
    errors.extend(labels::validate_label_name(requirement.text("key"), &at.child("key")));
    let values = at.child("values");
    for (index, value) in requirement.texts("values").enumerate() {
        let wrong = labels::label_value(value).into_iter();
        errors.extend(wrong.map(|why| Error::invalid(&values.index(index), value, why)));
    }
}

/// An operator that nobody knows is left to whoever decides.
fn check_values(requirement: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let is_empty = requirement.items("values").is_empty();
    match requirement.text("operator") {
        "In" | "NotIn" if is_empty => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(Error::required(&at.child("values"), why));
        }
        "Exists" | "DoesNotExist" if !is_empty => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&at.child("values"), why));
        }
        _ => {}
    }
}
