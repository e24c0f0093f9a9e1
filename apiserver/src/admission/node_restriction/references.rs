//! Which other objects a pod refers to: a mirror pod must need none, or a node could read what is not its own.

use steersman_core::tree::Value;

use crate::tree::Read;

/// What a mirror pod may mount: nothing of these is an object of the cluster.
const HARMLESS: [&str; 22] = [
    "awsElasticBlockStore",
    "azureDisk",
    "cephfs",
    "cinder",
    "downwardAPI",
    "emptyDir",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// What of others, and how that is told.
const VOLUMES: [(&str, &str); 7] = [
    ("configMap", "configmaps (via configmap volumes)"),
    ("secret", "secrets (via secret volumes)"),
    ("csi", "csidrivers (via CSI volumes)"),
    ("glusterfs", "endpoints (via glusterFS volumes)"),
    ("persistentVolumeClaim", "persistentvolumeclaims"),
    ("ephemeral", "persistentvolumeclaims (via ephemeral volumes)"),
    ("azureFile", "secrets (via azureFile volumes)"),
];

const PROJECTED: [(&str, &str); 5] = [
    ("configMap", "configmaps (via projected volumes)"),
    ("secret", "secrets (via projected volumes)"),
    ("serviceAccountToken", "serviceaccounts (via projected volumes)"),
    ("clusterTrustBundle", "clustertrustbundles"),
    ("podCertificate", "podcertificates"),
];

/// Where a volume refers to a secret.
const SECRETS: [(&str, &str); 8] = [
    ("cephfs", "secretRef"),
    ("cinder", "secretRef"),
    ("csi", "nodePublishSecretRef"),
    ("flexVolume", "secretRef"),
    ("iscsi", "secretRef"),
    ("rbd", "secretRef"),
    ("scaleIO", "secretRef"),
    ("storageos", "secretRef"),
];

/// The first objects that a pod refers to by its spec, if it does; upstream's `HasAPIObjectReference`.
///
/// # Errors
/// A volume is of no known kind.
pub(super) fn first(spec: &Value) -> Result<Option<&'static str>, String> {
    if !spec.text("serviceAccountName").is_empty() {
        return Ok(Some("serviceaccounts"));
    }
    if names_secrets(spec) {
        return Ok(Some("secrets"));
    }
    if names_config_maps(spec) {
        return Ok(Some("configmaps"));
    }
    if !spec.items("resourceClaims").is_empty() {
        return Ok(Some("resourceclaims"));
    }
    for volume in spec.items("volumes") {
        if let Some(what) = of_volume(volume)? {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

fn of_volume(volume: &Value) -> Result<Option<&'static str>, String> {
    let name = volume.text("name");
    if HARMLESS.iter().any(|kind| volume.has(kind)) {
        return Ok(None);
    }
    if let Some((_, what)) = VOLUMES.iter().find(|(kind, _)| volume.has(kind)) {
        return Ok(Some(what));
    }
    if !volume.has("projected") {
        return Err(format!("unknown volume type for volume  {name:?}"));
    }
    for source in volume.at("projected").items("sources") {
        if let Some((_, what)) = PROJECTED.iter().find(|(kind, _)| source.has(kind)) {
            return Ok(Some(what));
        }
        if !source.has("downwardAPI") {
            return Err(format!("unknown source for projected volume {name:?}"));
        }
    }
    Ok(None)
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(|list| spec.items(list))
}

/// Whether containers take variables from an object of a kind.
fn takes_variables(spec: &Value, whole: &str, key: &str) -> bool {
    let is_named = |reference: &Value| !reference.text("name").is_empty();
    containers(spec).any(|container| {
        container.items("envFrom").iter().any(|source| is_named(source.at(whole)))
            || container.items("env").iter().any(|variable| is_named(variable.at("valueFrom").at(key)))
    })
}

fn names_secrets(spec: &Value) -> bool {
    let pulls = spec.items("imagePullSecrets").iter().any(|secret| !secret.text("name").is_empty());
    let mounted = |volume: &Value| {
        let by_reference =
            SECRETS.iter().any(|(kind, field)| !volume.at(kind).at(field).text("name").is_empty());
        let by_name = [("azureFile", "secretName"), ("secret", "secretName")]
            .iter()
            .any(|(kind, field)| !volume.at(kind).text(field).is_empty());
        by_reference || by_name || projects(volume, "secret")
    };
    pulls || takes_variables(spec, "secretRef", "secretKeyRef") || spec.items("volumes").iter().any(mounted)
}

fn names_config_maps(spec: &Value) -> bool {
    let mounted =
        |volume: &Value| !volume.at("configMap").text("name").is_empty() || projects(volume, "configMap");
    takes_variables(spec, "configMapRef", "configMapKeyRef") || spec.items("volumes").iter().any(mounted)
}

fn projects(volume: &Value, kind: &str) -> bool {
    let sources = volume.at("projected").items("sources");
    sources.iter().any(|source| !source.at(kind).text("name").is_empty())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn what_a_pod_refers_to_is_told_once() {
        let variable = json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
        let projected =
            |source: Value| json!({"volumes": [{"name": "v", "projected": {"sources": [source]}}]});
        let volume = |volume: Value| json!({"volumes": [volume]});
        let cases = [
            (json!({}), Ok(None)),
            (volume(json!({"name": "v", "hostPath": {"path": "/"}})), Ok(None)),
            (json!({"serviceAccountName": "a"}), Ok(Some("serviceaccounts"))),
            (json!({"containers": [{"env": [variable]}]}), Ok(Some("secrets"))),
            (
                json!({"initContainers": [{"envFrom": [{"configMapRef": {"name": "m"}}]}]}),
                Ok(Some("configmaps")),
            ),
            (json!({"resourceClaims": [{"name": "c"}]}), Ok(Some("resourceclaims"))),
            (volume(json!({"name": "v", "rbd": {"secretRef": {"name": "s"}}})), Ok(Some("secrets"))),
            (volume(json!({"name": "v", "persistentVolumeClaim": {}})), Ok(Some("persistentvolumeclaims"))),
            (
                projected(json!({"serviceAccountToken": {"path": "t"}})),
                Ok(Some("serviceaccounts (via projected volumes)")),
            ),
            (projected(json!({"downwardAPI": {}})), Ok(None)),
            (volume(json!({"name": "v"})), Err("unknown volume type for volume  \"v\"".to_owned())),
        ];
        for (spec, expected) in cases {
            assert_eq!(first(&spec), expected, "{spec}");
        }
    }
}
