//! Carries out what machines ask for: each command a future that brings its answer back.

mod config;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman_core::api::{Patch, Target, WriteOptions};
use steersman_core::cache::Typed;
use steersman_core::resource::GroupVersionResource;
use steersman_core::runtime::{PodSandbox, RuntimeError};
use steersman_core::{Client, Env, Result, Runtime};

use super::probing::Probing;
use super::worker::{Worker, Write};
use super::{AgentNode, Uid};
use crate::pod::{Command, Input};

/// What an errand has led to.
pub(super) enum Done {
    /// Something that nobody waits for.
    Nothing,
    /// An answer for a pod's machine.
    Answer(Uid, Input),
    /// A pod's status was written, or why not.
    StatusWritten(Uid, Box<PodStatus>, Result<()>),
    /// A pod was removed from the API, or why not.
    RemovalAsked(Uid, Result<()>),
    /// Everything that a node's runtime had at that time.
    Listed(usize, Timestamp, Result<Vec<Arc<PodSandbox>>, RuntimeError>),
}

type Errand = BoxFuture<'static, Done>;

/// The errand that a command of a pod's machine asks for, if it asks for one.
pub(super) fn carry_out(
    env: &Env,
    client: &Client,
    services: &Typed<Service>,
    node: &AgentNode,
    worker: &Worker,
    command: Command,
) -> Option<Errand> {
    let (runtime, pod) = (node.runtime.clone(), worker.machine.pod().clone());
    let uid = worker.uid.clone();
    Some(match command {
        Command::Prepare => answer(uid, volumes::prepare(client.clone(), pod).map(Input::Prepared)),
        Command::StartSandbox { attempt } => answer(uid, start_sandbox(runtime, pod, attempt)),
        Command::StopSandbox { id } => {
            answer(uid, async move { Input::SandboxStopped(runtime.stop_sandbox(&id).await) })
        }
        Command::RemoveSandbox { id } => remove(runtime, id),
        Command::RemoveContainer { id } => remove_container(runtime, id),
        Command::FindImage { container } => {
            let image = image(worker, container);
            answer(uid, async move { Input::ImageFound(container, runtime.image(&image).await) })
        }
        Command::PullImage { container } => {
            let image = image(worker, container);
            answer(uid, async move { Input::ImagePulled(container, runtime.pull_image(&image).await) })
        }
        Command::StartContainer { container, sandbox, attempt, image_id } => {
            let start = config::Start::new(client, services, node, worker, container, attempt, image_id)?;
            answer(uid, async move { Input::ContainerStarted(container, start.run(&sandbox).await) })
        }
        Command::StopContainer { container, id, grace } => {
            let stopped = async move { runtime.stop_container(&id, grace).await };
            answer(uid, stopped.map(move |result| Input::ContainerStopped(container, result)))
        }
        Command::RunHook { container, id, hook, limit } => {
            let probing = Probing::new(env, runtime, worker, container, id)?;
            let limit = limit.unwrap_or(Duration::MAX);
            answer(uid, async move { Input::HookDone(container, hook, probing.hook(hook, limit).await) })
        }
        Command::Probe { container, id, kind } => {
            let probing = Probing::new(env, runtime, worker, container, id.clone())?;
            answer(uid, async move { Input::Probed(container, id, kind, probing.probe(kind).await) })
        }
        Command::Record(_) | Command::Delete => return None,
    })
}

/// What brings its answer back to the machine of a pod.
fn answer(uid: Uid, input: impl Future<Output = Input> + Send + 'static) -> Errand {
    input.map(|input| Done::Answer(uid, input)).boxed()
}

fn image(worker: &Worker, container: usize) -> String {
    worker.machine.container(container).and_then(|spec| spec.image.clone()).unwrap_or_default()
}

async fn start_sandbox(runtime: Arc<dyn Runtime>, pod: Arc<Pod>, attempt: u32) -> Input {
    Input::SandboxStarted(runtime.start_sandbox(config::sandbox(&pod, attempt)).await)
}

/// Removes a sandbox. One that cannot be removed now is found again by a later list.
pub(super) fn remove(runtime: Arc<dyn Runtime>, sandbox: String) -> Errand {
    async move {
        if let Err(error) = runtime.remove_sandbox(&sandbox).await {
            tracing::warn!(sandbox, %error, "a sandbox could not be removed");
        }
        Done::Nothing
    }
    .boxed()
}

fn remove_container(runtime: Arc<dyn Runtime>, id: String) -> Errand {
    async move {
        if let Err(error) = runtime.remove_container(&id).await {
            tracing::warn!(container = id, %error, "a container could not be removed");
        }
        Done::Nothing
    }
    .boxed()
}

/// Asks a runtime for everything it has.
pub(super) fn list(node: usize, runtime: Arc<dyn Runtime>, now: Timestamp) -> Errand {
    async move { Done::Listed(node, now, runtime.pods().await) }.boxed()
}

/// Writes something about a pod.
pub(super) fn write(client: &Client, worker: &Worker, write: Write) -> Errand {
    let metadata = &worker.machine.pod().metadata;
    let target = Target::all(GroupVersionResource::of::<Pod>())
        .in_namespace(metadata.namespace.clone().unwrap_or_default())
        .named(metadata.name.clone().unwrap_or_default());
    let (client, uid) = (client.clone(), worker.uid.clone());
    match write {
        Write::Status { patch, status } => async move {
            let options = WriteOptions { field_manager: "kubelet".to_owned(), ..WriteOptions::default() };
            let target = target.subresource("status");
            let result = client.api().patch(&target, Patch::Strategic(patch), &options).await;
            Done::StatusWritten(uid, status, result.map(drop))
        }
        .boxed(),
        Write::Removal => async move {
            let preconditions = Preconditions { uid: Some(uid.to_string()), resource_version: None };
            let options = DeleteOptions {
                grace_period_seconds: Some(0),
                preconditions: Some(preconditions),
                ..DeleteOptions::default()
            };
            let result = client.api().delete(&target, &options).await;
            Done::RemovalAsked(uid, result.map(drop))
        }
        .boxed(),
    }
}
