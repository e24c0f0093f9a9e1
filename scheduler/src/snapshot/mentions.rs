//! Counts who speaks of claims, volumes and disks: a claim that nobody else speaks of is like any other, whatever its
//! name.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::VolumeAttachment;
use steersman_core::resource::group_of;
use steersman_core::{Object, Resource};

use crate::csi_migration::Migration;
use crate::plugins::volumes;
use crate::pod::PodInfo;

/// Somebody speaks of a claim, a volume or a disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mention {
    /// A pod that is on a node, or waits for room on one, uses this claim (`namespace/name`).
    Used(String),
    /// A volume is meant for this claim (`namespace/name`).
    Promised(String),
    /// A claim has this volume.
    Claimed(String),
    /// This volume is attached to a node, or about to be.
    Attached(String),
    /// A volume, or a pod itself, has this disk of a driver.
    Disk(String, String),
}

/// How often each is spoken of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mentions(Arc<BTreeMap<Mention, usize>>);

impl Mentions {
    pub(crate) fn count(&self, mention: &Mention) -> usize {
        self.0.get(mention).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, mentions: Vec<Mention>) {
        for mention in mentions {
            *Arc::make_mut(&mut self.0).entry(mention).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, mentions: Vec<Mention>) {
        for mention in mentions {
            let counts = Arc::make_mut(&mut self.0);
            match counts.get_mut(&mention) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(counts.remove(&mention)),
            }
        }
    }
}

/// What a pod speaks of.
pub(super) fn of_pod(pod: &PodInfo) -> Vec<Mention> {
    let used = volumes::claim_names(pod).map(|claim| Mention::Used(key(pod.namespace(), &claim.name)));
    let inline = volumes::of(pod).iter().filter_map(Migration::of_inline);
    used.chain(inline.map(|(migration, disk)| Mention::Disk(migration.driver.to_owned(), disk))).collect()
}

/// What an object that is neither pod nor node speaks of.
pub(super) fn of_object(object: &Object) -> Vec<Mention> {
    if let Some(volume) = typed::<PersistentVolume>(object) {
        of_volume(&volume)
    } else if let Some(claim) = typed::<PersistentVolumeClaim>(object) {
        let volume = Some(volumes::volume_name(&claim)).filter(|name| !name.is_empty());
        volume.map(|name| Mention::Claimed(name.to_owned())).into_iter().collect()
    } else if let Some(attachment) = typed::<VolumeAttachment>(object) {
        attachment.spec.source.persistent_volume_name.iter().cloned().map(Mention::Attached).collect()
    } else {
        Vec::new()
    }
}

fn of_volume(volume: &PersistentVolume) -> Vec<Mention> {
    let Some(spec) = &volume.spec else { return Vec::new() };
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let promised = spec.claim_ref.iter().map(|claim| key(&text(&claim.namespace), &text(&claim.name)));
    let disk = match &spec.csi {
        Some(csi) => Some((csi.driver.clone(), csi.volume_handle.clone())),
        None => Migration::of_volume(volume).map(|(migration, disk)| (migration.driver.to_owned(), disk)),
    };
    let disk = disk.map(|(driver, disk)| Mention::Disk(driver, disk));
    promised.map(Mention::Promised).chain(disk).collect()
}

fn typed<K: Resource>(object: &Object) -> Option<Arc<K>> {
    if object.kind() == K::KIND && group_of(object.api_version()) == K::GROUP {
        object.lean().ok()
    } else {
        None
    }
}

/// `namespace/name`.
pub(crate) fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
