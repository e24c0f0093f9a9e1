//! What a fake runtime holds: sandboxes, containers, and when they end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use jiff::Timestamp;
use steersman_core::runtime::{
    ByteStream, Container, ContainerConfig, ContainerState, Exit, LogLine, LogStream, PodSandbox,
    PodSandboxConfig, RuntimeError,
};

use super::{Answer, Asked, Printed, Pull, Script};
use crate::addresses::{AddressPool, Subnet};
use crate::log::Log;

/// What a stream of events is told.
#[derive(Debug)]
pub(super) enum Signal {
    /// Something ended.
    Changed(Arc<PodSandbox>),
    /// Something will end, perhaps sooner than what is waited for.
    Scheduled,
}

/// What decides what containers do.
pub(super) type Scripts = Arc<dyn Fn(&PodSandboxConfig, &ContainerConfig) -> Script + Send + Sync>;

/// What decides what commands answer.
pub(super) type Answers = Arc<dyn Fn(&Asked<'_>) -> Answer + Send + Sync>;

/// Who serves the ports of pods.
pub(super) type Servers = Arc<dyn Fn(&PodSandboxConfig, u16, ByteStream) -> Option<ByteStream> + Send + Sync>;

pub(super) struct State {
    pub(super) scripts: Option<Scripts>,
    pub(super) answers: Option<Answers>,
    pub(super) servers: Option<Servers>,
    /// Images that are not present.
    pub(super) absent: BTreeMap<String, Pull>,
    subnet: Subnet,
    addresses: AddressPool,
    sandboxes: BTreeMap<String, Sandbox>,
    /// Every container that was not removed: its sandbox, its script, and since when it runs.
    runs: BTreeMap<String, Run>,
    /// Containers that end by themselves.
    ends: BTreeSet<(Duration, String)>,
    /// Lines that are yet to be printed: when, in which container, and which line of its script.
    prints: BTreeSet<(Duration, String, usize)>,
    watchers: Vec<mpsc::Sender<Signal>>,
}

#[derive(Debug)]
struct Sandbox {
    config: Arc<PodSandboxConfig>,
    /// Shared with those who were told of it.
    shown: Arc<PodSandbox>,
}

#[derive(Debug)]
struct Run {
    sandbox: String,
    config: Arc<ContainerConfig>,
    script: Script,
    since: Duration,
    log: Arc<Log>,
}

impl State {
    pub(super) fn new(subnet: Subnet) -> Self {
        State {
            scripts: None,
            answers: None,
            servers: None,
            absent: BTreeMap::new(),
            subnet,
            addresses: AddressPool::new(subnet),
            sandboxes: BTreeMap::new(),
            runs: BTreeMap::new(),
            ends: BTreeSet::new(),
            prints: BTreeSet::new(),
            watchers: Vec::new(),
        }
    }

    pub(super) fn set_subnet(&mut self, subnet: Subnet) {
        self.subnet = subnet;
        self.addresses = AddressPool::new(subnet);
    }

    pub(super) fn start_sandbox(
        &mut self,
        config: PodSandboxConfig,
        id: String,
        now: Timestamp,
    ) -> Result<PodSandbox, RuntimeError> {
        let is_it = |shown: &PodSandbox| shown.uid == config.uid && shown.attempt == config.attempt;
        if let Some(there) = self.sandboxes.values().find(|sandbox| is_it(&sandbox.shown)) {
            return Ok(PodSandbox::clone(&there.shown));
        }
        let address = self.addresses.take();
        let address = address.ok_or_else(|| RuntimeError::Sandbox("no address is left".to_owned()))?;
        let shown = PodSandbox::up(id.clone(), &config, vec![IpAddr::V4(address)], now);
        let sandbox = Sandbox { config: Arc::new(config), shown: Arc::new(shown.clone()) };
        self.sandboxes.insert(id, sandbox);
        Ok(shown)
    }

    pub(super) fn config(&self, sandbox: &str) -> Option<Arc<PodSandboxConfig>> {
        self.sandboxes.get(sandbox).map(|sandbox| sandbox.config.clone())
    }

    pub(super) fn stop_sandbox(&mut self, id: &str, now: Timestamp) {
        let Some(sandbox) = self.sandboxes.get_mut(id) else { return };
        let running: Vec<String> =
            sandbox.shown.containers.iter().filter(|c| is_running(c)).map(id_of).collect();
        let shown = Arc::make_mut(&mut sandbox.shown);
        shown.ready = false;
        for ip in std::mem::take(&mut shown.ips) {
            self.addresses.give_back(v4(ip));
        }
        for container in running {
            self.end(&container, 137, now);
        }
    }

    pub(super) fn remove_sandbox(&mut self, id: &str, now: Timestamp) {
        self.stop_sandbox(id, now);
        if let Some(sandbox) = self.sandboxes.remove(id) {
            for container in &sandbox.shown.containers {
                self.runs.remove(&container.id);
            }
        }
    }

    pub(super) fn start_container(
        &mut self,
        sandbox: &str,
        config: ContainerConfig,
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
        let container = Container::running(id.clone(), &config, now);
        Arc::make_mut(&mut within.shown).containers.push(container.clone());
        if let Some(run) = script.run {
            self.ends.insert((elapsed.saturating_add(run), id.clone()));
            self.signal(|| Signal::Scheduled);
        }
        let lasts = |printed: &Printed| script.run.is_none_or(|run| printed.after <= run);
        let lines = script.prints.iter().enumerate().filter(|(_, printed)| lasts(printed));
        let at = |after: Duration| elapsed.saturating_add(after);
        self.prints.extend(lines.map(|(number, printed)| (at(printed.after), id.clone(), number)));
        let (sandbox, config) = (sandbox.to_owned(), Arc::new(config));
        self.runs.insert(id, Run { sandbox, config, script, since: elapsed, log: Arc::default() });
        self.print_due(elapsed, now);
        Ok(container)
    }

    /// What a running container was started with, and its pod.
    pub(super) fn running(&self, container: &str) -> Option<(Arc<PodSandboxConfig>, Arc<ContainerConfig>)> {
        let run = self.runs.get(container)?;
        let sandbox = self.sandboxes.get(&run.sandbox)?;
        let shown = sandbox.shown.containers.iter().find(|shown| shown.id == container)?;
        is_running(shown).then(|| (sandbox.config.clone(), run.config.clone()))
    }

    /// The pod of a ready sandbox.
    pub(super) fn ready(&self, sandbox: &str) -> Option<Arc<PodSandboxConfig>> {
        self.sandboxes.get(sandbox).filter(|there| there.shown.ready).map(|there| there.config.clone())
    }

    pub(super) fn log(&self, container: &str) -> Option<Arc<Log>> {
        self.runs.get(container).map(|run| run.log.clone())
    }

    /// The exit code of a container that has ended.
    pub(super) fn exit_code(&self, container: &str) -> Option<i32> {
        let sandbox = self.sandboxes.get(&self.runs.get(container)?.sandbox)?;
        let shown = sandbox.shown.containers.iter().find(|shown| shown.id == container)?;
        match &shown.state {
            ContainerState::Exited(exit) => Some(exit.code),
            _ => None,
        }
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
        let place = sandbox.shown.containers.iter().position(|container| container.id == id)?;
        let shown = &mut sandbox.shown;
        if let ContainerState::Running { started_at } = shown.containers[place].state {
            run.log.close();
            let (finished_at, message) = (now, run.script.message.clone());
            Arc::make_mut(shown).containers[place].state = ContainerState::Exited(Exit {
                started_at,
                finished_at,
                code,
                reason: String::new(),
                message,
            });
            let shown = shown.clone();
            self.signal(|| Signal::Changed(shown.clone()));
            return Some(shown.containers[place].clone());
        }
        Some(shown.containers[place].clone())
    }

    pub(super) fn remove_container(&mut self, id: &str, now: Timestamp) {
        self.end(id, 137, now);
        if let Some(run) = self.runs.remove(id)
            && let Some(sandbox) = self.sandboxes.get_mut(&run.sandbox)
        {
            Arc::make_mut(&mut sandbox.shown).containers.retain(|container| container.id != id);
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
        let found = self.find(namespace, pod, container);
        found.is_some_and(|id| self.end(&id, code, now).is_some())
    }

    pub(super) fn print(
        &self,
        stream: LogStream,
        (namespace, pod, container): (&str, &str, &str),
        line: &str,
        at: Timestamp,
    ) -> bool {
        let text = Bytes::copy_from_slice(line.as_bytes());
        let log = self.find(namespace, pod, container).and_then(|id| self.log(&id));
        log.inspect(|log| log.push(LogLine { at, stream, text, partial: false })).is_some()
    }

    /// The running container of that name.
    fn find(&self, namespace: &str, pod: &str, container: &str) -> Option<String> {
        let of_pod = |shown: &PodSandbox| shown.namespace == namespace && shown.name == pod;
        let sandboxes = self.sandboxes.values().filter(|sandbox| of_pod(&sandbox.shown));
        let mut containers = sandboxes.flat_map(|sandbox| &sandbox.shown.containers);
        containers.find(|there| there.name == container && is_running(there)).map(id_of)
    }

    pub(super) fn pods(&self) -> Vec<Arc<PodSandbox>> {
        self.sandboxes.values().map(|sandbox| sandbox.shown.clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.set_subnet(self.subnet);
        self.sandboxes.clear();
        self.runs.values().for_each(|run| run.log.close());
        self.runs.clear();
        self.ends.clear();
        self.prints.clear();
    }

    pub(super) fn tell(&mut self, watcher: mpsc::Sender<Signal>) {
        self.watchers.push(watcher);
    }

    pub(super) fn next_end(&self) -> Option<Duration> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// When a script next says something.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let print = self.prints.first().map(|(at, ..)| *at);
        [self.next_end(), print].into_iter().flatten().min()
    }

    /// Does what scripts say up to now.
    pub(super) fn catch_up(&mut self, elapsed: Duration, now: Timestamp) {
        self.print_due(elapsed, now);
        self.end_due(elapsed, now);
    }

    fn print_due(&mut self, elapsed: Duration, now: Timestamp) {
        while self.prints.first().is_some_and(|(at, ..)| *at <= elapsed)
            && let Some((at, id, number)) = self.prints.pop_first()
        {
            let Some(run) = self.runs.get(&id) else { continue };
            let Some(printed) = run.script.prints.get(number) else { continue };
            let at = now.saturating_sub(elapsed - at).unwrap_or(now);
            let text = Bytes::copy_from_slice(printed.line.as_bytes());
            run.log.push(LogLine { at, stream: printed.to, text, partial: false });
        }
    }

    /// Ends what has run as long as it runs by itself.
    fn end_due(&mut self, elapsed: Duration, now: Timestamp) {
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

impl Drop for State {
    /// Whoever follows a log is told that there is no more.
    fn drop(&mut self) {
        self.clear();
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
