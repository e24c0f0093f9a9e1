//! Which tokens a node may ask for: those of the accounts of its own pods, bound to these, for audiences they name.

use steersman_core::Result;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use super::pods;
use crate::admission::{Attributes, Operation};
use crate::authorize::{Asked, Decision, ResourceAccess};
use crate::tree::Read;

/// The right to a token for an audience that no pod names.
const VERB: &str = "request-serviceaccounts-token-audience";

pub(super) async fn restrict(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.operation != Operation::Create || write.subresource != "token" {
        return Ok(());
    }
    let bound = write.object.at("spec").at("boundObjectRef");
    let is_pod = (bound.text("apiVersion"), bound.text("kind")) == ("v1", "Pod");
    if !is_pod || bound.text("name").is_empty() {
        return Err(write.forbidden("node requested token not bound to a pod"));
    }
    let uid = bound.text("uid");
    if uid.is_empty() {
        return Err(write.forbidden("node requested token with a pod binding without a uid"));
    }
    let pod = pods::found(write, bound.text("name"))?;
    if pod.at("metadata").text("uid") != uid {
        return Err(write.forbidden(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        )));
    }
    if !pods::is_on(&pod, node) {
        return Err(write.forbidden("node requested token bound to a pod scheduled on a different node"));
    }
    check_audience(write, &pod).await.map_err(|why| write.forbidden(why))
}

async fn check_audience(write: &Attributes<'_>, pod: &Value) -> Result<(), String> {
    let audiences: Vec<&str> = write.object.at("spec").texts("audiences").collect();
    let audience = match audiences.as_slice() {
        [] => "",
        [only] => only,
        _ => return Err("node may only request 0 or 1 audiences".to_owned()),
    };
    let is_named = names(write, pod, audience);
    if is_named.map_err(|why| format!("error validating audience {audience:?}: {why}"))? {
        return Ok(());
    }
    let asked = ResourceAccess {
        group: "",
        version: "v1",
        resource: audience,
        subresource: "",
        namespace: write.namespace,
        name: write.name,
        fields: None,
    };
    match write.cluster.decide(write.user, VERB, Asked::Resource(asked)).await {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { .. } | Decision::NoOpinion { .. } => Err(format!(
            "audience {audience:?} not found in pod spec volume, {} is not authorized to request tokens for this audience",
            write.user.name
        )),
    }
}

/// Whether a volume of the pod needs a token for an audience.
fn names(write: &Attributes<'_>, pod: &Value, audience: &str) -> Result<bool, String> {
    let mut faults = Vec::new();
    for volume in pod.at("spec").items("volumes") {
        let projected = volume.at("projected").items("sources").iter();
        let mut tokens = projected.map(|source| source.at("serviceAccountToken"));
        if tokens.any(|token| !token.is_null() && token.text("audience") == audience) {
            return Ok(true);
        }
        match driver(write, pod, volume).and_then(|driver| serves(write, &driver, audience)) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(why) => faults.push(why),
        }
    }
    match faults.as_slice() {
        [] => Ok(false),
        [only] => Err(only.clone()),
        several => Err(format!("[{}]", several.join(", "))),
    }
}

/// The driver that mounts a volume; empty if none does.
fn driver(write: &Attributes<'_>, pod: &Value, volume: &Value) -> Result<String, String> {
    if volume.at("ephemeral").has("volumeClaimTemplate") {
        let claim = format!("{}-{}", pod.at("metadata").text("name"), volume.text("name"));
        return driver_of_claim(write, &claim);
    }
    match volume.at("persistentVolumeClaim").text("claimName") {
        "" => Ok(volume.at("csi").text("driver").to_owned()),
        claim => driver_of_claim(write, claim),
    }
}

fn driver_of_claim(write: &Attributes<'_>, name: &str) -> Result<String, String> {
    let claim = lookup(write, "", "persistentvolumeclaim", write.namespace, name)?;
    let volume = lookup(write, "", "persistentvolume", "", claim.at("spec").text("volumeName"))?;
    Ok(volume.at("spec").at("csi").text("driver").to_owned())
}

/// Whether a driver is given tokens for an audience.
fn serves(write: &Attributes<'_>, driver: &str, audience: &str) -> Result<bool, String> {
    if driver.is_empty() {
        return Ok(false);
    }
    let driver = lookup(write, "storage.k8s.io", "csidriver", "", driver)?;
    let requests = driver.at("spec").items("tokenRequests");
    Ok(requests.iter().any(|request| request.text("audience") == audience))
}

fn lookup(
    write: &Attributes<'_>,
    group: &'static str,
    singular: &'static str,
    namespace: &str,
    name: &str,
) -> Result<Value, String> {
    let found = write.cluster.get(&GroupResource::new(group, format!("{singular}s")), namespace, name);
    let missing = || format!("{} {name:?} not found", GroupResource::new(group, singular));
    found.ok_or_else(missing)?.to_value().map_err(|why| why.to_string())
}
