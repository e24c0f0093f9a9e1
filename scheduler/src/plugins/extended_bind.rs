//! Writes the claim that is made for a pod's extended resources, tells the pod of it, and removes it again.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::resource::v1::ResourceClaim;
use steersman_core::tree::json;
use steersman_core::api::Patch;
use steersman_core::{Client, Result};

use super::claim_bind::FINALIZER;
use super::extended_claim::Made;
use crate::plugin::Binding;
use crate::pod::PodInfo;

/// How often a write is tried again after a conflict, as upstream does it.
const TRIES: usize = 5;

/// Makes the claim; the server gives it its name.
pub(super) async fn create(binding: &Binding<'_>, made: &Made) -> std::result::Result<Arc<ResourceClaim>, String> {
    let mut claim = ResourceClaim::clone(&made.claim);
    claim.metadata.name = None;
    let created = binding.client.namespaced::<ResourceClaim>(binding.pod.namespace()).create(&claim).await;
    created.map_err(|error| format!("create claim for extended resources {}/: {error}", binding.pod.namespace()))
}

/// Says in the status of the pod which claim has the devices, and which of its requests are whose.
pub(super) async fn tell(binding: &Binding<'_>, made: &Made, name: &str) -> std::result::Result<(), String> {
    let told = json!({"requestMappings": made.mappings, "resourceClaimName": name});
    let patch = Patch::Strategic(json!({"status": {"extendedResourceClaimStatus": told}}));
    let pods = binding.client.namespaced::<Pod>(binding.pod.namespace());
    let written = pods.patch_status(binding.pod.name(), patch).await;
    let told = |error| format!("update pod {} ExtendedResourceClaimStatus: {error}", binding.pod.key());
    written.map(drop).map_err(told)
}

/// Removes the claim, with the devices that it has.
pub(super) async fn remove(client: &Client, pod: &PodInfo, name: &str) -> Result<()> {
    let claims = client.namespaced::<ResourceClaim>(pod.namespace());
    let mut tries = TRIES;
    loop {
        let claim = claims.get(name).await?;
        let others: Vec<&String> =
            claim.metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != FINALIZER).collect();
        let finalizers = if others.is_empty() { json!(null) } else { json!(others) };
        let metadata = json!({"resourceVersion": claim.metadata.resource_version, "finalizers": finalizers});
        tries -= 1;
        match claims.patch(name, Patch::Merge(json!({"metadata": metadata}))).await {
            Err(error) if error.is_conflict() && tries > 0 => {}
            Err(error) => return Err(error),
            Ok(_) => return claims.delete(name).await.map(drop),
        }
    }
}
