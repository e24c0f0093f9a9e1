//! Makes sure that what a pod's volumes refer to exists, before the pod starts.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath, Pod, Secret, Volume};
use steersman_core::{Client, Resource};

use crate::pod::Failure;

/// Checks every volume; fails as Kubernetes words the event `FailedMount`.
pub(super) async fn prepare(client: Client, pod: Arc<Pod>) -> Result<(), Failure> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        if let Err(why) = check(&client, namespace, volume).await {
            let message = format!("MountVolume.SetUp failed for volume {:?} : {why}", volume.name);
            return Err(Failure { reason: "FailedMount", message });
        }
    }
    Ok(())
}

async fn check(client: &Client, namespace: &str, volume: &Volume) -> Result<(), String> {
    if let Some(source) = &volume.config_map {
        let items = source.items.as_deref();
        config_map(client, namespace, &source.name, items, source.optional == Some(true)).await?;
    }
    if let Some(source) = &volume.secret {
        let (name, items) = (source.secret_name.as_deref().unwrap_or_default(), source.items.as_deref());
        secret(client, namespace, name, items, source.optional == Some(true)).await?;
    }
    for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
        if let Some(part) = &source.config_map {
            let items = part.items.as_deref();
            config_map(client, namespace, &part.name, items, part.optional == Some(true)).await?;
        }
        if let Some(part) = &source.secret {
            secret(client, namespace, &part.name, part.items.as_deref(), part.optional == Some(true)).await?;
        }
    }
    Ok(())
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: bool,
) -> Result<(), String> {
    let Some(map) = find::<ConfigMap>(client, namespace, name, "configmap", optional).await? else {
        return Ok(());
    };
    let has = |key: &str| {
        map.data.as_ref().is_some_and(|data| data.contains_key(key))
            || map.binary_data.as_ref().is_some_and(|data| data.contains_key(key))
    };
    all_keys(items, optional, has, "references non-existent config key")
}

async fn secret(
    client: &Client,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: bool,
) -> Result<(), String> {
    let Some(secret) = find::<Secret>(client, namespace, name, "secret", optional).await? else {
        return Ok(());
    };
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    all_keys(items, optional, has, "references non-existent secret key")
}

async fn find<K: Resource>(
    client: &Client,
    namespace: &str,
    name: &str,
    kind: &str,
    optional: bool,
) -> Result<Option<Arc<K>>, String> {
    match client.namespaced::<K>(namespace).get_opt(name).await {
        Ok(None) if !optional => Err(format!("{kind} {name:?} not found")),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

fn all_keys(
    items: Option<&[KeyToPath]>,
    optional: bool,
    has: impl Fn(&str) -> bool,
    complaint: &str,
) -> Result<(), String> {
    match items.unwrap_or_default().iter().find(|item| !has(&item.key)) {
        Some(missing) if !optional => Err(format!("{complaint}: {}", missing.key)),
        _ => Ok(()),
    }
}
