//! ResourceSlices: the devices that a driver has, on one node or within reach of several.

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::names;
use steersman_core::tree::{Map, Value};

use super::forms;
use super::offer;
use crate::moment::seconds;
use crate::strategy::{Strategy, WriteContext, checks, pod_spec};
use crate::tree::{Fill, Read, fields};

/// The most devices of one slice; fewer if any of them has taints or shares counters.
const MOST: usize = 128;
const MOST_SPECIAL: usize = 64;

/// The most sets of counters of a slice, and counters of a set.
const MOST_SETS: usize = 8;

/// The values of attributes that are lists.
const LISTS: [&str; 4] = ["bools", "ints", "strings", "versions"];

/// Where devices can be, and what is said of a place that is given and empty.
const PLACES: [(&str, &str); 4] = [
    ("nodeName", "must be either unset or set to a non-empty string"),
    ("nodeSelector", ""),
    ("allNodes", "must be either unset or set to true"),
    ("perDeviceNodeSelection", "must be either unset or set to true"),
];

/// The strategy of slices.
pub(in crate::strategy) struct Slices;

impl Strategy for Slices {
    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.driver", "spec.nodeName"]
    }

    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.at("spec").text(field.trim_start_matches("spec.")))
    }

    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        prepare(object, cx);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, cx: &WriteContext<'_>) {
        prepare(object, cx);
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let driver = object.at("spec").text("driver");
        let is_lower = driver == driver.to_lowercase();
        let why =
            format!("driver names should be lowercase; {} contains uppercase characters", quote(driver));
        (!is_lower).then(|| format!("spec.driver: {why}")).into_iter().collect()
    }

    fn validate(&self, object: &Value) -> ErrorList {
        check(object.at("spec"), None)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        check(object.at("spec"), Some(old.at("spec")))
    }
}

/// Says since when devices have their taints, and drops what belongs to features that are off by default.
fn prepare(object: &mut Value, cx: &WriteContext<'_>) {
    for device in fields(object).object("spec").objects_mut("devices") {
        device.objects_mut("taints").for_each(|taint| taint.fill("timeAdded", seconds(cx.now)));
        device.drop_field("nodeAllocatableResourceMappings");
        let attributes = device.object_mut("attributes").into_iter().flat_map(Map::values_mut);
        for attribute in attributes.filter_map(Value::as_object_mut) {
            LISTS.iter().for_each(|list| attribute.drop_field(list));
        }
    }
}

fn check(spec: &Value, old: Option<&Value>) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
    checks::driver_name(spec.text("driver"), &at.child("driver"), &mut errors);
    let pool = at.child("pool");
    check_pool(spec.at("pool"), &pool, &mut errors);
    if let Some(old) = old {
        checks::unchanged(spec.at("pool"), old.at("pool"), "name", &pool, &mut errors);
        for field in ["driver", "nodeName"] {
            checks::unchanged(spec, old, field, &at, &mut errors);
        }
    }
    check_place(spec, &at, &mut errors);
    if spec.has("sharedCounters") && spec.has("devices") {
        let why = "only one of `sharedCounters` or `devices` is allowed";
        errors.push(Error::invalid(&at, "", why));
    }
    let devices = spec.items("devices");
    let is_special =
        |device: &Value| !(offer::taints(device).is_empty() && offer::counters(device).is_empty());
    let most = if devices.iter().any(is_special) { MOST_SPECIAL } else { MOST };
    let is_placed = spec.flag("perDeviceNodeSelection");
    forms::named(devices, most, &at.child("devices"), &mut errors, |device, at, errors| {
        let known = old.map(|old| old.items("devices")).unwrap_or_default();
        let known = known.iter().find(|known| known.text("name") == device.text("name"));
        offer::validate(device, known, is_placed, at, errors);
    });
    let (sets, path) = (spec.items("sharedCounters"), at.child("sharedCounters"));
    forms::named(sets, MOST_SETS, &path, &mut errors, |set, at, errors| {
        offer::validate_counters(set, "name", at, errors);
    });
    errors
}

fn check_pool(pool: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    forms::pool(pool.text("name"), &at.child("name"), errors);
    let number = |field: &str| pool.int(field).unwrap_or_default();
    if number("resourceSliceCount") <= 0 {
        let (path, count) = (at.child("resourceSliceCount"), number("resourceSliceCount"));
        errors.push(Error::invalid(&path, count, "must be greater than zero"));
    }
    if number("generation") < 0 {
        let why = "must be greater than or equal to zero";
        errors.push(Error::invalid(&at.child("generation"), number("generation"), why));
    }
}

fn check_place(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let mut given = Vec::new();
    for (place, why) in PLACES {
        match spec.at(place) {
            Value::Null => {}
            Value::Bool(false) => errors.push(Error::invalid(&at.child(place), false, why)),
            Value::String(name) if name.is_empty() => {
                errors.push(Error::invalid(&at.child(place), "", why));
            }
            value => {
                given.push(place);
                check_node(place, value, at, errors);
            }
        }
    }
    let quoted = |places: &[&str]| {
        let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
        places.join(", ")
    };
    let why = format!("exactly one of {} is required", quoted(&PLACES.map(|(place, _)| place)));
    match given.as_slice() {
        [] => errors.push(Error::required(at, why)),
        [_] => {}
        several => {
            let shown = format!("{{{}}}", quoted(several));
            errors.push(Error::invalid(at, shown, format!("{why}, but multiple fields are set")));
        }
    }
}

fn check_node(place: &str, value: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let at = at.child(place);
    match value {
        Value::String(name) => checks::each(names::dns1123_subdomain(name), name.as_str(), &at, errors),
        Value::Object(_) => {
            pod_spec::validate_node_selector(value, &at, errors);
            if value.items("nodeSelectorTerms").len() != 1 {
                let why = "must have exactly one node selector term";
                let terms = value.at("nodeSelectorTerms");
                errors.push(Error::invalid(&at.child("nodeSelectorTerms"), terms, why));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(change: Value) -> String {
        let mut spec = json!({
            "driver": "d", "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        });
        for (field, value) in change.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let errors = Slices.validate(&json!({"spec": spec}));
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn devices_are_in_one_place() {
        assert_eq!(texts(json!({})), "");
        let one_of =
            "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
        assert_eq!(
            texts(json!({"nodeName": "", "allNodes": false})),
            format!(
                "spec.nodeName: Invalid value: \"\": {}, spec.allNodes: Invalid value: false: {}, spec: Required value: \
                 {one_of}",
                PLACES[0].1, PLACES[2].1
            )
        );
    }

    #[test]
    fn a_slice_has_devices_or_counters() {
        let counters = json!({"name": "c", "counters": {"a": {"value": "1"}}});
        assert_eq!(texts(json!({"sharedCounters": [counters]})), "");
        assert_eq!(
            texts(json!({"sharedCounters": [counters], "devices": [{"name": "d"}, {"name": "d"}]})),
            "spec: Invalid value: \"\": only one of `sharedCounters` or `devices` is allowed, spec.devices[1]: Duplicate \
             value: \"d\""
        );
    }
}
