//! Writes into a resource claim which devices it has and which pod uses it, and takes that back.

use k8s_openapi::api::resource::v1::{AllocationResult, ResourceClaim};
use serde_json::{Value, json};
use steersman_core::api::Patch;
use steersman_core::client::Objects;
use steersman_core::{Client, Env, Error};

use super::claims;
use crate::devices::key;
use crate::pod::PodInfo;

/// Keeps a claim from going while it has devices.
const FINALIZER: &str = "resource.kubernetes.io/delete-protection";
/// How often a write is tried again after a conflict, as upstream does it.
const TRIES: usize = 5;

/// Reserves a claim for a pod, and allocates it if it has no devices yet.
pub(super) async fn reserve(
    env: &Env,
    client: &Client,
    pod: &PodInfo,
    name: &str,
    pending: impl Fn(&str) -> Option<AllocationResult>,
) -> Result<(), String> {
    let claims = client.namespaced::<ResourceClaim>(pod.namespace());
    let mut last = None;
    for _ in 0..TRIES {
        let claim = claims.get(name).await.map_err(|error| error.to_string())?;
        if claims::is_reserved_for(&claim, pod) && claims::allocation(&claim).is_some() {
            return Ok(());
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("claim {} got deleted in the meantime", key(&claim)));
        }
        let pending = pending(claims::uid(&claim));
        let what = if pending.is_some() { "add allocation and reservation" } else { "add reservation" };
        match write(env, &claims, &claim, pod, pending).await {
            Ok(()) => return Ok(()),
            Err(Failed::Refused(why)) => return Err(why),
            Err(Failed::Write(error)) if error.is_conflict() => last = Some((what, error)),
            Err(Failed::Write(error)) => return Err(format!("{what} to claim {}: {error}", key(&claim))),
        }
    }
    let (what, error) = last.unwrap_or(("add reservation", Error::bad_request("never tried")));
    Err(format!("{what} to claim {}/{name}: {error}", pod.namespace()))
}

enum Failed {
    Refused(String),
    Write(Error),
}

async fn write(
    env: &Env,
    claims: &Objects<ResourceClaim>,
    claim: &ResourceClaim,
    pod: &PodInfo,
    pending: Option<AllocationResult>,
) -> Result<(), Failed> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let mut version = claim.metadata.resource_version.clone();
    let mut status = serde_json::Map::new();
    match (pending, claims::allocation(claim)) {
        (Some(_), Some(_)) => {
            let why = "got allocated elsewhere in the meantime";
            return Err(Failed::Refused(format!("claim {} {why}", key(claim))));
        }
        (None, None) => return Err(Failed::Refused(format!("claim {} has no devices any more", key(claim)))),
        (None, Some(_)) => {}
        (Some(mut allocation), None) => {
            let results = allocation.devices.iter_mut().flat_map(|devices| devices.results.iter_mut().flatten());
            let shares = results.filter_map(|result| result.share_id.as_mut()).filter(|id| id.is_empty());
            shares.for_each(|id| *id = env.uuid());
            let mut finalizers = claim.metadata.finalizers.clone().unwrap_or_default();
            if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
                finalizers.push(FINALIZER.to_owned());
                let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
                let written = claims.patch(name, Patch::Merge(patch)).await.map_err(Failed::Write)?;
                version = written.metadata.resource_version.clone();
            }
            status.insert("allocation".to_owned(), json!(allocation));
        }
    }
    let reserved = claim.status.as_ref().and_then(|status| status.reserved_for.as_ref());
    let mut reserved: Vec<Value> = reserved.into_iter().flatten().map(|consumer| json!(consumer)).collect();
    reserved.push(json!({"resource": "pods", "name": pod.name(), "uid": pod.uid()}));
    status.insert("reservedFor".to_owned(), json!(reserved));
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
    claims.patch_status(name, Patch::Merge(patch)).await.map(drop).map_err(Failed::Write)
}

/// Whether a claim may give its devices back: nobody but the pod uses it.
pub(crate) fn may_give_back(claim: &ResourceClaim, pod: &PodInfo) -> bool {
    let reserved = claim.status.as_ref().and_then(|status| status.reserved_for.as_deref());
    match reserved.unwrap_or_default() {
        [] => true,
        [only] => only.uid == pod.uid(),
        _ => false,
    }
}

/// Has a claim give its devices back, if it still may.
///
/// # Errors
/// The API server does not answer, or refuses; a conflict too.
pub(crate) async fn deallocate(client: &Client, pod: &PodInfo, name: &str) -> steersman_core::Result<()> {
    let claims = client.namespaced::<ResourceClaim>(pod.namespace());
    let claim = claims.get(name).await?;
    if !may_give_back(&claim, pod) || claims::allocation(&claim).is_none() {
        return Ok(());
    }
    let patch = json!({
        "metadata": {"resourceVersion": claim.metadata.resource_version},
        "status": {"allocation": null, "reservedFor": null},
    });
    claims.patch_status(name, Patch::Merge(patch)).await.map(drop)
}
