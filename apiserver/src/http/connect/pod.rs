//! Which container of a pod is meant, and where it runs; in upstream's words where that cannot be said.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use steersman_core::{Error, Result};

use super::Connect;
use super::kubelet::Location;

/// A container, and the kubelet it is in the care of.
pub(in crate::http) struct Place {
    pub(in crate::http) pod: Arc<Pod>,
    /// Empty where the whole pod is meant.
    pub(in crate::http) container: String,
    pub(in crate::http) location: Location,
}

impl Place {
    /// Where the container is that the request names, or the only one; `None` if its pod is on no node yet.
    pub(super) async fn of_container(connect: &Connect<'_>) -> Result<Option<Self>> {
        let pod = connect.pod().await?;
        let container = container(&pod, connect.query.text("container"))?;
        Self::find(connect, pod, container).await
    }

    /// Where the pod is; `None` if it is on no node yet.
    pub(super) async fn of_whole(connect: &Connect<'_>, pod: Arc<Pod>) -> Result<Option<Self>> {
        Self::find(connect, pod, String::new()).await
    }

    async fn find(connect: &Connect<'_>, pod: Arc<Pod>, container: String) -> Result<Option<Self>> {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        if node.is_empty() {
            return Ok(None);
        }
        let location = Location::of(connect.core, node).await?;
        Ok(Some(Place { pod, container, location }))
    }
}

/// The container that a client names, or the only one.
fn container(pod: &Pod, named: &str) -> Result<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let all = names(pod);
    if !named.is_empty() {
        let invalid = || Error::bad_request(format!("container {named} is not valid for pod {name}"));
        return all.into_iter().find(|one| *one == named).map(str::to_owned).ok_or_else(invalid);
    }
    match pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default() {
        [only] => Ok(only.name.clone()),
        [] => Err(Error::bad_request(format!("a container name must be specified for pod {name}"))),
        _ => Err(Error::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            all.join(" ")
        ))),
    }
}

/// Every container, in the order in which upstream visits them.
fn names(pod: &Pod) -> Vec<&str> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let ordinary = spec.init_containers.iter().flatten().chain(&spec.containers).map(|one| &one.name);
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|one| &one.name);
    ordinary.chain(ephemeral).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn one_container_needs_no_name() {
        let pod = |containers: &[&str]| -> Pod {
            let containers: Vec<_> = containers.iter().map(|name| json!({"name": name})).collect();
            let spec = json!({
                "containers": containers, "initContainers": [{"name": "i"}],
                "ephemeralContainers": [{"name": "e"}],
            });
            steersman_core::tree::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap()
        };
        let cases = [
            (&["c"][..], "", "c"),
            (&["c", "d"], "d", "d"),
            (&["c"], "i", "i"),
            (&["c"], "e", "e"),
            (&["c"], "x", "container x is not valid for pod p"),
            (&["c", "d"], "", "a container name must be specified for pod p, choose one of: [i c d e]"),
            (&[], "", "a container name must be specified for pod p"),
        ];
        for (containers, named, expected) in cases {
            let told = container(&pod(containers), named).unwrap_or_else(|error| error.to_string());
            assert_eq!(told, expected);
        }
    }
}
