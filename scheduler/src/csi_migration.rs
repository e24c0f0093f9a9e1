//! Which in-tree volumes are handled by a CSI driver on a node, by which, and under which name.
//!
//! Upstream's `csi-translation-lib`, as far as placing pods needs it.

use k8s_openapi::api::core::v1::{
    NodeSelector as ApiSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, Volume,
};
use k8s_openapi::api::storage::v1::CSINode;

const MIGRATED_PLUGINS: &str = "storage.alpha.kubernetes.io/migrated-plugins";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const OLD_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const OLD_REGION: &str = "failure-domain.beta.kubernetes.io/region";

/// An in-tree volume plugin that a CSI driver took over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    plugin: &'static str,
    /// The driver.
    pub(crate) driver: &'static str,
    /// The driver's name for the zone of a node; `None` where volumes keep theirs.
    zone_key: Option<&'static str>,
}

const AWS_EBS: Migration = Migration {
    plugin: "kubernetes.io/aws-ebs",
    driver: "ebs.csi.aws.com",
    zone_key: Some("topology.ebs.csi.aws.com/zone"),
};
const GCE_PD: Migration = Migration {
    plugin: "kubernetes.io/gce-pd",
    driver: "pd.csi.storage.gke.io",
    zone_key: Some("topology.gke.io/zone"),
};
const AZURE_DISK: Migration =
    Migration { plugin: "kubernetes.io/azure-disk", driver: "disk.csi.azure.com", zone_key: None };
const CINDER: Migration = Migration {
    plugin: "kubernetes.io/cinder",
    driver: "cinder.csi.openstack.org",
    zone_key: Some("topology.cinder.csi.openstack.org/zone"),
};
const PORTWORX: Migration =
    Migration { plugin: "kubernetes.io/portworx-volume", driver: "pxd.portworx.com", zone_key: None };
const ALL: [Migration; 5] = [AWS_EBS, GCE_PD, AZURE_DISK, CINDER, PORTWORX];

impl Migration {
    /// Of the plugin that a storage class names as its provisioner.
    pub(crate) fn of_plugin(name: &str) -> Option<&'static Migration> {
        ALL.iter().find(|migration| migration.plugin == name)
    }

    /// Of a volume in a pod's spec, with the driver's name for the disk.
    pub(crate) fn of_inline(volume: &Volume) -> Option<(&'static Migration, String)> {
        if let Some(disk) = &volume.aws_elastic_block_store {
            Some((&ALL[0], bare_id(&disk.volume_id)?))
        } else if let Some(disk) = &volume.gce_persistent_disk {
            Some((&ALL[1], format!("projects/UNSPECIFIED/zones/UNSPECIFIED/disks/{}", disk.pd_name)))
        } else if let Some(disk) = &volume.azure_disk {
            Some((&ALL[2], disk.disk_uri.clone()))
        } else if let Some(disk) = &volume.cinder {
            Some((&ALL[3], disk.volume_id.clone()))
        } else {
            Some((&ALL[4], volume.portworx_volume.as_ref()?.volume_id.clone()))
        }
    }

    /// Of a persistent volume, with the driver's name for the disk.
    pub(crate) fn of_volume(volume: &PersistentVolume) -> Option<(&'static Migration, String)> {
        let spec = volume.spec.as_ref()?;
        if let Some(disk) = &spec.aws_elastic_block_store {
            Some((&ALL[0], bare_id(&disk.volume_id)?))
        } else if let Some(disk) = &spec.gce_persistent_disk {
            let zones = zones(volume, OLD_ZONE).or_else(|| zones(volume, ZONE));
            let place = match zones.as_deref() {
                Some([zone]) => format!("zones/{zone}"),
                Some([first, ..]) => {
                    format!("regions/{}", first.rsplit_once('-').map_or("", |(region, _)| region))
                }
                _ => "zones/UNSPECIFIED".to_owned(),
            };
            Some((&ALL[1], format!("projects/UNSPECIFIED/{place}/disks/{}", disk.pd_name)))
        } else if let Some(disk) = &spec.azure_disk {
            Some((&ALL[2], disk.disk_uri.clone()))
        } else if let Some(disk) = &spec.cinder {
            Some((&ALL[3], disk.volume_id.clone()))
        } else {
            Some((&ALL[4], spec.portworx_volume.as_ref()?.volume_id.clone()))
        }
    }

    /// Whether the node says that it has handed the plugin's volumes over to the driver.
    pub(crate) fn is_on(&self, node: Option<&CSINode>) -> bool {
        let annotations = node.and_then(|node| node.metadata.annotations.as_ref());
        let migrated = annotations.and_then(|annotations| annotations.get(MIGRATED_PLUGINS));
        migrated.is_some_and(|migrated| migrated.split(',').any(|plugin| plugin == self.plugin))
    }

    /// What the driver asks of a node: what the volume asks, with the driver's word for zones. A volume that names none is where
    /// its label says.
    pub(crate) fn node_selector(&self, volume: &PersistentVolume) -> Option<ApiSelector> {
        let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
        let mut selector = affinity.and_then(|affinity| affinity.required.clone());
        let Some(zone_key) = self.zone_key else { return selector };
        let (zone, region) = words(selector.as_ref(), volume);
        let is_told = rename(selector.as_mut(), zone, zone_key);
        if let (false, Some(zones)) = (is_told, zones(volume, zone)) {
            add_zones(selector.get_or_insert_default(), zone_key, zones);
        }
        if region == OLD_REGION {
            rename(selector.as_mut(), region, REGION);
        }
        selector
    }
}

/// The words for zone and region that the volume uses itself: in its affinity, or else in its labels.
fn words(selector: Option<&ApiSelector>, volume: &PersistentVolume) -> (&'static str, &'static str) {
    let expressions = selector.into_iter().flat_map(|selector| &selector.node_selector_terms);
    let expressions = expressions.flat_map(|term| term.match_expressions.iter().flatten());
    let keys: Vec<&str> = expressions.map(|expression| expression.key.as_str()).collect();
    let is_labelled = |key| volume.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(key));
    let is_old = match (keys.contains(&ZONE), keys.contains(&OLD_ZONE)) {
        (true, _) => false,
        (_, true) => true,
        _ => !is_labelled(ZONE) && is_labelled(OLD_ZONE),
    };
    if is_old { (OLD_ZONE, OLD_REGION) } else { (ZONE, REGION) }
}

/// Gives a key another name, where any value is asked of it; whether there was one.
fn rename(selector: Option<&mut ApiSelector>, old: &str, new: &str) -> bool {
    let terms = selector.into_iter().flat_map(|selector| &mut selector.node_selector_terms);
    let expressions = terms.flat_map(|term| term.match_expressions.iter_mut().flatten());
    let mut named: Vec<&mut NodeSelectorRequirement> =
        expressions.filter(|expression| expression.key == old).collect();
    let has_value = named.iter().any(|expression| expression.values.iter().flatten().next().is_some());
    if has_value {
        named.iter_mut().for_each(|expression| expression.key = new.to_owned());
    }
    has_value
}

fn add_zones(selector: &mut ApiSelector, key: &str, zones: Vec<String>) {
    let values = Some(zones);
    let zones = NodeSelectorRequirement { key: key.to_owned(), operator: "In".to_owned(), values };
    if selector.node_selector_terms.is_empty() {
        selector.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut selector.node_selector_terms {
        term.match_expressions.get_or_insert_default().push(zones.clone());
    }
}

/// The zones that a volume is labelled with; `None` if there are none.
fn zones(volume: &PersistentVolume, label: &str) -> Option<Vec<String>> {
    let zones = volume.metadata.labels.as_ref()?.get(label)?.split("__").map(str::trim);
    let zones: Vec<String> = zones.filter(|zone| !zone.is_empty()).map(str::to_owned).collect();
    (!zones.is_empty()).then_some(zones)
}

/// The id of a disk, where it may stand as `aws://zone/id`; `None` if that is malformed.
fn bare_id(id: &str) -> Option<String> {
    let Some(place) = id.strip_prefix("aws://") else { return Some(id.to_owned()) };
    let (_, path) = place.split_once('/')?;
    let id = path.trim_matches('/');
    (id.starts_with("vol-") && !id.contains('/')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json, to_value};

    use super::*;

    fn volume(source: &str, labels: Value, asked: &[(&str, &str)]) -> PersistentVolume {
        let asked: Value = asked
            .iter()
            .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
            .collect();
        let mut spec = match source {
            "ebs" => json!({"awsElasticBlockStore": {"volumeID": "vol-1"}}),
            _ => json!({"azureDisk": {"diskName": "d", "diskURI": "u"}}),
        };
        if asked != json!([]) {
            spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": asked}]}});
        }
        from_value(json!({"metadata": {"name": "v", "labels": labels}, "spec": spec})).unwrap()
    }

    #[test]
    fn volumes_ask_for_zones_in_the_words_of_their_driver() {
        const EBS_ZONE: &str = "topology.ebs.csi.aws.com/zone";
        let both = json!({ZONE: "a", OLD_ZONE: "b"});
        let cases: &[(_, _, &[_], &[_])] = &[
            ("ebs", json!({}), &[], &[]),
            ("ebs", json!({ZONE: "a"}), &[], &[(EBS_ZONE, "a")]),
            ("ebs", json!({OLD_ZONE: " b "}), &[], &[(EBS_ZONE, "b")]),
            ("ebs", json!({ZONE: "__"}), &[], &[]),
            ("ebs", both.clone(), &[(OLD_ZONE, "c")], &[(EBS_ZONE, "c")]),
            ("ebs", both, &[("disk", "x")], &[("disk", "x"), (EBS_ZONE, "a")]),
            ("ebs", json!({}), &[(OLD_ZONE, "c"), (OLD_REGION, "r")], &[(EBS_ZONE, "c"), (REGION, "r")]),
            ("ebs", json!({}), &[(ZONE, "c"), (OLD_REGION, "r")], &[(EBS_ZONE, "c"), (OLD_REGION, "r")]),
            ("azure", json!({ZONE: "a"}), &[], &[]),
            ("azure", json!({}), &[(ZONE, "c")], &[(ZONE, "c")]),
        ];
        for (source, labels, asked, expected) in cases {
            let volume = volume(source, labels.clone(), asked);
            let (migration, _) = Migration::of_volume(&volume).unwrap();
            let selector = migration.node_selector(&volume);
            let told = selector.map(|selector| to_value(selector).unwrap());
            let expected: Value = expected
                .iter()
                .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
                .collect();
            let expected = (expected != json!([]))
                .then(|| json!({"nodeSelectorTerms": [{"matchExpressions": expected}]}));
            assert_eq!(told, expected, "{source} {labels} {asked:?}");
        }
    }

    #[test]
    fn a_disk_has_one_id_however_it_is_written() {
        let cases = [
            ("vol-1", Some("vol-1")),
            ("aws://a/vol-1", Some("vol-1")),
            ("aws:///vol-1", Some("vol-1")),
            ("aws://a/b/vol-1", None),
            ("aws://a/disk", None),
            ("x/vol-1", Some("x/vol-1")),
        ];
        for (written, id) in cases {
            assert_eq!(bare_id(written).as_deref(), id, "{written}");
        }
    }
}
