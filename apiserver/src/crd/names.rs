//! The rules of the names that a definition asks for.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names::dns1035_label;
use steersman_core::tree::Value;

/// What is wrong with `spec.names`.
pub(super) fn check(names: &Value, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let text = |key: &str| names[key].as_str().unwrap_or_default();
    for key in ["plural", "singular", "kind", "listKind"] {
        if text(key).is_empty() {
            errors.push(Error::required(&path.child(key), ""));
        }
    }
    errors.extend(check_form(names, path));
    errors
}

/// What is wrong with those names that are given.
pub(super) fn check_form(names: &Value, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let text = |key: &str| names[key].as_str().unwrap_or_default();
    for key in ["plural", "singular"] {
        check_label(text(key), &path.child(key), &mut errors);
    }
    for key in ["kind", "listKind"] {
        check_kind(text(key), &path.child(key), &mut errors);
    }
    check_labels(&names["shortNames"], &path.child("shortNames"), &mut errors);
    if !text("kind").is_empty() && text("kind") == text("listKind") {
        let detail = "kind and listKind may not be the same";
        errors.push(Error::invalid(&path.child("listKind"), text("listKind"), detail));
    }
    check_labels(&names["categories"], &path.child("categories"), &mut errors);
    errors
}

/// What is wrong with a name that must be a DNS label; nothing if it is empty.
pub(super) fn check_label(name: &str, path: &Path<'_>, errors: &mut ErrorList) {
    let wrong = dns1035_label(name);
    if !name.is_empty() && !wrong.is_empty() {
        errors.push(Error::invalid(path, name, wrong.join(",")));
    }
}

fn check_kind(kind: &str, path: &Path<'_>, errors: &mut ErrorList) {
    let wrong = dns1035_label(&kind.to_lowercase());
    if !kind.is_empty() && !wrong.is_empty() {
        let detail = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
        errors.push(Error::invalid(path, kind, detail));
    }
}

fn check_labels(names: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    for (index, name) in names.as_array().into_iter().flatten().enumerate() {
        let name = name.as_str().unwrap_or_default();
        let wrong = dns1035_label(name);
        if !wrong.is_empty() {
            errors.push(Error::invalid(&path.index(index), name, wrong.join(",")));
        }
    }
}
