//! Checks references to the pod's own fields and resources.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;

use crate::strategy::checks;
use crate::tree::Read;

/// The fields that a variable may have.
pub(super) const FOR_ENV: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The fields that a file may have.
pub(super) const FOR_FILES: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// The fields that a reference may name at all.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.host",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const CPU_DIVISORS: &[&str] = &["1m", "1"];

const BYTE_DIVISORS: &[&str] =
    &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// Checks a `fieldRef`.
pub(super) fn field(reference: &Value, allowed: &[&str], at: &Path<'_>, errors: &mut ErrorList) {
    let (version, field) = (reference.text("apiVersion"), reference.text("fieldPath"));
    if version.is_empty() {
        errors.push(Error::required(&at.child("apiVersion"), ""));
        return;
    }
    let path = at.child("fieldPath");
    if field.is_empty() {
        errors.push(Error::required(&path, ""));
        return;
    }
    let subscript = field.split_once("['").and_then(|(map, rest)| Some((map, rest.strip_suffix("']")?)));
    let base = subscript.map_or(field, |(map, _)| map);
    let unknown = if version != "v1" {
        Some(format!("unsupported pod version: {version}"))
    } else if !KNOWN.contains(&base) {
        Some(format!("field label not supported: {base}"))
    } else {
        None
    };
    if let Some(why) = unknown {
        errors.push(Error::invalid(&path, field, format!("error converting fieldPath: {why}")));
        return;
    }
    match subscript {
        Some(("metadata.annotations", key)) => {
            checks::each(labels::qualified_name(&key.to_lowercase()), field, &path, errors);
        }
        Some(("metadata.labels", key)) => checks::each(labels::qualified_name(key), field, &path, errors),
        Some((map, _)) => errors.push(Error::invalid(&path, map, "does not support subscript")),
        None => checks::one_of(field, allowed, &path, errors),
    }
}

/// Checks a `resourceFieldRef`; one in a file must say of which container.
pub(super) fn resource(reference: &Value, in_file: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let resource = reference.text("resource");
    if in_file && reference.text("containerName").is_empty() {
        errors.push(Error::required(&at.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(Error::required(&at.child("resource"), ""));
    } else if !resource.starts_with("limits.hugepages-") && !resource.starts_with("requests.hugepages-") {
        checks::one_of(resource, RESOURCES, &at.child("resource"), errors);
    }
    divisor(reference, resource, &at.child("divisor"), errors);
}

fn divisor(reference: &Value, resource: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let divisor = reference.text("divisor");
    let kind = resource.split_once('.').map_or("", |(_, kind)| kind);
    let (supported, values) = match kind {
        "cpu" => (CPU_DIVISORS, "1m and 1".to_owned()),
        "memory" | "ephemeral-storage" => (BYTE_DIVISORS, BYTE_DIVISORS.join(", ")),
        _ => return,
    };
    if !matches!(divisor, "" | "0") && !supported.contains(&divisor) {
        let why = format!("only divisor's values {values} are supported with the {kind} resource");
        errors.push(Error::invalid(at, resource, why));
    }
}
