//! Ends a pod: who ends first, with how much grace, and what comes after.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::slot::{Role, Slot, Step, left};
use super::{Command, Hook, PodMachine, Sandbox, Volumes, later};

/// That the pod ends, and how.
#[derive(Debug)]
pub(super) struct Ending {
    why: Why,
    until: Timestamp,
    /// Whether the pod was asked to be removed from the API.
    delete_sent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Its containers have ended for good.
    Finished,
    /// It has run as long as it may.
    DeadlineExceeded,
    /// Its deletion was asked for.
    Deleted,
    /// It is no longer in the API.
    Removed,
}

/// What is told of a pod that ran longer than `activeDeadlineSeconds`.
pub(super) const DEADLINE_EXCEEDED: &str = "Pod was active on the node longer than the specified deadline";

/// Even a container that has no grace, or whose hook has used it up, gets this much to end by itself.
const LEAST_GRACE: Duration = Duration::from_secs(2);

impl Ending {
    pub(super) fn is_removed(&self) -> bool {
        self.why == Why::Removed
    }
}

impl PodMachine {
    /// Notices that the pod has to end, or has to end sooner.
    pub(super) fn look_for_end(&mut self, now: Timestamp) {
        if self.pod.metadata.deletion_timestamp.is_some() {
            self.end(Why::Deleted, grace(&self.pod), now);
        } else if self.active_deadline().is_some_and(|deadline| deadline <= now) {
            self.deadline_exceeded = true;
            self.record(false, "DeadlineExceeded", DEADLINE_EXCEEDED);
            self.end(Why::DeadlineExceeded, grace(&self.pod), now);
        } else if self.ending.is_none() && self.is_finished() {
            self.end(Why::Finished, grace(&self.pod), now);
        }
    }

    /// The pod is no longer in the API: nothing of it may go on.
    pub(super) fn removed(&mut self, now: Timestamp) {
        self.end(Why::Removed, grace(&self.pod).max(SignedDuration::from_secs(1)), now);
    }

    /// A pod that is asked to end twice ends at the earlier time, for the weightier reason.
    fn end(&mut self, why: Why, grace: SignedDuration, now: Timestamp) {
        let until = later(now, grace);
        let ending = self.ending.get_or_insert(Ending { why, until, delete_sent: false });
        ending.why = ending.why.max(why);
        if until < ending.until {
            ending.until = until;
            self.hurry(until, now);
        }
    }

    /// Shortens the grace of what is already ending.
    fn hurry(&mut self, until: Timestamp, now: Timestamp) {
        for index in 0..self.slots.len() {
            let current = match self.slots[index].step {
                Step::PreStop { until } | Step::Stopping { until } => until,
                _ => continue,
            };
            if until < current {
                self.ask_to_stop(index, until, now);
            }
        }
    }

    /// Whether everything has run and nothing will run again.
    fn is_finished(&self) -> bool {
        if self.last_status.is_some() {
            return true;
        }
        let policy = self.policy();
        let is_over =
            |slot: &Slot| slot.step == Step::Idle && slot.exit().is_some() && !slot.wants_restart(policy);
        let failed = |slot: &Slot| is_over(slot) && slot.exit().is_some_and(|exit| exit.code != 0);
        let mut mains = self.slots.iter().filter(|slot| slot.role == Role::Main).peekable();
        let inits_failed = self.slots.iter().any(|slot| slot.role == Role::Init && failed(slot));
        inits_failed || mains.peek().is_some() && mains.all(is_over)
    }

    /// When the pod has run as long as it may.
    pub(super) fn active_deadline(&self) -> Option<Timestamp> {
        if self.ending.is_some() {
            return None;
        }
        let seconds = self.spec()?.active_deadline_seconds?;
        Some(later(self.started_at, SignedDuration::from_secs(seconds)))
    }

    /// Stops whatever has to stop now: first the containers, sidecars last and in reverse, then the sandbox.
    pub(super) fn stop(&mut self, now: Timestamp) {
        let Some(until) = self.ending.as_ref().map(|ending| ending.until) else { return };
        self.give_up_starting();
        self.stop_containers(until, now);
        if !self.slots.iter().any(Slot::is_active) {
            self.stop_sandbox(now);
        }
        if self.is_down() {
            self.clear();
        }
    }

    /// Nothing runs any more: what is left of the pod can go.
    fn clear(&mut self) {
        let Some(ending) = &mut self.ending else { return };
        if ending.why == Why::Deleted && !ending.delete_sent {
            ending.delete_sent = true;
            self.commands.push_back(Command::Delete);
        }
        if ending.why == Why::Removed
            && let Sandbox::Down(up) = &self.sandbox
        {
            self.commands.push_back(Command::RemoveSandbox { id: up.id.clone() });
            self.sandbox = Sandbox::Missing { attempt: up.attempt, retry_at: None };
        }
    }

    /// Whether nothing of the pod runs, and nothing is under way that could make something run.
    pub(super) fn is_down(&self) -> bool {
        let sandbox = matches!(self.sandbox, Sandbox::Missing { .. } | Sandbox::Down { .. });
        sandbox && self.volumes != Volumes::Preparing && !self.slots.iter().any(Slot::is_active)
    }

    fn give_up_starting(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot.step, Step::Finding | Step::Pulling { .. }) {
                slot.step = Step::Idle;
            }
        }
    }

    fn stop_containers(&mut self, until: Timestamp, now: Timestamp) {
        let mut waiting = false;
        for index in 0..self.slots.len() {
            if self.slots[index].role != Role::Sidecar {
                waiting |= self.slots[index].is_active();
                self.stop_slot(index, until, now);
            }
        }
        for index in (0..self.slots.len()).rev() {
            if waiting {
                return;
            }
            if self.slots[index].role == Role::Sidecar {
                waiting = self.slots[index].is_active();
                self.stop_slot(index, until, now);
            }
        }
    }

    fn stop_slot(&mut self, index: usize, until: Timestamp, now: Timestamp) {
        let slot = &self.slots[index];
        if matches!(slot.step, Step::Running | Step::PostStart) {
            let message = format!("Stopping container {}", slot.spec.name);
            self.kill(index, message, until, now);
        }
    }

    /// Begins to end a running container, its preStop hook first.
    pub(super) fn kill(&mut self, index: usize, message: String, until: Timestamp, now: Timestamp) {
        let slot = &mut self.slots[index];
        self.commands.push_back(Command::Record(slot.event(false, "Killing", message)));
        let has_hook = slot.spec.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.pre_stop.is_some());
        let grace = left(now, until, Duration::ZERO);
        if !has_hook || grace.is_zero() {
            self.ask_to_stop(index, until, now);
            return;
        }
        slot.step = Step::PreStop { until };
        let (id, hook) = (slot.id().to_owned(), Hook::PreStop);
        self.commands.push_back(Command::RunHook { container: index, id, hook, limit: Some(grace) });
    }

    /// Asks the runtime to stop a container, with what is left of its grace.
    pub(super) fn ask_to_stop(&mut self, index: usize, until: Timestamp, now: Timestamp) {
        let slot = &mut self.slots[index];
        slot.step = Step::Stopping { until };
        let (id, grace) = (slot.id().to_owned(), left(now, until, LEAST_GRACE));
        self.commands.push_back(Command::StopContainer { container: index, id, grace });
    }

    fn stop_sandbox(&mut self, now: Timestamp) {
        let up = match &mut self.sandbox {
            Sandbox::Up(up) => std::mem::take(up),
            Sandbox::Stopping { up, retry_at: Some(at) } if *at <= now => std::mem::take(up),
            _ => return,
        };
        self.commands.push_back(Command::StopSandbox { id: up.id.clone() });
        self.sandbox = Sandbox::Stopping { up, retry_at: None };
    }

    /// Asks once more where the runtime has refused to stop a container.
    pub(super) fn retry_stops(&mut self, now: Timestamp) {
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            if let Step::Stopping { until } = slot.step
                && slot.retry_at.is_some_and(|at| at <= now)
            {
                slot.retry_at = None;
                self.ask_to_stop(index, until, now);
            }
        }
    }
}

/// The grace that the pod is to have, as its deletion or else its spec says.
pub(super) fn grace(pod: &Pod) -> SignedDuration {
    let spec = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.or(spec).unwrap_or(30).max(0))
}
