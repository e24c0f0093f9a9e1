//! ResourceClaims and their templates, DeviceClasses and ResourceSlices (KEP-4381): which devices there are, and who
//! asks for them.

mod slice;

use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::checks::{self, IMMUTABLE};
use super::{Strategy, WriteContext, internal};
use crate::cel::{Environment, Type};
use crate::tree::{Fill, Read, fields};

pub(super) use slice::Slices;

/// The most requests, constraints and configurations of a claim.
const MOST: usize = 32;

/// The most alternatives of a request.
const MOST_ALTERNATIVES: usize = 8;

/// The longest expression of a selector, in bytes, and the most that it may cost by upstream's estimate.
const LONGEST_EXPRESSION: usize = 10 * 1024;
const MOST_COST: u64 = 1_000_000;

/// The strategy of claims.
pub(super) struct Claims;

impl Strategy for Claims {
    fn default(&self, object: &mut Value) {
        default_claim(fields(object).object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        check_claim(object.at("spec"), &at, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), object.at("spec"));
        if spec != old.at("spec") {
            let shown = internal::device_claim(spec);
            errors.push(Error::invalid(&Path::new("spec"), shown, IMMUTABLE));
        }
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The strategy of templates of claims.
pub(super) struct ClaimTemplates;

impl Strategy for ClaimTemplates {
    fn default(&self, object: &mut Value) {
        let template = fields(object).object("spec");
        template.object("metadata");
        default_claim(template.object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let (template, metadata) = (object.at("spec"), spec.child("metadata"));
        let (labels, annotations) = (metadata.child("labels"), metadata.child("annotations"));
        checks::labels(template.at("metadata").at("labels"), &labels, &mut errors);
        checks::annotations(template.at("metadata").at("annotations"), &annotations, &mut errors);
        check_claim(template.at("spec"), &spec.child("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object, old, "spec", &Path::ROOT, &mut errors);
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The strategy of device classes.
pub(super) struct Classes;

impl Strategy for Classes {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let selectors = object.at("spec").items("selectors");
        check_selectors(selectors, &spec.child("selectors"), &mut errors);
        errors
    }
}

fn default_claim(spec: &mut Map<String, Value>) {
    let Some(devices) = spec.object_mut("devices") else { return };
    for request in devices.objects_mut("requests") {
        if let Some(exactly) = request.object_mut("exactly") {
            default_request(exactly);
        }
        request.objects_mut("firstAvailable").for_each(default_request);
    }
}

fn default_request(request: &mut Map<String, Value>) {
    request.fill_zero("allocationMode", "ExactCount");
    if request.text("allocationMode") == "ExactCount" {
        request.fill_zero("count", 1);
    }
}

fn check_claim(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (devices, at) = (spec.at("devices"), at.child("devices"));
    let (requests, path) = (devices.items("requests"), at.child("requests"));
    checks::at_most(requests, MOST, &path, errors);
    for (index, request) in requests.iter().enumerate() {
        check_request(request, &path.index(index), errors);
        let name = request.text("name");
        if requests[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path.index(index), name));
        }
    }
    for list in ["constraints", "config"] {
        checks::at_most(devices.items(list), MOST, &at.child(list), errors);
    }
}

fn check_request(request: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_name(request, at, errors);
    let alternatives = request.items("firstAvailable");
    let one_of = "exactly one of `exactly` or `firstAvailable` is required";
    match (request.has("exactly"), alternatives.is_empty()) {
        (false, true) => errors.push(Error::required(at, one_of)),
        (true, false) => {
            let why = format!("{one_of}, but multiple fields are set");
            errors.push(Error::invalid(at, Value::Null, why));
        }
        (true, true) => check_exactly(request.at("exactly"), &at.child("exactly"), errors),
        (false, false) => {
            let path = at.child("firstAvailable");
            checks::at_most(alternatives, MOST_ALTERNATIVES, &path, errors);
            for (index, alternative) in alternatives.iter().enumerate() {
                check_name(alternative, &path.index(index), errors);
                check_exactly(alternative, &path.index(index), errors);
            }
        }
    }
}

fn check_name(named: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(named, "name", at, errors) {
        let name = named.text("name");
        checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
    }
}

fn check_exactly(request: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(request, "deviceClassName", at, errors) {
        let class = request.text("deviceClassName");
        checks::each(names::dns1123_subdomain(class), class, &at.child("deviceClassName"), errors);
    }
    check_selectors(request.items("selectors"), &at.child("selectors"), errors);
    let (count, path) = (request.int("count").unwrap_or_default(), at.child("count"));
    match request.text("allocationMode") {
        "All" if count != 0 => {
            let why = "must not be specified when allocationMode is 'All'";
            errors.push(Error::invalid(&path, count, why));
        }
        "All" => {}
        "ExactCount" if count <= 0 => {
            errors.push(Error::invalid(&path, count, "must be greater than zero"));
        }
        "ExactCount" => {}
        other => checks::one_of(other, &["All", "ExactCount"], &at.child("allocationMode"), errors),
    }
}

fn check_selectors(selectors: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    checks::at_most(selectors, MOST, at, errors);
    for (index, selector) in selectors.iter().enumerate() {
        let (item, cel) = (at.index(index), selector.at("cel"));
        let path = item.child("cel");
        if cel.is_null() {
            errors.push(Error::required(&path, ""));
        } else if checks::required(cel, "expression", &path, errors) {
            check_expression(cel.text("expression"), &path.child("expression"), errors);
        }
    }
}

fn check_expression(source: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if source.len() > LONGEST_EXPRESSION {
        errors.push(Error::too_long(at, LONGEST_EXPRESSION));
        return;
    }
    match Environment::device().compile(source) {
        Err(why) => errors.push(Error::invalid(at, source, format!("compilation failed: {why}"))),
        Ok(program) if !matches!(program.kind, Type::Bool | Type::Dyn) => {
            let why = format!("must evaluate to bool or the unknown type, not {}", program.kind);
            errors.push(Error::invalid(at, source, why));
        }
        Ok(program) if program.max_cost > MOST_COST => {
            errors.push(Error::forbidden(at, "too complex, exceeds cost limit"));
        }
        Ok(_) => {}
    }
}
