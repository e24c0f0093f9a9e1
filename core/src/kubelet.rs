//! The seam between the API server and the kubelets: logs, commands, connections to ports.
//!
//! The counterpart of the endpoints that upstream's kubelet serves on port 10250. In one process the kubelets register
//! themselves; over a network an implementation would be a client of such a port.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::error::Result;
use crate::runtime::{ByteStream, Session, Stdio};

/// Where the kubelets are found.
pub trait Kubelets: Send + Sync + 'static {
    /// The kubelet of that node; `None` if it cannot be reached.
    fn kubelet(&self, node: &str) -> Option<Arc<dyn Kubelet>>;
}

/// What a node's kubelet does for the API server. Every method may be called concurrently.
///
/// A pod is given as the API server sees it. An error is what the client is told; a stream that was given ends when
/// the container does, and dropping it ends what stands behind it.
#[async_trait]
pub trait Kubelet: Send + Sync + 'static {
    /// What a container has printed, as text; with [`PodLogOptions::follow`] until it ends. May be repeated.
    async fn logs(&self, pod: &Pod, container: &str, options: &PodLogOptions) -> Result<ByteStream>;

    /// Runs a command in a container. Repeating runs it again.
    async fn exec(&self, pod: &Pod, container: &str, command: &[String], stdio: Stdio) -> Result<Session>;

    /// Joins a container. May be repeated.
    async fn attach(&self, pod: &Pod, container: &str, stdio: Stdio) -> Result<Session>;

    /// Opens a connection to a port of a pod: what is sent, and what comes back. Repeating opens another one.
    async fn connect(&self, pod: &Pod, port: u16, input: ByteStream) -> Result<ByteStream>;

    /// A page of the kubelet's own, such as `/healthz` or `/pods`; `None` if there is none.
    async fn page(&self, path: &str) -> Result<Option<Page>>;
}

/// A page that a kubelet shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The media type.
    pub media_type: String,
    /// The content.
    pub content: Bytes,
}

/// Which part of a log is wanted, and how; upstream's `PodLogOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodLogOptions {
    /// Whether to go on until the container ends.
    pub follow: bool,
    /// The log of the run before this one.
    pub previous: bool,
    /// Only what was printed since then.
    pub since: Option<Timestamp>,
    /// Whether each line starts with the time at which it was printed.
    pub timestamps: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<usize>,
    /// Only so many bytes.
    pub limit_bytes: Option<usize>,
}
