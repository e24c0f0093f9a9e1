//! PersistentVolumeClaims: their defaults, and what may change before and after they are bound.

use serde_json::{Map, Value, json};
use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::persistent_volume::{check_modes, check_volume_mode};
use super::{Strategy, WriteContext, checks, internal, pod_spec};
use crate::tree::{Fill, Read, fields};

const ONLY: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";

/// What named the class of a claim before there was a field for it.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// The strategy of persistent volume claims.
pub(super) struct VolumeClaims;

impl Strategy for VolumeClaims {
    fn default(&self, object: &mut Value) {
        let claim = fields(object);
        pod_spec::default_claim(claim.object("spec"));
        claim.object("status").fill_zero("phase", "Pending");
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let claim = fields(object);
        claim.put("status", json!({"phase": "Pending"}));
        let spec = claim.object("spec");
        if !is_volume(spec.at("dataSource")) {
            spec.drop_field("dataSource");
        }
        align_sources(spec);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &WriteContext<'_>) {
        align_sources(fields(object).object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_spec(object.at("spec"), &Path::new("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (at, was) = (Path::new("spec"), old.at("spec"));
        let difference = internal::claim_spec_difference(was, &with_open(object, was));
        if !difference.is_empty() {
            errors.push(Error::forbidden(&at, format!("{ONLY}{difference}")));
        }
        check_size(object, old, &at, &mut errors);
        checks::unchanged(object.at("spec"), was, "volumeMode", &Path::ROOT, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let annotations = object.at("metadata").at("annotations");
        let deprecated = annotations.has(CLASS_ANNOTATION).then(|| {
            let instead = "deprecated since v1.8; use \"storageClassName\" attribute instead";
            format!("metadata.annotations[{CLASS_ANNOTATION}]: {instead}")
        });
        let (spec, resources) = (Path::new("spec"), object.at("spec").at("resources"));
        let path = spec.child("resources");
        let fractions = ["requests", "limits"]
            .into_iter()
            .filter_map(|list| pod_spec::bytes_warning(resources.at(list), "storage", &path.child(list)));
        deprecated.into_iter().chain(fractions).collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// What is wrong with the spec of a claim, or of a template of claims.
pub(super) fn validate_spec(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.items("accessModes").is_empty() {
        errors.push(Error::required(&at.child("accessModes"), "at least 1 access mode is required"));
    }
    if spec.has("selector") {
        checks::selector(spec.at("selector"), &at.child("selector"), errors);
    }
    check_modes(spec, at, errors);
    let (resources, storage) = (at.child("resources"), spec.at("resources").at("requests").at("storage"));
    if storage.is_null() {
        errors.push(Error::required(&resources.key("storage"), ""));
    } else {
        checks::positive_quantity(storage, &resources.key("storage"), errors);
    }
    check_class(spec, "storageClassName", at, errors);
    check_volume_mode(spec, at, errors);
    for field in ["dataSource", "dataSourceRef"] {
        if spec.has(field) {
            check_source(spec.at(field), &at.child(field), errors);
        }
    }
    check_class(spec, "volumeAttributesClassName", at, errors);
}

fn check_class(spec: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let class = spec.text(field);
    if !class.is_empty() {
        checks::each(names::dns1123_subdomain(class), class, &at.child(field), errors);
    }
}

fn check_source(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::required(source, "name", at, errors);
    checks::required(source, "kind", at, errors);
    let (group, kind) = (source.text("apiGroup"), source.text("kind"));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(Error::invalid(at, kind, why));
    }
    if !group.is_empty() {
        checks::each(names::dns1123_subdomain(group), group, &at.child("apiGroup"), errors);
    }
}

/// The older name is for claims and snapshots only.
fn is_volume(source: &Value) -> bool {
    let of = (source.text("apiGroup"), source.text("kind"));
    matches!(of, ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot"))
}

/// What a claim is filled from has two names; whichever is given is copied to the other.
fn align_sources(spec: &mut Map<String, Value>) {
    let reference = spec.at("dataSourceRef").clone();
    if reference.is_null() && spec.has("dataSource") {
        spec.put("dataSourceRef", spec.at("dataSource").clone());
    } else if reference.is_object() && !reference.has("namespace") && !spec.has("dataSource") {
        spec.put("dataSource", reference);
    }
}

/// The new spec with everything that may change as it was before.
fn with_open(object: &Value, was: &Value) -> Value {
    let mut next = object.at("spec").clone();
    let spec = fields(&mut next);
    if was.text("volumeName").is_empty() {
        restore(spec, was, "volumeName");
    }
    if !was.has("storageClassName") {
        restore(spec, was, "storageClassName");
    }
    if object.at("status").text("phase") == "Bound" {
        restore(spec.object("resources").object("requests"), was.at("resources").at("requests"), "storage");
        restore(spec, was, "volumeAttributesClassName");
    }
    next
}

fn restore(map: &mut Map<String, Value>, was: &Value, field: &str) {
    match was.at(field) {
        Value::Null => map.drop_field(field),
        value => map.put(field, value.clone()),
    }
}

/// A claim that did not grow as wished may ask for less again, but not for less than it has.
fn check_size(object: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let asked = |claim: &Value| quantity(claim.at("spec").at("resources").at("requests").at("storage"));
    let has = quantity(old.at("status").at("capacity").at("storage"));
    if asked(object) < asked(old) && asked(object) <= has {
        let (resources, why) = (at.child("resources"), "field can not be less than status.capacity");
        let requests = resources.child("requests");
        errors.push(Error::forbidden(&requests.child("storage"), why));
    }
}

fn quantity(value: &Value) -> Quantity {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(Quantity::ZERO)
}
