//! Binds the claims of a pod that wait for it, and waits until all have their volumes.
//!
//! The API server has the last word: if another pod took the volume meanwhile, writing fails, and the pod is tried again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use steersman_core::api::{ListOptions, Patch};
use steersman_core::tree::json;
use steersman_core::{Client, Env};

use super::{volume_match, volumes};
use crate::pod::PodInfo;

/// How often it is looked whether the volumes are bound.
const AGAIN: Duration = Duration::from_secs(1);

/// Binds the pod's claims on a node, and waits for their volumes at most `limit`.
pub(super) async fn bind(
    env: &Env,
    client: &Client,
    pod: &PodInfo,
    node: &str,
    limit: Duration,
) -> Result<(), String> {
    let mut open = unbound(client, pod).await?;
    if open.is_empty() {
        return Ok(());
    }
    choose(client, &open, node).await?;
    let deadline = env.elapsed().saturating_add(limit);
    loop {
        open = unbound(client, pod).await?;
        if open.is_empty() {
            return Ok(());
        }
        if let Some(claim) = open.iter().find(|claim| is_given_up(claim, node)) {
            return Err(format!("provisioning failed for PVC \"{}\"", name(claim)));
        }
        if env.elapsed() >= deadline {
            return Err("context deadline exceeded".to_owned());
        }
        env.sleep(AGAIN).await;
    }
}

/// The claims of the pod that have no volume yet.
async fn unbound(client: &Client, pod: &PodInfo) -> Result<Vec<Arc<PersistentVolumeClaim>>, String> {
    let mut unbound = Vec::new();
    for named in volumes::claim_names(pod) {
        let claims = client.namespaced::<PersistentVolumeClaim>(pod.namespace());
        let claim = claims.get(&named.name).await.map_err(|error| error.to_string())?;
        if volumes::annotation(&claim.metadata.annotations, volumes::BIND_COMPLETED).is_none() {
            unbound.push(claim);
        }
    }
    Ok(unbound)
}

/// Chooses a volume for each claim, or asks for one to be provisioned.
async fn choose(client: &Client, claims: &[Arc<PersistentVolumeClaim>], node: &str) -> Result<(), String> {
    let told = |error: steersman_core::Error| error.to_string();
    let available = client.all::<PersistentVolume>().list(&ListOptions::default()).await.map_err(told)?;
    let node = client.all::<Node>().get(node).await.map_err(told)?;
    let mut claims: Vec<_> = claims.iter().filter(|claim| volumes::volume_name(claim).is_empty()).collect();
    claims.sort_by_key(|claim| volumes::requested(claim));
    let mut taken = BTreeSet::new();
    for claim in claims {
        let is_selected = volumes::annotation(&claim.metadata.annotations, volumes::SELECTED_NODE).is_some();
        let found = if is_selected { None } else { volume_match::find(claim, &available, &node, &taken)? };
        match found {
            Some(volume) => {
                taken.insert(volume_match::name(&volume).to_owned());
                promise(client, &volume, claim).await.map_err(told)?;
            }
            None => select(client, claim, &node).await.map_err(told)?,
        }
    }
    Ok(())
}

/// Has a volume be the claim's; the volume controller completes that.
async fn promise(
    client: &Client,
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
) -> steersman_core::Result<()> {
    if volume_match::is_bound_to(volume, claim) {
        return Ok(());
    }
    let reference = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim.metadata.name,
        "namespace": claim.metadata.namespace, "uid": claim.metadata.uid,
        "resourceVersion": claim.metadata.resource_version,
    });
    // With the version that was chosen: whoever was faster has it.
    let metadata = json!({
        "resourceVersion": volume.metadata.resource_version,
        "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"},
    });
    let patch = Patch::Merge(json!({"metadata": metadata, "spec": {"claimRef": reference}}));
    client.all::<PersistentVolume>().patch(volume_match::name(volume), patch).await.map(drop)
}

/// Has a volume be provisioned where the node can reach it.
async fn select(client: &Client, claim: &PersistentVolumeClaim, node: &Node) -> steersman_core::Result<()> {
    let metadata = json!({"annotations": {volumes::SELECTED_NODE: node.metadata.name}});
    let claims = client.namespaced(claim.metadata.namespace.as_deref().unwrap_or_default());
    let patch = Patch::Merge(json!({"metadata": metadata}));
    claims.patch(name(claim), patch).await.map(|_: Arc<PersistentVolumeClaim>| ())
}

/// Whether the provisioner has withdrawn the node that was selected, to have another one chosen.
fn is_given_up(claim: &PersistentVolumeClaim, node: &str) -> bool {
    // A claim that gets a volume that exists is not annotated with a node.
    let annotations = &claim.metadata.annotations;
    volumes::annotation(annotations, volumes::SELECTED_NODE).is_some_and(|selected| selected != node)
}

fn name(claim: &PersistentVolumeClaim) -> &str {
    claim.metadata.name.as_deref().unwrap_or_default()
}
