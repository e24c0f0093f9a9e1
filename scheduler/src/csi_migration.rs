//! Which in-tree volumes are handled by a CSI driver on a node, by which, and under which name.
//!
//! Upstream's `csi-translation-lib`, as far as placing pods needs it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelector as ApiSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, Volume,
};
use k8s_openapi::api::storage::v1::CSINode;

const MIGRATED_PLUGINS: &str = "storage.alpha.kubernetes.io/migrated-plugins";
const ZONE: &str = "topology.kubernetes.io/zone";
const OLD_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// An in-tree volume plugin that a CSI driver took over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    plugin: &'static str,
    /// The driver.
    pub(crate) driver: &'static str,
    /// The driver's name for the zone of a node.
    zone_key: &'static str,
}

const AWS_EBS: Migration = Migration {
    plugin: "kubernetes.io/aws-ebs",
    driver: "ebs.csi.aws.com",
    zone_key: "topology.ebs.csi.aws.com/zone",
};
const GCE_PD: Migration = Migration {
    plugin: "kubernetes.io/gce-pd",
    driver: "pd.csi.storage.gke.io",
    zone_key: "topology.gke.io/zone",
};
const AZURE_DISK: Migration = Migration {
    plugin: "kubernetes.io/azure-disk",
    driver: "disk.csi.azure.com",
    zone_key: "topology.disk.csi.azure.com/zone",
};
const CINDER: Migration = Migration {
    plugin: "kubernetes.io/cinder",
    driver: "cinder.csi.openstack.org",
    zone_key: "topology.cinder.csi.openstack.org/zone",
};
const ALL: [Migration; 4] = [AWS_EBS, GCE_PD, AZURE_DISK, CINDER];

impl Migration {
    /// Of the plugin that a storage class names as its provisioner.
    pub(crate) fn of_plugin(name: &str) -> Option<&'static Migration> {
        ALL.iter().find(|migration| migration.plugin == name)
    }

    /// Of a volume in a pod's spec, with the driver's name for the disk.
    pub(crate) fn of_inline(volume: &Volume) -> Option<(&'static Migration, String)> {
        if let Some(disk) = &volume.aws_elastic_block_store {
            Some((&ALL[0], last_part(&disk.volume_id)))
        } else if let Some(disk) = &volume.gce_persistent_disk {
            Some((&ALL[1], format!("projects/UNSPECIFIED/zones/UNSPECIFIED/disks/{}", disk.pd_name)))
        } else if let Some(disk) = &volume.azure_disk {
            Some((&ALL[2], disk.disk_uri.clone()))
        } else {
            Some((&ALL[3], volume.cinder.as_ref()?.volume_id.clone()))
        }
    }

    /// Of a persistent volume, with the driver's name for the disk.
    pub(crate) fn of_volume(volume: &PersistentVolume) -> Option<(&'static Migration, String)> {
        let spec = volume.spec.as_ref()?;
        if let Some(disk) = &spec.aws_elastic_block_store {
            Some((&ALL[0], last_part(&disk.volume_id)))
        } else if let Some(disk) = &spec.gce_persistent_disk {
            let place = match zones(volume).as_deref() {
                Some([zone]) => format!("zones/{zone}"),
                Some([first, ..]) => {
                    format!("regions/{}", first.rsplit_once('-').map_or("", |(region, _)| region))
                }
                _ => "zones/UNSPECIFIED".to_owned(),
            };
            Some((&ALL[1], format!("projects/UNSPECIFIED/{place}/disks/{}", disk.pd_name)))
        } else if let Some(disk) = &spec.azure_disk {
            Some((&ALL[2], disk.disk_uri.clone()))
        } else {
            Some((&ALL[3], spec.cinder.as_ref()?.volume_id.clone()))
        }
    }

    /// Whether the node says that it has handed the plugin's volumes over to the driver.
    pub(crate) fn is_on(&self, node: Option<&CSINode>) -> bool {
        let annotations = node.and_then(|node| node.metadata.annotations.as_ref());
        let migrated = annotations.and_then(|annotations| annotations.get(MIGRATED_PLUGINS));
        migrated.is_some_and(|migrated| migrated.split(',').any(|plugin| plugin == self.plugin))
    }

    /// What the driver asks of a node: what the volume asks, with the driver's word for zones.
    pub(crate) fn node_selector(&self, volume: &PersistentVolume) -> Option<ApiSelector> {
        let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
        let mut selector = affinity.and_then(|affinity| affinity.required.clone()).unwrap_or_default();
        let expressions =
            selector.node_selector_terms.iter_mut().flat_map(|term| &mut term.match_expressions);
        let of_zone =
            |expression: &&mut NodeSelectorRequirement| [ZONE, OLD_ZONE].contains(&expression.key.as_str());
        let mut is_told = false;
        for expression in expressions.flatten().filter(of_zone) {
            expression.key = self.zone_key.to_owned();
            is_told = true;
        }
        if let (false, Some(zones)) = (is_told, zones(volume)) {
            self.add_zones(&mut selector, zones);
        }
        (!selector.node_selector_terms.is_empty()).then_some(selector)
    }

    fn add_zones(&self, selector: &mut ApiSelector, zones: Vec<String>) {
        let key = self.zone_key.to_owned();
        let zones = NodeSelectorRequirement { key, operator: "In".to_owned(), values: Some(zones) };
        if selector.node_selector_terms.is_empty() {
            selector.node_selector_terms.push(NodeSelectorTerm::default());
        }
        for term in &mut selector.node_selector_terms {
            term.match_expressions.get_or_insert_default().push(zones.clone());
        }
    }
}

/// The zones that a volume is labelled with.
fn zones(volume: &PersistentVolume) -> Option<Vec<String>> {
    let labels: &BTreeMap<String, String> = volume.metadata.labels.as_ref()?;
    let zones = labels.get(ZONE).or_else(|| labels.get(OLD_ZONE)).filter(|zones| !zones.is_empty())?;
    Some(zones.split("__").map(str::to_owned).collect())
}

/// The id in `aws://zone/id`.
fn last_part(id: &str) -> String {
    id.rsplit('/').next().unwrap_or_default().to_owned()
}
