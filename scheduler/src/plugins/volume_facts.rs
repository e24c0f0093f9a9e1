//! Says what of a pod's volumes decides where it can be, without names where names do not matter: so pods of one
//! template, each with a claim of its own, are judged alike.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, Volume, VolumeNodeAffinity,
};
use serde::Serialize;

use super::volumes::ClaimName;
use super::{volume_binding, volume_zone, volumes};
use crate::csi_migration::Migration;
use crate::pod::PodInfo;
use crate::snapshot::{Mention, Snapshot, claim_key};

/// What of one volume of a pod decides.
pub(super) enum Deciding<'p> {
    /// It is of a claim that nobody else speaks of.
    Claim(Facts),
    /// It is of a claim that the pod has named before.
    Again,
    /// Its names may matter.
    Named(&'p Volume),
}

/// All that matters of a claim that nobody else speaks of.
#[derive(Serialize)]
pub(super) enum Facts {
    /// It has a volume.
    Bound { driver: Option<String>, near: Option<VolumeNodeAffinity>, labels: BTreeMap<String, String> },
    /// It gets a volume once the pod has a node, made for the node if that is selected already.
    Waiting {
        driver: Option<String>,
        class: String,
        selected: Option<String>,
        spec: Option<Box<PersistentVolumeClaimSpec>>,
    },
}

impl Facts {
    /// The driver that attaches its volume.
    pub(super) fn driver(&self) -> Option<&String> {
        match self {
            Facts::Bound { driver, .. } | Facts::Waiting { driver, .. } => driver.as_ref(),
        }
    }
}

/// The volumes of a pod that decide, in order. Those made of configuration, of tokens or on the node itself do not, and
/// each pod has some whose names are its own.
pub(super) fn of<'p>(pod: &'p PodInfo, nodes: &Snapshot) -> Vec<Deciding<'p>> {
    let decides = |volume: &&Volume| {
        volume.config_map.is_none()
            && volume.downward_api.is_none()
            && volume.empty_dir.is_none()
            && volume.host_path.is_none()
            && volume.projected.is_none()
            && volume.secret.is_none()
    };
    let mut seen = BTreeSet::new();
    let deciding = |volume: &'p Volume| {
        let Some(name) = volumes::claim_name(pod, volume) else { return Deciding::Named(volume) };
        match facts(pod, &name, nodes) {
            None => Deciding::Named(volume),
            Some(_) if !seen.insert(name.name) => Deciding::Again,
            Some(facts) => Deciding::Claim(facts),
        }
    };
    volumes::of(pod).iter().filter(decides).map(deciding).collect()
}

/// What matters of a claim; `None` if its name may, or if there is something wrong with it.
fn facts(pod: &PodInfo, name: &ClaimName, nodes: &Snapshot) -> Option<Facts> {
    let key = claim_key(pod.namespace(), &name.name);
    let own = usize::from(nodes.nominated().node_of(pod).is_some());
    if nodes.mentions().count(&Mention::Used(key.clone())) > own {
        return None;
    }
    let claim = volume_binding::usable(pod, name, nodes).ok()?;
    let mut modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref()).into_iter().flatten();
    if modes.any(|mode| mode == "ReadWriteOncePod") {
        return None;
    }
    let is_complete = volumes::annotation(&claim.metadata.annotations, volumes::BIND_COMPLETED).is_some();
    match volumes::volume_name(&claim) {
        "" if nodes.mentions().count(&Mention::Promised(key)) == 0 => waiting(&claim, nodes),
        volume if is_complete => bound(&*volumes::volume(nodes, volume).ok()?, nodes),
        _ => None,
    }
}

fn bound(volume: &PersistentVolume, nodes: &Snapshot) -> Option<Facts> {
    let (spec, name) = (volume.spec.as_ref()?, volume.metadata.name.clone()?);
    let count = |mention| nodes.mentions().count(&mention);
    let driver = match &spec.csi {
        Some(csi) if count(Mention::Disk(csi.driver.clone(), csi.volume_handle.clone())) > 1 => return None,
        Some(csi) => Some(csi.driver.clone()),
        None if Migration::of_volume(volume).is_some() => return None,
        None => None,
    };
    if count(Mention::Attached(name.clone())) > 0 || count(Mention::Claimed(name)) > 1 {
        return None;
    }
    Some(Facts::Bound { driver, near: spec.node_affinity.clone(), labels: volume_zone::labels_of(volume) })
}

fn waiting(claim: &PersistentVolumeClaim, nodes: &Snapshot) -> Option<Facts> {
    let class = volumes::class(nodes, volumes::class_of_claim(claim)).ok()?;
    if !volumes::waits_for_pod(&class).ok()? || Migration::of_plugin(&class.provisioner).is_some() {
        return None;
    }
    Some(Facts::Waiting {
        driver: Some(class.provisioner.clone()),
        class: volumes::class_of_claim(claim).to_owned(),
        selected: volumes::annotation(&claim.metadata.annotations, volumes::SELECTED_NODE).map(str::to_owned),
        spec: claim.spec.clone().map(Box::new),
    })
}
