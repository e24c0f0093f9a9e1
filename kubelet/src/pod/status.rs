//! The status that a pod's machine publishes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    HostIP, PodIP, PodStatus, VolumeMountStatus,
};
use steersman_core::runtime;

use super::slot::{Role, Slot, Step, container_id, terminated};
use super::stop::DEADLINE_EXCEEDED;
use super::{PodMachine, time};

impl PodMachine {
    /// The pod's status as of now: what the kubelet answers for, and nothing that others write. Conditions keep the
    /// time at which they last changed, so equal states give equal statuses.
    pub fn status(&mut self, now: Timestamp) -> PodStatus {
        if let Some(last) = &self.last_status {
            return last.clone();
        }
        let over = self.ending.is_some() && self.is_down();
        let mut statuses: Vec<ContainerStatus> =
            self.slots.iter().map(|slot| self.container_status(slot, over)).collect();
        let phase = if self.deadline_exceeded { "Failed" } else { self.phase(&statuses, over) };
        let conditions = self.conditions(&statuses, phase, now);
        // Init containers, sidecars among them, come before the others.
        let inits = self.slots.iter().take_while(|slot| slot.role != Role::Main).count();
        let init: Vec<ContainerStatus> = statuses.drain(..inits).collect();
        statuses.sort_by(|one, other| one.name.cmp(&other.name));
        PodStatus {
            phase: Some(phase.to_owned()),
            reason: self.deadline_exceeded.then(|| "DeadlineExceeded".to_owned()),
            message: self.deadline_exceeded.then(|| DEADLINE_EXCEEDED.to_owned()),
            conditions: Some(conditions),
            start_time: Some(time(self.started_at)),
            init_container_statuses: (!init.is_empty()).then_some(init),
            container_statuses: Some(statuses),
            observed_generation: self.pod.metadata.generation,
            ..self.addresses()
        }
    }

    fn addresses(&self) -> PodStatus {
        let pod_ips: Vec<PodIP> = self.last_ips.iter().map(|ip| PodIP { ip: ip.to_string() }).collect();
        let host_ips: Vec<HostIP> =
            self.settings.host_ips.iter().map(|ip| HostIP { ip: ip.to_string() }).collect();
        PodStatus {
            pod_ip: pod_ips.first().map(|pod| pod.ip.clone()),
            pod_ips: (!pod_ips.is_empty()).then_some(pod_ips),
            host_ip: host_ips.first().map(|host| host.ip.clone()),
            host_ips: (!host_ips.is_empty()).then_some(host_ips),
            ..PodStatus::default()
        }
    }

    fn container_status(&self, slot: &Slot, over: bool) -> ContainerStatus {
        let scheme = &self.settings.runtime;
        let (state, last) = self.states(slot, over);
        let run = slot.run.as_ref();
        let image_id = run.map(|run| run.image_id.clone()).unwrap_or_default();
        ContainerStatus {
            name: slot.spec.name.clone(),
            image: slot.spec.image.clone().unwrap_or_default(),
            image_id,
            container_id: run.and_then(|run| container_id(run, scheme)),
            ready: slot.is_ready(),
            started: Some(slot.is_started()),
            restart_count: restarts(slot),
            state: Some(state),
            last_state: Some(ContainerState { terminated: last, ..ContainerState::default() }),
            allocated_resources: slot.spec.resources.as_ref().and_then(|needs| needs.requests.clone()),
            resources: run.map(|_| slot.spec.resources.clone().unwrap_or_default()),
            volume_mounts: mounts(slot),
            ..ContainerStatus::default()
        }
    }

    /// What a container does, and how it ended before.
    fn states(&self, slot: &Slot, over: bool) -> (ContainerState, Option<ContainerStateTerminated>) {
        let ended = slot.run.as_ref().and_then(|run| terminated(run, &self.settings.runtime));
        if slot.is_up() && slot.step != Step::PostStart {
            return (running(slot), slot.last.clone());
        }
        match (ended, &slot.waiting) {
            (Some(ended), None) => (state_terminated(ended), slot.last.clone()),
            (Some(ended), _) if over => (state_terminated(ended), slot.last.clone()),
            (None, _) if over && slot.role == Role::Main => {
                (state_terminated(never_ran()), slot.last.clone())
            }
            (ended, Some(waiting)) => {
                (state_waiting(waiting.reason, &waiting.message), ended.or(slot.last.clone()))
            }
            (None, None) => (state_waiting(self.default_reason(), ""), slot.last.clone()),
        }
    }

    fn default_reason(&self) -> &'static str {
        let has_inits = self.slots.first().is_some_and(|slot| slot.role != Role::Main);
        if has_inits { "PodInitializing" } else { "ContainerCreating" }
    }
}

fn restarts(slot: &Slot) -> i32 {
    let count = slot.run.as_ref().map_or(slot.attempt.saturating_sub(1), |run| run.attempt);
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn running(slot: &Slot) -> ContainerState {
    let started_at = match slot.run.as_ref().map(|run| &run.state) {
        Some(runtime::ContainerState::Running { started_at }) => Some(time(*started_at)),
        _ => None,
    };
    ContainerState { running: Some(ContainerStateRunning { started_at }), ..ContainerState::default() }
}

fn state_waiting(reason: &str, message: &str) -> ContainerState {
    let message = (!message.is_empty()).then(|| message.to_owned());
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn state_terminated(ended: ContainerStateTerminated) -> ContainerState {
    ContainerState { terminated: Some(ended), ..ContainerState::default() }
}

/// What is told of a container of a pod that ended before the container could run.
fn never_ran() -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container could not be located when the pod was terminated".to_owned()),
        ..ContainerStateTerminated::default()
    }
}

fn mounts(slot: &Slot) -> Option<Vec<VolumeMountStatus>> {
    let mounts = slot.spec.volume_mounts.as_ref()?;
    let status = |mount: &k8s_openapi::api::core::v1::VolumeMount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only,
        recursive_read_only: (mount.read_only == Some(true)).then(|| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    };
    Some(mounts.iter().map(status).collect())
}
