//! What a fake runtime holds: sandboxes, containers, and when they end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use jiff::Timestamp;
use steersman_core::runtime::{
    Container, ContainerConfig, ContainerState, Exit, PodSandbox, PodSandboxConfig, RuntimeError,
};

use super::{Pull, Script};
use crate::addresses::{AddressPool, Subnet};

/// What a stream of events is told.
#[derive(Debug)]
pub(super) enum Signal {
    /// Something ended.
    Changed(PodSandbox),
    /// Something will end, perhaps sooner than what is waited for.
    Scheduled,
}

/// What decides what containers do.
pub(super) type Scripts = Arc<dyn Fn(&PodSandboxConfig, &ContainerConfig) -> Script + Send + Sync>;

pub(super) struct State {
    pub(super) scripts: Option<Scripts>,
    /// Images that are not present.
    pub(super) absent: BTreeMap<String, Pull>,
    subnet: Subnet,
    addresses: AddressPool,
    sandboxes: BTreeMap<String, Sandbox>,
    /// Every container that was not removed: its sandbox, its script, and since when it runs.
    runs: BTreeMap<String, Run>,
    /// Containers that end by themselves.
    ends: BTreeSet<(Duration, String)>,
    watchers: Vec<mpsc::Sender<Signal>>,
}

#[derive(Debug)]
struct Sandbox {
    config: Arc<PodSandboxConfig>,
    shown: PodSandbox,
}

#[derive(Debug)]
struct Run {
    sandbox: String,
    script: Script,
    since: Duration,
}

impl State {
    pub(super) fn new(subnet: Subnet) -> Self {
        State {
            scripts: None,
            absent: BTreeMap::new(),
            subnet,
            addresses: AddressPool::new(subnet),
            sandboxes: BTreeMap::new(),
            runs: BTreeMap::new(),
            ends: BTreeSet::new(),
            watchers: Vec::new(),
        }
    }

    pub(super) fn set_subnet(&mut self, subnet: Subnet) {
        self.subnet = subnet;
        self.addresses = AddressPool::new(subnet);
    }

    pub(super) fn start_sandbox(
        &mut self,
        config: &PodSandboxConfig,
        id: String,
        now: Timestamp,
    ) -> Result<PodSandbox, RuntimeError> {
        let is_it = |shown: &PodSandbox| shown.uid == config.uid && shown.attempt == config.attempt;
        if let Some(there) = self.sandboxes.values().find(|sandbox| is_it(&sandbox.shown)) {
            return Ok(there.shown.clone());
        }
        let address = self.addresses.take();
        let address = address.ok_or_else(|| RuntimeError::Sandbox("no address is left".to_owned()))?;
        let shown = PodSandbox::up(id.clone(), config, vec![IpAddr::V4(address)], now);
        self.sandboxes.insert(id, Sandbox { config: Arc::new(config.clone()), shown: shown.clone() });
        Ok(shown)
    }

    pub(super) fn config(&self, sandbox: &str) -> Option<Arc<PodSandboxConfig>> {
        self.sandboxes.get(sandbox).map(|sandbox| sandbox.config.clone())
    }

    pub(super) fn stop_sandbox(&mut self, id: &str, now: Timestamp) {
        let Some(sandbox) = self.sandboxes.get_mut(id) else { return };
        let running: Vec<String> =
            sandbox.shown.containers.iter().filter(|c| is_running(c)).map(id_of).collect();
        sandbox.shown.ready = false;
        for ip in std::mem::take(&mut sandbox.shown.ips) {
            self.addresses.give_back(v4(ip));
        }
        for container in running {
            self.end(&container, 137, now);
        }
    }

    pub(super) fn remove_sandbox(&mut self, id: &str, now: Timestamp) {
        self.stop_sandbox(id, now);
        if let Some(sandbox) = self.sandboxes.remove(id) {
            for container in sandbox.shown.containers {
                self.runs.remove(&container.id);
            }
        }
    }

    pub(super) fn start_container(
        &mut self,
        sandbox: &str,
        config: &ContainerConfig,
        id: String,
        script: Script,
        (elapsed, now): (Duration, Timestamp),
    ) -> Result<Container, RuntimeError> {
        let within = self.sandboxes.get_mut(sandbox).filter(|within| within.shown.ready);
        let within = within.ok_or_else(|| super::not_found(sandbox))?;
        let is_it = |there: &&Container| there.name == config.name && there.attempt == config.attempt;
        if let Some(there) = within.shown.containers.iter().find(is_it) {
            return Ok(there.clone());
        }
        let container = Container::running(id.clone(), config, now);
        within.shown.containers.push(container.clone());
        if let Some(run) = script.run {
            self.ends.insert((elapsed.saturating_add(run), id.clone()));
            self.signal(|| Signal::Scheduled);
        }
        self.runs.insert(id, Run { sandbox: sandbox.to_owned(), script, since: elapsed });
        Ok(container)
    }

    pub(super) fn script(&self, container: &str) -> Option<Script> {
        self.runs.get(container).map(|run| run.script.clone())
    }

    /// How long a container has run, and its script.
    pub(super) fn age(&self, container: &str, elapsed: Duration) -> Option<(Duration, &Script)> {
        self.runs.get(container).map(|run| (elapsed.saturating_sub(run.since), &run.script))
    }

    /// Ends a container, if it runs, and shows it.
    pub(super) fn end(&mut self, id: &str, code: i32, now: Timestamp) -> Option<Container> {
        let run = self.runs.get(id)?;
        let sandbox = self.sandboxes.get_mut(&run.sandbox)?;
        let container = sandbox.shown.containers.iter_mut().find(|container| container.id == id)?;
        if let ContainerState::Running { started_at } = container.state {
            let (finished_at, message) = (now, run.script.message.clone());
            container.state = ContainerState::Exited(Exit {
                started_at,
                finished_at,
                code,
                reason: String::new(),
                message,
            });
            let (ended, shown) = (container.clone(), sandbox.shown.clone());
            self.signal(|| Signal::Changed(shown.clone()));
            return Some(ended);
        }
        Some(container.clone())
    }

    pub(super) fn remove_container(&mut self, id: &str, now: Timestamp) {
        self.end(id, 137, now);
        if let Some(run) = self.runs.remove(id)
            && let Some(sandbox) = self.sandboxes.get_mut(&run.sandbox)
        {
            sandbox.shown.containers.retain(|container| container.id != id);
        }
    }

    pub(super) fn exit(
        &mut self,
        namespace: &str,
        pod: &str,
        container: &str,
        code: i32,
        now: Timestamp,
    ) -> bool {
        let of_pod = |shown: &PodSandbox| shown.namespace == namespace && shown.name == pod;
        let sandboxes = self.sandboxes.values().filter(|sandbox| of_pod(&sandbox.shown));
        let mut containers = sandboxes.flat_map(|sandbox| &sandbox.shown.containers);
        let found = containers.find(|there| there.name == container && is_running(there)).map(id_of);
        found.is_some_and(|id| self.end(&id, code, now).is_some())
    }

    pub(super) fn pods(&self) -> Vec<PodSandbox> {
        self.sandboxes.values().map(|sandbox| sandbox.shown.clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.set_subnet(self.subnet);
        self.sandboxes.clear();
        self.runs.clear();
        self.ends.clear();
    }

    pub(super) fn tell(&mut self, watcher: mpsc::Sender<Signal>) {
        self.watchers.push(watcher);
    }

    pub(super) fn next_end(&self) -> Option<Duration> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Ends what has run as long as it runs by itself.
    pub(super) fn end_due(&mut self, elapsed: Duration, now: Timestamp) {
        while self.ends.first().is_some_and(|(at, _)| *at <= elapsed)
            && let Some((_, id)) = self.ends.pop_first()
        {
            let code = self.runs.get(&id).map_or(0, |run| run.script.exit_code);
            self.end(&id, code, now);
        }
    }

    /// Watchers that are gone are forgotten; those that are full lose a signal.
    fn signal(&mut self, signal: impl Fn() -> Signal) {
        self.watchers.retain_mut(|watcher| match watcher.try_send(signal()) {
            Ok(()) => true,
            Err(error) => error.is_full(),
        });
    }
}

fn is_running(container: &Container) -> bool {
    matches!(container.state, ContainerState::Running { .. })
}

fn id_of(container: &Container) -> String {
    container.id.clone()
}

fn v4(ip: IpAddr) -> Ipv4Addr {
    match ip {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}
