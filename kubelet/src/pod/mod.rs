//! A pod's life on a node, as a pure machine: what it is told goes in, commands come out.
//!
//! [`PodMachine`] does no I/O and reads no clock. Whoever drives it carries its commands out, brings the answers back,
//! wakes it at its [deadline](PodMachine::deadline), and publishes its [status](PodMachine::status). Every input may
//! come twice or late: what no longer fits is ignored.

mod answers;
mod backoff;
mod command;
mod conditions;
mod observe;
mod patch;
mod phase;
mod probes;
mod slot;
mod spec;
mod start;
mod status;
mod stop;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::runtime::Image;

pub use command::{Command, Failure, Hook, Input, PodEvent};
pub use patch::status_patch;
pub(crate) use spec::Spec;

use backoff::{Backoff, Limits};
use conditions::Since;
use slot::{Role, Slot, Step};
use stop::Ending;

/// What the machines of one node have in common.
#[derive(Clone, Debug)]
pub struct PodSettings {
    /// The runtime's name, the scheme of `containerID`.
    pub runtime: String,
    /// The node's addresses, the preferred family first.
    pub host_ips: Vec<IpAddr>,
    /// Whether the runtime [isolates](steersman_core::Runtime::isolates) containers.
    pub isolates: bool,
    /// The wait before a container that failed a second time is started again; doubles with every further failure.
    /// Upstream's is 10 s.
    pub backoff: SignedDuration,
    /// The longest such wait. Upstream's is 300 s.
    pub longest_backoff: SignedDuration,
}

impl Default for PodSettings {
    fn default() -> Self {
        PodSettings {
            runtime: "fake".to_owned(),
            host_ips: Vec::new(),
            isolates: true,
            backoff: SignedDuration::from_secs(10),
            longest_backoff: SignedDuration::from_secs(300),
        }
    }
}

/// The machine of one pod. See the [module](self).
#[derive(Debug)]
pub struct PodMachine {
    pod: Arc<Pod>,
    settings: Arc<PodSettings>,
    slots: Vec<Slot>,
    volumes: Volumes,
    sandbox: Sandbox,
    ending: Option<Ending>,
    started_at: Timestamp,
    /// Whether every init container has done its part in this sandbox.
    initialized: bool,
    deadline_exceeded: bool,
    mounts: Backoff,
    /// Since when each condition has been as it is.
    since: [Since; conditions::KINDS.len()],
    /// The pod's last addresses: its status keeps them after the sandbox is gone.
    last_ips: Vec<IpAddr>,
    /// The status of a pod that had ended before this kubelet came to know it.
    last_status: Option<PodStatus>,
    commands: VecDeque<Command>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Volumes {
    Missing { retry_at: Option<Timestamp> },
    Preparing,
    Ready,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sandbox {
    Missing { attempt: u32, retry_at: Option<Timestamp> },
    Starting { attempt: u32 },
    Up(Up),
    Stopping { up: Up, retry_at: Option<Timestamp> },
    Down(Up),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Up {
    id: String,
    attempt: u32,
    ips: Vec<IpAddr>,
}

/// How soon something that failed is looked at again; upstream's back-off of a pod's worker.
const RETRY: SignedDuration = SignedDuration::from_secs(10);

impl PodMachine {
    /// A machine for a pod that was bound to this node, perhaps long ago: what its status says of an earlier life is
    /// taken over. The runtime's view, if it has one, must follow as [`Input::Observed`] before anything else.
    pub fn new(pod: Arc<Pod>, settings: Arc<PodSettings>, now: Timestamp) -> Self {
        let status = pod.status.as_ref();
        let mut machine = PodMachine {
            slots: Spec::all(&pod).map(Slot::new).collect(),
            settings,
            volumes: Volumes::Missing { retry_at: None },
            sandbox: Sandbox::Missing { attempt: 0, retry_at: None },
            ending: None,
            started_at: status.and_then(|status| status.start_time.as_ref()).map_or(now, |time| time.0),
            initialized: false,
            deadline_exceeded: false,
            mounts: Backoff::default(),
            since: conditions::recalled(status),
            last_ips: Vec::new(),
            last_status: status.filter(|status| is_terminal(status)).cloned(),
            commands: VecDeque::new(),
            pod,
        };
        machine.recall(now);
        machine
    }

    /// Takes something in, and decides what follows; tells whether that was news: what the runtime shows of a pod mostly
    /// is not, and then commands and status are what they were.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> bool {
        let is_news = self.take(input, now);
        if is_news {
            self.advance(now);
        }
        is_news
    }

    /// The next thing to do, in order.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When to call [`PodMachine::handle`] with [`Input::Tick`] at the latest.
    pub fn deadline(&self) -> Option<Timestamp> {
        let slots = self.slots.iter().filter_map(|slot| self.slot_deadline(slot)).min();
        let pod = [self.start_deadline(), self.sandbox_deadline(), self.active_deadline()];
        pod.into_iter().flatten().chain(slots).min()
    }

    /// The newest version of the pod that the machine was told of.
    pub fn pod(&self) -> &Arc<Pod> {
        &self.pod
    }

    /// The container at a place that a command names.
    pub fn container(&self, container: usize) -> Option<&Container> {
        self.spec_of(container).map(|spec| &**spec)
    }

    /// The same, shared with the pod.
    pub(crate) fn spec_of(&self, container: usize) -> Option<&Spec> {
        self.slots.get(container).map(|slot| &slot.spec)
    }

    /// The image that the container at that place runs, once it was found.
    pub fn image(&self, container: usize) -> Option<&Image> {
        self.slots.get(container)?.image.as_ref()
    }

    /// The pod's addresses; none without a sandbox.
    pub fn pod_ips(&self) -> &[IpAddr] {
        match &self.sandbox {
            Sandbox::Up(up) | Sandbox::Stopping { up, .. } => &up.ips,
            _ => &[],
        }
    }

    /// Whether the pod was removed from the API and nothing of it runs any more: the machine may be dropped.
    pub fn is_gone(&self) -> bool {
        self.ending.as_ref().is_some_and(Ending::is_removed) && self.is_down()
    }

    /// Whether a newer version of the pod asks for nothing that this one does not: its spec is the same by its generation,
    /// nobody has asked for its end, and of its status, which the kubelet writes itself, only gates are read.
    fn is_asked_the_same(&self, newer: &Pod) -> bool {
        let (one, other) = (&self.pod.metadata, &newer.metadata);
        let has_gates = self.spec().is_some_and(|spec| spec.readiness_gates.is_some());
        one.generation.is_some()
            && one.generation == other.generation
            && one.deletion_timestamp == other.deletion_timestamp
            && one.deletion_grace_period_seconds == other.deletion_grace_period_seconds
            && !has_gates
    }

    fn advance(&mut self, now: Timestamp) {
        self.retry_stops(now);
        self.look_for_end(now);
        if self.ending.is_some() {
            self.stop(now);
        } else {
            self.start(now);
        }
        self.probe(now);
    }

    fn slot_deadline(&self, slot: &Slot) -> Option<Timestamp> {
        let ending = self.ending.is_some();
        let retry = slot.retry_at.filter(|_| matches!(slot.step, Step::Stopping { .. }));
        let probed = slot.role != Role::Init && (slot.step == Step::Running || ending && slot.is_up());
        let probes = probed.then(|| slot.probes.deadline(ending)).flatten();
        [retry, probes].into_iter().flatten().min()
    }

    fn sandbox_deadline(&self) -> Option<Timestamp> {
        match (&self.sandbox, self.volumes) {
            (Sandbox::Stopping { retry_at, .. }, _) => *retry_at,
            _ if self.ending.is_some() => None,
            (_, Volumes::Missing { retry_at }) => retry_at,
            (Sandbox::Missing { retry_at, .. }, _) => *retry_at,
            _ => None,
        }
    }

    /// A pod in the node's network has the node's addresses, whatever its sandbox has.
    fn set_up(&mut self, mut up: Up) {
        if self.spec().is_some_and(|spec| spec.host_network == Some(true)) {
            up.ips.clone_from(&self.settings.host_ips);
        }
        self.last_ips.clone_from(&up.ips);
        self.sandbox = Sandbox::Up(up);
    }

    fn limits(&self) -> Limits {
        Limits { first: self.settings.backoff, longest: self.settings.longest_backoff }
    }

    fn policy(&self) -> &str {
        self.spec().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
    }

    fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    fn record(&mut self, warning: bool, reason: &'static str, message: impl Into<String>) {
        let event = PodEvent { warning, reason, message: message.into(), field_path: String::new() };
        self.commands.push_back(Command::Record(event));
    }

    /// `name_namespace(uid)`, as messages name a pod.
    fn full_name(&self) -> String {
        let metadata = &self.pod.metadata;
        let [name, namespace, uid] = [&metadata.name, &metadata.namespace, &metadata.uid]
            .map(|field| field.as_deref().unwrap_or_default());
        format!("{name}_{namespace}({uid})")
    }
}

/// Whether a pod with this status has ended for good.
pub(crate) fn is_terminal(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Times in a status are whole seconds, as the API keeps them.
fn time(timestamp: Timestamp) -> Time {
    Time(Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp))
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
