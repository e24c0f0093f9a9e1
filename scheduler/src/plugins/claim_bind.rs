//! Writes into a resource claim which devices it has and which pod uses it, and takes that back.

use k8s_openapi::api::resource::v1::{AllocationResult, ResourceClaim, ResourceClaimConsumerReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::tree::{Map, Value, json};
use steersman_core::api::Patch;
use steersman_core::client::Objects;
use steersman_core::{Client, Env, Error};

use super::{claims, extended_bind, extended_claim};
use crate::devices::key;
use crate::plugin::Binding;
use crate::pod::PodInfo;

/// Keeps a claim from going while it has devices.
pub(super) const FINALIZER: &str = "resource.kubernetes.io/delete-protection";
/// How often a write is tried again after a conflict, as upstream does it.
const TRIES: usize = 5;

/// Reserves a claim for a pod, and allocates it if it has no devices yet.
pub(super) async fn reserve(
    binding: &Binding<'_>,
    name: &str,
    pending: impl Fn(&str) -> Option<AllocationResult>,
) -> Result<(), String> {
    let pod = binding.pod;
    let claims = binding.client.namespaced::<ResourceClaim>(pod.namespace());
    let mut last = None;
    for _ in 0..TRIES {
        let claim = claims.get(name).await.map_err(|error| error.to_string())?;
        if claims::is_reserved_for(&claim, pod) && claims::allocation(&claim).is_some() {
            return Ok(());
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("claim {} got deleted in the meantime", key(&claim)));
        }
        match write(binding, &claims, &claim, pending(claims::uid(&claim))).await {
            Ok(()) => return Ok(()),
            Err(Failed::Refused(why)) => return Err(why),
            Err(Failed::Write(what, error)) if error.is_conflict() => last = Some((what, error)),
            Err(Failed::Write(what, error)) => {
                return Err(format!("{what} to claim {}: {error}", key(&claim)));
            }
        }
    }
    let (what, error) = last.unwrap_or(("add reservation", Error::bad_request("never tried")));
    Err(format!("{what} to claim {}/{name}: {error}", pod.namespace()))
}

enum Failed {
    Refused(String),
    /// What was not written, and why.
    Write(&'static str, Error),
}

async fn write(
    binding: &Binding<'_>,
    claims: &Objects<ResourceClaim>,
    claim: &ResourceClaim,
    pending: Option<AllocationResult>,
) -> Result<(), Failed> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let refuse = |why: &str| Err(Failed::Refused(format!("claim {} {why} elsewhere in the meantime", key(claim))));
    let mut version = claim.metadata.resource_version.clone();
    let mut status = Map::new();
    let now = Time(binding.env.now());
    let what = if pending.is_some() { "add allocation and reservation" } else { "add reservation" };
    match (pending, claims::allocation(claim)) {
        (Some(pending), Some(allocation)) if !are_same(&pending, allocation) => return refuse("got allocated"),
        (None, None) => return refuse("got deallocated"),
        // Another pod of the group may have been faster.
        (_, Some(allocation)) => {
            if allocation.allocation_timestamp.is_none() {
                status.insert("allocation".to_owned(), json!({"allocationTimestamp": now}));
            }
        }
        (Some(mut allocation), None) => {
            let failed = |error| Failed::Write("add finalizer", error);
            version = protect(claims, claim).await.map_err(failed)?;
            draw_shares(binding.env, &mut allocation);
            allocation.allocation_timestamp = Some(now);
            status.insert("allocation".to_owned(), json!(allocation));
        }
    }
    let mut reserved: Vec<Value> = consumers(claim).iter().map(|consumer| json!(consumer)).collect();
    reserved.push(json!({"resource": "pods", "name": binding.pod.name(), "uid": binding.pod.uid()}));
    status.insert("reservedFor".to_owned(), json!(reserved));
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
    let failed = |error| Failed::Write(what, error);
    claims.patch_status(name, Patch::Merge(patch)).await.map(drop).map_err(failed)
}

/// Whether two allocations are of the same devices.
fn are_same(a: &AllocationResult, b: &AllocationResult) -> bool {
    let devices = |one: &AllocationResult| -> Vec<_> {
        let results = one.devices.iter().flat_map(|devices| devices.results.iter().flatten());
        results.map(|one| [&one.request, &one.driver, &one.pool, &one.device].map(String::clone)).collect()
    };
    devices(a) == devices(b)
}

/// Sees to it that a claim does not go while it has devices; the version of the claim then.
async fn protect(
    claims: &Objects<ResourceClaim>,
    claim: &ResourceClaim,
) -> steersman_core::Result<Option<String>> {
    let version = claim.metadata.resource_version.clone();
    let mut finalizers = claim.metadata.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(version);
    }
    finalizers.push(FINALIZER.to_owned());
    let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
    let written = claims.patch(claim.metadata.name.as_deref().unwrap_or_default(), Patch::Merge(patch)).await?;
    Ok(written.metadata.resource_version.clone())
}

/// Gives shares of devices the ids that are still to be drawn.
fn draw_shares(env: &Env, allocation: &mut AllocationResult) {
    let results = allocation.devices.iter_mut().flat_map(|devices| devices.results.iter_mut().flatten());
    let shares = results.filter_map(|result| result.share_id.as_mut()).filter(|id| id.is_empty());
    shares.for_each(|id| *id = env.uuid());
}

/// Has a claim be reserved for a pod no more, if it has devices and is.
pub(super) async fn unreserve(binding: &Binding<'_>, name: &str) -> steersman_core::Result<()> {
    let claims = binding.client.namespaced::<ResourceClaim>(binding.pod.namespace());
    let mut tries = TRIES;
    loop {
        let claim = claims.get(name).await?;
        if claims::allocation(&claim).is_none() || !claims::is_reserved_for(&claim, binding.pod) {
            return Ok(());
        }
        let others: Vec<_> =
            consumers(&claim).iter().filter(|consumer| consumer.uid != binding.pod.uid()).collect();
        let others = if others.is_empty() { Value::Null } else { json!(others) };
        let metadata = json!({"resourceVersion": claim.metadata.resource_version});
        let patch = json!({"metadata": metadata, "status": {"reservedFor": others}});
        tries -= 1;
        match claims.patch_status(name, Patch::Merge(patch)).await {
            Err(error) if error.is_conflict() && tries > 0 => {}
            written => return written.map(drop),
        }
    }
}

fn consumers(claim: &ResourceClaim) -> &[ResourceClaimConsumerReference] {
    claim.status.as_ref().and_then(|status| status.reserved_for.as_deref()).unwrap_or_default()
}

/// Whether a claim may give its devices back: nobody but the pod uses it.
pub(crate) fn may_give_back(claim: &ResourceClaim, pod: &PodInfo) -> bool {
    match consumers(claim) {
        [] => true,
        [only] => only.uid == pod.uid(),
        _ => false,
    }
}

/// Has a claim give its devices back, if it still may; one that was made for extended resources goes.
///
/// # Errors
/// The API server does not answer, or refuses; a conflict too.
pub(crate) async fn deallocate(client: &Client, pod: &PodInfo, name: &str) -> steersman_core::Result<()> {
    let claims = client.namespaced::<ResourceClaim>(pod.namespace());
    let claim = claims.get(name).await?;
    if extended_claim::is_extended(&claim) {
        return extended_bind::remove(client, pod, name).await;
    }
    if !may_give_back(&claim, pod) || claims::allocation(&claim).is_none() {
        return Ok(());
    }
    let patch = json!({
        "metadata": {"resourceVersion": claim.metadata.resource_version},
        "status": {"allocation": null, "reservedFor": null, "devices": null},
    });
    claims.patch_status(name, Patch::Merge(patch)).await.map(drop)
}
