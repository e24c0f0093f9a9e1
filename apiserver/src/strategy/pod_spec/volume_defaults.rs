//! Fills in the defaults of volumes and their sources.

use steersman_core::tree::{Map, Value, json};

use super::image::pull_policy;
use crate::tree::{Fill, Read};

/// The mode of projected files that say none: 0644.
const DEFAULT_MODE: i32 = 420;

/// Fills in what a volume leaves out. A volume without a source is an empty directory.
pub(super) fn default(volume: &mut Map) {
    volume.retain(|_, value| !value.is_null());
    if volume.keys().all(|field| field == "name") {
        volume.put("emptyDir", Map::new());
        return;
    }
    default_sources(volume);
}

/// Fills in what the sources of a volume leave out; other objects are left alone.
pub(in crate::strategy) fn default_sources(volume: &mut Map) {
    for (field, source) in volume.iter_mut() {
        if let Some(source) = source.as_object_mut() {
            default_source(field, source);
        }
    }
}

fn default_source(field: &str, source: &mut Map) {
    match field {
        "configMap" | "secret" => source.fill("defaultMode", DEFAULT_MODE),
        "downwardAPI" => {
            source.fill("defaultMode", DEFAULT_MODE);
            default_downward_items(source);
        }
        "projected" => {
            source.fill("defaultMode", DEFAULT_MODE);
            source.objects_mut("sources").for_each(default_projection);
        }
        "hostPath" => source.fill("type", ""),
        "image" => {
            if !source.has("pullPolicy") {
                source.put("pullPolicy", pull_policy(source.text("reference")));
            }
        }
        "ephemeral" => {
            if let Some(template) = source.object_mut("volumeClaimTemplate") {
                template.object("metadata");
                default_claim(template.object("spec"));
            }
        }
        _ => default_storage(field, source),
    }
}

/// The sources that are storage systems of their own.
fn default_storage(field: &str, source: &mut Map) {
    let defaults: &[(&str, Value)] = match field {
        "iscsi" => &[("iscsiInterface", json!("default"))],
        "rbd" => &[("pool", json!("rbd")), ("user", json!("admin")), ("keyring", json!("/etc/ceph/keyring"))],
        "azureDisk" => &[
            ("cachingMode", json!("ReadWrite")),
            ("kind", json!("Shared")),
            ("fsType", json!("ext4")),
            ("readOnly", json!(false)),
        ],
        "scaleIO" => &[("storageMode", json!("ThinProvisioned")), ("fsType", json!("xfs"))],
        _ => &[],
    };
    for (name, value) in defaults {
        // A disk of Azure may say nothing, which is refused later.
        if field == "azureDisk" {
            source.fill(name, value.clone());
        } else {
            source.fill_zero(name, value.clone());
        }
    }
}

/// A claim's spec: a volume is a file system unless it says block device.
pub(in crate::strategy) fn default_claim(spec: &mut Map) {
    spec.object("resources");
    spec.fill("volumeMode", "Filesystem");
}

fn default_downward_items(source: &mut Map) {
    for item in source.objects_mut("items") {
        if let Some(field) = item.object_mut("fieldRef") {
            field.fill_zero("apiVersion", "v1");
        }
        if let Some(resource) = item.object_mut("resourceFieldRef") {
            resource.fill("divisor", "0");
        }
    }
}

fn default_projection(projection: &mut Map) {
    if let Some(token) = projection.object_mut("serviceAccountToken") {
        token.fill("expirationSeconds", 3600);
    }
    if let Some(downward) = projection.object_mut("downwardAPI") {
        default_downward_items(downward);
    }
}
