//! The fields that a write cannot own: those that the server keeps for itself, and those that the door it comes
//! through puts back; upstream's `stripMeta` and the `GetResetFields` of its strategies.

use steersman_core::resource::GroupVersionKind;

use super::paths::Paths;
use super::set::Set;

/// What nobody owns: the object's identity, and what counts and names its versions.
pub(super) const NOBODYS: Paths<'static> = Paths::from_root(&[
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "clusterName"],
    &["metadata", "creationTimestamp"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "resourceVersion"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
]);

/// Built-in kinds and doors that put back something else than the status at the object itself and the spec at `status`.
const OTHERS: &[(&str, &str, &str, &[&[&str]])] = &[
    ("", "Namespace", "finalize", &[&["status"]]),
    ("", "Pod", "status", &[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "status", &[&["spec"], &["metadata"]]),
    ("apiregistration.k8s.io", "APIService", "status", &[&["spec"], &["metadata"]]),
    ("apps", "Deployment", "status", &[&["spec"], &["metadata", "labels"]]),
    // Only the server completes the spec of a request, so that nobody owns it.
    ("certificates.k8s.io", "CertificateSigningRequest", "", &[&["spec"], &["status"]]),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "approval",
        &[&["spec"], &["status", "certificate"]],
    ),
    ("certificates.k8s.io", "CertificateSigningRequest", "status", &[&["spec"], &["status", "conditions"]]),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", "status", &[&["spec"], &["metadata"]]),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", "status", &[&["spec"], &["metadata"]]),
    ("internal.apiserver.k8s.io", "StorageVersion", "status", &[&["spec"], &["metadata"]]),
    ("networking.k8s.io", "ServiceCIDR", "status", &[&["spec"], &["metadata"]]),
    ("resource.k8s.io", "ResourceClaim", "status", &[&["spec"], &["metadata"]]),
    ("scheduling.k8s.io", "PodGroup", "status", &[&["spec"], &["metadata"]]),
    ("storage.k8s.io", "VolumeAttachment", "status", &[&["spec"], &["metadata"]]),
];

/// What of a set nobody owns.
pub(super) fn nobodys<'a>(set: &Set<'a>) -> Set<'a> {
    set.along(NOBODYS)
}

/// Takes out of a set what nobody owns.
pub(super) fn disown(set: &mut Set<'_>) {
    set.remove(NOBODYS);
}

/// What a write through this door puts back. `status` says whether the object's status has a door of its own.
pub(super) fn of(
    kind: &GroupVersionKind,
    custom: bool,
    status: bool,
    subresource: &str,
) -> &'static [&'static [&'static str]] {
    let is_it =
        |row: &&(&str, &str, &str, _)| (row.2, row.0, row.1) == (subresource, &kind.group, &kind.kind);
    if let Some(row) = OTHERS.iter().find(is_it).filter(|_| !custom) {
        return row.3;
    }
    match subresource {
        "" if status => &[&["status"]],
        "status" if custom => &[&["metadata"], &["spec"]],
        "status" => &[&["spec"]],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_puts_back_what_belongs_to_others() {
        let paths = |group: &'static str, kind: &'static str, subresource: &str| {
            let kind = GroupVersionKind::new(group, "v1", kind);
            let paths = of(&kind, group == "example.com", true, subresource);
            paths.iter().map(|path| format!(".{}", path.join("."))).collect::<Vec<_>>().join(" ")
        };
        let cases = [
            ("", "ConfigMap", "", ".status"),
            ("", "Namespace", "finalize", ".status"),
            ("", "Node", "status", ".spec"),
            ("", "Pod", "resize", ""),
            ("apiextensions.k8s.io", "CustomResourceDefinition", "status", ".spec"),
            ("apps", "Deployment", "status", ".spec .metadata.labels"),
            ("certificates.k8s.io", "CertificateSigningRequest", "", ".spec .status"),
            ("certificates.k8s.io", "CertificateSigningRequest", "approval", ".spec .status.certificate"),
            ("certificates.k8s.io", "CertificateSigningRequest", "status", ".spec .status.conditions"),
            ("example.com", "Widget", "status", ".metadata .spec"),
            ("networking.k8s.io", "ServiceCIDR", "status", ".spec .metadata"),
        ];
        for (group, kind, subresource, expected) in cases {
            assert_eq!(paths(group, kind, subresource), expected, "{kind} {subresource}");
        }
    }
}
