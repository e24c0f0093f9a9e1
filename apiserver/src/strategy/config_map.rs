//! ConfigMaps: keys, size, and what may change in an immutable one.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::Value;

use super::{Strategy, checks};
use crate::tree::Read;

/// The most bytes that a ConfigMap or Secret may hold.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// The strategy of config maps.
pub(super) struct ConfigMaps;

impl Strategy for ConfigMaps {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (data, binary) = (Path::new("data"), Path::new("binaryData"));
        let mut size = 0;
        for (key, value) in object.entries("data") {
            each_key(key, &data, &mut errors);
            if object.at("binaryData").has(key) {
                errors.push(Error::invalid(&data.key(key), key, "duplicate of key present in binaryData"));
            }
            size += value.as_str().unwrap_or_default().len();
        }
        for (key, value) in object.entries("binaryData") {
            each_key(key, &binary, &mut errors);
            size += decoded_len(value);
        }
        if size > MOST_BYTES {
            errors.push(Error::too_long(&Path::ROOT.key(""), MOST_BYTES));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = immutable(object, old, &["data", "binaryData"]);
        errors.extend(self.validate(object));
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

pub(super) fn each_key(key: &str, at: &Path<'_>, errors: &mut ErrorList) {
    checks::each(formats::config_map_key(key), key, &at.key(key), errors);
}

/// How many bytes a value holds that is written in base64.
pub(super) fn decoded_len(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    text.len() / 4 * 3 - text.bytes().rev().take_while(|byte| *byte == b'=').count().min(2)
}

/// What an immutable object may not change.
pub(super) fn immutable(object: &Value, old: &Value, fields: &[&str]) -> ErrorList {
    if !old.flag("immutable") {
        return ErrorList::new();
    }
    let why = "field is immutable when `immutable` is set";
    let mut errors = ErrorList::new();
    if !object.flag("immutable") {
        errors.push(Error::forbidden(&Path::new("immutable"), why));
    }
    let changed = fields.iter().filter(|field| object.at(field) != old.at(field));
    errors.extend(changed.map(|field| Error::forbidden(&Path::new(field), why)));
    errors
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn messages(errors: &[Error]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_checked_as_upstream_checks_them() {
        let cases = [
            (json!({"data": {"a": "b"}}), ""),
            (json!({"data": {"..": "b"}}), "data[..]: Invalid value: \"..\": must not be '..'"),
            (
                json!({"data": {"a": "b"}, "binaryData": {"a": "eA=="}}),
                "data[a]: Invalid value: \"a\": duplicate of key present in binaryData",
            ),
            (
                json!({"data": {"a": "x".repeat(MOST_BYTES + 1)}}),
                "[]: Too long: may not be more than 1048576 bytes",
            ),
        ];
        for (map, message) in cases {
            assert_eq!(messages(&ConfigMaps.validate(&map)).join(", "), message);
        }
    }

    #[test]
    fn an_immutable_map_keeps_its_data() {
        let old = json!({"immutable": true, "data": {"a": "b"}});
        let why = "Forbidden: field is immutable when `immutable` is set";
        let changed = json!({"immutable": true, "data": {"a": "c"}});
        assert_eq!(messages(&ConfigMaps.validate_update(&changed, &old)), [format!("data: {why}")]);
        let mutable = json!({"data": {"a": "b"}});
        assert_eq!(messages(&ConfigMaps.validate_update(&mutable, &old)), [format!("immutable: {why}")]);
        let labelled = json!({"metadata": {"labels": {"l": "1"}}, "immutable": true, "data": {"a": "b"}});
        assert_eq!(messages(&ConfigMaps.validate_update(&labelled, &old)), [""; 0]);
    }
}
