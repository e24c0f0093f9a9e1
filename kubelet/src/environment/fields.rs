//! The values of `fieldRef`: what a pod may learn of itself.

use super::Sources;

/// The value of a field of the pod, by the path that `fieldRef` may name.
pub(super) fn value(path: &str, sources: &Sources<'_>) -> Result<String, String> {
    let (metadata, spec) = (&sources.pod.metadata, sources.pod.spec.as_ref());
    let text = |field: Option<&String>| Ok(field.cloned().unwrap_or_default());
    if let Some(key) = subscript(path, "metadata.labels") {
        return text(metadata.labels.as_ref().and_then(|labels| labels.get(key)));
    }
    if let Some(key) = subscript(path, "metadata.annotations") {
        return text(metadata.annotations.as_ref().and_then(|annotations| annotations.get(key)));
    }
    let join =
        |ips: &[std::net::IpAddr]| Ok(ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let first = |ips: &[std::net::IpAddr]| Ok(ips.first().map(ToString::to_string).unwrap_or_default());
    match path {
        "metadata.name" => text(metadata.name.as_ref()),
        "metadata.namespace" => text(metadata.namespace.as_ref()),
        "metadata.uid" => text(metadata.uid.as_ref()),
        "spec.nodeName" => text(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => text(spec.and_then(|spec| spec.service_account_name.as_ref())),
        "status.hostIP" => first(sources.host_ips),
        "status.hostIPs" => join(sources.host_ips),
        "status.podIP" => first(sources.pod_ips),
        "status.podIPs" => join(sources.pod_ips),
        _ => Err(format!("unsupported fieldPath: {path}")),
    }
}

/// The key in `metadata.labels['key']`.
fn subscript<'a>(path: &'a str, field: &str) -> Option<&'a str> {
    path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")
}
