//! What a process runtime holds: sandboxes and the runs in them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures::channel::mpsc;
use jiff::Timestamp;
use steersman_core::runtime::{Container, ContainerConfig, PodSandbox, PodSandboxConfig, RuntimeError};

use super::run::Run;
use crate::addresses::{AddressPool, Subnet};

pub(super) struct State {
    addresses: AddressPool,
    sandboxes: BTreeMap<String, Sandbox>,
    watchers: Vec<mpsc::Sender<Arc<PodSandbox>>>,
}

struct Sandbox {
    /// Without its containers.
    shown: PodSandbox,
    within: Within,
    runs: BTreeMap<String, Arc<Run>>,
}

/// What a container knows of its pod.
#[derive(Clone, Debug)]
pub(super) struct Within {
    /// Its address; a pod in the machine's network has none of its own.
    pub(super) ip: Option<Ipv4Addr>,
    pub(super) hostname: String,
}

impl Sandbox {
    fn shown(&self) -> PodSandbox {
        PodSandbox {
            containers: self.runs.values().map(|run| run.container()).collect(),
            ..self.shown.clone()
        }
    }
}

impl State {
    pub(super) fn new(subnet: Subnet) -> Self {
        State { addresses: AddressPool::new(subnet), sandboxes: BTreeMap::new(), watchers: Vec::new() }
    }

    pub(super) fn start_sandbox(
        &mut self,
        config: &PodSandboxConfig,
        id: String,
        now: Timestamp,
    ) -> Result<PodSandbox, RuntimeError> {
        let is_it = |shown: &PodSandbox| shown.uid == config.uid && shown.attempt == config.attempt;
        if let Some(there) = self.sandboxes.values().find(|sandbox| is_it(&sandbox.shown)) {
            return Ok(there.shown());
        }
        let none_left = || RuntimeError::Sandbox("no address is left for another pod".to_owned());
        let ip = match config.host_network {
            true => None,
            false => Some(self.addresses.take().ok_or_else(none_left)?),
        };
        let shown = PodSandbox::up(id.clone(), config, ip.map(IpAddr::V4).into_iter().collect(), now);
        let within = Within { ip, hostname: config.hostname.clone() };
        self.sandboxes.insert(id, Sandbox { shown: shown.clone(), within, runs: BTreeMap::new() });
        Ok(shown)
    }

    /// A sandbox in which containers can be started.
    pub(super) fn ready(&self, id: &str) -> Option<Within> {
        let sandbox = self.sandboxes.get(id).filter(|sandbox| sandbox.shown.ready)?;
        Some(sandbox.within.clone())
    }

    /// The sandbox's runs have ended: its address is free.
    pub(super) fn stop_sandbox(&mut self, id: &str) {
        if let Some(sandbox) = self.sandboxes.get_mut(id).filter(|sandbox| sandbox.shown.ready) {
            sandbox.shown.ready = false;
            sandbox.shown.ips.clear();
            sandbox.within.ip.into_iter().for_each(|ip| self.addresses.give_back(ip));
        }
    }

    pub(super) fn remove_sandbox(&mut self, id: &str) {
        self.sandboxes.remove(id);
    }

    /// The run of that container and attempt, if it was started before.
    pub(super) fn attempt(&self, sandbox: &str, config: &ContainerConfig) -> Option<Container> {
        let mut containers = self.sandboxes.get(sandbox)?.runs.values().map(|run| run.container());
        containers.find(|there| there.name == config.name && there.attempt == config.attempt)
    }

    /// Adds a run; without its sandbox, it is dropped, and with it its processes.
    pub(super) fn add(&mut self, sandbox: &str, run: Arc<Run>) -> Option<Container> {
        let sandbox = self.sandboxes.get_mut(sandbox).filter(|sandbox| sandbox.shown.ready)?;
        let container = run.container();
        sandbox.runs.insert(container.id.clone(), run);
        Some(container)
    }

    pub(super) fn remove(&mut self, container: &str) {
        self.sandboxes.values_mut().for_each(|sandbox| {
            sandbox.runs.remove(container);
        });
    }

    pub(super) fn run(&self, container: &str) -> Option<Arc<Run>> {
        self.sandboxes.values().find_map(|sandbox| sandbox.runs.get(container)).cloned()
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.sandboxes.values().flat_map(|sandbox| sandbox.runs.values())
    }

    pub(super) fn runs_in(&self, sandbox: &str) -> Vec<Arc<Run>> {
        self.sandboxes
            .get(sandbox)
            .map(|sandbox| sandbox.runs.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The newest run of a pod's container.
    pub(super) fn find(&self, namespace: &str, pod: &str, container: &str) -> Option<Arc<Run>> {
        let is_pod = |shown: &PodSandbox| shown.namespace == namespace && shown.name == pod && shown.ready;
        let sandboxes = self.sandboxes.values().filter(|sandbox| is_pod(&sandbox.shown));
        let runs = sandboxes.flat_map(|sandbox| sandbox.runs.values());
        let named = runs.map(|run| (run.container(), run)).filter(|(shown, _)| shown.name == container);
        named.max_by_key(|(shown, _)| shown.attempt).map(|(_, run)| run.clone())
    }

    pub(super) fn pods(&self) -> Vec<Arc<PodSandbox>> {
        self.sandboxes.values().map(|sandbox| Arc::new(sandbox.shown())).collect()
    }

    pub(super) fn tell(&mut self, watcher: mpsc::Sender<Arc<PodSandbox>>) {
        self.watchers.push(watcher);
    }

    /// Tells of a sandbox in which something has ended. Watchers that are full lose an event.
    pub(super) fn changed(&mut self, sandbox: &str) {
        let Some(shown) = self.sandboxes.get(sandbox).map(|there| Arc::new(there.shown())) else { return };
        self.watchers.retain_mut(|watcher| match watcher.try_send(shown.clone()) {
            Ok(()) => true,
            Err(error) => error.is_full(),
        });
    }
}
