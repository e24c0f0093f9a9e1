//! Takes in what the runtime shows of a pod, and what an earlier life of the kubelet has published of it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use steersman_core::runtime::{Container, ContainerState, Exit, PodSandbox};

use super::probes::Probes;
use super::slot::{Role, Step, terminated};
use super::{Command, PodMachine, Sandbox, Up, Volumes, time};

/// What is told of a container that nobody knows the end of.
const LOST: &str = "ContainerStatusUnknown";

impl PodMachine {
    /// The runtime's truth about the pod; tells whether anything in it was new.
    pub(super) fn observe(&mut self, sandbox: &PodSandbox, now: Timestamp) -> bool {
        if sandbox.attempt < self.sandbox_attempt() {
            return false;
        }
        let mut is_news = matches!(self.sandbox, Sandbox::Missing { .. });
        if is_news {
            let up = Up { id: sandbox.id.clone(), attempt: sandbox.attempt, ips: sandbox.ips.clone() };
            self.set_up(up);
            self.volumes = Volumes::Ready;
        }
        is_news |= self.observe_containers(&sandbox.containers, now);
        let is_ours = matches!(&self.sandbox, Sandbox::Up(up) if up.id == sandbox.id);
        if is_ours && !sandbox.ready {
            self.sandbox_died(now);
            is_news = true;
        }
        is_news
    }

    /// The runs of a container are taken in one after the other.
    fn observe_containers(&mut self, containers: &[Container], now: Timestamp) -> bool {
        if !containers.is_sorted_by_key(|container| container.attempt) {
            let mut sorted = containers.to_vec();
            sorted.sort_by_key(|container| container.attempt);
            return self.observe_containers(&sorted, now);
        }
        let mut is_news = false;
        for container in containers {
            is_news |= self.observe_container(container, now);
        }
        is_news
    }

    fn observe_container(&mut self, container: &Container, now: Timestamp) -> bool {
        let place = self.slots.iter().position(|slot| slot.spec.name == container.name);
        let Some(index) = place else { return false };
        let slot = &self.slots[index];
        let has_ended = matches!(container.state, ContainerState::Exited(_));
        if slot.step == Step::Starting && slot.attempt == container.attempt {
            self.began(index, container.clone(), now);
        } else if has_ended && slot.is_up() && slot.id() == container.id {
            self.exited(index, container.clone());
        } else if slot.step == Step::Idle
            && slot.run.as_ref().is_none_or(|run| run.attempt < container.attempt)
        {
            self.adopt(index, container.clone(), now);
        } else {
            return false;
        }
        true
    }

    /// A container of an earlier life of this kubelet.
    fn adopt(&mut self, index: usize, container: Container, now: Timestamp) {
        let slot = &mut self.slots[index];
        if let ContainerState::Running { started_at } = container.state {
            slot.probes = Probes::new(&slot.spec, started_at.max(now));
            slot.step = Step::Running;
        }
        // What happened before is known to the status that the last life has published.
        let forgotten = slot.begin_run(container, &self.settings.runtime);
        self.commands.extend(forgotten.map(|id| Command::RemoveContainer { id }));
    }

    pub(super) fn vanish(&mut self, now: Timestamp) {
        match self.sandbox {
            Sandbox::Up(_) => self.sandbox_died(now),
            Sandbox::Stopping { ref up, .. } => self.sandbox = Sandbox::Down(up.clone()),
            _ => {}
        }
    }

    fn sandbox_died(&mut self, now: Timestamp) {
        let Sandbox::Up(up) = self.sandbox.clone() else { return };
        for index in 0..self.slots.len() {
            if self.slots[index].is_up() {
                self.lose(index, now);
            }
        }
        let has_run = self.slots.iter().any(|slot| slot.run.is_some());
        if self.ending.is_some() || has_run && self.policy() == "Never" {
            self.sandbox = Sandbox::Down(up);
            return;
        }
        self.record(false, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
        self.commands.push_back(Command::RemoveSandbox { id: up.id });
        self.sandbox = Sandbox::Missing { attempt: up.attempt.saturating_add(1), retry_at: None };
        self.initialized = false;
        self.forget_init_runs();
    }

    /// In a new sandbox, init containers run again.
    fn forget_init_runs(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.role == Role::Init) {
            if let Some(run) = slot.run.take() {
                slot.last = terminated(&run, &self.settings.runtime);
            }
        }
    }

    fn sandbox_attempt(&self) -> u32 {
        match &self.sandbox {
            Sandbox::Missing { attempt, .. } | Sandbox::Starting { attempt } => *attempt,
            Sandbox::Up(up) | Sandbox::Stopping { up, .. } | Sandbox::Down(up) => up.attempt,
        }
    }

    /// Takes over from the pod's status what happened in an earlier life of this kubelet.
    pub(super) fn recall(&mut self, now: Timestamp) {
        let Some(status) = &self.pod.status else { return };
        let statuses = [&status.init_container_statuses, &status.container_statuses];
        for old in statuses.into_iter().flatten().flatten().cloned() {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.spec.name == old.name) else { continue };
            let Some(id) = old.container_id else { continue };
            slot.attempt = u32::try_from(old.restart_count).unwrap_or(0).saturating_add(1);
            let state = old.state.unwrap_or_default();
            let lost = state.running.map(|_| lost_running(id, now));
            slot.last = state.terminated.or(lost).or(old.last_state.and_then(|last| last.terminated));
        }
    }

    /// Nobody knows how the container has ended.
    pub(super) fn lose(&mut self, index: usize, now: Timestamp) {
        let Some(mut container) = self.slots[index].run.clone() else { return };
        let started_at = match container.state {
            ContainerState::Running { started_at } => started_at,
            _ => return,
        };
        container.state = ContainerState::Exited(Exit {
            started_at,
            finished_at: now,
            code: 137,
            reason: LOST.to_owned(),
            message: "The container could not be located when the pod was terminated".to_owned(),
        });
        self.exited(index, container);
    }
}

fn lost_running(container_id: String, now: Timestamp) -> ContainerStateTerminated {
    let message =
        "The container could not be located when the pod was deleted.  The container used to be Running";
    ContainerStateTerminated {
        container_id: Some(container_id),
        exit_code: 137,
        finished_at: Some(time(now)),
        message: Some(message.to_owned()),
        reason: Some(LOST.to_owned()),
        ..ContainerStateTerminated::default()
    }
}
