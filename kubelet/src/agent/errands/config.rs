//! Makes what a runtime is asked for out of what a pod's spec says, and starts containers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use steersman_core::cache::Typed;
use steersman_core::runtime::{Container, ContainerConfig, Mount, PodSandboxConfig, RuntimeError, Stdin};
use steersman_core::{Client, Resource, Runtime};

use super::super::AgentNode;
use super::super::worker::Worker;
use crate::environment::{Sources, references, resolve};
use crate::options::KubeletOptions;
use crate::pod::{Failure, PodSettings, Spec};
use crate::privileges::run_as;

/// How many characters a host name has at most.
const HOST_NAME: usize = 63;

/// What the runtime is asked for when it starts a pod's sandbox.
pub(super) fn sandbox(pod: &Pod, attempt: u32) -> PodSandboxConfig {
    let (metadata, spec) = (&pod.metadata, pod.spec.as_ref());
    let name = metadata.name.clone().unwrap_or_default();
    let mut hostname = spec.and_then(|spec| spec.hostname.clone()).unwrap_or_else(|| name.clone());
    hostname.truncate(hostname.char_indices().nth(HOST_NAME).map_or(hostname.len(), |(end, _)| end));
    PodSandboxConfig {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        attempt,
        hostname,
        labels: metadata.labels.clone().unwrap_or_default(),
        annotations: metadata.annotations.clone().unwrap_or_default(),
        host_network: spec.and_then(|spec| spec.host_network) == Some(true),
        name,
    }
}

/// A container that is to be started.
pub(super) struct Start {
    client: Client,
    runtime: Arc<dyn Runtime>,
    pod: Arc<Pod>,
    pod_ips: Vec<std::net::IpAddr>,
    settings: Arc<PodSettings>,
    options: Arc<KubeletOptions>,
    services: Vec<Arc<Service>>,
    spec: Spec,
    attempt: u32,
    image_id: String,
    image_user: Option<u32>,
}

impl Start {
    pub(super) fn new(
        client: &Client,
        services: &Typed<Service>,
        node: &AgentNode,
        worker: &Worker,
        container: usize,
        attempt: u32,
        image_id: String,
    ) -> Option<Self> {
        let pod = worker.machine.pod().clone();
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut near = services.in_namespace(namespace);
        if namespace != "default" {
            near.extend(services.get("default", "kubernetes"));
        }
        Some(Start {
            client: client.clone(),
            runtime: node.runtime.clone(),
            pod_ips: worker.machine.pod_ips().to_vec(),
            settings: node.settings.clone(),
            options: node.options.clone(),
            services: near,
            spec: worker.machine.spec_of(container)?.clone(),
            attempt,
            image_id,
            image_user: worker.machine.image(container).and_then(|image| image.user),
            pod,
        })
    }

    pub(super) async fn run(self, sandbox: &str) -> Result<Container, Failure> {
        let config = self
            .config()
            .await
            .map_err(|message| Failure { reason: "CreateContainerConfigError", message })?;
        self.runtime.start_container(sandbox, config).await.map_err(failure)
    }

    async fn config(&self) -> Result<ContainerConfig, String> {
        let needed = references(&self.spec);
        let sources = Sources {
            pod: &self.pod,
            pod_ips: &self.pod_ips,
            host_ips: &self.settings.host_ips,
            allocatable: &self.options.capacity,
            services: &self.services,
            config_maps: self.read::<ConfigMap>(&needed.config_maps).await?,
            secrets: self.read::<Secret>(&needed.secrets).await?,
        };
        let process = resolve(&self.spec, &sources)?;
        let run_as = run_as(&self.pod, &self.spec, self.image_user)?;
        Ok(ContainerConfig {
            name: self.spec.name.clone(),
            attempt: self.attempt,
            image: self.spec.image.clone().unwrap_or_default(),
            image_id: self.image_id.clone(),
            command: process.command,
            args: process.args,
            working_dir: self.spec.working_dir.clone().unwrap_or_default(),
            env: process.env,
            mounts: mounts(&self.spec),
            termination_message_path: self.spec.termination_message_path.clone().unwrap_or_default(),
            run_as_user: run_as.user,
            run_as_group: run_as.group,
            stdin: match (self.spec.stdin, self.spec.stdin_once) {
                (Some(true), Some(true)) => Stdin::Once,
                (Some(true), _) => Stdin::Open,
                _ => Stdin::Empty,
            },
            tty: self.spec.tty == Some(true),
        })
    }

    /// Those of the named objects that exist.
    async fn read<K: Resource>(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, Arc<K>>, String> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let objects = self.client.namespaced::<K>(self.pod.metadata.namespace.as_deref().unwrap_or_default());
        let read = names.iter().map(|name| objects.get_opt(name));
        let found = try_join_all(read).await.map_err(|error| error.to_string())?;
        let pairs = names.iter().cloned().zip(found);
        Ok(pairs.filter_map(|(name, object)| Some((name, object?))).collect())
    }
}

fn mounts(spec: &Spec) -> Vec<Mount> {
    let mount = |mount: &k8s_openapi::api::core::v1::VolumeMount| Mount {
        volume: mount.name.clone(),
        container_path: mount.mount_path.clone().into(),
        read_only: mount.read_only == Some(true),
    };
    spec.volume_mounts.iter().flatten().map(mount).collect()
}

/// How Kubernetes shows that a container could not be started.
fn failure(error: RuntimeError) -> Failure {
    let reason = match error {
        RuntimeError::StartContainer(_) => "RunContainerError",
        _ => "CreateContainerError",
    };
    Failure { reason, message: error.to_string() }
}
