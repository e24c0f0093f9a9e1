//! Waits until drivers have prepared the devices of a pod for its node.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::resource::v1::ResourceClaim;
use steersman_core::events::{About, EventType};

use super::device_conditions;
use crate::plugin::Binding;

/// How often it is looked whether the devices are prepared.
const AGAIN: Duration = Duration::from_secs(5);

/// Waits at most `limit` for the devices of these claims.
pub(super) async fn wait(binding: &Binding<'_>, names: &[String], limit: Duration) -> Result<(), String> {
    let mut claims = read(binding, names).await?;
    if !claims.iter().any(|claim| device_conditions::has_any(claim)) {
        return Ok(());
    }
    let message = format!("waiting for binding conditions for device on node {}", binding.node);
    let pod = About::of_typed(&**binding.pod.pod());
    binding.recorder.event(pod, EventType::Normal, "BindingConditionsPending", message);
    let deadline = binding.env.elapsed().saturating_add(limit);
    loop {
        if are_ready(binding, &claims, limit)? {
            return Ok(());
        }
        binding.env.sleep_until(deadline.min(binding.env.elapsed() + AGAIN)).await;
        if binding.env.elapsed() >= deadline {
            return Err("device binding timeout: context deadline exceeded".to_owned());
        }
        claims = read(binding, names).await?;
    }
}

async fn read(binding: &Binding<'_>, names: &[String]) -> Result<Vec<Arc<ResourceClaim>>, String> {
    let client = binding.client.namespaced::<ResourceClaim>(binding.pod.namespace());
    let mut claims = Vec::new();
    for name in names {
        claims.push(client.get(name).await.map_err(|error| error.to_string())?);
    }
    Ok(claims)
}

/// The first claim that is not ready decides.
fn are_ready(binding: &Binding<'_>, claims: &[Arc<ResourceClaim>], limit: Duration) -> Result<bool, String> {
    for claim in claims {
        if device_conditions::is_ready(claim)? {
            continue;
        }
        if device_conditions::is_late(claim, limit, binding.env.now()) {
            let name = claim.metadata.name.as_deref().unwrap_or_default();
            return Err(format!("device binding timeout: claim={name}"));
        }
        return Ok(false);
    }
    Ok(true)
}
