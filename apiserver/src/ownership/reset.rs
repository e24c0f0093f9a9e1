//! The fields that a write cannot own: those that the server keeps for itself, and those that the door it comes
//! through puts back; upstream's `stripMeta` and the `GetResetFields` of its strategies.

use steersman_core::resource::GroupVersionKind;

use super::element::Element;
use super::set::Set;

/// What nobody owns: the object's identity, and what counts and names its versions.
const NOBODYS: &[&[&str]] = &[
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
];

/// Built-in kinds whose `status` door puts more back than the spec.
const STATUS: &[(&str, &str, &[&[&str]])] = &[
    ("apps", "Deployment", &[&["spec"], &["metadata", "labels"]]),
    ("", "Pod", &[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", &[&["spec"], &["metadata"]]),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", &[&["spec"], &["metadata"]]),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", &[&["spec"], &["metadata"]]),
    ("internal.apiserver.k8s.io", "StorageVersion", &[&["spec"], &["metadata"]]),
    ("resource.k8s.io", "ResourceClaim", &[&["spec"], &["metadata"]]),
    ("storage.k8s.io", "VolumeAttachment", &[&["spec"], &["metadata"]]),
];

/// A built-in kind whose spec only the server completes, so that nobody owns it.
const UNOWNED: (&str, &str) = ("certificates.k8s.io", "CertificateSigningRequest");

/// What nobody owns.
pub(super) fn nobodys() -> Set<'static> {
    Set::of_fields(NOBODYS)
}

/// Takes out of a set what nobody owns.
pub(super) fn disown(set: &mut Set<'_>) {
    if NOBODYS.iter().any(|path| set.get(&Element::field(path[0])).is_some()) {
        set.subtract(&nobodys());
    }
}

/// What a write through this door puts back. `status` says whether the object's status has a door of its own.
pub(super) fn of(kind: &GroupVersionKind, custom: bool, status: bool, subresource: &str) -> Set<'static> {
    match subresource {
        "" if (&*kind.group, &*kind.kind) == UNOWNED => Set::of_fields(&[&["spec"], &["status"]]),
        "" if status => Set::of_fields(&[&["status"]]),
        "status" if custom => Set::of_fields(&[&["metadata"], &["spec"]]),
        "status" => {
            let row = STATUS.iter().find(|row| row.0 == kind.group && row.1 == kind.kind);
            Set::of_fields(row.map_or(&[&["spec"]], |row| row.2))
        }
        _ => Set::default(),
    }
}
