//! Checks the volumes that are storage systems of their own.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use super::items::check_relative;
use crate::strategy::checks;
use crate::tree::Read;

const QUOBYTE_REGISTRY: &str = "must be a host:port pair or multiple pairs separated by commas";
const QUOBYTE_TENANT: &str = "must be a UUID and may not exceed a length of 64 characters";
const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
const MANAGED: &str =
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";

/// Checks what pods and persistent volumes say alike.
pub(super) fn check(field: &str, source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match field {
        "gcePersistentDisk" | "awsElasticBlockStore" => {
            let partition = source.int("partition").unwrap_or_default();
            if !(0..=255).contains(&partition) {
                let messages = formats::in_range(partition, 1, 255);
                checks::each(messages, partition, &at.child("partition"), errors);
            }
        }
        "nfs" if !source.text("path").starts_with('/') => {
            errors.push(Error::invalid(&at.child("path"), source.text("path"), "must be an absolute path"));
        }
        "gitRepo" => check_relative(source.text("directory"), &at.child("directory"), errors),
        "iscsi" => check_lun(source, at, errors),
        "rbd" | "cephfs" => {
            if source.items("monitors").is_empty() {
                errors.push(Error::required(&at.child("monitors"), ""));
            }
            if field == "rbd" {
                checks::required(source, "image", at, errors);
            }
        }
        "fc" => check_fibre(source, at, errors),
        "flocker" => check_flocker(source, at, errors),
        "quobyte" => check_quobyte(source, at, errors),
        "flexVolume" => check_options(source, &at.child("options"), errors),
        "azureDisk" => check_azure_disk(source, at, errors),
        _ => {}
    }
}

/// Checks which of a target's disks is meant.
pub(in crate::strategy) fn check_lun(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let lun = source.int("lun").unwrap_or_default();
    checks::each(formats::in_range(lun, 0, 255), lun, &at.child("lun"), errors);
}

/// Checks an iSCSI disk of a pod.
pub(super) fn check_iscsi(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let named = source.text("iqn");
    if !named.is_empty() {
        check_initiator(named, &at.child("iqn"), errors);
    }
    check_lun(source, at, errors);
    if (source.flag("chapAuthDiscovery") || source.flag("chapAuthSession")) && !source.has("secretRef") {
        errors.push(Error::required(&at.child("secretRef"), ""));
    }
    if source.has("initiatorName") {
        check_initiator(source.text("initiatorName"), &at.child("initiatorname"), errors);
    }
}

/// The kubelet makes a name of the volume's and the portal's.
pub(super) fn check_initiator_length(volume: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (source, name) = (volume.at("iscsi"), volume.text("name"));
    if source.has("initiatorName") && name.len() + 1 + source.text("targetPortal").len() > 64 {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                   iscsi.initiatorName is specified.";
        errors.push(Error::invalid(&at.child("name"), name, why));
    }
}

fn check_initiator(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    errors.extend(initiator_fault(name).map(|why| Error::invalid(at, name, why)));
}

/// Why a text is no name of an iSCSI node.
pub(in crate::strategy) fn initiator_fault(name: &str) -> Option<&'static str> {
    let serial = |rest: &str, bytes: usize| {
        rest.len() == bytes + 1 && rest[1..].bytes().all(|c| c.is_ascii_alphanumeric())
    };
    match name.get(..3).map(|kind| (kind, &name[3..])) {
        Some(("iqn", rest)) if is_qualified(rest) => None,
        Some(("eui", rest)) if rest.is_char_boundary(1) && serial(rest, 16) => None,
        Some(("naa", rest)) if rest.is_char_boundary(1) && serial(rest, 32) => None,
        Some(("iqn" | "eui" | "naa", _)) => Some("must be valid format"),
        _ => Some("must be valid format starting with iqn, eui, or naa"),
    }
}

/// What follows `iqn`: a month, a domain in reverse, and a name, as in `.2015-02.example.com:disk`.
fn is_qualified(rest: &str) -> bool {
    let Some((authority, name)) = rest.split_once(':') else { return false };
    let month = authority.get(..9).unwrap_or_default();
    let is_month = month.bytes().zip(b".0000-00.").all(|(c, form)| match form {
        b'0' => c.is_ascii_digit(),
        form => c == *form,
    });
    let domain = authority.get(9..).unwrap_or_default();
    let in_domain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
    let in_name = |c: char| !",;*&$|".contains(c) && !c.is_ascii_whitespace();
    is_month
        && !domain.is_empty()
        && domain.bytes().all(in_domain)
        && !name.is_empty()
        && name.chars().all(in_name)
}

/// Checks a source of a pod that may name a secret of the pod's namespace.
pub(super) fn check_with_secret(field: &str, source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let secret = if field == "csi" { "nodePublishSecretRef" } else { "secretRef" };
    match field {
        "csi" if !source.text("driver").is_empty() => {
            checks::driver_name(source.text("driver"), &at.child("driver"), errors);
        }
        "storageos" => check_storage_os(source, at, errors),
        _ => {}
    }
    if !source.has(secret) {
        return;
    }
    let name = source.at(secret).text("name");
    if checks::required(source.at(secret), "name", &at.child(secret), errors) && field == "csi" {
        checks::each(names::dns1123_subdomain(name), name, &at.child("name"), errors);
    }
}

/// Checks the names of a volume of StorageOS.
pub(in crate::strategy) fn check_storage_os(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::required(source, "volumeName", at, errors);
    for field in ["volumeName", "volumeNamespace"] {
        let name = source.text(field);
        if !name.is_empty() {
            checks::each(names::dns1123_label(name), name, &at.child(field), errors);
        }
    }
}

fn check_fibre(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (targets, wide) = (!source.items("targetWWNs").is_empty(), !source.items("wwids").is_empty());
    let path = at.child("targetWWNs");
    if !targets && !wide {
        errors.push(Error::required(&path, "must specify either targetWWNs or wwids, but not both"));
    }
    if targets && wide {
        let why = "targetWWNs and wwids can not be specified simultaneously";
        errors.push(Error::invalid(&path, source.at("targetWWNs"), why));
    }
    match source.int("lun") {
        _ if !targets => {}
        None => errors.push(Error::required(&at.child("lun"), "lun is required if targetWWNs is specified")),
        Some(lun) => checks::each(formats::in_range(lun, 0, 255), lun, &at.child("lun"), errors),
    }
}

fn check_flocker(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, uuid) = (source.text("datasetName"), source.text("datasetUUID"));
    match (name.is_empty(), uuid.is_empty()) {
        (true, true) => errors.push(Error::required(at, "one of datasetName and datasetUUID is required")),
        (false, false) => {
            let why = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(Error::invalid(at, "resource", why));
        }
        _ => {}
    }
    if name.contains('/') {
        errors.push(Error::invalid(&at.child("datasetName"), name, "must not contain '/'"));
    }
}

fn check_quobyte(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (registry, path) = (source.text("registry"), at.child("registry"));
    if registry.is_empty() {
        errors.push(Error::required(&path, QUOBYTE_REGISTRY));
    } else if source.text("tenant").len() > 64 {
        errors.push(Error::required(&at.child("tenant"), QUOBYTE_TENANT));
    } else {
        let bad = registry.split(',').filter(|pair| !is_host_and_port(pair));
        errors.extend(bad.map(|_| Error::invalid(&path, registry, QUOBYTE_REGISTRY)));
    }
    checks::required(source, "volume", at, errors);
}

/// As Go's `SplitHostPort` sees it: an address with colons stands in brackets.
fn is_host_and_port(pair: &str) -> bool {
    let Some((host, port)) = pair.rsplit_once(':') else { return false };
    let inside = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'));
    let has_bare_colons = !host.starts_with('[') && host.contains(':');
    !has_bare_colons && [inside.unwrap_or("["), port].iter().all(|part| !part.contains(['[', ']']))
}

/// The options of a driver are its own.
fn check_options(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (key, _) in source.entries("options") {
        let namespace = key.split_once('/').map_or(key, |(namespace, _)| namespace);
        let namespace = format!(".{}", namespace.to_lowercase());
        if namespace.ends_with(".kubernetes.io") || namespace.ends_with(".k8s.io") {
            let why = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(Error::invalid(&at.key(key), key, why));
        }
    }
}

fn check_azure_disk(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (field, values) in
        [("cachingMode", ["None", "ReadOnly", "ReadWrite"]), ("kind", ["Dedicated", "Managed", "Shared"])]
    {
        if source.has(field) {
            checks::one_of(source.text(field), &values, &at.child(field), errors);
        }
    }
    let (kind, disk, path) = (source.text("kind"), source.text("diskURI"), at.child("diskURI"));
    if kind == "Managed" && !disk.starts_with("/subscriptions/") {
        errors.push(Error::not_supported(&path, disk, &[MANAGED]));
    } else if kind != "Managed" && source.has("kind") && !disk.starts_with("https://") {
        errors.push(Error::not_supported(&path, disk, &[BLOB]));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn errors(judge: impl FnOnce(&Path<'_>, &mut ErrorList)) -> String {
        let mut errors = ErrorList::new();
        judge(&Path::new("s"), &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn storage_is_checked_as_upstream_checks_it() {
        let cases = [
            (
                "nfs",
                json!({"server": "s"}),
                "s.path: Invalid value: \"\": must be an absolute path".to_owned(),
            ),
            (
                "flocker",
                json!({"datasetName": "a/b"}),
                "s.datasetName: Invalid value: \"a/b\": must not contain '/'".to_owned(),
            ),
            (
                "quobyte",
                json!({"registry": "a:1,b", "volume": "v"}),
                format!("s.registry: Invalid value: \"a:1,b\": {QUOBYTE_REGISTRY}"),
            ),
            (
                "flexVolume",
                json!({"options": {"a.K8s.io/x": "", "b": ""}}),
                "s.options[a.K8s.io/x]: Invalid value: \"a.K8s.io/x\": kubernetes.io and k8s.io namespaces are \
                 reserved"
                    .to_owned(),
            ),
            (
                "azureDisk",
                json!({"kind": "Managed", "diskURI": "x"}),
                format!("s.diskURI: Unsupported value: \"x\": supported values: \"{MANAGED}\""),
            ),
        ];
        for (field, source, why) in cases {
            assert_eq!(errors(|at, errors| check(field, &source, at, errors)), why, "{field}");
        }
    }

    #[test]
    fn an_initiator_has_one_of_three_forms() {
        let (eui, naa) = (format!("eui.{}", "0".repeat(16)), format!("naa.{}", "0".repeat(32)));
        let bad = "s: Invalid value: \"iqn.x\": must be valid format";
        let other = "s: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa";
        let cases = [("iqn.2015-02.example.com:a", ""), (&eui, ""), (&naa, ""), ("iqn.x", bad), ("x", other)];
        for (name, why) in cases {
            assert_eq!(errors(|at, errors| check_initiator(name, at, errors)), why, "{name}");
        }
    }

    #[test]
    fn an_inline_driver_has_a_name_and_its_secret_too() {
        let csi = json!({"driver": "a_b", "nodePublishSecretRef": {}});
        let why = errors(|at, errors| check_with_secret("csi", &csi, at, errors));
        assert!(why.starts_with("s.driver: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain"), "{why}");
        assert!(why.ends_with("s.nodePublishSecretRef.name: Required value"), "{why}");
    }
}
