//! ResourceSlices: the devices that a driver has, on one node or within reach of several.

use std::borrow::Cow;

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use crate::strategy::{Strategy, checks, pod_spec};
use crate::tree::Read;

/// The longest name of a driver, in bytes.
const LONGEST: usize = 63;

/// The most devices of one slice.
const MOST: usize = 128;

const PLACES: [&str; 4] = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"];

const VALUES: [&str; 4] = ["int", "bool", "string", "version"];

/// The strategy of slices.
pub(in crate::strategy) struct Slices;

impl Strategy for Slices {
    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.driver", "spec.nodeName"]
    }

    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.at("spec").text(field.trim_start_matches("spec.")))
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_driver(spec, &at, &mut errors);
        check_pool(spec.at("pool"), &at.child("pool"), &mut errors);
        check_place(spec, &at, &mut errors);
        let (devices, path) = (spec.items("devices"), at.child("devices"));
        checks::at_most(devices, MOST, &path, &mut errors);
        for (index, device) in devices.iter().enumerate() {
            check_device(device, &path.index(index), &mut errors);
            let name = device.text("name");
            if devices[..index].iter().any(|before| before.text("name") == name) {
                errors.push(Error::duplicate(&path.index(index), name));
            }
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (self.validate(object), Path::new("spec"));
        let (spec, was) = (object.at("spec"), old.at("spec"));
        checks::unchanged(spec.at("pool"), was.at("pool"), "name", &at.child("pool"), &mut errors);
        for field in ["driver", "nodeName"] {
            checks::unchanged(spec, was, field, &at, &mut errors);
        }
        errors
    }
}

fn check_driver(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !checks::required(spec, "driver", at, errors) {
        return;
    }
    let (driver, path) = (spec.text("driver"), at.child("driver"));
    if driver.len() > LONGEST {
        errors.push(Error::too_long(&path, LONGEST));
    }
    checks::each(names::dns1123_subdomain(driver), driver, &path, errors);
}

fn check_pool(pool: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(pool, "name", at, errors) {
        for part in pool.text("name").split('/') {
            checks::each(names::dns1123_subdomain(part), part, &at.child("name"), errors);
        }
    }
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
    let given: Vec<&str> = PLACES.into_iter().filter(|place| !crate::tree::is_zero(spec.at(place))).collect();
    let quoted =
        |places: &[&str]| places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ");
    let why = format!("exactly one of {} is required", quoted(&PLACES));
    match given.as_slice() {
        [] => errors.push(Error::required(at, why)),
        ["nodeSelector"] => {
            let selector = spec.at("nodeSelector");
            pod_spec::validate_node_selector(selector, &at.child("nodeSelector"), errors);
        }
        ["nodeName"] => {
            let node = spec.text("nodeName");
            checks::each(names::dns1123_subdomain(node), node, &at.child("nodeName"), errors);
        }
        [_] => {}
        several => {
            let shown = format!("{{{}}}", quoted(several));
            errors.push(Error::invalid(at, shown, format!("{why}, but multiple fields are set")));
        }
    }
}

fn check_device(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(device, "name", at, errors) {
        let name = device.text("name");
        checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
    }
    let path = at.child("attributes");
    for (name, attribute) in device.entries("attributes") {
        match VALUES.into_iter().filter(|value| attribute.has(value)).count() {
            1 => {}
            0 => errors.push(Error::invalid(&path.key(name), "", "exactly one value must be specified")),
            _ => {
                let why = "exactly one value must be specified";
                errors.push(Error::invalid(&path.key(name), attribute, why));
            }
        }
    }
}
