//! Takes a Deployment back to the template of its previous revision, as `kubectl rollout undo` does.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use steersman_core::api::{ListOptions, Patch};
use steersman_core::tree::{Value, json, to_value};
use steersman_core::versions::optional;
use steersman_core::{Client, Error, Result};

const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Patches the template of the revision before the newest over the current one.
pub(crate) async fn undo(client: &Client, namespace: &str, name: &str) -> Result<Arc<Deployment>> {
    let deployments = client.namespaced::<Deployment>(namespace);
    let deployment = deployments.get(name).await?;
    let uid = deployment.metadata.uid.as_deref().unwrap_or_default();
    let mut sets = client.namespaced::<ReplicaSet>(namespace).list(&ListOptions::default()).await?;
    sets.retain(|set| is_owned_by(set, uid));
    sets.sort_by_key(|set| revision(set));
    let previous = sets.len().checked_sub(2).and_then(|place| sets.get(place));
    let previous = previous
        .ok_or_else(|| Error::bad_request(format!("no rollout history found for deployment {name:?}")))?;
    deployments.patch(name, Patch::Json(replace_template(previous)?)).await
}

fn is_owned_by(set: &ReplicaSet, uid: &str) -> bool {
    set.metadata
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.uid == uid && owner.controller == Some(true))
}

fn revision(set: &ReplicaSet) -> i64 {
    let annotations = set.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(REVISION)?.parse().ok()).unwrap_or_default()
}

fn replace_template(set: &ReplicaSet) -> Result<Value> {
    let template =
        optional::<&ReplicaSetSpec>(&set.spec).and_then(|spec| spec.template.clone()).unwrap_or_default();
    let mut template = to_value(template).map_err(Error::internal)?;
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    Ok(json!([{"op": "replace", "path": "/spec/template", "value": template}]))
}
