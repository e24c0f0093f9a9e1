//! What goes into the pod machine, and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use steersman_core::runtime::{Container, Image, PodSandbox, ProbeKind, RuntimeError, Verdict};

/// What the machine wants done. Containers are named by their place: init containers first, then the others.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Make the pod's volumes ready; answered by [`Input::Prepared`].
    Prepare,
    /// Start the pod's sandbox; answered by [`Input::SandboxStarted`].
    StartSandbox {
        /// Which one it is of this pod's sandboxes.
        attempt: u32,
    },
    /// Stop the sandbox; answered by [`Input::SandboxStopped`].
    StopSandbox {
        /// The sandbox.
        id: String,
    },
    /// Forget the sandbox and everything in it; not answered.
    RemoveSandbox {
        /// The sandbox.
        id: String,
    },
    /// Look whether the container's image is present; answered by [`Input::ImageFound`].
    FindImage {
        /// The container.
        container: usize,
    },
    /// Pull the container's image; answered by [`Input::ImagePulled`].
    PullImage {
        /// The container.
        container: usize,
    },
    /// Resolve the container's configuration and start it; answered by [`Input::ContainerStarted`].
    StartContainer {
        /// The container.
        container: usize,
        /// The sandbox to start it in.
        sandbox: String,
        /// Which one it is of this container's runs.
        attempt: u32,
        /// The image to run.
        image_id: String,
    },
    /// Stop a container; answered by [`Input::ContainerStopped`].
    StopContainer {
        /// The container.
        container: usize,
        /// The runtime's name for it.
        id: String,
        /// How long it has before it is killed.
        grace: Duration,
    },
    /// Forget an exited container that is no longer shown; not answered.
    RemoveContainer {
        /// The runtime's name for it.
        id: String,
    },
    /// Run a life-cycle hook; answered by [`Input::HookDone`].
    RunHook {
        /// The container.
        container: usize,
        /// The runtime's name for it.
        id: String,
        /// Which hook.
        hook: Hook,
        /// The time it has, where it has a limit.
        limit: Option<Duration>,
    },
    /// Probe a container; answered by [`Input::Probed`].
    Probe {
        /// The container.
        container: usize,
        /// The runtime's name for it.
        id: String,
        /// Which of its probes.
        kind: ProbeKind,
    },
    /// Tell users; not answered.
    Record(PodEvent),
    /// Everything has ended: write the final status, then remove the pod from the API; not answered.
    Delete,
}

/// A life-cycle hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Runs once a container has started.
    PostStart,
    /// Runs before a container is asked to end.
    PreStop,
}

/// An event about the pod or one of its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// Whether it is a `Warning`; otherwise `Normal`.
    pub warning: bool,
    /// The reason: `Started`.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
    /// The container it is about, as a field path (`spec.containers{web}`); empty for the pod.
    pub field_path: String,
}

/// What the machine is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A newer version of the pod.
    Pod(Arc<Pod>),
    /// The pod was removed from the API; its last version.
    Removed(Arc<Pod>),
    /// What the runtime says of the pod's sandbox.
    Observed(Arc<PodSandbox>),
    /// The runtime has no sandbox of this pod.
    Vanished,
    /// The pod's volumes are ready, or why not.
    Prepared(Result<(), Failure>),
    /// The sandbox is up, or why not.
    SandboxStarted(Result<PodSandbox, RuntimeError>),
    /// The sandbox has stopped, or why not.
    SandboxStopped(Result<(), RuntimeError>),
    /// The container's image, if it is present.
    ImageFound(usize, Result<Option<Image>, RuntimeError>),
    /// The container's image, or why it could not be had.
    ImagePulled(usize, Result<Image, RuntimeError>),
    /// The container runs, or why not.
    ContainerStarted(usize, Result<Container, Failure>),
    /// The container has ended, or why it could not be stopped.
    ContainerStopped(usize, Result<Container, RuntimeError>),
    /// A hook has run, or why not.
    HookDone(usize, Hook, Result<(), String>),
    /// What a probe found; the id says of which run.
    Probed(usize, String, ProbeKind, Verdict),
    /// Time has passed.
    Tick,
}

/// Why something of a pod could not be made, as its status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason: `CreateContainerConfigError`.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}
