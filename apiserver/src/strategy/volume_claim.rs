//! PersistentVolumeClaims: their defaults, and what may change before and after they are bound.

use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value, json};
use steersman_core::{labels, names};

use super::persistent_volume::{check_modes, check_volume_mode};
use super::{Strategy, WriteContext, checks, internal, pod_spec};
use crate::tree::{Fill, Read, fields};

const ONLY: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";

/// What named the class of a claim before there was a field for it.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// How far a resource of a claim has come in growing.
const RESIZES: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

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
        prepare_sources(claim.object("spec"), &Value::Null);
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        prepare_sources(fields(object).object("spec"), old.at("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_spec(object.at("spec"), &Path::new("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (at, was) = (Path::new("spec"), old.at("spec"));
        check_annotation(object, old, &mut errors);
        let difference = internal::claim_spec_difference(was, &with_open(object, old));
        if !difference.is_empty() {
            errors.push(Error::forbidden(&at, format!("{ONLY}{difference}")));
        }
        check_size(object, old, &at, &mut errors);
        checks::unchanged(object.at("spec"), was, "volumeMode", &Path::ROOT, &mut errors);
        check_attributes(object.at("spec"), old, &at, &mut errors);
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        let (status, capacity) = (object.at("status"), at.child("capacity"));
        for (name, amount) in status.entries("capacity") {
            checks::basic_quantity(amount, &capacity.key(name), &mut errors);
        }
        let path = at.child("allocatedResourceStatuses");
        for (name, state) in status.entries("allocatedResourceStatuses") {
            check_allocated(name, &path, &mut errors);
            if !state.as_str().is_some_and(|state| RESIZES.contains(&state)) {
                errors.push(Error::not_supported(&path, name, &RESIZES));
            }
        }
        let path = at.child("allocatedResources");
        for (name, amount) in status.entries("allocatedResources") {
            let (found, at) = (errors.len(), path.key(name));
            check_allocated(name, &path, &mut errors);
            if errors.len() == found {
                checks::basic_quantity(amount, &at, &mut errors);
            }
            if errors.len() == found {
                checks::quantity_not_negative(amount, &at, &mut errors);
            }
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let annotations = object.at("metadata").at("annotations");
        let deprecated = annotations.has(CLASS_ANNOTATION).then(|| {
            let instead = "deprecated since v1.8; use \"storageClassName\" attribute instead";
            format!("metadata.annotations[{CLASS_ANNOTATION}]: {instead}")
        });
        let mut warnings = Vec::from_iter(deprecated);
        warnings.extend(size_warnings(object.at("spec"), &Path::new("spec")));
        warnings
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// Of the resources without a prefix of somebody else, claims have storage only.
fn check_allocated(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let faults = labels::qualified_name(name);
    let is_native = !name.contains('/') || name.contains("kubernetes.io/");
    if faults.is_empty() && is_native {
        checks::one_of(name, &["storage"], at, errors);
    }
    checks::each(faults, name, at, errors);
}

/// The warnings for the sizes that the spec at `at` asks for.
pub(super) fn size_warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let (resources, path) = (spec.at("resources"), at.child("resources"));
    let warning = |list| pod_spec::bytes_warning(resources.at(list), "storage", &path.child(list));
    ["requests", "limits"].into_iter().filter_map(warning).collect()
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
    check_sources(spec, at, errors);
    check_class(spec, "volumeAttributesClassName", at, errors);
}

/// The two names of what a claim is filled from say the same. Upstream shows an empty value.
fn check_sources(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (source, reference) = (spec.at("dataSource"), spec.at("dataSourceRef"));
    let namespace = reference.text("namespace");
    let path = at.child("dataSourceRef");
    checks::each(
        Some(namespace)
            .filter(|name| !name.is_empty())
            .map_or_else(Vec::new, |name| names::dns_label(name, false)),
        namespace,
        &path.child("namespace"),
        errors,
    );
    let same = ["apiGroup", "kind", "name"].iter().all(|field| source.at(field) == reference.at(field));
    let why = match (source.is_null() || reference.is_null(), namespace.is_empty()) {
        (true, _) => return,
        (false, false) => "may not be specified when dataSourceRef.namespace is specified",
        (false, true) if !same => "must match dataSourceRef",
        (false, true) => return,
    };
    errors.push(Error::invalid(at, json!({}), why));
}

/// The older way to name a class does not change.
fn check_annotation(object: &Value, old: &Value, errors: &mut ErrorList) {
    let named = |claim: &Value| claim.at("metadata").at("annotations").text(CLASS_ANNOTATION).to_owned();
    let (now, was) = (named(object), named(old));
    let moved = !was.is_empty()
        && !old.at("spec").has("storageClassName")
        && object.at("spec").text("storageClassName") == was
        && (now.is_empty() || now == was);
    if now != was && !moved {
        let metadata = Path::new("metadata");
        let path = metadata.child("annotations");
        errors.push(Error::invalid(&path.child(CLASS_ANNOTATION), now, checks::IMMUTABLE));
    }
}

/// A class of attributes that a volume has is only replaced by another.
fn check_attributes(spec: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let class = "volumeAttributesClassName";
    let given = match spec.at(class).as_str() {
        _ if !old.at("status").has("currentVolumeAttributesClassName") => return,
        _ if spec.at(class) == old.at("spec").at(class) => return,
        None => "nil",
        Some("") => "empty string",
        Some(_) => return,
    };
    let why =
        format!("update to {given} is forbidden when status.currentVolumeAttributesClassName is not nil");
    errors.push(Error::forbidden(&at.child(class), why));
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

/// Other namespaces are behind a gate that is off by default, and a new claim is silently not filled from what its older
/// name is not for.
fn prepare_sources(spec: &mut Map, old: &Value) {
    let elsewhere = !spec.at("dataSourceRef").text("namespace").is_empty();
    if elsewhere && !old.has("dataSourceRef") {
        spec.drop_field("dataSourceRef");
    }
    let is_filled = ["dataSource", "dataSourceRef"].iter().any(|field| old.has(field));
    if !is_filled && !spec.has("dataSourceRef") && !is_volume(spec.at("dataSource")) {
        spec.drop_field("dataSource");
    }
    align_sources(spec);
}

/// What a claim is filled from has two names; whichever is given is copied to the other.
fn align_sources(spec: &mut Map) {
    let reference = spec.at("dataSourceRef").clone();
    if reference.is_null() && spec.has("dataSource") {
        spec.put("dataSourceRef", spec.at("dataSource").clone());
    } else if reference.is_object() && reference.text("namespace").is_empty() && !spec.has("dataSource") {
        let mut source = reference;
        fields(&mut source).drop_field("namespace");
        spec.put("dataSource", source);
    }
}

/// The new spec with everything that may change as it was before.
fn with_open(object: &Value, old: &Value) -> Value {
    let was = old.at("spec");
    let mut next = object.at("spec").clone();
    let spec = fields(&mut next);
    if was.text("volumeName").is_empty() {
        restore(spec, was, "volumeName");
    }
    let annotated = old.at("metadata").at("annotations").at(CLASS_ANNOTATION);
    if !was.has("storageClassName") && (annotated.is_null() || annotated == spec.at("storageClassName")) {
        restore(spec, was, "storageClassName");
    }
    if object.at("status").text("phase") == "Bound" {
        restore(spec.object("resources").object("requests"), was.at("resources").at("requests"), "storage");
        restore(spec, was, "volumeAttributesClassName");
    }
    next
}

fn restore(map: &mut Map, was: &Value, field: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_storage_grows_and_in_known_steps() {
        let texts = |status: Value| {
            let errors = VolumeClaims.validate_status(&json!({"status": status}), &Value::Null);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            texts(json!({
                "allocatedResources": {"storage": "1Gi", "example.com/a": "1"},
                "allocatedResourceStatuses": {"storage": "NodeResizePending"},
            })),
            ""
        );
        assert_eq!(
            texts(
                json!({"allocatedResources": {"cpu": "1"}, "allocatedResourceStatuses": {"storage": "Big"}})
            ),
            "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: \
             \"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", \
             \"NodeResizeInfeasible\", \"NodeResizePending\", status.allocatedResources: Unsupported value: \"cpu\": \
             supported values: \"storage\""
        );
    }

    #[test]
    fn what_a_claim_is_filled_from_has_two_names() {
        let (volume, other) = (
            json!({"kind": "PersistentVolumeClaim", "name": "a"}),
            json!({"apiGroup": "example.com", "kind": "Image", "name": "a"}),
        );
        let far = json!({"kind": "PersistentVolumeClaim", "name": "a", "namespace": "b"});
        let near = json!({"kind": "PersistentVolumeClaim", "name": "a", "namespace": ""});
        let cases = [
            (json!({"dataSourceRef": near}), json!({"dataSource": volume, "dataSourceRef": near})),
            (json!({"dataSource": volume}), json!({"dataSource": volume, "dataSourceRef": volume})),
            (json!({"dataSource": other}), json!({})),
            (json!({"dataSourceRef": other}), json!({"dataSource": other, "dataSourceRef": other})),
            (
                json!({"dataSource": other, "dataSourceRef": volume}),
                json!({"dataSource": other, "dataSourceRef": volume}),
            ),
            (json!({"dataSourceRef": far}), json!({})),
        ];
        for (mut spec, expected) in cases {
            prepare_sources(fields(&mut spec), &Value::Null);
            assert_eq!(spec, expected);
        }
        let mut errors = ErrorList::new();
        check_sources(
            &json!({"dataSource": other, "dataSourceRef": volume}),
            &Path::new("spec"),
            &mut errors,
        );
        assert_eq!(errors[0].to_string(), "spec: Invalid value: {}: must match dataSourceRef");
    }
}
