//! Rules out nodes where a volume that the pod wants for itself is in use.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Volume;
use steersman_core::resource::GroupVersionResource;

use super::{Configured, NoArgs, volumes};
use crate::change::{Change, Reach};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, NodeFilter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::{Rejection, Verdict};

/// Rules out nodes where a disk of the pod, or its claim of mode ReadWriteOncePod, is in use.
#[derive(Debug, Default)]
pub struct VolumeRestrictions;

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        match event {
            Event::AssignedPodDeleted(gone) => Wake::when(
                volumes::of(pod).iter().any(|volume| is_taken_by(volume, gone))
                    || (pod.namespace() == gone.namespace() && shares_claim(pod, gone)),
            ),
            _ => volumes::wakes(pod, event),
        }
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

fn shares_claim(pod: &PodInfo, other: &PodInfo) -> bool {
    let mine: BTreeSet<&str> = named_claims(pod).collect();
    named_claims(other).any(|name| mine.contains(name))
}

fn named_claims(pod: &PodInfo) -> impl Iterator<Item = &str> {
    volumes::of(pod)
        .iter()
        .filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}

impl Filter for VolumeRestrictions {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let mut exclusive = BTreeSet::new();
        for name in named_claims(pod) {
            match volumes::claim(nodes, pod.namespace(), name) {
                Err(rejection) => return Prepared::Reject(rejection),
                Ok(claim) => {
                    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
                    if modes.into_iter().flatten().any(|mode| mode == "ReadWriteOncePod") {
                        exclusive.insert(name.to_owned());
                    }
                }
            }
        }
        let disks: Vec<Volume> = volumes::of(pod).iter().filter(|volume| is_disk(volume)).cloned().collect();
        if disks.is_empty() && exclusive.is_empty() {
            return Prepared::Skip;
        }
        let mut restrictions = Restrictions {
            namespace: pod.namespace().to_owned(),
            disks,
            exclusive,
            in_use: 0,
            is_silent: false,
        };
        // A claim that several pods use counts once, as upstream has it, until pods are put elsewhere for trial.
        let mut used = BTreeSet::new();
        if !restrictions.exclusive.is_empty() {
            for other in nodes.nodes().flat_map(|node| node.pods()) {
                used.extend(restrictions.used_by(other).map(str::to_owned));
            }
        }
        restrictions.in_use = used.len() as i64;
        restrictions.is_silent = restrictions.disks.is_empty() && restrictions.in_use == 0;
        Prepared::PerNode(Box::new(restrictions))
    }
}

struct Restrictions {
    namespace: String,
    disks: Vec<Volume>,
    /// The claims that the pod must have for itself, and how many of them are in use.
    exclusive: BTreeSet<String>,
    in_use: i64,
    is_silent: bool,
}

impl Restrictions {
    fn used_by<'p>(&self, pod: &'p PodInfo) -> impl Iterator<Item = &'p str> {
        let is_near = pod.namespace() == self.namespace;
        named_claims(pod).filter(move |name| is_near && self.exclusive.contains(*name))
    }
}

impl NodeFilter for Restrictions {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        let taken = |disk: &Volume| node.pods().iter().any(|pod| is_taken_by(disk, pod));
        if self.disks.iter().any(taken) {
            return Err(Rejection::unschedulable("node(s) had no available disk"));
        }
        if self.in_use > 0 {
            return Err(Rejection::unschedulable(
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
            ));
        }
        Ok(())
    }

    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let matters = |change: &Change<'_>| self.used_by(change.pod).next().is_some();
        if changes.iter().any(matters) { Reach::Unknown } else { Reach::Node }
    }

    /// Claims of another namespace count, too, where only their names agree: so upstream has it.
    fn suppose(&mut self, change: Change<'_>) {
        if !self.is_silent {
            let used = named_claims(change.pod).filter(|name| self.exclusive.contains(*name));
            self.in_use += change.by * used.count() as i64;
        }
    }
}

/// Whether the volume is a disk that two pods may not always share.
fn is_disk(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.iscsi.is_some()
        || volume.rbd.is_some()
}

fn is_taken_by(disk: &Volume, pod: &PodInfo) -> bool {
    volumes::of(pod).iter().any(|other| conflict(disk, other))
}

/// Whether both are one disk, and not both read it only.
fn conflict(one: &Volume, other: &Volume) -> bool {
    let writes = |one: Option<bool>, other: Option<bool>| !(one == Some(true) && other == Some(true));
    if let (Some(one), Some(other)) = (&one.gce_persistent_disk, &other.gce_persistent_disk)
        && one.pd_name == other.pd_name
        && writes(one.read_only, other.read_only)
    {
        return true;
    }
    if let (Some(one), Some(other)) = (&one.aws_elastic_block_store, &other.aws_elastic_block_store)
        && one.volume_id == other.volume_id
    {
        return true;
    }
    if let (Some(one), Some(other)) = (&one.iscsi, &other.iscsi)
        && one.iqn == other.iqn
        && writes(one.read_only, other.read_only)
    {
        return true;
    }
    if let (Some(one), Some(other)) = (&one.rbd, &other.rbd) {
        let pool = |pool: &Option<String>| pool.clone().unwrap_or_default();
        return one.monitors.iter().any(|monitor| other.monitors.contains(monitor))
            && pool(&one.pool) == pool(&other.pool)
            && one.image == other.image
            && writes(one.read_only, other.read_only);
    }
    false
}

impl Configured for VolumeRestrictions {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        VolumeRestrictions
    }
}
