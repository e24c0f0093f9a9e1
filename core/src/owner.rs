//! Who owns an object: builds owner references and asks them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::resource::Resource;

/// A reference to `owner` as the controller of another object, which blocks a foreground deletion of the owner until
/// that object is gone; upstream's `NewControllerRef`.
pub fn controller_reference<K: Resource>(owner: &K) -> OwnerReference {
    OwnerReference { block_owner_deletion: Some(true), controller: Some(true), ..owner_reference(owner) }
}

/// A reference to `owner` that says no more than that it is one.
pub fn owner_reference<K: Resource>(owner: &K) -> OwnerReference {
    let metadata = owner.metadata();
    OwnerReference {
        api_version: K::API_VERSION.to_owned(),
        kind: K::KIND.to_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }
}

/// The reference to the controller of an object, if it has one; upstream's `GetControllerOf`.
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether an object is controlled by exactly this owner, not by another of its name; upstream's `IsControlledBy`.
pub fn is_controlled_by<K: Resource>(metadata: &ObjectMeta, owner: &K) -> bool {
    controller_of(metadata).is_some_and(|controller| Some(&controller.uid) == owner.metadata().uid.as_ref())
}

/// Whether an object refers to this owner at all.
pub fn is_owned_by(metadata: &ObjectMeta, owner_uid: &str) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| owner.uid == owner_uid)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::ReplicaSet;

    use super::*;

    fn set(uid: &str) -> ReplicaSet {
        let metadata =
            ObjectMeta { name: Some("web".into()), uid: Some(uid.into()), ..ObjectMeta::default() };
        ReplicaSet { metadata, ..ReplicaSet::default() }
    }

    #[test]
    fn a_controller_is_known_by_its_uid() {
        let reference = controller_reference(&set("1"));
        assert_eq!((reference.api_version.as_str(), reference.kind.as_str()), ("apps/v1", "ReplicaSet"));
        let pod = ObjectMeta { owner_references: Some(vec![reference]), ..ObjectMeta::default() };
        assert!(is_controlled_by(&pod, &set("1")) && is_owned_by(&pod, "1"));
        assert!(!is_controlled_by(&pod, &set("2")) && !is_owned_by(&pod, "2"));
    }

    #[test]
    fn an_owner_is_not_always_the_controller() {
        let pod =
            ObjectMeta { owner_references: Some(vec![owner_reference(&set("1"))]), ..ObjectMeta::default() };
        assert!(controller_of(&pod).is_none() && is_owned_by(&pod, "1"));
        assert!(!is_controlled_by(&ObjectMeta::default(), &set("1")));
    }
}
