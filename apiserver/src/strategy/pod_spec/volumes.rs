//! Checks volumes and their sources.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::{formats, names};

use super::items::{check_downward, check_keys, check_mode, check_relative, check_steps};
use crate::strategy::{checks, volume_claim};
use crate::tree::Read;

/// The sources, in the order in which they are looked at, with the texts that each must give.
const SOURCES: &[(&str, &[&str])] = &[
    ("emptyDir", &[]),
    ("hostPath", &["path"]),
    ("gitRepo", &["repository"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("secret", &["secretName"]),
    ("nfs", &["server", "path"]),
    ("iscsi", &["targetPortal", "iqn"]),
    ("glusterfs", &["endpoints", "path"]),
    ("flocker", &[]),
    ("persistentVolumeClaim", &["claimName"]),
    ("rbd", &[]),
    ("cinder", &["volumeID"]),
    ("cephfs", &[]),
    ("quobyte", &["registry", "volume"]),
    ("downwardAPI", &[]),
    ("fc", &[]),
    ("flexVolume", &["driver"]),
    ("configMap", &["name"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("storageos", &[]),
    ("projected", &[]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("csi", &["driver"]),
    ("ephemeral", &[]),
    ("image", &["reference"]),
];

const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Checks the volumes of a pod.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let volumes = spec.items("volumes");
    for (index, volume) in volumes.iter().enumerate() {
        let (path, name) = (at.index(index), volume.text("name"));
        check_sources(volume, &path, errors);
        if checks::required(volume, "name", &path, errors) {
            checks::each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        if volumes[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
    }
}

fn check_sources(volume: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let mut found = false;
    for (field, required) in SOURCES {
        let source = volume.at(field);
        if source.is_null() {
            continue;
        }
        let path = at.child(field);
        if found {
            errors.push(Error::forbidden(&path, "may not specify more than 1 volume type"));
            continue;
        }
        found = true;
        for text in *required {
            checks::required(source, text, &path, errors);
        }
        check_source(field, source, &path, errors);
    }
    if !found {
        errors.push(Error::required(at, "must specify a volume type"));
    }
}

/// What is wrong with the source of a volume; `field` says what it is.
pub(in crate::strategy) fn validate_source(
    field: &str,
    source: &Value,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let required =
        SOURCES.iter().find(|(source, _)| *source == field).map_or(&[][..], |(_, required)| *required);
    for text in required {
        checks::required(source, text, at, errors);
    }
    check_source(field, source, at, errors);
}

fn check_source(field: &str, source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match field {
        "hostPath" => {
            check_steps(source.text("path"), &at.child("path"), errors);
            checks::one_of(source.text("type"), HOST_PATH_TYPES, &at.child("type"), errors);
        }
        "secret" | "configMap" => {
            check_mode(source, "defaultMode", at, errors);
            check_keys(source, at, errors);
        }
        "downwardAPI" => {
            check_mode(source, "defaultMode", at, errors);
            check_downward(source, at, errors);
        }
        "projected" => check_projected(source, at, errors),
        "ephemeral" => check_ephemeral(source, at, errors),
        "image" => {
            let policies = ["Always", "IfNotPresent", "Never"];
            checks::one_of(source.text("pullPolicy"), &policies, &at.child("pullPolicy"), errors);
        }
        _ => check_storage(field, source, at, errors),
    }
}

fn check_storage(field: &str, source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match field {
        "nfs" if !source.text("path").is_empty() && !source.text("path").starts_with('/') => {
            let path = at.child("path");
            errors.push(Error::invalid(&path, source.text("path"), "must be an absolute path"));
        }
        "gitRepo" => check_relative(source.text("directory"), &at.child("directory"), errors),
        "iscsi" => {
            let lun = source.int("lun").unwrap_or_default();
            checks::each(formats::in_range(lun, 0, 255), lun, &at.child("lun"), errors);
        }
        "rbd" | "cephfs" => {
            if source.items("monitors").is_empty() {
                errors.push(Error::required(&at.child("monitors"), ""));
            }
            if field == "rbd" {
                checks::required(source, "image", at, errors);
            }
        }
        "fc" => check_fibre(source, at, errors),
        _ => {}
    }
}

fn check_fibre(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (targets, wide) = (!source.items("targetWWNs").is_empty(), !source.items("wwids").is_empty());
    let path = at.child("targetWWNs");
    match (targets, wide) {
        (false, false) => {
            errors.push(Error::required(&path, "must specify either targetWWNs or wwids, but not both"));
        }
        (true, true) => {
            let why = "targetWWNs and wwids can not be specified simultaneously";
            errors.push(Error::invalid(&path, source.at("targetWWNs"), why));
        }
        (true, false) => match source.int("lun") {
            None => {
                errors.push(Error::required(&at.child("lun"), "lun is required if targetWWNs is specified"))
            }
            Some(lun) => checks::each(formats::in_range(lun, 0, 255), lun, &at.child("lun"), errors),
        },
        (false, true) => {}
    }
}

fn check_projected(projected: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_mode(projected, "defaultMode", at, errors);
    let list = at.child("sources");
    for (index, source) in projected.items("sources").iter().enumerate() {
        let item = list.index(index);
        let kinds = ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle"];
        for (place, kind) in kinds.into_iter().filter(|kind| source.has(kind)).enumerate() {
            let (path, one) = (item.child(kind), source.at(kind));
            if place > 0 {
                errors.push(Error::forbidden(&path, "may not specify more than 1 volume type per source"));
                continue;
            }
            match kind {
                "secret" | "configMap" => {
                    checks::required(one, "name", &path, errors);
                    check_keys(one, &path, errors);
                }
                "downwardAPI" => check_downward(one, &path, errors),
                "serviceAccountToken" => check_token(one, at, &path, errors),
                _ => {
                    checks::required(one, "path", &path, errors);
                }
            }
        }
    }
}

fn check_token(token: &Value, projected: &Path<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let seconds = token.int("expirationSeconds").unwrap_or_default();
    let why = if seconds < 600 {
        Some("may not specify a duration less than 10 minutes")
    } else if seconds > 1 << 32 {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    errors.extend(why.map(|why| Error::invalid(&at.child("expirationSeconds"), seconds, why)));
    checks::required(token, "path", projected, errors);
}

fn check_ephemeral(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let template = at.child("volumeClaimTemplate");
    if !source.has("volumeClaimTemplate") {
        errors.push(Error::required(&template, ""));
        return;
    }
    let (claim, spec) = (source.at("volumeClaimTemplate"), template.child("spec"));
    let metadata = template.child("metadata");
    for (field, value) in claim.entries("metadata") {
        if !matches!(field, "labels" | "annotations") && !value.is_null() {
            errors.push(Error::forbidden(&metadata.child(field), "cannot be set"));
        }
    }
    checks::labels(claim.at("metadata").at("labels"), &metadata.child("labels"), errors);
    volume_claim::validate_spec(claim.at("spec"), &spec, errors);
}
