//! PersistentVolumes: their defaults, the phase that they start in, and what may not change.

use serde_json::{Value, json};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::checks::{self, IMMUTABLE};
use super::{Strategy, WriteContext, internal, pod_spec};
use crate::moment::seconds;
use crate::tree::{Fill, Read, fields};

/// The annotation by which mount options were given before there was a field.
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";

pub(super) const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// The kinds of volumes there are, in upstream's order, and whether they take mount options.
const SOURCES: [(&str, bool); 22] = [
    ("hostPath", false),
    ("gcePersistentDisk", true),
    ("awsElasticBlockStore", true),
    ("glusterfs", true),
    ("flocker", false),
    ("nfs", true),
    ("rbd", true),
    ("quobyte", true),
    ("cephfs", true),
    ("iscsi", true),
    ("cinder", true),
    ("fc", true),
    ("flexVolume", true),
    ("azureFile", true),
    ("vsphereVolume", true),
    ("azureDisk", true),
    ("photonPersistentDisk", false),
    ("portworxVolume", true),
    ("scaleIO", true),
    ("local", true),
    ("storageos", true),
    ("csi", true),
];

/// Annotations for which there are fields, and what is said of them.
const DEPRECATED: [(&str, &str); 2] = [
    (
        "volume.beta.kubernetes.io/storage-class",
        "deprecated since v1.8; use \"storageClassName\" attribute instead",
    ),
    (MOUNT_OPTIONS, "deprecated since v1.31; use \"mountOptions\" attribute instead"),
];

/// What is said of volumes that are emptied for the next claim.
const RECYCLE: &str = "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the \
                       recommended approach is to use dynamic provisioning.";

/// The strategy of persistent volumes.
pub(super) struct PersistentVolumes;

impl Strategy for PersistentVolumes {
    fn default(&self, object: &mut Value) {
        let volume = fields(object);
        volume.object("status").fill_zero("phase", "Pending");
        let spec = volume.object("spec");
        spec.fill_zero("persistentVolumeReclaimPolicy", "Retain");
        spec.fill("volumeMode", "Filesystem");
        pod_spec::default_volume_sources(spec);
    }

    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        fields(object).put("status", json!({"phase": "Pending", "lastPhaseTransitionTime": seconds(cx.now)}));
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, cx: &WriteContext<'_>) {
        let (was, time) = (old.at("status"), "lastPhaseTransitionTime");
        let status = fields(object).object("status");
        let is_kept = !status.has(time) || status.at(time) == was.at(time);
        if status.at("phase") != was.at("phase") && is_kept {
            status.put(time, seconds(cx.now));
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_spec(object.at("spec"), Use::Volume, &Path::new("spec"), &mut errors);
        let (metadata, spec) = (Path::new("metadata"), object.at("spec"));
        let takes_options = SOURCES.iter().any(|(source, options)| *options && spec.has(source));
        if object.at("metadata").at("annotations").has(MOUNT_OPTIONS) && !takes_options {
            let annotations = metadata.child("annotations");
            let why = "may not specify mount options for this volume type";
            errors.push(Error::forbidden(&annotations.child(MOUNT_OPTIONS), why));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (spec, was) = (object.at("spec"), old.at("spec"));
        let difference = internal::volume_source_difference(was, &with_secret(spec, was));
        if !difference.is_empty() {
            let at = Path::new("spec");
            let why = format!("spec.persistentvolumesource is immutable after creation\n{difference}");
            errors.push(Error::forbidden(&at.child("persistentvolumesource"), why));
        }
        checks::unchanged(spec, was, "volumeMode", &Path::ROOT, &mut errors);
        let affinity = spec.at("nodeAffinity");
        if was.has("nodeAffinity") && affinity != was.at("nodeAffinity") {
            let why = format!("{IMMUTABLE}, except for updating from beta label to GA");
            let shown = internal::volume_affinity(affinity);
            errors.push(Error::invalid(&Path::new("nodeAffinity"), shown, why));
        }
        let (at, class) = (Path::new("spec"), "volumeAttributesClassName");
        if was.has(class) && !spec.has(class) {
            let why = "update from non-nil value to nil is forbidden";
            errors.push(Error::forbidden(&at.child(class), why));
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let (annotations, spec) = (object.at("metadata").at("annotations"), object.at("spec"));
        let old = DEPRECATED.iter().filter(|(key, _)| annotations.has(key));
        let mut warnings: Vec<String> =
            old.map(|(key, why)| format!("metadata.annotations[{key}]: {why}")).collect();
        if spec.text("persistentVolumeReclaimPolicy") == "Recycle" {
            warnings.push(RECYCLE.to_owned());
        }
        warnings.extend(pod_spec::volume_source_warnings(spec, &Path::new("spec")));
        warnings
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The spec without the secret that it may be given once, for growing.
fn with_secret(spec: &Value, was: &Value) -> Value {
    let mut spec = spec.clone();
    if was.has("csi") && !was.at("csi").has("controllerExpandSecretRef") {
        let source = fields(&mut spec).object_mut("csi");
        source.into_iter().for_each(|source| source.drop_field("controllerExpandSecretRef"));
    }
    spec
}

/// What the spec of a volume is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A volume of its own.
    Volume,
    /// An attachment without one.
    Attachment,
}

/// What is wrong with the spec of a volume.
pub(super) fn validate_spec(spec: &Value, for_what: Use, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.items("accessModes").is_empty() {
        errors.push(Error::required(&at.child("accessModes"), ""));
    }
    check_modes(spec, at, errors);
    if for_what == Use::Volume {
        check_capacity(spec, &at.child("capacity"), errors);
    }
    let reclaim = spec.text("persistentVolumeReclaimPolicy");
    let path = at.child("persistentVolumeReclaimPolicy");
    if !reclaim.is_empty() {
        checks::one_of(reclaim, &["Delete", "Recycle", "Retain"], &path, errors);
    }
    let has_affinity = spec.has("nodeAffinity");
    if has_affinity {
        check_affinity(spec.at("nodeAffinity"), &at.child("nodeAffinity"), errors);
    }
    check_source(spec, at, errors);
    let host = spec.at("hostPath").text("path");
    if reclaim == "Recycle" && host.starts_with('/') && host.trim_matches('/').is_empty() {
        errors.push(Error::forbidden(&path, "may not be 'recycle' for a hostPath mount of '/'"));
    }
    let class = spec.text("storageClassName");
    if !class.is_empty() {
        checks::each(names::dns1123_subdomain(class), class, &at.child("storageClassName"), errors);
    }
    check_volume_mode(spec, at, errors);
    check_attributes(spec, at, errors);
}

/// Only drivers know classes of attributes.
fn check_attributes(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("volumeAttributesClassName");
    match spec.at("volumeAttributesClassName").as_str() {
        None => return,
        Some("") => errors.push(Error::required(&path, "an empty string is disallowed")),
        Some(class) => checks::each(names::dns1123_subdomain(class), class, &path, errors),
    }
    if !spec.has("csi") {
        let why = "has to be specified when using volumeAttributesClassName";
        errors.push(Error::required(&at.child("csi"), why));
    }
}

/// How a volume may be accessed.
pub(super) fn check_modes(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("accessModes");
    let modes: Vec<&str> = spec.texts("accessModes").collect();
    for mode in &modes {
        checks::one_of(mode, &MODES, &path, errors);
    }
    let is_other = |mode: &&str| *mode != "ReadWriteOncePod" && MODES.contains(mode);
    if modes.contains(&"ReadWriteOncePod") && modes.iter().any(is_other) {
        let why = "may not use ReadWriteOncePod with other access modes";
        errors.push(Error::forbidden(&path, why));
    }
}

/// Whether a volume is one of files or of blocks.
pub(super) fn check_volume_mode(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.has("volumeMode") {
        checks::one_of(spec.text("volumeMode"), &["Block", "Filesystem"], &at.child("volumeMode"), errors);
    }
}

fn check_capacity(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let capacity = spec.at("capacity");
    let resources = capacity.as_object().map_or(0, serde_json::Map::len);
    if resources == 0 {
        errors.push(Error::required(at, ""));
    }
    if resources > 1 || !capacity.has("storage") {
        errors.push(Error::not_supported(at, capacity, &["storage"]));
    }
    for (name, quantity) in spec.entries("capacity") {
        checks::positive_quantity(quantity, &at.key(name), errors);
    }
}

fn check_affinity(affinity: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("required");
    if affinity.has("required") {
        pod_spec::validate_node_selector(affinity.at("required"), &path, errors);
    } else {
        errors.push(Error::required(&path, "must specify required node constraints"));
    }
}

fn check_source(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let mut found = 0;
    for (source, _) in SOURCES.iter().filter(|(source, _)| spec.has(source)) {
        found += 1;
        if found > 1 {
            let why = "may not specify more than 1 volume type";
            errors.push(Error::forbidden(&at.child(source), why));
            continue;
        }
        pod_spec::validate_volume_source(source, spec.at(source), &at.child(source), errors);
        if *source == "local" && !spec.has("nodeAffinity") {
            let why = "Local volume requires node affinity";
            errors.push(Error::required(&at.child("nodeAffinity"), why));
        }
    }
    if found == 0 {
        errors.push(Error::required(at, "must specify a volume type"));
    }
}
