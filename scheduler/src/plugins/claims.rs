//! The resource claims of a pod: which they are, and what is wrong with them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodResourceClaim, PodResourceClaimStatus};
use k8s_openapi::api::resource::v1::ResourceClaim;

use crate::devices;
use crate::pod::PodInfo;
use crate::snapshot::Related;

/// The name of a claim, and whether it was made for the pod alone; `None` if the pod needs none for the entry.
pub(super) fn name(pod: &PodInfo, entry: &PodResourceClaim) -> Result<Option<(String, bool)>, String> {
    if let Some(name) = &entry.resource_claim_name {
        return Ok(Some((name.clone(), false)));
    }
    if entry.resource_claim_template_name.is_none() {
        let why = "none of the supported fields are set";
        return Err(format!("pod \"{}\", spec.resourceClaim \"{}\": {why}", pod.key(), entry.name));
    }
    match generated(pod).iter().find(|status| status.name == entry.name) {
        Some(status) => Ok(status.resource_claim_name.clone().map(|name| (name, true))),
        None => Err(format!("pod \"{}\": ResourceClaim not created yet", pod.key())),
    }
}

/// The claims that were made for the pod alone.
pub(super) fn generated(pod: &PodInfo) -> &[PodResourceClaimStatus] {
    let status = pod.pod().status.as_ref();
    status.and_then(|status| status.resource_claim_statuses.as_deref()).unwrap_or_default()
}

/// The entries of a pod's spec.
pub(super) fn entries(pod: &PodInfo) -> &[PodResourceClaim] {
    pod.spec().and_then(|spec| spec.resource_claims.as_deref()).unwrap_or_default()
}

/// The names of a pod's claims, in order.
pub(super) fn names(pod: &PodInfo) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for entry in entries(pod) {
        names.extend(name(pod, entry)?.map(|(name, _)| name));
    }
    Ok(names)
}

/// The claims of a pod, in order; an error if one is not there or not the pod's.
pub(super) fn of(pod: &PodInfo, related: &Related) -> Result<Vec<Arc<ResourceClaim>>, String> {
    let mut claims = Vec::new();
    for entry in entries(pod) {
        let Some((name, is_own)) = name(pod, entry)? else { continue };
        let found = related.get::<ResourceClaim>(pod.namespace(), &name);
        let missing = || format!("could not find resource claim \"{}/{name}\"", pod.namespace());
        let claim = found.ok_or_else(missing)?;
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("resourceclaim \"{name}\" is being deleted"));
        }
        if is_own && !is_owned(&claim, pod) {
            return Err(format!(
                "ResourceClaim {} was not created for Pod {} (Pod is not owner)",
                devices::key(&claim),
                pod.key()
            ));
        }
        claims.push(claim);
    }
    Ok(claims)
}

fn is_owned(claim: &ResourceClaim, pod: &PodInfo) -> bool {
    let owners = claim.metadata.owner_references.iter().flatten();
    owners.into_iter().any(|owner| owner.controller == Some(true) && owner.uid == pod.uid())
}

/// Whether the pod may use the claim.
pub(super) fn is_reserved_for(claim: &ResourceClaim, pod: &PodInfo) -> bool {
    let reserved = claim.status.as_ref().and_then(|status| status.reserved_for.as_ref());
    reserved.into_iter().flatten().any(|consumer| consumer.uid == pod.uid())
}

/// The allocation that stands in the claim.
pub(super) fn allocation(claim: &ResourceClaim) -> Option<&k8s_openapi::api::resource::v1::AllocationResult> {
    claim.status.as_ref()?.allocation.as_ref()
}

/// The uid.
pub(super) fn uid(claim: &ResourceClaim) -> &str {
    claim.metadata.uid.as_deref().unwrap_or_default()
}
