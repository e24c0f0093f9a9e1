//! Brings a pod up: volumes, sandbox, init containers in order, then the others.

use jiff::{SignedDuration, Timestamp};
use steersman_core::runtime::Image;

use super::slot::{Role, Slot, Step};
use super::{Command, PodMachine, Sandbox, Up, Volumes, later};

/// How soon a pod whose image could not be pulled is looked at again: the next look sees that it has to wait.
pub(super) const NEXT_LOOK: SignedDuration = SignedDuration::from_secs(1);

impl PodMachine {
    /// Starts whatever can start now.
    pub(super) fn start(&mut self, now: Timestamp) {
        if !self.prepare_volumes(now) || !self.start_sandbox(now) {
            return;
        }
        for index in 0..self.slots.len() {
            self.initialized |= self.slots[index].role == Role::Main;
            self.start_slot(index, now);
            if !self.lets_next_start(&self.slots[index]) {
                return;
            }
        }
    }

    /// When the next container that has been put off may start.
    pub(super) fn start_deadline(&self) -> Option<Timestamp> {
        if self.ending.is_some() || !matches!(self.sandbox, Sandbox::Up(_)) {
            return None;
        }
        let mut barred = false;
        let reached = self.slots.iter().take_while(|slot| {
            let reached = !barred;
            barred |= !self.lets_next_start(slot);
            reached
        });
        reached.filter(|slot| self.may_start(slot)).filter_map(|slot| slot.retry_at).min()
    }

    fn prepare_volumes(&mut self, now: Timestamp) -> bool {
        match self.volumes {
            Volumes::Ready => true,
            Volumes::Preparing => false,
            Volumes::Missing { .. } if self.spec().is_none_or(|spec| spec.volumes.is_none()) => {
                self.volumes = Volumes::Ready;
                true
            }
            Volumes::Missing { retry_at } => {
                if is_due(retry_at, now) {
                    self.volumes = Volumes::Preparing;
                    self.commands.push_back(Command::Prepare);
                }
                false
            }
        }
    }

    fn start_sandbox(&mut self, now: Timestamp) -> bool {
        if let Sandbox::Missing { attempt, retry_at } = self.sandbox
            && is_due(retry_at, now)
        {
            self.sandbox = Sandbox::Starting { attempt };
            self.commands.push_back(Command::StartSandbox { attempt });
        }
        matches!(self.sandbox, Sandbox::Up(_))
    }

    /// Whether the containers behind this one may start. Once the pod was initialized, all may.
    fn lets_next_start(&self, slot: &Slot) -> bool {
        match slot.role {
            Role::Init => self.initialized || slot.is_ready(),
            Role::Sidecar => self.initialized || slot.is_started(),
            Role::Main => true,
        }
    }

    /// Whether a container that has its turn is to be started, now or after a wait.
    fn may_start(&self, slot: &Slot) -> bool {
        let is_done = self.initialized && slot.role == Role::Init;
        !is_done && slot.step == Step::Idle && slot.wants_restart(self.policy())
    }

    fn start_slot(&mut self, index: usize, now: Timestamp) {
        let slot = &self.slots[index];
        if self.may_start(slot) && is_due(slot.retry_at, now) && !self.backs_off(index, now) {
            self.find_image(index, now);
        }
    }

    /// Whether a container that has ended must wait before it runs again. If not, its next failure waits longer.
    fn backs_off(&mut self, index: usize, now: Timestamp) -> bool {
        let limits = self.limits();
        let slot = &mut self.slots[index];
        let Some(finished) = slot.exit().map(|exit| exit.finished_at) else { return false };
        let Some(until) = slot.crashes.until(finished, limits).filter(|until| *until > now) else {
            slot.crashes.next(finished, now, limits);
            return false;
        };
        let name = self.full_name();
        let slot = &mut self.slots[index];
        let container = &slot.spec.name;
        let event = format!("Back-off restarting failed container {container} in pod {name}");
        let wait = go_duration(slot.crashes.wait());
        let message = format!("back-off {wait} restarting failed container={container} pod={name}");
        self.commands.push_back(Command::Record(slot.event(true, "BackOff", event)));
        slot.wait("CrashLoopBackOff", message, until);
        true
    }

    fn find_image(&mut self, index: usize, now: Timestamp) {
        if self.pull_backs_off(index, now) {
            return;
        }
        self.slots[index].step = Step::Finding;
        self.commands.push_back(Command::FindImage { container: index });
    }

    fn pull_backs_off(&mut self, index: usize, now: Timestamp) -> bool {
        let limits = self.limits();
        let slot = &mut self.slots[index];
        let Some((failed, why)) = slot.pull_failure.clone() else { return false };
        let Some(until) = slot.pulls.until(failed, limits).filter(|until| *until > now) else { return false };
        let message = format!("Back-off pulling image {:?}", slot.image_name());
        let (event, error) = (
            slot.event(false, "BackOff", message.clone()),
            slot.event(true, "Failed", "Error: ImagePullBackOff"),
        );
        slot.wait("ImagePullBackOff", format!("{message}: ErrImagePull: {why}"), until);
        self.commands.extend([Command::Record(event), Command::Record(error)]);
        true
    }

    /// The image is there: the container can be started.
    pub(super) fn start_container(&mut self, index: usize, image: Image) {
        let Sandbox::Up(Up { id, .. }) = &self.sandbox else {
            self.slots[index].step = Step::Idle;
            return;
        };
        let slot = &mut self.slots[index];
        slot.step = Step::Starting;
        let (sandbox, attempt, image_id) = (id.clone(), slot.attempt, image.id.clone());
        slot.image = Some(image);
        self.commands.push_back(Command::StartContainer { container: index, sandbox, attempt, image_id });
    }

    /// Carries out the probes that are due.
    pub(super) fn probe(&mut self, now: Timestamp) {
        let ending = self.ending.is_some();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.role != Role::Init && (slot.step == Step::Running || ending && slot.is_up()) {
                for kind in slot.probes.start_due(now, ending) {
                    let id = slot.id().to_owned();
                    self.commands.push_back(Command::Probe { container: index, id, kind });
                }
            }
        }
    }

    /// Puts a container off after a failure that no back-off is kept for.
    pub(super) fn put_off(&mut self, index: usize, reason: &'static str, message: String, now: Timestamp) {
        self.slots[index].wait(reason, message, later(now, super::RETRY));
    }
}

pub(super) fn is_due(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_none_or(|at| at <= now)
}

/// A duration as Go prints it, cut to milliseconds: `1m20s`, `1.25s`, `310ms`.
pub(super) fn go_duration(duration: SignedDuration) -> String {
    let millis = duration.as_millis().max(0);
    if (1..1000).contains(&millis) {
        return format!("{millis}ms");
    }
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1000 % 60, millis % 1000);
    let fraction = format!(".{rest:03}");
    let fraction = if rest == 0 { "" } else { fraction.trim_end_matches('0') };
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

/// Says of a present image that it need not be pulled.
pub(super) fn present(slot: &Slot) -> String {
    let image = slot.image_name();
    format!("Container image {image:?} already present on machine and can be accessed by the pod")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_go() {
        let rows = [
            (0, "0s"),
            (310, "310ms"),
            (1250, "1.25s"),
            (10_000, "10s"),
            (80_000, "1m20s"),
            (300_000, "5m0s"),
            (3_600_000, "1h0m0s"),
        ];
        for (millis, text) in rows {
            assert_eq!(go_duration(SignedDuration::from_millis(millis)), text);
        }
    }
}
