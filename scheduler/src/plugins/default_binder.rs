//! Tells the API server where a pod is to run.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use steersman_core::Client;
use steersman_core::tree::json;

use super::{Configured, NoArgs};
use crate::plugin::{Bind, Plugin};
use crate::pod::PodInfo;
use crate::verdict::{Rejection, Verdict};

/// Posts a `Binding` for the pod.
#[derive(Debug, Default)]
pub struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn name(&self) -> &'static str {
        "DefaultBinder"
    }

    fn bind(&self) -> Option<&dyn Bind> {
        Some(self)
    }
}

#[async_trait]
impl Bind for DefaultBinder {
    async fn bind(&self, client: &Client, pod: &Arc<PodInfo>, node: &str) -> Verdict {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()},
            "target": {"kind": "Node", "name": node},
        });
        let pods = client.namespaced::<Pod>(pod.namespace());
        let bound = pods.post(pod.name(), "binding", binding).await;
        bound.map(drop).map_err(|error| Rejection::error(error.to_string()))
    }
}

impl Configured for DefaultBinder {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        DefaultBinder
    }
}
