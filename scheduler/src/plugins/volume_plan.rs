//! Plans, for a pod on a node, which volume each of its claims would have, and tells why that is not possible.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass};
use steersman_core::quantity::Quantity;
use steersman_core::selector::LabelSelector;

use super::node_selector::NodeSelector;
use super::volume_binding::Claims;
use super::{volume_match, volumes};
use crate::csi_migration::Migration;
use crate::pod::NO_LABELS;
use crate::snapshot::Snapshot;

const ELSEWHERE: &str = "node(s) didn't match PersistentVolume's node affinity";
const NO_VOLUME: &str = "node(s) didn't find available persistent volumes to bind";
const NO_SPACE: &str = "node(s) did not have enough free storage";
const LOST: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/// What stands against a pod's claims on a node; nothing if all could have volumes.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) reasons: Vec<Cow<'static, str>>,
}

impl Plan {
    /// An error if something in the claims or classes is malformed.
    pub(super) fn make(
        claims: &Claims,
        available: &[Arc<PersistentVolume>],
        cluster: &Snapshot,
        node: &Node,
    ) -> Result<Self, String> {
        let bound = check_bound(&claims.bound, cluster, node);
        let waiting = check_waiting(&claims.waiting, available, cluster, node)?;
        let reasons = [(ELSEWHERE, bound), (NO_VOLUME, waiting), (NO_SPACE, waiting), (LOST, bound)];
        let reasons = reasons.into_iter().filter(|(reason, found)| *found == Some(*reason));
        Ok(Plan { reasons: reasons.map(|(reason, _)| reason.into()).collect() })
    }
}

/// What stands against the volumes that the claims have; the first counts.
fn check_bound(
    claims: &[Arc<PersistentVolumeClaim>],
    cluster: &Snapshot,
    node: &Node,
) -> Option<&'static str> {
    let csi = cluster.related().get::<CSINode>("", node.metadata.name.as_deref().unwrap_or_default());
    claims.iter().find_map(|claim| match volumes::volume(cluster, volumes::volume_name(claim)) {
        Err(_) => Some(LOST),
        Ok(volume) => (!is_reachable(&volume, csi.as_deref(), node)).then_some(ELSEWHERE),
    })
}

fn is_reachable(volume: &PersistentVolume, csi: Option<&CSINode>, node: &Node) -> bool {
    match Migration::of_volume(volume).filter(|(migration, _)| migration.is_on(csi)) {
        None => volume_match::is_near(volume, node),
        Some((migration, _)) => {
            let selector = migration.node_selector(volume);
            selector.is_none_or(|selector| NodeSelector::lenient(&selector).matches_labels(node))
        }
    }
}

/// What stands against volumes for the claims that wait: found among those that exist, the smallest claims first, or
/// else provisioned.
fn check_waiting(
    claims: &[Arc<PersistentVolumeClaim>],
    available: &[Arc<PersistentVolume>],
    cluster: &Snapshot,
    node: &Node,
) -> Result<Option<&'static str>, String> {
    let (mut to_find, mut to_provision) = (Vec::new(), Vec::new());
    for claim in claims {
        match volumes::annotation(&claim.metadata.annotations, volumes::SELECTED_NODE) {
            None => to_find.push(claim),
            selected if selected == node.metadata.name.as_deref() => to_provision.push(claim),
            Some(_) => return Ok(Some(NO_VOLUME)),
        }
    }
    to_find.sort_by_key(|claim| volumes::requested(claim));
    let mut taken = BTreeSet::new();
    for claim in to_find {
        match volume_match::find(claim, available, node, &taken)? {
            Some(volume) => drop(taken.insert(volume_match::name(&volume).to_owned())),
            None => to_provision.push(claim),
        }
    }
    for claim in to_provision {
        if let Some(reason) = check_provision(claim, cluster, node)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

fn check_provision(
    claim: &PersistentVolumeClaim,
    cluster: &Snapshot,
    node: &Node,
) -> Result<Option<&'static str>, String> {
    let name = volumes::class_of_claim(claim);
    let class =
        volumes::class(cluster, name).map_err(|_| format!("failed to find storage class \"{name}\""))?;
    if ["", "kubernetes.io/no-provisioner"].contains(&class.provisioner.as_str()) || !allows(&class, node) {
        return Ok(Some(NO_VOLUME));
    }
    let enough = volumes::requested(claim).is_none_or(|size| has_capacity(&size, &class, cluster, node));
    Ok((!enough).then_some(NO_SPACE))
}

/// Whether the class provisions volumes that the node can reach.
fn allows(class: &StorageClass, node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref().unwrap_or(NO_LABELS);
    let terms = class.allowed_topologies.as_deref().unwrap_or_default();
    terms.is_empty()
        || terms.iter().any(|term| {
            let expressions = term.match_label_expressions.as_deref().unwrap_or_default();
            !expressions.is_empty()
                && expressions.iter().all(|expression| {
                    labels.get(&expression.key).is_some_and(|value| expression.values.contains(value))
                })
        })
}

/// Whether a driver that tells its capacity has enough where the node is.
fn has_capacity(size: &Quantity, class: &StorageClass, cluster: &Snapshot, node: &Node) -> bool {
    let driver = cluster.related().get::<CSIDriver>("", &class.provisioner);
    if driver.is_none_or(|driver| driver.spec.storage_capacity != Some(true)) {
        return true;
    }
    let labels = node.metadata.labels.as_ref().unwrap_or(NO_LABELS);
    cluster.related().all::<CSIStorageCapacity>().any(|capacity| {
        let most = capacity.maximum_volume_size.as_ref().or(capacity.capacity.as_ref());
        let is_enough = most
            .and_then(|most| most.0.parse::<Quantity>().ok())
            .is_some_and(|most| most.value() >= size.value());
        let topology = capacity.node_topology.as_ref();
        let is_near = topology.and_then(|topology| LabelSelector::from_object(Some(topology)).ok());
        Some(capacity.storage_class_name.as_str()) == class.metadata.name.as_deref()
            && is_enough
            && is_near.is_some_and(|selector| selector.matches(labels))
    })
}
