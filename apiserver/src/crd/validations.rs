//! The rules of `x-kubernetes-validations` themselves, short of evaluating them.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::field_path;
use super::rule::rules_of;

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Reports what is wrong with the validation rules of one schema.
pub(super) fn check(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let path = path.child("x-kubernetes-validations");
    for (index, rule) in rules_of(schema).iter().enumerate() {
        let path = path.index(index);
        message(rule, &path, errors);
        let expression = text(rule, "messageExpression");
        if !expression.is_empty() && expression.trim().is_empty() {
            let must = "messageExpression must be non-empty if specified";
            errors.push(Error::required(&path.child("messageExpression"), must));
        }
        if let Some(reason) = rule["reason"].as_str().filter(|reason| !REASONS.contains(reason)) {
            errors.push(Error::not_supported(&path.child("reason"), reason, &REASONS));
        }
        field_path(rule, schema, &path.child("fieldPath"), errors);
    }
}

fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule[key].as_str().unwrap_or_default()
}

fn has_line_breaks(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

fn message(rule: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let (expression, message) = (text(rule, "rule").trim(), text(rule, "message"));
    let at = path.child("message");
    if expression.is_empty() {
        errors.push(Error::required(&path.child("rule"), "rule is not specified"));
    } else if !message.is_empty() && message.trim().is_empty() {
        errors.push(Error::invalid(&at, message, "must be non-empty if specified"));
    } else if has_line_breaks(message.trim()) {
        errors.push(Error::invalid(&at, message, "must not contain line breaks"));
    } else if has_line_breaks(expression) && message.trim().is_empty() {
        errors.push(Error::required(&at, "message must be specified if rule contains line breaks"));
    }
}

fn field_path(rule: &Value, schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let field = text(rule, "fieldPath");
    if field.is_empty() {
        return;
    }
    if field.trim().is_empty() {
        errors.push(Error::invalid(path, field, "must be non-empty if specified"));
    }
    if has_line_breaks(field) {
        errors.push(Error::invalid(path, field, "must not contain line breaks"));
    }
    if field_path::follow(field, schema, true).is_err() {
        errors.push(Error::invalid(path, field, "must be a valid path"));
    }
}
