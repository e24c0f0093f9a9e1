//! The seam under the kubelet: pod sandboxes and containers, started and stopped.
//!
//! Container-level on purpose: init order, restart policy, back-off, probes, hooks and grace belong to the kubelet and
//! are written once; a runtime only starts and stops things. The counterpart of upstream's Container Runtime
//! Interface (KEP-2040), whose words it uses.

mod logs;
mod streams;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Probe;

pub use logs::{LogLine, LogOptions, LogStream, Logs};
pub use streams::{Attach, ByteStream, Ports, Said, Session, Stdio, TerminalSize};

/// What the kubelet asks for when it starts a pod's sandbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSandboxConfig {
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's uid.
    pub uid: String,
    /// Counts the sandboxes that this pod had before.
    pub attempt: u32,
    /// The host name that the pod's processes see.
    pub hostname: String,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod's annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether the pod shares the node's network; its addresses are then the node's.
    pub host_network: bool,
}

/// What the kubelet asks for when it starts a container. Everything is resolved: no references, no expansion left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerConfig {
    /// The container's name, unique in the pod.
    pub name: String,
    /// Counts the runs of this container before this one: its restart count.
    pub attempt: u32,
    /// The image as the pod names it.
    pub image: String,
    /// The image that [`Runtime::image`] or [`Runtime::pull_image`] resolved it to.
    pub image_id: String,
    /// What to run instead of the image's entry point; empty leaves the image's.
    pub command: Vec<String>,
    /// Arguments; where both this and `command` are empty, the image's.
    pub args: Vec<String>,
    /// The working directory; empty leaves the image's.
    pub working_dir: String,
    /// Environment variables in order; a later one of the same name wins.
    pub env: Vec<(String, String)>,
    /// Volumes to show inside the container. A runtime that cannot must refuse, or say that it only pretends.
    pub mounts: Vec<Mount>,
    /// The file, as the container sees it, whose content becomes [`Exit::message`].
    pub termination_message_path: String,
    /// The user id it runs as; `None` leaves the image's. A runtime that cannot must refuse, or say that it only
    /// pretends.
    pub run_as_user: Option<i64>,
    /// The same of its primary group.
    pub run_as_group: Option<i64>,
    /// What it reads from its standard input.
    pub stdin: Stdin,
    /// Whether its standard streams are a terminal.
    pub tty: bool,
}

/// What a container reads from its standard input; `stdin` and `stdinOnce` of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing.
    #[default]
    Empty,
    /// What the first client sends that is attached, until it leaves.
    Once,
    /// What clients send that are attached; it has no end.
    Open,
}

/// A volume of the pod, shown inside a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name in the pod.
    pub volume: String,
    /// Where the container sees it.
    pub container_path: PathBuf,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// An image that is present on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The identity of the content, as `imageID` shows it.
    pub id: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The user id that it runs as where a container names none; `None` where nobody knows.
    pub user: Option<u32>,
}

/// A pod's sandbox and everything in it, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSandbox {
    /// The runtime's name for the sandbox.
    pub id: String,
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's uid.
    pub uid: String,
    /// The attempt it was started with.
    pub attempt: u32,
    /// Whether it is up: a sandbox that was stopped, or has died, keeps its exited containers but no address.
    pub ready: bool,
    /// The pod's addresses, at most one of each family, the preferred family first.
    pub ips: Vec<IpAddr>,
    /// When it was started.
    pub created_at: Timestamp,
    /// Every container that was started in it and not removed, exited ones among them, in no particular order.
    pub containers: Vec<Container>,
}

/// A container, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The runtime's name for the container, without the runtime's own name.
    pub id: String,
    /// The container's name in the pod.
    pub name: String,
    /// The attempt it was started with.
    pub attempt: u32,
    /// The image as the pod names it.
    pub image: String,
    /// The image it runs.
    pub image_id: String,
    /// What it does.
    pub state: ContainerState,
}

impl PodSandbox {
    /// The sandbox of `config` as it is when it has just come up: with no containers yet.
    pub fn up(
        id: impl Into<String>,
        config: &PodSandboxConfig,
        ips: Vec<IpAddr>,
        created_at: Timestamp,
    ) -> Self {
        PodSandbox {
            id: id.into(),
            name: config.name.clone(),
            namespace: config.namespace.clone(),
            uid: config.uid.clone(),
            attempt: config.attempt,
            ready: true,
            ips,
            created_at,
            containers: Vec::new(),
        }
    }
}

impl Container {
    /// The container of `config` as it is when its process has just been started.
    pub fn running(id: impl Into<String>, config: &ContainerConfig, started_at: Timestamp) -> Self {
        Container {
            id: id.into(),
            name: config.name.clone(),
            attempt: config.attempt,
            image: config.image.clone(),
            image_id: config.image_id.clone(),
            state: ContainerState::Running { started_at },
        }
    }
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerState {
    /// Its process runs.
    Running {
        /// Since when.
        started_at: Timestamp,
    },
    /// Its process has ended.
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The exit code; 128 plus the signal where a signal ended it.
    pub code: i32,
    /// Why in one word where the runtime knows better than the code says (`OOMKilled`); otherwise empty.
    pub reason: String,
    /// The termination message; empty if the container left none.
    pub message: String,
}

/// What a runtime can fail with. The text is what a user reads in the pod's status and events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The sandbox or container does not exist.
    #[error("{0} not found")]
    NotFound(String),
    /// The sandbox could not be set up.
    #[error("{0}")]
    Sandbox(String),
    /// The image's name makes no sense; pulling again cannot help.
    #[error("{0}")]
    InvalidImageName(String),
    /// The image could not be had; it may be tried again.
    #[error("{0}")]
    ImagePull(String),
    /// The container could not be made from its configuration.
    #[error("{0}")]
    CreateContainer(String),
    /// The container was made, and its process could not be started.
    #[error("{0}")]
    StartContainer(String),
    /// The runtime does not do this.
    #[error("{0}")]
    Unsupported(String),
    /// The runtime does not answer; it may be tried again.
    #[error("{0}")]
    Unavailable(String),
}

/// Starts and stops pod sandboxes and containers on one node.
///
/// Every method may be repeated: asking for what is already so succeeds and changes nothing. Every method may wait,
/// and may be dropped while it waits: what it had begun is then either undone or shown by [`Runtime::pods`].
/// Dropping the last handle of a runtime that owns its processes ends them.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// The runtime's name: the scheme of `containerID` (`containerd`).
    fn name(&self) -> &str;

    /// The runtime's version, as the node's `containerRuntimeVersion` shows it behind the name.
    fn version(&self) -> &str;

    /// Whether it keeps containers apart from the machine and from each other: by limits, privileges, file systems.
    /// Where it does not, the kubelet warns of every wish of a pod that comes to nothing.
    fn isolates(&self) -> bool {
        true
    }

    /// Starts a pod's sandbox: afterwards it is ready and has its addresses. A sandbox of the same uid and attempt
    /// that is already there is returned as it is; an older attempt must have been stopped.
    async fn start_sandbox(&self, config: PodSandboxConfig) -> Result<PodSandbox, RuntimeError>;

    /// Ends what still runs in the sandbox, without grace, and gives its addresses back. Its containers remain to be
    /// seen as exited. Stopping one that does not exist succeeds.
    async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError>;

    /// Forgets a sandbox and its containers with their logs, stopping it first where needed. Removing one that does
    /// not exist succeeds.
    async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError>;

    /// The image of that name, if it is present on the node. Does not fetch.
    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError>;

    /// Fetches an image, or makes sure that the present one is the newest of its name.
    async fn pull_image(&self, name: &str) -> Result<Image, RuntimeError>;

    /// Makes a container in a ready sandbox and starts it. The image is present. A container of the same name and
    /// attempt that is already there is returned as it is, exited or not. After an error nothing of it remains.
    async fn start_container(
        &self,
        sandbox: &str,
        config: ContainerConfig,
    ) -> Result<Container, RuntimeError>;

    /// Asks a container to end, kills it once `grace` has passed, and waits until it has ended; zero kills at once.
    /// A later call with less grace shortens an earlier one. Returns the exited container.
    async fn stop_container(&self, id: &str, grace: Duration) -> Result<Container, RuntimeError>;

    /// Forgets an exited container with its logs, killing it first where needed. Removing one that does not exist
    /// succeeds.
    async fn remove_container(&self, id: &str) -> Result<(), RuntimeError>;

    /// The whole truth: every sandbox that was not removed, and what is in it. Does not wait long. It is asked for again
    /// and again, so what has not changed is best shared.
    async fn pods(&self) -> Result<Vec<Arc<PodSandbox>>, RuntimeError>;

    /// What changes by itself: whenever a container ends or a sandbox dies, its whole sandbox as it then is. Events
    /// of one sandbox come in order. An event may be lost, and may come twice; [`Runtime::pods`] tells all. Every
    /// call starts a stream of its own that ends with the runtime.
    fn events(&self) -> BoxStream<'static, Arc<PodSandbox>>;

    /// Running commands in containers, where the runtime can.
    fn exec(&self) -> Option<&dyn Exec> {
        None
    }

    /// Reading what containers print, where the runtime keeps it.
    fn logs(&self) -> Option<&dyn Logs> {
        None
    }

    /// Joining running containers, where the runtime can.
    fn attach(&self) -> Option<&dyn Attach> {
        None
    }

    /// Connections to the ports of pods, where the runtime can.
    fn ports(&self) -> Option<&dyn Ports> {
        None
    }

    /// Answering probes itself, where the runtime does: the kubelet then opens no connection and runs no command.
    fn prober(&self) -> Option<&dyn Prober> {
        None
    }
}

/// The ability to run commands in containers.
#[async_trait]
pub trait Exec: Send + Sync {
    /// Runs a command in a running container and waits for it. Must leave nothing running when it is dropped.
    /// Repeating runs it again.
    async fn run(&self, container: &str, command: &[String]) -> Result<ExecOutput, RuntimeError>;

    /// Runs a command in a running container, with a client at its streams. Fails if it cannot be started. It ends with
    /// the container, and when the session is dropped. Repeating runs it again. A runtime that only runs commands for
    /// the kubelet refuses.
    async fn stream(
        &self,
        container: &str,
        command: &[String],
        stdio: Stdio,
    ) -> Result<Session, RuntimeError> {
        let _ = (container, command, stdio);
        Err(RuntimeError::Unsupported("the runtime does not run commands for clients".to_owned()))
    }
}

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// The exit code; 128 plus the signal where a signal ended it.
    pub code: i32,
    /// What it printed, both streams as they came, cut at a bound that the runtime states.
    pub output: Bytes,
}

/// The ability to answer probes.
#[async_trait]
pub trait Prober: Send + Sync {
    /// What the probe of a running container finds. May be repeated; the kubelet drops it at the probe's time limit.
    async fn probe(&self, container: &str, kind: ProbeKind, probe: &Probe) -> Verdict;
}

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Whether the container has come up.
    Startup,
    /// Whether it must be restarted.
    Liveness,
    /// Whether it can serve.
    Readiness,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Success,
    /// It is not; the text goes into the pod's `Unhealthy` event.
    Failure(String),
    /// The probe itself could not be carried out: counts neither way.
    Unknown(String),
}
