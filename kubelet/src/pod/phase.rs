//! Says in which phase of its life a pod is.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus};

use super::PodMachine;
use super::slot::{Role, Slot};

/// How many containers are in which state; upstream's `getPhase`.
#[derive(Default)]
struct Counts {
    uninitialized: usize,
    init_failed: usize,
    waiting: usize,
    running: usize,
    stopped: usize,
    succeeded: usize,
}

impl PodMachine {
    /// The phase that follows from the containers' statuses, which stand in the order of the slots. `over` says that
    /// nothing of the pod will run again.
    pub(super) fn phase(&self, statuses: &[ContainerStatus], over: bool) -> &'static str {
        let mut counts = Counts::default();
        for (slot, status) in self.slots.iter().zip(statuses) {
            counts.add(slot, status);
        }
        counts.phase(self.policy(), over)
    }
}

impl Counts {
    fn add(&mut self, slot: &Slot, status: &ContainerStatus) {
        let none = ContainerState::default();
        let state = status.state.as_ref().unwrap_or(&none);
        let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        match slot.role {
            Role::Init => self.add_init(state, last.map(|last| last.exit_code)),
            Role::Sidecar => self.add_sidecar(state, last.is_some(), status.started == Some(true)),
            Role::Main => self.add_main(state, last.is_some()),
        }
    }

    fn add_init(&mut self, state: &ContainerState, last: Option<i32>) {
        let code = state.terminated.as_ref().map(|ended| ended.exit_code);
        match code.or(last.filter(|_| state.waiting.is_some())) {
            Some(0) => {}
            Some(_) => self.init_failed += 1,
            None => self.uninitialized += 1,
        }
    }

    fn add_sidecar(&mut self, state: &ContainerState, has_run: bool, started: bool) {
        if state.running.is_some() {
            self.running += 1;
            self.uninitialized += usize::from(!started);
        } else if state.waiting.is_some() && !has_run {
            self.waiting += 1;
            self.uninitialized += 1;
        }
    }

    fn add_main(&mut self, state: &ContainerState, has_run: bool) {
        match (&state.running, &state.terminated) {
            (Some(_), _) => self.running += 1,
            (None, Some(ended)) => {
                self.stopped += 1;
                self.succeeded += usize::from(ended.exit_code == 0);
            }
            (None, None) if has_run => self.stopped += 1,
            (None, None) => self.waiting += 1,
        }
    }

    fn phase(&self, policy: &str, over: bool) -> &'static str {
        let all_succeeded = self.stopped == self.succeeded;
        if self.init_failed > 0 && policy == "Never" {
            return "Failed";
        }
        if self.uninitialized > 0 || self.waiting > 0 {
            return "Pending";
        }
        match (self.running, self.stopped) {
            (0, 0) => "Pending",
            (1.., _) => "Running",
            _ if over => {
                if all_succeeded {
                    "Succeeded"
                } else {
                    "Failed"
                }
            }
            _ if policy == "Always" => "Running",
            _ if all_succeeded => "Succeeded",
            _ if policy == "Never" => "Failed",
            _ => "Running",
        }
    }
}
