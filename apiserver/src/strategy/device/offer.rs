//! One device of a slice: what it is, what it can take, where it is and what keeps claims away from it.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{labels, names};

use super::{forms, policy};
use crate::strategy::{checks, internal, pod_spec};
use crate::tree::Read;

/// The most attributes and capacities of a device, taints of it, and sets whose counters it uses.
const MOST_ATTRIBUTES: usize = 32;
const MOST_TAINTS: usize = 16;
const MOST_SETS: usize = 2;

/// The most values of all attributes of a device.
const MOST_VALUES: usize = 48;

/// The most counters of one set.
const MOST_COUNTERS: usize = 32;

/// The longest text of an attribute, and the longest name of one that is shown whole, in bytes.
const LONGEST_VALUE: usize = 64;
const LONGEST_KEY: usize = 63 + 1 + 32;

const VALUES: [&str; 4] = ["int", "bool", "string", "version"];

const ONE_PLACE: &str = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when \
                         `perDeviceNodeSelection` is set to true in the ResourceSlice spec";

/// What keeps claims away from a device.
pub(super) fn taints(device: &Value) -> &[Value] {
    device.items("taints")
}

/// What a device takes of what several share.
pub(super) fn counters(device: &Value) -> &[Value] {
    device.items("consumesCounters")
}

/// What is wrong with a device, which was `old` before; `is_placed` if each device says where it is.
pub(super) fn validate(
    device: &Value,
    old: Option<&Value>,
    is_placed: bool,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let name = device.text("name");
    checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
    let count = device.entries("attributes").chain(device.entries("capacity")).count();
    if count > MOST_ATTRIBUTES {
        let why = format!("the total number of attributes and capacities must not exceed {MOST_ATTRIBUTES}");
        errors.push(Error::invalid(at, count, why));
    }
    let count = device.entries("attributes").count();
    if count > MOST_VALUES {
        let why = format!("the total number of attribute values must not exceed {MOST_VALUES}");
        errors.push(Error::invalid(at, count, why));
    }
    check_attributes(device, &at.child("attributes"), errors);
    check_capacities(device, &at.child("capacity"), errors);
    if old.is_none_or(|old| old.at("taints") != device.at("taints")) {
        forms::list(taints(device), MOST_TAINTS, &at.child("taints"), errors, check_taint);
    }
    let (sets, path) = (counters(device), at.child("consumesCounters"));
    forms::keyed(
        sets,
        MOST_SETS,
        |set| set.text("counterSet"),
        &path,
        errors,
        |set, at, errors| {
            validate_counters(set, "counterSet", at, errors);
        },
    );
    check_place(device, is_placed, at, errors);
    forms::binding(device, at, errors);
}

/// A key of a map as paths show it: the middle of a long one is left out.
fn shown_key(key: &str) -> String {
    let kept = LONGEST_KEY - "...".len();
    match (key.get(..kept.div_ceil(2)), key.len().checked_sub(kept / 2).and_then(|start| key.get(start..))) {
        (Some(start), Some(end)) if key.len() > LONGEST_KEY => format!("{start}...{end}"),
        _ => key.to_owned(),
    }
}

fn check_attributes(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (name, attribute) in device.entries("attributes") {
        let key = shown_key(name);
        let item = at.key(&key);
        forms::qualified(name, at, errors);
        if attribute.text("string").len() > LONGEST_VALUE {
            errors.push(Error::too_long(&item.child("string"), LONGEST_VALUE));
        }
        if let Some(version) = attribute.at("version").as_str() {
            check_version(version, &item.child("version"), errors);
        }
        let why = "exactly one value must be specified";
        match VALUES.into_iter().filter(|value| attribute.has(value)).count() {
            1 => {}
            0 => errors.push(Error::invalid(&item, "", why)),
            _ => errors.push(Error::invalid(&item, internal::device_attribute(attribute), why)),
        }
    }
}

fn check_version(version: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if !is_semantic(version) {
        let why = "must be a string compatible with semver.org spec 2.0.0";
        errors.push(Error::invalid(at, version, why));
    }
    if version.len() > LONGEST_VALUE {
        errors.push(Error::too_long(at, LONGEST_VALUE));
    }
}

/// Whether a version is three numbers, what precedes its release and what it was built of.
fn is_semantic(version: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, release) = rest.split_once('-').map_or((rest, None), |(core, release)| (core, Some(release)));
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.into_iter().all(number)
        && release.is_none_or(|all| all.split('.').all(|part| number(part) || word(part) && !digits(part)))
        && build.is_none_or(|all| all.split('.').all(word))
}

fn check_capacities(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (name, capacity) in device.entries("capacity") {
        let key = shown_key(name);
        let item = at.key(&key);
        forms::qualified(name, at, errors);
        let path = item.child("requestPolicy");
        if !capacity.has("requestPolicy") {
            continue;
        }
        if device.flag("allowMultipleAllocations") {
            policy::validate(capacity, &path, errors);
        } else {
            errors.push(Error::forbidden(&path, "allowMultipleAllocations must be true"));
        }
    }
}

fn check_taint(taint: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    errors.extend(labels::validate_label_name(taint.text("key"), &at.child("key")));
    let value = taint.text("value");
    checks::each(labels::label_value(value), value, &at.child("value"), errors);
    checks::required_one_of(taint.text("effect"), &forms::EFFECTS, &at.child("effect"), errors);
}

/// What is wrong with a set of counters, which `field` names.
pub(super) fn validate_counters(set: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let name = set.text(field);
    if checks::required(set, field, at, errors) {
        checks::each(names::dns1123_label(name), name, &at.child(field), errors);
    }
    let (counters, path) = (set.entries("counters").count(), at.child("counters"));
    if counters == 0 {
        errors.push(Error::required(&path, ""));
    } else if counters > MOST_COUNTERS {
        errors.push(Error::too_many(&path, counters, MOST_COUNTERS));
    } else {
        for (name, _) in set.entries("counters") {
            checks::each(names::dns1123_label(name), name, &path, errors);
        }
    }
}

fn check_place(device: &Value, is_placed: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let places = ["nodeName", "nodeSelector", "allNodes"];
    if !is_placed {
        if places.into_iter().any(|place| device.has(place)) {
            let why = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to \
                       true in the ResourceSlice spec";
            errors.push(Error::invalid(at, Value::Null, why));
        }
        return;
    }
    let mut given = Vec::new();
    for place in places {
        let path = at.child(place);
        match device.at(place) {
            Value::String(name) if name.is_empty() => {
                errors.push(Error::invalid(&path, "", "must not be empty"));
            }
            Value::Bool(false) => {
                errors.push(Error::invalid(&path, false, "must be either unset or set to true"));
            }
            Value::Null => {}
            value => {
                given.push(format!("`{place}`"));
                if let Value::String(name) = value {
                    checks::each(names::dns1123_subdomain(name), name.as_str(), &path, errors);
                } else if value.is_object() {
                    pod_spec::validate_node_selector(value, &path, errors);
                }
            }
        }
    }
    match given.len() {
        0 => errors.push(Error::required(at, ONE_PLACE)),
        1 => {}
        _ => errors.push(Error::invalid(at, format!("{{{}}}", given.join(", ")), ONE_PLACE)),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(device: Value, is_placed: bool) -> String {
        let mut errors = ErrorList::new();
        validate(&device, None, is_placed, &Path::new("d"), &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn versions_are_semantic() {
        let good = ["1.2.3", "0.0.0", "1.2.3-alpha.1", "1.2.3-0a+b.01", "1.2.3+-"];
        let bad = ["", "1.2", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.x"];
        good.iter().for_each(|version| assert!(is_semantic(version), "{version}"));
        bad.iter().for_each(|version| assert!(!is_semantic(version), "{version}"));
    }

    #[test]
    fn an_attribute_has_one_value() {
        let both = json!({"name": "d", "attributes": {"a": {"int": 1, "bool": true}}});
        let shown = r#"{"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}"#;
        let expected =
            format!("d.attributes[a]: Invalid value: {shown}: exactly one value must be specified");
        assert_eq!(texts(both, false), expected);
    }

    #[test]
    fn a_device_says_where_it_is_if_the_slice_does_not() {
        assert_eq!(texts(json!({"name": "d", "nodeName": "n"}), true), "");
        assert_eq!(texts(json!({"name": "d"}), true), format!("d: Required value: {ONE_PLACE}"));
        assert!(
            texts(json!({"name": "d", "nodeName": "n"}), false)
                .starts_with("d: Invalid value: null: `nodeName`")
        );
    }

    #[test]
    fn taints_and_counters_are_complete() {
        let device =
            json!({"name": "d", "taints": [{"key": "k"}], "consumesCounters": [{"counterSet": "c"}]});
        assert_eq!(
            texts(device, false),
            "d.taints[0].effect: Required value, d.consumesCounters[0].counters: Required value"
        );
    }

    #[test]
    fn what_is_taken_in_parts_has_a_default() {
        let device = |many: bool, policy: Value| {
            let capacity = json!({"a": {"value": "1", "requestPolicy": policy}});
            texts(json!({"name": "d", "allowMultipleAllocations": many, "capacity": capacity}), false)
        };
        let at = "d.capacity[a].requestPolicy";
        assert_eq!(
            device(false, json!({})),
            format!("{at}: Forbidden: allowMultipleAllocations must be true")
        );
        assert_eq!(
            device(true, json!({"validValues": ["1"]})),
            format!("{at}.default: Required value: required when validValues is defined")
        );
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(shown_key("a"), "a");
        assert_eq!(shown_key(&"a".repeat(97)), format!("{}...{}", "a".repeat(47), "a".repeat(46)));
    }
}
