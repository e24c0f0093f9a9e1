//! Checks references to the pod's own fields and resources.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::Value;

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
    let subscript = subscript.filter(|(map, _)| !map.is_empty());
    let unknown = if version != "v1" {
        Some(format!("unsupported pod version: {version}"))
    } else if subscript.is_some_and(|(map, _)| !matches!(map, "metadata.annotations" | "metadata.labels")) {
        Some(format!("field label does not support subscript: {field}"))
    } else if subscript.is_none() && !KNOWN.contains(&field) {
        Some(format!("field label not supported: {field}"))
    } else {
        None
    };
    if let Some(why) = unknown {
        errors.push(Error::invalid(&path, field, format!("error converting fieldPath: {why}")));
        return;
    }
    match subscript {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            checks::each(labels::qualified_name(&key), key.as_str(), at, errors);
        }
        Some((_, key)) => checks::each(labels::qualified_name(key), key, at, errors),
        None => {
            let field = if field == "spec.host" { "spec.nodeName" } else { field };
            checks::one_of(field, allowed, &path, errors);
        }
    }
}

/// Checks a `resourceFieldRef`; one in a file must say of which container.
pub(super) fn resource(reference: &Value, in_file: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let resource = reference.text("resource");
    if in_file && reference.text("containerName").is_empty() {
        errors.push(Error::required(&at.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(Error::required(&at.child("resource"), ""));
    } else if !is_of_huge_pages(resource) {
        checks::one_of(resource, RESOURCES, &at.child("resource"), errors);
    }
    divisor(reference, resource, &at.child("divisor"), errors);
}

fn is_of_huge_pages(resource: &str) -> bool {
    resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-")
}

fn divisor(reference: &Value, resource: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let divisor = reference.text("divisor");
    let (kind, supported) = match resource {
        "limits.cpu" | "requests.cpu" => ("cpu", CPU_DIVISORS),
        "limits.memory" | "requests.memory" => ("memory", BYTE_DIVISORS),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => {
            ("local ephemeral storage", BYTE_DIVISORS)
        }
        resource if is_of_huge_pages(resource) => ("hugepages", BYTE_DIVISORS),
        _ => return,
    };
    if !matches!(divisor, "" | "0") && !supported.contains(&divisor) {
        let values = if kind == "cpu" { "1m and 1".to_owned() } else { BYTE_DIVISORS.join(", ") };
        let why = format!("only divisor's values {values} are supported with the {kind} resource");
        errors.push(Error::invalid(at, resource, why));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_field_is_one_that_there_is() {
        let cases = [
            ("metadata.name", ""),
            ("metadata.labels['a']", ""),
            (
                "metadata.labels['']",
                "r: Invalid value: \"\": name part must be non-empty; r: Invalid value: \"\": name part must consist of \
                 alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
                 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                 '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ),
            (
                "spec['a']",
                "r.fieldPath: Invalid value: \"spec['a']\": error converting fieldPath: field label does not support \
                 subscript: spec['a']",
            ),
            (
                "spec.x",
                "r.fieldPath: Invalid value: \"spec.x\": error converting fieldPath: field label not supported: spec.x",
            ),
        ];
        for (path, why) in cases {
            let mut errors = ErrorList::new();
            field(&json!({"apiVersion": "v1", "fieldPath": path}), FOR_ENV, &Path::new("r"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
