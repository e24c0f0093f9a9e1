//! Takes in what a pod's commands have led to, and what the runtime shows.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, Probe};
use std::sync::Arc;
use steersman_core::runtime::{
    Container, ContainerState, Exit, Image, PodSandbox, ProbeKind, RuntimeError, Verdict,
};

use super::backoff::Limits;
use super::command::Input;
use super::probes::{Effect, Probes};
use super::slot::{Slot, Step};
use super::spec::Spec;
use super::start::{NEXT_LOOK, go_duration, present};
use super::stop::grace;
use super::{Command, Failure, Hook, PodMachine, RETRY, Sandbox, Up, Volumes, later};
use crate::privileges::unenforced;

/// How often volumes that cannot be made ready are tried again; upstream's waits of volume operations.
const MOUNTS: Limits =
    Limits { first: SignedDuration::from_millis(500), longest: SignedDuration::from_secs(122) };

impl PodMachine {
    pub(super) fn take(&mut self, input: Input, now: Timestamp) -> bool {
        match input {
            Input::Pod(pod) => {
                let is_news = !self.is_asked_the_same(&pod);
                self.update(pod, now);
                return is_news;
            }
            Input::Removed(pod) => {
                self.pod = pod;
                self.removed(now);
            }
            Input::Observed(sandbox) => return self.observe(&sandbox, now),
            Input::Vanished => self.vanish(now),
            Input::Prepared(result) => self.prepared(result, now),
            Input::SandboxStarted(result) => self.sandbox_started(result, now),
            Input::SandboxStopped(result) => self.sandbox_stopped(result, now),
            Input::ImageFound(index, result) => self.image_found(index, result, now),
            Input::ImagePulled(index, result) => self.image_pulled(index, result, now),
            Input::ContainerStarted(index, result) => self.container_started(index, result, now),
            Input::ContainerStopped(index, result) => self.container_stopped(index, result, now),
            Input::HookDone(index, hook, result) => self.hook_done(index, hook, result, now),
            Input::Probed(index, id, kind, verdict) => self.probed(index, &id, kind, &verdict, now),
            Input::Tick => {}
        }
        true
    }

    fn is_at(&self, index: usize, is_expected: impl Fn(Step) -> bool) -> bool {
        self.slots.get(index).is_some_and(|slot| is_expected(slot.step))
    }

    /// A newer version of the pod. Of its containers, only the image can have changed: they are then run anew.
    fn update(&mut self, pod: Arc<Pod>, now: Timestamp) {
        let until = later(now, grace(&pod));
        for (index, spec) in Spec::all(&pod).enumerate() {
            let is_same = |slot: &&mut Slot| slot.spec.name == spec.name;
            let Some(slot) = self.slots.get_mut(index).filter(is_same) else { continue };
            let changed = slot.spec.image != spec.image;
            slot.spec = spec;
            if changed && slot.step == Step::Running {
                let message = format!("Container {} definition changed, will be restarted", slot.spec.name);
                self.kill(index, message, until, now);
            }
        }
        self.pod = pod;
    }

    fn prepared(&mut self, result: Result<(), Failure>, now: Timestamp) {
        self.volumes = match result {
            Ok(()) => Volumes::Ready,
            Err(Failure { reason, message }) => {
                self.record(true, reason, message);
                self.mounts.next(now, now, MOUNTS);
                Volumes::Missing { retry_at: Some(later(now, self.mounts.wait())) }
            }
        };
    }

    fn sandbox_started(&mut self, result: Result<PodSandbox, RuntimeError>, now: Timestamp) {
        let Sandbox::Starting { attempt } = self.sandbox else { return };
        match result {
            Ok(PodSandbox { id, attempt, ips, .. }) => self.set_up(Up { id, attempt, ips }),
            Err(error) => {
                self.record(true, "FailedCreatePodSandBox", format!("Failed to create pod sandbox: {error}"));
                self.sandbox = Sandbox::Missing { attempt, retry_at: Some(later(now, RETRY)) };
            }
        }
    }

    fn sandbox_stopped(&mut self, result: Result<(), RuntimeError>, now: Timestamp) {
        let Sandbox::Stopping { up, retry_at } = &mut self.sandbox else { return };
        match result {
            Ok(()) => self.sandbox = Sandbox::Down(std::mem::take(up)),
            Err(_) => *retry_at = Some(later(now, NEXT_LOOK)),
        }
    }

    fn image_found(&mut self, index: usize, result: Result<Option<Image>, RuntimeError>, now: Timestamp) {
        if !self.is_at(index, |step| step == Step::Finding) {
            return;
        }
        let slot = &mut self.slots[index];
        match (result, slot.spec.image_pull_policy.as_deref()) {
            (Ok(Some(image)), policy) if policy != Some("Always") => {
                self.commands.push_back(Command::Record(slot.event(false, "Pulled", present(slot))));
                self.start_container(index, image);
            }
            (Ok(None), Some("Never")) => {
                let name = slot.image_name();
                let message = format!("Container image {name:?} is not present with pull policy of Never");
                let event = slot.event(true, "ErrImageNeverPull", message.clone());
                self.commands.push_back(Command::Record(event));
                self.fail(index, "ErrImageNeverPull", message, "ErrImageNeverPull", now);
            }
            (Ok(_), _) => {
                slot.step = Step::Pulling { since: now };
                let event = slot.event(false, "Pulling", format!("Pulling image {:?}", slot.image_name()));
                self.commands.extend([Command::Record(event), Command::PullImage { container: index }]);
            }
            (Err(error), _) => self.inspect_failed(index, &error, now),
        }
    }

    fn inspect_failed(&mut self, index: usize, error: &RuntimeError, now: Timestamp) {
        let slot = &self.slots[index];
        let name = slot.image_name();
        let (reason, message) = match error {
            RuntimeError::InvalidImageName(_) => {
                ("InvalidImageName", format!("Failed to apply default image tag {name:?}: {error}"))
            }
            _ => ("ImageInspectError", format!("Failed to inspect image {name:?}: {error}")),
        };
        self.commands.push_back(Command::Record(slot.event(true, "InspectFailed", message.clone())));
        self.fail(index, reason, message, reason, now);
    }

    fn image_pulled(&mut self, index: usize, result: Result<Image, RuntimeError>, now: Timestamp) {
        let limits = self.limits();
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Step::Pulling { since } = slot.step else { return };
        let name = slot.spec.image.clone().unwrap_or_default();
        match result {
            Ok(image) => {
                let took = go_duration(now.duration_since(since));
                let size = image.size_bytes;
                let message = format!(
                    "Successfully pulled image {name:?} in {took} ({took} including waiting). \
                     Image size: {size} bytes."
                );
                self.commands.push_back(Command::Record(slot.event(false, "Pulled", message)));
                self.start_container(index, image);
            }
            Err(error) => {
                slot.pulls.next(now, now, limits);
                slot.pull_failure = Some((now, error.to_string()));
                let event = slot.event(true, "Failed", format!("Failed to pull image {name:?}: {error}"));
                self.commands.push_back(Command::Record(event));
                self.fail(index, "ErrImagePull", error.to_string(), "ErrImagePull", now);
                self.slots[index].retry_at = Some(later(now, NEXT_LOOK));
            }
        }
    }

    /// Puts a container off, and tells users with the event `Failed`.
    fn fail(&mut self, index: usize, reason: &'static str, message: String, error: &str, now: Timestamp) {
        let event = self.slots[index].event(true, "Failed", format!("Error: {error}"));
        self.commands.push_back(Command::Record(event));
        self.put_off(index, reason, message, now);
    }

    fn container_started(&mut self, index: usize, result: Result<Container, Failure>, now: Timestamp) {
        if !self.is_at(index, |step| step == Step::Starting) {
            return;
        }
        match result {
            Ok(container) => self.began(index, container, now),
            Err(Failure { reason: "RunContainerError", message }) => self.start_failed(index, message, now),
            Err(Failure { reason, message }) => self.fail(index, reason, message.clone(), &message, now),
        }
    }

    pub(super) fn began(&mut self, index: usize, container: Container, now: Timestamp) {
        let slot = &mut self.slots[index];
        let events = [
            slot.event(false, "Created", "Container created"),
            slot.event(false, "Started", "Container started"),
        ];
        self.commands.extend(events.map(Command::Record));
        let unenforced = if self.settings.isolates { Vec::new() } else { unenforced(&self.pod, &slot.spec) };
        if !unenforced.is_empty() {
            let message =
                format!("Runtime {} does not enforce: {}", self.settings.runtime, unenforced.join(", "));
            self.commands.push_back(Command::Record(slot.event(true, "NotEnforced", message)));
        }
        let started_at = match &container.state {
            ContainerState::Running { started_at } => *started_at,
            _ => now,
        };
        let ended = matches!(container.state, ContainerState::Exited(_)).then(|| container.clone());
        let forgotten = slot.begin_run(container, &self.settings.runtime);
        slot.probes = Probes::new(&slot.spec, started_at);
        let has_hook = slot.spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some());
        slot.step = if has_hook { Step::PostStart } else { Step::Running };
        self.commands.extend(forgotten.map(|id| Command::RemoveContainer { id }));
        match ended {
            Some(ended) => self.exited(index, ended),
            None if has_hook => {
                let (id, hook) = (slot.id().to_owned(), Hook::PostStart);
                self.commands.push_back(Command::RunHook { container: index, id, hook, limit: None });
            }
            None => {}
        }
    }

    /// The process could not be started: that counts as a run that has ended at once, as it does with containerd.
    fn start_failed(&mut self, index: usize, message: String, now: Timestamp) {
        let slot = &mut self.slots[index];
        let exit = Exit {
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: now,
            code: 128,
            reason: "StartError".to_owned(),
            message: message.clone(),
        };
        let run = Container {
            id: String::new(),
            name: slot.spec.name.clone(),
            attempt: slot.attempt,
            image: slot.spec.image.clone().unwrap_or_default(),
            image_id: slot.image.as_ref().map(|image| image.id.clone()).unwrap_or_default(),
            state: ContainerState::Exited(exit),
        };
        let forgotten = slot.begin_run(run, &self.settings.runtime);
        self.commands.extend(forgotten.map(|id| Command::RemoveContainer { id }));
        self.fail(index, "RunContainerError", message.clone(), &message, now);
        self.slots[index].retry_at = Some(later(now, NEXT_LOOK));
    }

    fn container_stopped(&mut self, index: usize, result: Result<Container, RuntimeError>, now: Timestamp) {
        if !self.is_at(index, |step| matches!(step, Step::Stopping { .. })) {
            return;
        }
        match result {
            Ok(container) if container.id == self.slots[index].id() => self.exited(index, container),
            Ok(_) => {}
            Err(RuntimeError::NotFound(_)) => self.lose(index, now),
            Err(_) => self.slots[index].retry_at = Some(later(now, NEXT_LOOK)),
        }
    }

    pub(super) fn exited(&mut self, index: usize, container: Container) {
        let slot = &mut self.slots[index];
        slot.step = Step::Idle;
        slot.retry_at = None;
        slot.run = Some(container);
    }

    fn hook_done(&mut self, index: usize, hook: Hook, result: Result<(), String>, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        match (hook, slot.step) {
            (Hook::PostStart, Step::PostStart) => match result {
                Ok(()) => slot.step = Step::Running,
                Err(_) => {
                    let event = slot.event(true, "FailedPostStartHook", "PostStartHook failed");
                    self.commands.push_back(Command::Record(event));
                    let until = later(now, grace(&self.pod));
                    self.kill(index, "FailedPostStartHook".to_owned(), until, now);
                }
            },
            (Hook::PreStop, Step::PreStop { until }) => {
                if result.is_err() {
                    let event = slot.event(true, "FailedPreStopHook", "PreStopHook failed");
                    self.commands.push_back(Command::Record(event));
                }
                self.ask_to_stop(index, until, now);
            }
            _ => {}
        }
    }

    fn probed(&mut self, index: usize, id: &str, kind: ProbeKind, verdict: &Verdict, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.id() == id && slot.is_up()) else {
            return;
        };
        let probe = match kind {
            ProbeKind::Startup => &slot.spec.startup_probe,
            ProbeKind::Liveness => &slot.spec.liveness_probe,
            ProbeKind::Readiness => &slot.spec.readiness_probe,
        };
        let Some(probe) = probe else { return };
        let restart_grace = probe_grace(probe, &self.pod);
        let effect = slot.probes.found(kind, probe, verdict, now);
        if let Some(message) = unhealthy(kind, verdict) {
            self.commands.push_back(Command::Record(slot.event(true, "Unhealthy", message)));
        }
        if effect == Effect::Restart && slot.step == Step::Running && self.ending.is_none() {
            let what = if kind == ProbeKind::Startup { "startup" } else { "liveness" };
            let message = format!("Container {} failed {what} probe, will be restarted", slot.spec.name);
            self.kill(index, message, later(now, restart_grace), now);
        }
    }
}

fn unhealthy(kind: ProbeKind, verdict: &Verdict) -> Option<String> {
    let name = match kind {
        ProbeKind::Startup => "Startup",
        ProbeKind::Liveness => "Liveness",
        ProbeKind::Readiness => "Readiness",
    };
    match verdict {
        Verdict::Success => None,
        Verdict::Failure(output) => Some(format!("{name} probe failed: {output}")),
        Verdict::Unknown(why) => Some(format!("{name} probe errored and resulted in unknown state: {why}")),
    }
}

/// The grace of a container that its probe has condemned.
fn probe_grace(probe: &Probe, pod: &Pod) -> SignedDuration {
    probe.termination_grace_period_seconds.map_or_else(|| grace(pod), SignedDuration::from_secs)
}
