//! Rules out nodes to which a CSI driver could attach no more volumes.
//!
//! <https://kubernetes.io/docs/concepts/storage/storage-limits/>

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Volume};
use k8s_openapi::api::storage::v1::{CSINode, VolumeAttachment};
use steersman_core::resource::GroupVersionResource;

use super::volume_facts::{self, Deciding};
use super::{Configured, NoArgs, volumes};
use crate::csi_migration::Migration;
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::{Rejection, Verdict};

/// Rules out nodes where the pod's volumes would be more than a CSI driver can attach.
#[derive(Debug, Default)]
pub struct NodeVolumeLimits;

/// Volumes by driver and name, each once.
type Attached = BTreeMap<(String, String), ()>;

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        match event {
            Event::AssignedPodDeleted(gone) => Wake::when(!volumes::of(gone).is_empty()),
            _ => volumes::wakes(pod, event),
        }
    }

    fn sign(&self, pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
        volumes::sign(pod, nodes, signature);
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        let own = [GroupVersionResource::of::<CSINode>(), GroupVersionResource::of::<VolumeAttachment>()];
        volumes::reads().into_iter().chain(own).collect()
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeVolumeLimits {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let may_attach =
            |volume| volumes::claim_name(pod, volume).is_some() || Migration::of_inline(volume).is_some();
        if !volumes::of(pod).iter().any(may_attach) {
            return Prepared::Skip;
        }
        let (wanted, attachments) = (Wanted::of(pod, nodes), attachments(nodes));
        Prepared::per_node(move |node| check(&wanted, &attachments, node))
    }
}

/// What is to be attached for a pod.
struct Wanted {
    pod: Arc<PodInfo>,
    /// By driver, how many volumes of claims that nobody else speaks of: they are attached nowhere yet.
    new: BTreeMap<String, i64>,
    /// The other volumes of the pod.
    named: Vec<Volume>,
}

impl Wanted {
    fn of(pod: &Arc<PodInfo>, nodes: &Snapshot) -> Self {
        let mut wanted = Wanted { pod: pod.clone(), new: BTreeMap::new(), named: Vec::new() };
        for deciding in volume_facts::of(pod, nodes) {
            match deciding {
                Deciding::Named(volume) => wanted.named.push(volume.clone()),
                Deciding::Claim(facts) => {
                    if let Some(driver) = facts.driver() {
                        *wanted.new.entry(driver.clone()).or_default() += 1;
                    }
                }
                Deciding::Again => {}
            }
        }
        wanted
    }
}

/// By node, the volumes that are attached, or about to be, whether or not a pod is there, under the name of who attaches them.
fn attachments(nodes: &Snapshot) -> BTreeMap<String, Attached> {
    let mut by_node: BTreeMap<String, Attached> = BTreeMap::new();
    for attachment in nodes.related().all::<VolumeAttachment>() {
        let spec = &attachment.spec;
        let name = spec.source.persistent_volume_name.as_deref().filter(|_| !spec.attacher.is_empty());
        let volume = name.and_then(|name| nodes.related().get::<PersistentVolume>("", name));
        if let Some(csi) = volume.as_ref().and_then(|volume| volume.spec.as_ref()?.csi.as_ref()) {
            let attached = by_node.entry(spec.node_name.clone()).or_default();
            attached.insert((spec.attacher.clone(), csi.volume_handle.clone()), ());
        }
    }
    by_node
}

fn check(wanted: &Wanted, attachments: &BTreeMap<String, Attached>, node: NodeView<'_>) -> Verdict {
    let csi = node.snapshot().related().get::<CSINode>("", node.name());
    let mut named = Attached::new();
    collect(&wanted.pod, &wanted.named, node.snapshot(), csi.as_deref(), true, &mut named)?;
    let limits = limits(csi.as_deref());
    if limits.is_empty() || (named.is_empty() && wanted.new.is_empty()) {
        return Ok(());
    }
    let mut attached = Attached::new();
    for other in node.pods() {
        collect(other, volumes::of(other), node.snapshot(), csi.as_deref(), false, &mut attached)?;
    }
    named.retain(|volume, ()| !attached.contains_key(volume));
    // A volume of the pod that is attached already, for no pod there, counts as attached and as new: so upstream has it.
    attached.extend(attachments.get(&**node.name()).cloned().unwrap_or_default());
    let of = |volumes: &Attached, driver: &str| volumes.keys().filter(|(of, _)| of == driver).count() as i64;
    let is_full = |(driver, limit): (&String, &i64)| {
        let more = of(&named, driver) + wanted.new.get(driver).copied().unwrap_or_default();
        more > 0 && of(&attached, driver) + more > *limit
    };
    match limits.iter().any(is_full) {
        true => Err(Rejection::unschedulable("node(s) exceed max volume count")),
        false => Ok(()),
    }
}

/// How many volumes each driver can attach to the node.
fn limits(csi: Option<&CSINode>) -> BTreeMap<String, i64> {
    let drivers = csi.into_iter().flat_map(|csi| &csi.spec.drivers);
    let limit = |driver: &k8s_openapi::api::storage::v1::CSINodeDriver| {
        Some((driver.name.clone(), driver.allocatable.as_ref()?.count?.into()))
    };
    drivers.filter_map(limit).collect()
}

/// Adds volumes of a pod. Only of the pod to be placed must every claim exist. In-tree volumes count where the node has drivers
/// at all, whether or not it says that it has handed them over.
fn collect(
    pod: &PodInfo,
    of_pod: &[Volume],
    nodes: &Snapshot,
    csi: Option<&CSINode>,
    is_new: bool,
    volumes: &mut Attached,
) -> Verdict {
    for volume in of_pod {
        let Some(name) = volumes::claim_name(pod, volume) else {
            let migrated = Migration::of_inline(volume).filter(|_| csi.is_some());
            volumes.extend(migrated.map(|(migration, disk)| ((migration.driver.to_owned(), disk), ())));
            continue;
        };
        if name.name.is_empty() {
            return Err(volumes::broken("PersistentVolumeClaim had no name".to_owned()));
        }
        match volumes::claim(nodes, pod.namespace(), &name.name) {
            Ok(claim) => {
                if name.is_ephemeral {
                    volumes::is_for(pod, &claim).map_err(volumes::broken)?;
                }
                volumes.extend(driver_and_name(&claim, nodes, csi).map(|volume| (volume, ())));
            }
            Err(rejection) if is_new => {
                let (namespace, name) = (pod.namespace(), name.name);
                return Err(Rejection::unresolvable(format!(
                    "looking up PVC {namespace}/{name}: {rejection}"
                )));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// The driver of a claim's volume and its name for it; `None` if no driver attaches it.
fn driver_and_name(
    claim: &PersistentVolumeClaim,
    nodes: &Snapshot,
    csi: Option<&CSINode>,
) -> Option<(String, String)> {
    let name = Some(volumes::volume_name(claim)).filter(|name| !name.is_empty());
    let Some(volume) = name.and_then(|name| nodes.related().get::<PersistentVolume>("", name)) else {
        return of_class(claim, nodes, csi);
    };
    if let Some(csi) = volume.spec.as_ref().and_then(|spec| spec.csi.as_ref()) {
        return Some((csi.driver.clone(), csi.volume_handle.clone()));
    }
    let (migration, disk) = Migration::of_volume(&volume).filter(|_| csi.is_some())?;
    Some((migration.driver.to_owned(), disk))
}

/// The driver that will provision the claim's volume; the volume has no name yet and is named by the claim.
fn of_class(
    claim: &PersistentVolumeClaim,
    nodes: &Snapshot,
    csi: Option<&CSINode>,
) -> Option<(String, String)> {
    let class = volumes::class(nodes, volumes::class_of_claim(claim)).ok()?;
    let metadata = &claim.metadata;
    let of = |field: &Option<String>| field.clone().unwrap_or_default();
    let name = format!("claim {}/{}", of(&metadata.namespace), of(&metadata.name));
    match Migration::of_plugin(&class.provisioner) {
        None => Some((class.provisioner.clone(), name)),
        Some(migration) => csi.map(|_| (migration.driver.to_owned(), name)),
    }
}

impl Configured for NodeVolumeLimits {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodeVolumeLimits
    }
}
