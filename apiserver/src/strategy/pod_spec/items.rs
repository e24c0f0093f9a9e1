//! Checks the files that volumes are made of: their paths and modes.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::selectors;
use crate::strategy::checks;
use crate::tree::Read;

/// A path below a volume: relative, without steps back.
pub(in crate::strategy) fn check_relative(path: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if path.starts_with('/') {
        errors.push(Error::invalid(at, path, "must be a relative path"));
    }
    check_steps(path, at, errors);
}

/// A path without steps back.
pub(in crate::strategy) fn check_steps(path: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if path.split('/').any(|step| step == "..") {
        errors.push(Error::invalid(at, path, "must not contain '..'"));
    }
}

/// A path of a file: one may not begin with what the kubelet names its own files.
pub(super) fn check_file_path(path: &str, at: &Path<'_>, errors: &mut ErrorList) {
    check_relative(path, at, errors);
    if path.starts_with("..") && !path.starts_with("../") {
        errors.push(Error::invalid(at, path, "must not start with '..'"));
    }
}

/// A file mode.
pub(super) fn check_mode(holder: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(mode) = holder.int(field).filter(|mode| !(0..=0o777).contains(mode)) {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(Error::invalid(&at.child(field), mode, why));
    }
}

/// The keys of a ConfigMap or Secret that become files.
pub(super) fn check_keys(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let list = at.child("items");
    for (index, item) in source.items("items").iter().enumerate() {
        check_key(item, &list.index(index), errors);
    }
}

/// One of those keys.
pub(super) fn check_key(item: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::required(item, "key", at, errors);
    checks::required(item, "path", at, errors);
    check_file_path(item.text("path"), &at.child("path"), errors);
    check_mode(item, "mode", at, errors);
}

/// The pod's own fields that become files. Upstream's paths do not say which item.
pub(super) fn check_downward(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for item in source.items("items") {
        check_downward_item(item, at, errors);
    }
}

/// One of those fields.
pub(super) fn check_downward_item(item: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::required(item, "path", at, errors);
    check_file_path(item.text("path"), &at.child("path"), errors);
    match (item.has("fieldRef"), item.has("resourceFieldRef")) {
        (true, both) => {
            selectors::field(item.at("fieldRef"), selectors::FOR_FILES, &at.child("fieldRef"), errors);
            if both {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(Error::invalid(at, "resource", why));
            }
        }
        (false, true) => {
            selectors::resource(item.at("resourceFieldRef"), true, &at.child("resourceFieldRef"), errors);
        }
        (false, false) => {
            errors.push(Error::required(at, "one of fieldRef and resourceFieldRef is required"))
        }
    }
    check_mode(item, "mode", at, errors);
}
