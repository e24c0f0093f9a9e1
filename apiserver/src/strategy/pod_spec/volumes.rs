//! Checks volumes and their sources.

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::tree::Value;
use steersman_core::{Quantity, names};

use super::items::{check_downward, check_keys, check_mode, check_steps};
use super::validate::Holder;
use super::{projected, storage};
use crate::strategy::{checks, template_metadata, volume_claim};
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
    ("quobyte", &[]),
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
    ("image", &[]),
];

/// The sources that upstream spells in another way: where they are one too many, and where something in them is wrong.
const SPELLED: &[(&str, &str, &str)] = &[
    ("gcePersistentDisk", "gcePersistentDisk", "persistentDisk"),
    ("cephfs", "cephFS", "cephfs"),
    ("downwardAPI", "downwarAPI", "downwardAPI"),
];

const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Checks the volumes of a pod. Returns those without a fault: containers have no others.
pub(super) fn validate<'a>(
    spec: &'a Value,
    holder: Holder<'_>,
    at: &Path<'_>,
    errors: &mut ErrorList,
) -> Vec<&'a Value> {
    let volumes = spec.items("volumes");
    let claims = claims_to_be(volumes, holder);
    let mut good: Vec<&Value> = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let (path, name, before) = (at.index(index), volume.text("name"), errors.len());
        check_sources(volume, holder, &path, errors);
        if checks::required(volume, "name", &path, errors) {
            checks::each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        if good.iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
        if errors.len() == before {
            good.push(volume);
        }
        let claim = volume.at("persistentVolumeClaim").text("claimName");
        if claims.iter().any(|made| made == claim) {
            let why = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(Error::invalid(&path.child("persistentVolumeClaim").child("claimName"), claim, why));
        }
    }
    good
}

/// The claims that will be made for the ephemeral volumes of a pod that has a name.
fn claims_to_be(volumes: &[Value], holder: Holder<'_>) -> Vec<String> {
    let pod = holder.metadata().text("name");
    let ephemeral = volumes.iter().filter(|volume| !pod.is_empty() && volume.has("ephemeral"));
    ephemeral.map(|volume| format!("{pod}-{}", volume.text("name"))).collect()
}

fn check_sources(volume: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let mut found = false;
    for (field, required) in SOURCES {
        let source = volume.at(field);
        if source.is_null() {
            continue;
        }
        let spelled = SPELLED.iter().find(|(name, _, _)| name == field);
        let (_, surplus, own) = spelled.copied().unwrap_or((field, field, field));
        if found {
            let why = "may not specify more than 1 volume type";
            errors.push(Error::forbidden(&at.child(surplus), why));
        } else {
            found = true;
            let path = at.child(own);
            for text in *required {
                checks::required(source, text, &path, errors);
            }
            check_of_pod(field, volume, holder, &path, errors);
        }
        if *field == "iscsi" {
            storage::check_initiator_length(volume, at, errors);
        }
    }
    if !found {
        errors.push(Error::required(at, "must specify a volume type"));
    }
    check_claim_name(volume, holder, at, errors);
}

/// The source of a pod's volume.
fn check_of_pod(field: &str, volume: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let source = volume.at(field);
    match field {
        "iscsi" => storage::check_iscsi(source, at, errors),
        "cinder" | "storageos" | "csi" => storage::check_with_secret(field, source, at, errors),
        "image" if holder.is_pod() => {
            checks::required(source, "reference", at, errors);
            check_source(field, source, at, errors);
        }
        _ => check_source(field, source, at, errors),
    }
}

/// The claim for an ephemeral volume is named for the pod and the volume.
fn check_claim_name(volume: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let (pod, name) = (holder.metadata().text("name"), volume.text("name"));
    if !volume.has("ephemeral") || pod.is_empty() || name.is_empty() {
        return;
    }
    let claim = format!("{pod}-{name}");
    for message in names::dns1123_subdomain(&claim) {
        let why = format!("PVC name {}: {message}", quote(&claim));
        errors.push(Error::invalid(&at.child("name"), name, why));
    }
}

/// What is wrong with the source of a persistent volume; `field` says what it is.
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
        "emptyDir" => check_size(source.text("sizeLimit"), &at.child("sizeLimit"), errors),
        "hostPath" if !source.text("path").is_empty() => {
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
        "projected" => projected::check(source, at, errors),
        "ephemeral" => check_ephemeral(source, at, errors),
        "image" => {
            let policies = ["Always", "IfNotPresent", "Never"];
            checks::one_of(source.text("pullPolicy"), &policies, &at.child("pullPolicy"), errors);
        }
        _ => storage::check(field, source, at, errors),
    }
}

fn check_size(limit: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if limit.parse().is_ok_and(|limit: Quantity| limit.is_negative()) {
        errors.push(Error::forbidden(at, "SizeLimit field must be a valid resource quantity"));
    }
}

fn check_ephemeral(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let template = at.child("volumeClaimTemplate");
    if !source.has("volumeClaimTemplate") {
        errors.push(Error::required(&template, ""));
        return;
    }
    let claim = source.at("volumeClaimTemplate");
    template_metadata::validate(claim.at("metadata"), &template.child("metadata"), errors);
    volume_claim::validate_spec(claim.at("spec"), &template.child("spec"), errors);
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn volumes_are_checked_as_upstream_checks_them() {
        let metadata = json!({"name": "x"});
        let check = |volumes: Value| {
            let mut errors = ErrorList::new();
            let spec = json!({"volumes": volumes});
            let good = validate(&spec, Holder::Pod(&metadata), &Path::new("v"), &mut errors).len();
            (good, errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        let cases = [
            (json!([{"name": "a", "emptyDir": {}}]), 1, ""),
            (
                json!([{"name": "a", "emptyDir": {"sizeLimit": "-1"}}]),
                0,
                "v[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
            ),
            (
                json!([{"name": "a", "emptyDir": {}, "cephfs": {}, "gcePersistentDisk": {}}]),
                0,
                "v[0].gcePersistentDisk: Forbidden: may not specify more than 1 volume type; \
                 v[0].cephFS: Forbidden: may not specify more than 1 volume type",
            ),
            (
                json!([{"name": "a", "gcePersistentDisk": {"pdName": "p", "partition": 300}}]),
                0,
                "v[0].persistentDisk.partition: Invalid value: 300: must be between 1 and 255, inclusive",
            ),
            (
                json!([{"name": "a", "image": {"pullPolicy": "Never"}}]),
                0,
                "v[0].image.reference: Required value",
            ),
            (
                json!([{"name": "a", "ephemeral": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": "x-a"}}]),
                1,
                "v[0].ephemeral.volumeClaimTemplate: Required value; v[1].persistentVolumeClaim.claimName: Invalid \
                 value: \"x-a\": must not reference a PVC that gets created for an ephemeral volume",
            ),
        ];
        for (volumes, good, why) in cases {
            assert_eq!(check(volumes), (good, why.to_owned()));
        }
    }
}
