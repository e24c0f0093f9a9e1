//! Chooses, of the volumes that exist, one for a claim: bound to it already, or the smallest that will do.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use steersman_core::selector::LabelSelector;

use super::node_selector::NodeSelector;
use super::volumes::{class_of_claim, class_of_volume, requested, storage_of};
use crate::pod::NO_LABELS;

/// The volume for a claim on a node, none of those taken; an error if the claim's selector is malformed.
pub(super) fn find(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    node: &Node,
    taken: &BTreeSet<String>,
) -> Result<Option<Arc<PersistentVolume>>, String> {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let selector = selector.map(|selector| LabelSelector::from_object(Some(selector)));
    let selector = selector.transpose().map_err(|malformed| {
        let (namespace, name) = (&claim.metadata.namespace, &claim.metadata.name);
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let key = format!("{}/{}", text(namespace), text(name));
        format!("error creating internal label selector for claim: {key}: {malformed}")
    })?;
    let mut best: Option<&Arc<PersistentVolume>> = None;
    for volume in volumes.iter().filter(|volume| !taken.contains(name(volume)) && may_hold(volume, claim)) {
        let is_near = is_near(volume, node);
        if is_bound_to(volume, claim) {
            return Ok(is_near.then(|| volume.clone()));
        }
        let labels = volume.metadata.labels.as_ref().unwrap_or(NO_LABELS);
        if is_near
            && is_free(volume)
            && selector.as_ref().is_none_or(|selector| selector.matches(labels))
            && has_modes(volume, claim)
            && best.is_none_or(|best| capacity(volume) < capacity(best))
        {
            best = Some(volume);
        }
    }
    Ok(best.cloned())
}

/// The name of a volume.
pub(super) fn name(volume: &PersistentVolume) -> &str {
    volume.metadata.name.as_deref().unwrap_or_default()
}

/// Whether the volume is bound to the claim, by whoever made it or already by the control plane.
pub(super) fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    reference.is_some_and(|reference| {
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && reference
                .uid
                .as_deref()
                .is_none_or(|uid| uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
    })
}

/// Whether the volume can be used from the node, by the node's labels.
pub(super) fn is_near(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|required| NodeSelector::lenient(required).matches_labels(node))
}

/// Whether the volume is neither another claim's nor of the wrong size, mode or class, nor on its way out.
fn may_hold(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(offered), Some(asked)) = (&volume.spec, &claim.spec) else { return false };
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
    let attributes = |class: &Option<String>| class.clone().unwrap_or_default();
    (offered.claim_ref.is_none() || is_bound_to(volume, claim))
        && capacity(volume) >= requested(claim)
        && mode(&offered.volume_mode) == mode(&asked.volume_mode)
        && attributes(&offered.volume_attributes_class_name)
            == attributes(&asked.volume_attributes_class_name)
        && class_of_volume(volume) == class_of_claim(claim)
        && volume.metadata.deletion_timestamp.is_none()
}

fn is_free(volume: &PersistentVolume) -> bool {
    volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Available")
}

fn has_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let offered = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let asked = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    asked.iter().all(|mode| offered.contains(mode))
}

fn capacity(volume: &PersistentVolume) -> Option<steersman_core::quantity::Quantity> {
    storage_of(volume.spec.as_ref()?.capacity.as_ref())
}
