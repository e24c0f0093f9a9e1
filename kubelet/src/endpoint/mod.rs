//! The node's side of what the API server asks of its kubelet: logs, commands, attached clients, ports.

mod choice;
mod text;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use steersman_core::api::{ListOptions, Target};
use steersman_core::error::Reason;
use steersman_core::kubelet::{Kubelet, Page, PodLogOptions};
use steersman_core::resource::GroupVersionResource;
use steersman_core::runtime::{
    ByteStream, Container, ContainerState, LogOptions, PodSandbox, RuntimeError, Said, Session, Stdio,
};
use steersman_core::selector::FieldSelector;
use steersman_core::tree::json;
use steersman_core::{Client, Error, Result, Runtime};

/// A node's kubelet as the API server reaches it, over the runtime that the node's [`Kubelet`](crate::Kubelet) drives.
/// Cloning shares.
#[derive(Clone)]
pub struct Endpoint {
    client: Client,
    node: String,
    runtime: Arc<dyn Runtime>,
}

impl Endpoint {
    /// The endpoint of the node `name`, whose pods run in `runtime`.
    pub fn new(client: &Client, name: &str, runtime: Arc<dyn Runtime>) -> Self {
        Endpoint { client: client.clone(), node: name.to_owned(), runtime }
    }

    /// The newest sandbox of the pod.
    async fn sandbox(&self, pod: &Pod) -> Result<Option<Arc<PodSandbox>>> {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let sandboxes = self.runtime.pods().await.map_err(internal)?;
        Ok(sandboxes.into_iter().filter(|one| one.uid == uid).max_by_key(|one| one.attempt))
    }

    /// The running container of that name.
    async fn running(&self, pod: &Pod, name: &str) -> Result<Container> {
        let sandbox = self.sandbox(pod).await?;
        let is_it =
            |one: &&Container| one.name == name && matches!(one.state, ContainerState::Running { .. });
        let found = sandbox.iter().flat_map(|sandbox| &sandbox.containers).find(is_it).cloned();
        found.ok_or_else(|| internal(format!("container not found ({name:?})")))
    }

    async fn pods(&self) -> Result<Bytes> {
        let target = Target::all(GroupVersionResource::of::<Pod>());
        let fields = FieldSelector::equals("spec.nodeName", self.node.as_str());
        let list = self.client.api().list(&target, &ListOptions { fields, ..ListOptions::default() }).await?;
        let items: Result<Vec<_>> = list.items.iter().map(steersman_core::Object::to_value).collect();
        let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items?});
        Ok(list.to_string().into())
    }
}

#[async_trait]
impl Kubelet for Endpoint {
    async fn logs(&self, pod: &Pod, container: &str, options: &PodLogOptions) -> Result<ByteStream> {
        let id = choice::of_log(pod, container, options.previous).map_err(Error::bad_request)?;
        let unsupported = || unsupported(&*self.runtime, "keeps no logs");
        let logs = self.runtime.logs().ok_or_else(unsupported)?;
        let wanted =
            LogOptions { follow: options.follow, tail_lines: options.tail_lines, since: options.since };
        let lines = logs.read(id, &wanted).await.map_err(|why| Error::bad_request(why.to_string()))?;
        Ok(text::of(lines, options))
    }

    async fn exec(&self, pod: &Pod, container: &str, command: &[String], stdio: Stdio) -> Result<Session> {
        let container = self.running(pod, container).await?;
        let exec = self.runtime.exec().ok_or_else(|| unsupported(&*self.runtime, "runs no commands"))?;
        Ok(or_failed(exec.stream(&container.id, command, stdio).await))
    }

    async fn attach(&self, pod: &Pod, container: &str, stdio: Stdio) -> Result<Session> {
        let container = self.running(pod, container).await?;
        let unsupported = || unsupported(&*self.runtime, "attaches nobody to containers");
        let attach = self.runtime.attach().ok_or_else(unsupported)?;
        Ok(or_failed(attach.attach(&container.id, stdio).await))
    }

    async fn connect(&self, pod: &Pod, port: u16, input: ByteStream) -> Result<ByteStream> {
        let sandbox = self.sandbox(pod).await?.filter(|sandbox| sandbox.ready);
        let sandbox = sandbox.ok_or_else(|| internal("the pod's sandbox is not ready"))?;
        let unsupported = || unsupported(&*self.runtime, "opens no connections to pods");
        let ports = self.runtime.ports().ok_or_else(unsupported)?;
        ports.connect(&sandbox.id, port, input).await.map_err(internal)
    }

    async fn page(&self, path: &str) -> Result<Option<Page>> {
        let page = |media_type: &str, content: Bytes| Page { media_type: media_type.to_owned(), content };
        Ok(match path {
            "healthz" => Some(page("text/plain; charset=utf-8", Bytes::from_static(b"ok"))),
            "pods" => Some(page("application/json", self.pods().await?)),
            _ => None,
        })
    }
}

/// What did not begin ends at once: the client is told where it would have been told of the end.
fn or_failed(begun: Result<Session, RuntimeError>) -> Session {
    begun.unwrap_or_else(|why| stream::iter([Said::Failed(why)]).boxed())
}

/// 500 with nothing but the message.
fn internal(why: impl fmt::Display) -> Error {
    Error::new(Reason::InternalError, why.to_string())
}

fn unsupported(runtime: &dyn Runtime, what: &str) -> Error {
    Error::not_implemented(format!("the runtime {:?} {what}", runtime.name()))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("node", &self.node).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
