//! What the volume plugins look up of claims, volumes and storage classes, and how they tell that something is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Volume};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use steersman_core::Object;
use steersman_core::quantity::Quantity;
use steersman_core::resource::{GroupVersionResource, group_of};

use super::volume_facts::{self, Deciding};
use crate::event::{Event, Wake};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::{Code, Rejection};

/// The annotation of a claim that is bound for good.
pub(super) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The annotation of a claim with the node that its volume is to be provisioned for.
pub(super) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// A claim that a pod mentions.
pub(crate) struct ClaimName {
    pub(crate) name: String,
    /// Whether it is made for the pod alone.
    pub(crate) is_ephemeral: bool,
}

/// The volumes of a pod.
pub(crate) fn of(pod: &PodInfo) -> &[Volume] {
    pod.spec().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default()
}

/// Adds what decides of the pod's volumes.
pub(super) fn sign(pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
    for deciding in volume_facts::of(pod, nodes) {
        match deciding {
            Deciding::Claim(facts) => signature.add(&facts),
            Deciding::Again => signature.add("again"),
            // The claim is made for the pod, and judged by its uid.
            Deciding::Named(volume) if volume.ephemeral.is_some() => signature.refuse(),
            Deciding::Named(volume) => {
                signature.add(pod.namespace());
                signature.add(volume);
            }
        }
    }
}

/// The claim that a volume mentions.
pub(crate) fn claim_name(pod: &PodInfo, volume: &Volume) -> Option<ClaimName> {
    match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(ClaimName { name: claim.claim_name.clone(), is_ephemeral: false }),
        (None, Some(_)) => {
            Some(ClaimName { name: format!("{}-{}", pod.name(), volume.name), is_ephemeral: true })
        }
        (None, None) => None,
    }
}

/// The claims that a pod mentions, in order.
pub(crate) fn claim_names(pod: &PodInfo) -> impl Iterator<Item = ClaimName> {
    of(pod).iter().filter_map(|volume| claim_name(pod, volume))
}

/// The claim, or that there is none.
pub(super) fn claim(
    snapshot: &Snapshot,
    namespace: &str,
    name: &str,
) -> Result<Arc<PersistentVolumeClaim>, Rejection> {
    let found = snapshot.related().get(namespace, name);
    found.ok_or_else(|| Rejection::unresolvable(format!("persistentvolumeclaim \"{name}\" not found")))
}

/// The volume, or that there is none.
pub(super) fn volume(snapshot: &Snapshot, name: &str) -> Result<Arc<PersistentVolume>, Rejection> {
    let found = snapshot.related().get("", name);
    found.ok_or_else(|| Rejection::unresolvable(format!("persistentvolume \"{name}\" not found")))
}

/// The class, or that there is none.
pub(super) fn class(snapshot: &Snapshot, name: &str) -> Result<Arc<StorageClass>, Rejection> {
    let found = snapshot.related().get("", name);
    found.ok_or_else(|| Rejection::unresolvable(format!("storageclass.storage.k8s.io \"{name}\" not found")))
}

/// Whether a claim that is made for one pod was made for this one.
pub(super) fn is_for(pod: &PodInfo, claim: &PersistentVolumeClaim) -> Result<(), String> {
    let mut owners = claim.metadata.owner_references.iter().flatten();
    if owners.any(|owner| owner.controller == Some(true) && owner.uid == pod.uid()) {
        return Ok(());
    }
    let (namespace, name) = (pod.namespace(), claim.metadata.name.as_deref().unwrap_or_default());
    Err(format!(
        "PVC {namespace}/{name} was not created for pod {namespace}/{} (pod is not owner)",
        pod.name()
    ))
}

/// The name of the volume that a claim names; empty for none.
pub(crate) fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
}

/// The class of a claim; empty for none.
pub(super) fn class_of_claim(claim: &PersistentVolumeClaim) -> &str {
    let named = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotation(&claim.metadata.annotations, CLASS).or(named).unwrap_or_default()
}

/// The class of a volume; empty for none.
pub(super) fn class_of_volume(volume: &PersistentVolume) -> &str {
    let named = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotation(&volume.metadata.annotations, CLASS).or(named).unwrap_or_default()
}

/// Whether volumes of the class are bound only once a pod has a node; an error if the class does not say.
pub(super) fn waits_for_pod(class: &StorageClass) -> Result<bool, String> {
    match class.volume_binding_mode.as_deref() {
        Some(mode) => Ok(mode == "WaitForFirstConsumer"),
        None => {
            let name = class.metadata.name.as_deref().unwrap_or_default();
            Err(format!("VolumeBindingMode not set for StorageClass \"{name}\""))
        }
    }
}

/// The storage that a claim asks for; `None` if it does not say.
pub(super) fn storage_of(list: Option<&BTreeMap<String, ApiQuantity>>) -> Option<Quantity> {
    list?.get("storage")?.0.parse().ok()
}

/// The storage that a claim asks for.
pub(super) fn requested(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    storage_of(claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref())
}

/// The value of an annotation.
pub(super) fn annotation<'a>(
    annotations: &'a Option<BTreeMap<String, String>>,
    key: &str,
) -> Option<&'a str> {
    annotations.as_ref()?.get(key).map(String::as_str)
}

/// A plugin that could not do its work.
pub(super) fn broken(why: String) -> Rejection {
    Rejection::because(Code::Error, vec![why.into()])
}

/// The resources that tell of claims and their volumes.
pub(super) fn reads() -> Vec<GroupVersionResource> {
    vec![
        GroupVersionResource::of::<PersistentVolumeClaim>(),
        GroupVersionResource::of::<PersistentVolume>(),
        GroupVersionResource::of::<StorageClass>(),
    ]
}

/// Wakes a pod for a claim that it mentions itself, for any other storage object, and for new nodes.
pub(super) fn wakes(pod: &PodInfo, event: &Event) -> Wake {
    Wake::when(match event {
        Event::Related { old, new } => match event.related::<PersistentVolumeClaim>() {
            Some(claim) => is_claim_of(pod, &claim),
            None => [old, new].into_iter().flatten().any(is_storage),
        },
        Event::NodeAdded(_) => true,
        Event::NodeUpdated { old, new } => old.metadata.labels != new.metadata.labels,
        _ => false,
    })
}

fn is_claim_of(pod: &PodInfo, claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.namespace.as_deref() == Some(pod.namespace())
        && claim_names(pod).any(|name| Some(name.name.as_str()) == claim.metadata.name.as_deref())
}

fn is_storage(object: &Object) -> bool {
    match group_of(object.api_version()) {
        "storage.k8s.io" => true,
        group => group.is_empty() && object.kind() == "PersistentVolume",
    }
}
