//! A world around one machine: it carries commands out at once, and fails where a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState as Shown, ContainerStatus, Pod, PodStatus};
use steersman_core::runtime::{
    Container, ContainerState, Exit, Image, PodSandbox, ProbeKind, RuntimeError, Verdict,
};
use steersman_core::tree::{Value, from_value, json};

use crate::pod::{Command, Failure, Hook, Input, PodMachine, PodSettings};

pub(super) struct World {
    pub(super) machine: PodMachine,
    pub(super) now: Timestamp,
    /// What was done, in order: `start web 0`, `stop web 30`, `hook web PreStop`, …
    pub(super) done: Vec<String>,
    /// The events: `Started: Container started`.
    pub(super) events: Vec<String>,
    /// Images that can be pulled; all are present unless there is an entry.
    pub(super) pulls: BTreeMap<String, Result<(), &'static str>>,
    /// Why containers cannot be started.
    pub(super) start_failures: BTreeMap<String, Failure>,
    /// What probes find; success unless there is an entry.
    pub(super) verdicts: BTreeMap<(String, ProbeKind), Verdict>,
    /// Containers that take no notice of being asked to stop.
    pub(super) deaf: bool,
    attempt: u32,
    /// When containers that take no notice are killed.
    kills: Vec<(Timestamp, usize)>,
    running: BTreeMap<String, Container>,
}

pub(super) fn pod(spec: Value) -> Pod {
    let metadata = json!({"name": "p", "namespace": "ns", "uid": "u", "generation": 1});
    from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

impl World {
    pub(super) fn new(spec: Value) -> Self {
        Self::with(pod(spec))
    }

    pub(super) fn with(pod: Pod) -> Self {
        let settings =
            PodSettings { host_ips: vec!["192.168.0.1".parse().unwrap()], ..PodSettings::default() };
        let now = Timestamp::from_second(1_000_000).unwrap();
        World {
            machine: PodMachine::new(Arc::new(pod), Arc::new(settings), now),
            now,
            done: Vec::new(),
            events: Vec::new(),
            pulls: BTreeMap::new(),
            start_failures: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            deaf: false,
            attempt: 0,
            kills: Vec::new(),
            running: BTreeMap::new(),
        }
    }

    /// Tells the machine something, and carries out all that follows.
    pub(super) fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.machine.handle(input, self.now);
            while let Some(command) = self.machine.next_command() {
                inputs.extend(self.carry_out(command));
            }
        }
        let deadline = self.machine.deadline();
        assert!(deadline.is_none_or(|at| at > self.now), "a deadline is not ahead: {:?}", self.machine);
    }

    pub(super) fn begin(&mut self) {
        self.tell(Input::Tick);
    }

    /// Lets time pass, waking the machine at its deadlines.
    pub(super) fn pass(&mut self, seconds: i64) {
        let end = self.now + SignedDuration::from_secs(seconds);
        loop {
            let kill = self.kills.iter().map(|(at, _)| *at).min();
            let next = [self.machine.deadline(), kill].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next;
            self.kill_due();
            self.tell(Input::Tick);
        }
        self.now = end;
    }

    fn kill_due(&mut self) {
        let (due, later) = self.kills.drain(..).partition(|(at, _)| *at <= self.now);
        self.kills = later;
        let due: Vec<(Timestamp, usize)> = due;
        for (_, container) in due {
            let name = self.name(container);
            if self.running.contains_key(&name) {
                let ended = self.end(&name, 137);
                self.tell(Input::ContainerStopped(container, Ok(ended)));
            }
        }
    }

    /// Ends the newest run of a container.
    pub(super) fn exit(&mut self, name: &str, code: i32) {
        let ended = self.end(name, code);
        self.tell(Input::Observed(self.sandbox(true, vec![ended]).into()));
    }

    pub(super) fn delete(&mut self, grace_seconds: i64) {
        let mut pod = (**self.machine.pod()).clone();
        pod.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        pod.metadata.deletion_grace_period_seconds = Some(grace_seconds);
        self.tell(Input::Pod(Arc::new(pod)));
    }

    /// The sandbox is found dead, with all that was in it.
    pub(super) fn sandbox_dies(&mut self) {
        self.running.clear();
        self.tell(Input::Observed(self.sandbox(false, Vec::new()).into()));
    }

    /// The containers that run.
    pub(super) fn running(&self) -> Vec<String> {
        self.running.keys().cloned().collect()
    }

    pub(super) fn status(&mut self) -> PodStatus {
        self.machine.status(self.now)
    }

    pub(super) fn phase(&mut self) -> String {
        self.status().phase.unwrap()
    }

    pub(super) fn container(&mut self, name: &str) -> ContainerStatus {
        let status = self.status();
        let mut all = status.init_container_statuses.into_iter().chain(status.container_statuses).flatten();
        all.find(|container| container.name == name).unwrap()
    }

    /// The state in a word: `Running`, or the reason why not.
    pub(super) fn state(&mut self, name: &str) -> String {
        word(&self.container(name).state.unwrap())
    }

    pub(super) fn condition(&mut self, kind: &str) -> (String, String, String) {
        let conditions = self.status().conditions.unwrap();
        let found = conditions.into_iter().find(|condition| condition.type_ == kind).unwrap();
        (found.status, found.reason.unwrap_or_default(), found.message.unwrap_or_default())
    }

    pub(super) fn take_done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    fn carry_out(&mut self, command: Command) -> Option<Input> {
        match command {
            Command::Prepare => Some(Input::Prepared(Ok(()))),
            Command::StartSandbox { attempt } => {
                self.done.push(format!("sandbox {attempt}"));
                self.attempt = attempt;
                Some(Input::SandboxStarted(Ok(self.sandbox(true, Vec::new()))))
            }
            Command::StopSandbox { .. } => {
                self.done.push("stop sandbox".to_owned());
                Some(Input::SandboxStopped(Ok(())))
            }
            Command::FindImage { container } => {
                let image = self.image(container);
                Some(Input::ImageFound(container, Ok((!self.pulls.contains_key(&image)).then(present))))
            }
            Command::PullImage { container } => {
                let pulled = self.pulls.get(&self.image(container)).copied().unwrap_or(Ok(()));
                let pulled = pulled.map(|()| present());
                Some(Input::ImagePulled(
                    container,
                    pulled.map_err(|why| RuntimeError::ImagePull(why.to_owned())),
                ))
            }
            Command::StartContainer { container, attempt, .. } => Some(self.start(container, attempt)),
            Command::StopContainer { container, grace, .. } => self.stop(container, grace.as_secs()),
            Command::RunHook { container, hook, .. } => {
                self.done.push(format!("hook {} {hook:?}", self.name(container)));
                (!self.deaf || hook == Hook::PostStart).then_some(Input::HookDone(container, hook, Ok(())))
            }
            Command::Probe { container, id, kind } => {
                let verdict = self.verdicts.get(&(self.name(container), kind)).cloned();
                Some(Input::Probed(container, id, kind, verdict.unwrap_or(Verdict::Success)))
            }
            Command::Record(event) => {
                self.events.push(format!("{}: {}", event.reason, event.message));
                None
            }
            Command::RemoveContainer { id } => {
                self.done.push(format!("remove {id}"));
                None
            }
            Command::RemoveSandbox { id } => {
                self.done.push(format!("remove {id}"));
                None
            }
            Command::Delete => {
                self.done.push("delete".to_owned());
                None
            }
        }
    }

    fn start(&mut self, container: usize, attempt: u32) -> Input {
        let name = self.name(container);
        self.done.push(format!("start {name} {attempt}"));
        if let Some(failure) = self.start_failures.get(&name) {
            return Input::ContainerStarted(container, Err(failure.clone()));
        }
        let started = Container {
            id: format!("{name}-{attempt}"),
            name: name.clone(),
            attempt,
            image: self.image(container),
            image_id: "sha256:1".to_owned(),
            state: ContainerState::Running { started_at: self.now },
        };
        let before = self.running.insert(name, started.clone());
        assert_eq!(before, None, "two runs of one container at once");
        Input::ContainerStarted(container, Ok(started))
    }

    fn stop(&mut self, container: usize, grace: u64) -> Option<Input> {
        let name = self.name(container);
        self.done.push(format!("stop {name} {grace}"));
        if self.deaf {
            let grace = SignedDuration::from_secs(i64::try_from(grace).unwrap());
            self.kills.push((self.now + grace, container));
            return None;
        }
        // A later answer of two to the same question finds nothing.
        let ended =
            self.running.contains_key(&name).then(|| self.end(&name, if grace > 0 { 143 } else { 137 }))?;
        Some(Input::ContainerStopped(container, Ok(ended)))
    }

    pub(super) fn end(&mut self, name: &str, code: i32) -> Container {
        let mut container = self.running.remove(name).unwrap();
        let ContainerState::Running { started_at } = container.state else { unreachable!() };
        let (finished_at, reason, message) = (self.now, String::new(), String::new());
        container.state = ContainerState::Exited(Exit { started_at, finished_at, code, reason, message });
        container
    }

    pub(super) fn sandbox(&self, ready: bool, containers: Vec<Container>) -> PodSandbox {
        PodSandbox {
            id: format!("s{}", self.attempt),
            name: "p".to_owned(),
            namespace: "ns".to_owned(),
            uid: "u".to_owned(),
            attempt: self.attempt,
            ready,
            ips: vec!["10.0.0.7".parse().unwrap()],
            created_at: self.now,
            containers,
        }
    }

    fn name(&self, container: usize) -> String {
        self.machine.container(container).unwrap().name.clone()
    }

    fn image(&self, container: usize) -> String {
        self.machine.container(container).unwrap().image.clone().unwrap_or_default()
    }
}

pub(super) fn word(state: &Shown) -> String {
    match (&state.running, &state.waiting, &state.terminated) {
        (Some(_), _, _) => "Running".to_owned(),
        (_, Some(waiting), _) => waiting.reason.clone().unwrap(),
        (_, _, Some(ended)) => ended.reason.clone().unwrap(),
        _ => "nothing".to_owned(),
    }
}

fn present() -> Image {
    Image { id: "sha256:1".to_owned(), size_bytes: 7, user: None }
}
