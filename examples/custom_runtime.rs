//! A runtime of one's own: a container is whatever you say. Here it is an entry in a list, always running.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use steersman::core::runtime::{
    Container, ContainerConfig, ContainerState, Exit, Image, PodSandbox, PodSandboxConfig, Runtime,
    RuntimeError,
};
use steersman::prelude::{Cluster, Env};
use steersman::sim::Sim;

struct Ledger {
    env: Env,
    sandboxes: Mutex<Vec<PodSandbox>>,
}

impl Ledger {
    fn sandboxes(&self) -> MutexGuard<'_, Vec<PodSandbox>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Runtime for Ledger {
    fn name(&self) -> &str {
        "ledger"
    }

    fn version(&self) -> &str {
        "1.0"
    }

    async fn start_sandbox(&self, config: PodSandboxConfig) -> Result<PodSandbox, RuntimeError> {
        let mut sandboxes = self.sandboxes();
        if let Some(known) =
            sandboxes.iter().find(|one| one.uid == config.uid && one.attempt == config.attempt)
        {
            return Ok(known.clone());
        }
        let ips = vec![[192, 0, 2, 1].into()];
        let sandbox = PodSandbox::up(self.env.uuid(), &config, ips, self.env.now());
        sandboxes.push(sandbox.clone());
        Ok(sandbox)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        for sandbox in self.sandboxes().iter_mut().filter(|one| one.id == id) {
            sandbox.ready = false;
            sandbox.containers.iter_mut().for_each(|container| self.end(container));
        }
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.sandboxes().retain(|one| one.id != id);
        Ok(())
    }

    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError> {
        Ok(Some(Image { id: name.to_owned(), ..Image::default() }))
    }

    async fn pull_image(&self, name: &str) -> Result<Image, RuntimeError> {
        Ok(Image { id: name.to_owned(), ..Image::default() })
    }

    async fn start_container(
        &self,
        sandbox: &str,
        config: ContainerConfig,
    ) -> Result<Container, RuntimeError> {
        let mut sandboxes = self.sandboxes();
        let sandbox = sandboxes.iter_mut().find(|one| one.id == sandbox && one.ready);
        let sandbox = sandbox.ok_or_else(|| RuntimeError::NotFound("the sandbox".to_owned()))?;
        let is_it = |one: &&Container| one.name == config.name && one.attempt == config.attempt;
        if let Some(known) = sandbox.containers.iter().find(is_it) {
            return Ok(known.clone());
        }
        let container = Container::running(self.env.uuid(), &config, self.env.now());
        sandbox.containers.push(container.clone());
        Ok(container)
    }

    async fn stop_container(&self, id: &str, _grace: Duration) -> Result<Container, RuntimeError> {
        let mut sandboxes = self.sandboxes();
        let container = sandboxes.iter_mut().flat_map(|one| &mut one.containers).find(|one| one.id == id);
        let container = container.ok_or_else(|| RuntimeError::NotFound(id.to_owned()))?;
        self.end(container);
        Ok(container.clone())
    }

    async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        self.sandboxes().iter_mut().for_each(|one| one.containers.retain(|container| container.id != id));
        Ok(())
    }

    async fn pods(&self) -> Result<Vec<Arc<PodSandbox>>, RuntimeError> {
        Ok(self.sandboxes().iter().cloned().map(Arc::new).collect())
    }

    fn events(&self) -> BoxStream<'static, Arc<PodSandbox>> {
        futures::stream::pending().boxed()
    }
}

impl Ledger {
    fn end(&self, container: &mut Container) {
        if let ContainerState::Running { started_at } = container.state {
            let (finished_at, none) = (self.env.now(), String::new());
            let exit = Exit { started_at, finished_at, code: 0, reason: none.clone(), message: none };
            container.state = ContainerState::Exited(exit);
        }
    }
}

fn main() -> steersman::core::Result<()> {
    let sim = Sim::new(1);
    sim.block_on(async {
        let ledger = Ledger { env: sim.env().child("ledger"), sandboxes: Mutex::default() };
        let cluster = Cluster::builder().node("books", ledger).start(&sim.env()).await?;
        cluster
            .apply(
                "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: i}]}}",
            )
            .await?;
        cluster.settle().await?;
        let pod = cluster.api::<Pod>().namespace("default").get("a").await?;
        let status = pod.status.clone().unwrap_or_default();
        let id = status.container_statuses.iter().flatten().find_map(|one| one.container_id.clone());
        println!(
            "{:?} on {:?} as {id:?}",
            status.phase,
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())
        );
        Ok(())
    })
}
