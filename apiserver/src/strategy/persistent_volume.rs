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
        let difference = internal::volume_source_difference(was, spec);
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
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        pod_spec::volume_source_warnings(object.at("spec"), &Path::new("spec"))
    }

    fn counts_generation(&self) -> bool {
        false
    }
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
    for field in ["storageClassName", "volumeAttributesClassName"] {
        let class = spec.text(field);
        if !class.is_empty() {
            checks::each(names::dns1123_subdomain(class), class, &at.child(field), errors);
        }
    }
    check_volume_mode(spec, at, errors);
}

/// How a volume may be accessed.
pub(super) fn check_modes(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("accessModes");
    let modes: Vec<&str> = spec.texts("accessModes").collect();
    for mode in &modes {
        checks::one_of(mode, &MODES, &path, errors);
    }
    if modes.contains(&"ReadWriteOncePod") && modes.iter().any(|mode| *mode != "ReadWriteOncePod") {
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
