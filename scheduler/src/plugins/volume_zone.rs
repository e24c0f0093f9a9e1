//! Rules out nodes that are not in the zone or region that a volume of the pod is labelled with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolume;
use steersman_core::resource::GroupVersionResource;

use super::{Configured, NoArgs, volumes};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::Rejection;

/// The labels that say where a volume is, each with the newer one that nodes may have instead.
const LABELS: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

/// Rules out nodes elsewhere than the pod's volumes.
#[derive(Debug, Default)]
pub struct VolumeZone;

/// A label of a volume, and the values of it that will do.
struct Place {
    label: &'static str,
    newer: &'static str,
    values: BTreeSet<String>,
}

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        volumes::wakes(pod, event)
    }

    fn sign(&self, pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
        volumes::sign(pod, nodes, signature);
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        volumes::reads()
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for VolumeZone {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        match places(pod, nodes) {
            Err(rejection) => Prepared::Reject(rejection),
            Ok(places) if places.is_empty() => Prepared::Skip,
            Ok(places) => Prepared::per_node(move |node| match is_near_all(&places, node) {
                true => Ok(()),
                false => Err(Rejection::unresolvable("node(s) had no available volume zone")),
            }),
        }
    }
}

/// Where the pod's volumes are. A claim without a volume must be of a class that waits for the pod.
fn places(pod: &PodInfo, nodes: &Snapshot) -> Result<Vec<Place>, Rejection> {
    let mut places = Vec::new();
    for named in volumes::of(pod).iter().filter_map(|volume| volume.persistent_volume_claim.as_ref()) {
        if named.claim_name.is_empty() {
            return Err(Rejection::unresolvable("PersistentVolumeClaim had no name"));
        }
        let claim = volumes::claim(nodes, pod.namespace(), &named.claim_name)?;
        match (volumes::volume_name(&claim), volumes::class_of_claim(&claim)) {
            ("", "") => {
                let why = "PersistentVolumeClaim had no pv name and storageClass name";
                return Err(Rejection::unresolvable(why));
            }
            ("", class) => {
                let waits = volumes::waits_for_pod(&*volumes::class(nodes, class)?);
                if !waits.map_err(Rejection::unresolvable)? {
                    return Err(Rejection::unresolvable("PersistentVolume had no name"));
                }
            }
            (volume, _) => places.extend(places_of(&*volumes::volume(nodes, volume)?)),
        }
    }
    Ok(places)
}

/// The labels of a volume that say where it is.
pub(super) fn labels_of(volume: &PersistentVolume) -> BTreeMap<String, String> {
    let labels = volume.metadata.labels.iter().flatten();
    let says = |label: &str| LABELS.iter().any(|(known, _)| *known == label);
    labels.filter(|(label, _)| says(label)).map(|(label, value)| (label.clone(), value.clone())).collect()
}

fn places_of(volume: &PersistentVolume) -> impl Iterator<Item = Place> {
    LABELS.iter().filter_map(|(label, newer)| {
        let value = volume.metadata.labels.as_ref()?.get(*label)?;
        let values: BTreeSet<String> = value.split("__").map(|zone| zone.trim().to_owned()).collect();
        (!values.contains("")).then_some(Place { label, newer, values })
    })
}

/// A node that does not say where it is is near everything.
fn is_near_all(places: &[Place], node: NodeView<'_>) -> bool {
    let labels = node.labels();
    let is_near = |place: &Place| {
        let value = labels.get(place.label).or_else(|| labels.get(place.newer));
        value.is_some_and(|value| place.values.contains(value))
    };
    !LABELS.iter().any(|(label, _)| labels.contains_key(*label)) || places.iter().all(is_near)
}

impl Configured for VolumeZone {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        VolumeZone
    }
}
