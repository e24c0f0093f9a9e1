//! PersistentVolumes: their defaults, the phase that they start in, and what may not change.

mod source;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Map, Value, json};

use crate::moment::seconds;
use crate::strategy::checks::{self, IMMUTABLE};
use crate::strategy::{Strategy, WriteContext, internal, pod_spec};
use crate::tree::{Fill, Read, fields};

/// The annotation by which mount options were given before there was a field.
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// The kinds of volumes there are, in upstream's order, and whether they take mount options as an annotation.
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
    ("fc", false),
    ("flexVolume", false),
    ("azureFile", true),
    ("vsphereVolume", true),
    ("photonPersistentDisk", true),
    ("portworxVolume", false),
    ("azureDisk", true),
    ("scaleIO", false),
    ("local", false),
    ("storageos", false),
    ("csi", false),
];

/// The kinds that no longer do anything and are told of; of the others of them upstream says nothing here.
const GONE: [&str; 6] = ["cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"];

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
        validate_spec(object.at("spec"), Use::volume(object), &Path::new("spec"), &mut errors);
        let (metadata, spec) = (Path::new("metadata"), object.at("spec"));
        let takes_options = SOURCES.iter().any(|(source, options)| *options && spec.has(source));
        if object.at("metadata").at("annotations").has(MOUNT_OPTIONS) && !takes_options {
            let annotations = metadata.child("annotations");
            let why = "may not specify mount options for this volume type";
            errors.push(Error::forbidden(&annotations.child(MOUNT_OPTIONS), why));
        }
        errors
    }

    /// Upstream looks at the spec once as that of a new volume, and once more as a changed one.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (spec, was) = (object.at("spec"), old.at("spec"));
        validate_spec(spec, Use::volume(object), &Path::new("spec"), &mut errors);
        let difference = internal::volume_source_difference(was, &with_secret(spec, was));
        if !difference.is_empty() {
            let at = Path::new("spec");
            let why = format!("spec.persistentvolumesource is immutable after creation\n{difference}");
            errors.push(Error::forbidden(&at.child("persistentvolumesource"), why));
        }
        checks::unchanged(spec, was, "volumeMode", &Path::ROOT, &mut errors);
        let (affinity, before) = (spec.at("nodeAffinity"), was.at("nodeAffinity"));
        if !before.is_null() && *affinity != with_labels_of(affinity, before) {
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
        let at = Path::new("spec");
        let affinity = at.child("nodeAffinity");
        let required = affinity.child("required");
        let terms = required.child("nodeSelectorTerms");
        let required = spec.at("nodeAffinity").at("required");
        for (index, term) in required.items("nodeSelectorTerms").iter().enumerate() {
            pod_spec::node_term_warnings(term, false, &terms.index(index), &mut warnings);
        }
        warnings.extend(pod_spec::volume_source_warnings(spec, &GONE, &at));
        warnings
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// Labels of nodes that got other names, and these.
const RENAMED: [(&str, &str); 5] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
];

/// The affinity that was, with the new names of labels where the present one has them.
fn with_labels_of(now: &Value, was: &Value) -> Value {
    let mut was = was.clone();
    let terms =
        fields(&mut was).object_mut("required").map(|required| required.objects_mut("nodeSelectorTerms"));
    for (term, now) in terms.into_iter().flatten().zip(now.at("required").items("nodeSelectorTerms")) {
        let asked = term.objects_mut("matchExpressions").zip(now.items("matchExpressions"));
        for (was, now) in asked {
            let key = now.text("key");
            if RENAMED.iter().any(|(old, new)| *new == key && was.get("key").is_some_and(|key| *key == *old))
            {
                was.put("key", key);
            }
        }
    }
    was
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
pub(super) enum Use<'a> {
    /// A volume of its own with this name.
    Volume(&'a str),
    /// An attachment without one.
    Attachment,
}

impl<'a> Use<'a> {
    fn volume(object: &'a Value) -> Self {
        Use::Volume(object.at("metadata").text("name"))
    }
}

/// What is wrong with the spec of a volume.
pub(super) fn validate_spec(spec: &Value, for_what: Use<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let is_inline = for_what == Use::Attachment;
    if is_inline {
        check_inline(spec, at, errors);
    }
    if spec.items("accessModes").is_empty() {
        errors.push(Error::required(&at.child("accessModes"), ""));
    }
    check_modes(spec, at, errors);
    if !is_inline {
        check_capacity(spec, &at.child("capacity"), errors);
    }
    check_reclaim(spec, is_inline, at, errors);
    if spec.has("nodeAffinity") && is_inline {
        errors.push(Error::forbidden(&at.child("nodeAffinity"), NOT_INLINE));
    } else if spec.has("nodeAffinity") {
        check_affinity(spec.at("nodeAffinity"), &at.child("nodeAffinity"), errors);
    }
    check_source(spec, for_what, at, errors);
    let (host, path) = (spec.at("hostPath").text("path"), at.child("persistentVolumeReclaimPolicy"));
    let recycles = spec.text("persistentVolumeReclaimPolicy") == "Recycle";
    if recycles && is_root(host) {
        errors.push(Error::forbidden(&path, "may not be 'recycle' for a hostPath mount of '/'"));
    }
    let (class, path) = (spec.text("storageClassName"), at.child("storageClassName"));
    if !class.is_empty() && is_inline {
        errors.push(Error::forbidden(&path, NOT_INLINE));
    } else if !class.is_empty() {
        checks::each(names::dns1123_subdomain(class), class, &path, errors);
    }
    if is_inline && spec.has("volumeMode") && spec.text("volumeMode") != "Filesystem" {
        let why = "may not specify volumeMode other than Filesystem in the context of inline volumes";
        errors.push(Error::forbidden(&at.child("volumeMode"), why));
    } else if !is_inline {
        check_volume_mode(spec, at, errors);
        check_attributes(spec, at, errors);
    }
}

/// Whether a path leads to the root, in the end.
fn is_root(path: &str) -> bool {
    let depth = path.split('/').fold(0_usize, |depth, step| match step {
        "" | "." => depth,
        ".." => depth.saturating_sub(1),
        _ => depth + 1,
    });
    path.starts_with('/') && depth == 0
}

const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

/// A volume that is part of an attachment is nobody's and of no size, and a driver's.
fn check_inline(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.has("claimRef") {
        errors.push(Error::forbidden(&at.child("claimRef"), NOT_INLINE));
    }
    if spec.entries("capacity").next().is_some() {
        errors.push(Error::forbidden(&at.child("capacity"), NOT_INLINE));
    }
    if !spec.has("csi") {
        let why = "has to be specified in the context of inline volumes";
        errors.push(Error::required(&at.child("csi"), why));
    }
}

fn check_reclaim(spec: &Value, is_inline: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let (policy, path) =
        (spec.text("persistentVolumeReclaimPolicy"), at.child("persistentVolumeReclaimPolicy"));
    if is_inline && !matches!(policy, "" | "Retain") {
        let why = "may only be Retain in the context of inline volumes";
        errors.push(Error::forbidden(&path, why));
    } else if !is_inline && !policy.is_empty() {
        checks::one_of(policy, &["Delete", "Recycle", "Retain"], &path, errors);
    }
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
    let resources = capacity.as_object().map_or(0, Map::len);
    if resources == 0 {
        errors.push(Error::required(at, ""));
    }
    if resources > 1 || !capacity.has("storage") {
        errors.push(Error::not_supported(at, capacity, &["storage"]));
    }
    for (name, quantity) in spec.entries("capacity") {
        checks::basic_quantity(quantity, &at.key(name), errors);
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

fn check_source(spec: &Value, for_what: Use<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let mut is_found = false;
    let volume = if let Use::Volume(name) = for_what { name } else { "" };
    for (field, _) in SOURCES.iter().filter(|(field, _)| spec.has(field)) {
        // Upstream lets a flexible volume be a second one.
        if is_found && *field != "flexVolume" {
            let surplus = if *field == "cephfs" { "cephFS" } else { field };
            errors.push(Error::forbidden(&at.child(surplus), "may not specify more than 1 volume type"));
            continue;
        }
        is_found = true;
        source::check(field, spec.at(field), volume, at, errors);
        if *field == "local" && (for_what == Use::Attachment || !spec.has("nodeAffinity")) {
            let why = "Local volume requires node affinity";
            errors.push(Error::required(&at.child("nodeAffinity"), why));
        }
    }
    if !is_found {
        errors.push(Error::required(at, "must specify a volume type"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_node_is_not_emptied() {
        for (path, is_let_pass) in
            [("/", false), ("//", false), ("/./", false), ("/a/..", false), ("/a", true), ("/.a", true)]
        {
            let volume = json!({"metadata": {"name": "v"}, "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Recycle", "hostPath": {"path": path}}});
            assert_eq!(PersistentVolumes.validate(&volume).is_empty(), is_let_pass, "{path}");
        }
    }

    #[test]
    fn an_affinity_stays_but_for_the_new_names_of_labels() {
        let affinity = |key: &str, value: &str| {
            let term = json!({"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]});
            json!({"required": {"nodeSelectorTerms": [term]}})
        };
        let volume = |affinity: Value| {
            json!({"metadata": {"name": "v"}, "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "nodeAffinity": affinity, "csi": {"driver": "d", "volumeHandle": "h"}}})
        };
        let old = volume(affinity("beta.kubernetes.io/arch", "arm64"));
        let told = |now: Value| {
            let errors = PersistentVolumes.validate_update(&volume(now), &old);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(told(affinity("beta.kubernetes.io/arch", "arm64")), "");
        assert_eq!(told(affinity("kubernetes.io/arch", "arm64")), "");
        let fixed = "field is immutable, except for updating from beta label to GA";
        assert_eq!(told(Value::Null), format!("nodeAffinity: Invalid value: null: {fixed}"));
        assert!(told(affinity("kubernetes.io/arch", "amd64")).ends_with(fixed));
        assert!(told(affinity("kubernetes.io/os", "arm64")).ends_with(fixed));
    }
}
