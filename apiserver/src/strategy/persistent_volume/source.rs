//! Checks what a persistent volume says of its source in other words than a pod's volume does: it is of no namespace.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use crate::strategy::{checks, pod_spec};
use crate::tree::Read;

/// The secrets that a driver may be given for its calls, but for that for staging, which upstream does not look at.
const DRIVER_SECRETS: [&str; 4] = [
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
];

/// Checks the source in `field` of the spec at `at` of a volume with this name.
pub(super) fn check(field: &str, source: &Value, volume: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child(if field == "gcePersistentDisk" { "persistentDisk" } else { field });
    match field {
        "csi" => check_driver(source, &path, errors),
        "iscsi" => check_portal(source, volume, &path, errors),
        "local" => {
            if checks::required(source, "path", &path, errors) {
                pod_spec::check_steps(source.text("path"), &path.child("path"), errors);
            }
        }
        "storageos" => pod_spec::validate_storage_os(source, &path, errors),
        _ => pod_spec::validate_volume_source(field, source, &path, errors),
    }
    match field {
        "glusterfs" if source.has("endpointsNamespace") => check_namespace(source, &path, errors),
        "azureFile" if source.has("secretNamespace") => {
            checks::required(source, "secretNamespace", &path, errors);
        }
        "cinder" | "storageos" if source.has("secretRef") => {
            let (secret, path) = (source.at("secretRef"), path.child("secretRef"));
            checks::required(secret, "name", &path, errors);
            checks::required(secret, "namespace", &path, errors);
        }
        _ => {}
    }
}

fn check_namespace(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (namespace, path) = (source.text("endpointsNamespace"), at.child("endpointsNamespace"));
    if namespace.is_empty() {
        let why = "if the endpointnamespace is set, it must be a valid namespace name";
        errors.push(Error::invalid(&path, namespace, why));
    } else {
        checks::each(names::dns1123_label(namespace), namespace, &path, errors);
    }
}

/// A disk of an iSCSI portal.
fn check_portal(source: &Value, volume: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let portal = source.text("targetPortal");
    checks::required(source, "targetPortal", at, errors);
    if source.has("initiatorName") && volume.len() + 1 + portal.len() > 64 {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                   iscsi.initiatorName is specified.";
        errors.push(Error::invalid(&at.child("targetportal"), portal, why));
    }
    let check_name = |name: &str, field: &str, errors: &mut ErrorList| {
        if pod_spec::initiator_fault(name).is_some() {
            errors.push(Error::invalid(&at.child(field), name, "must be valid format"));
        }
    };
    if checks::required(source, "iqn", at, errors) {
        check_name(source.text("iqn"), "iqn", errors);
    }
    pod_spec::check_lun(source, at, errors);
    let secret = at.child("secretRef");
    if source.has("secretRef") {
        checks::required(source.at("secretRef"), "name", &secret, errors);
    } else if source.flag("chapAuthDiscovery") || source.flag("chapAuthSession") {
        errors.push(Error::required(&secret, ""));
    }
    if source.has("initiatorName") {
        check_name(source.text("initiatorName"), "initiatorname", errors);
    }
}

/// A volume of a CSI driver.
fn check_driver(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::driver_name(source.text("driver"), &at.child("driver"), errors);
    checks::required(source, "volumeHandle", at, errors);
    for field in DRIVER_SECRETS.into_iter().filter(|field| source.has(field)) {
        let (secret, path) = (source.at(field), at.child(field));
        for (part, rule) in [
            ("name", names::dns1123_subdomain as fn(&str) -> Vec<String>),
            ("namespace", names::dns1123_label),
        ] {
            if checks::required(secret, part, &path, errors) {
                checks::each(rule(secret.text(part)), secret.text(part), &path.child(part), errors);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_source_names_namespaces_and_secrets_in_full() {
        let cases = [
            ("csi", json!({"driver": "d", "volumeHandle": "h"}), ""),
            (
                "csi",
                json!({"nodeExpandSecretRef": {"name": "s"}}),
                "spec.csi.driver: Required value; spec.csi.volumeHandle: Required value; \
                 spec.csi.nodeExpandSecretRef.namespace: Required value",
            ),
            ("glusterfs", json!({"endpoints": "e", "path": "p", "endpointsNamespace": "n"}), ""),
            (
                "azureFile",
                json!({"secretName": "s", "shareName": "s", "secretNamespace": ""}),
                "spec.azureFile.secretNamespace: Required value",
            ),
            (
                "cinder",
                json!({"volumeID": "v", "secretRef": {"name": "s"}}),
                "spec.cinder.secretRef.namespace: Required value",
            ),
            (
                "iscsi",
                json!({"targetPortal": "p", "iqn": "x", "lun": 256, "chapAuthSession": true}),
                "spec.iscsi.iqn: Invalid value: \"x\": must be valid format; spec.iscsi.lun: Invalid value: 256: must be \
                 between 0 and 255, inclusive; spec.iscsi.secretRef: Required value",
            ),
            (
                "gcePersistentDisk",
                json!({"pdName": "d", "partition": 256}),
                "spec.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
            ),
            (
                "local",
                json!({"path": "a/../b"}),
                "spec.local.path: Invalid value: \"a/../b\": must not contain '..'",
            ),
        ];
        for (field, source, why) in cases {
            let mut errors = ErrorList::new();
            check(field, &source, "v", &Path::new("spec"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
