//! The conditions that a kubelet keeps of its pods.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::slot::{Role, Slot};
use super::{PodMachine, Sandbox, time};

/// The types of the conditions, in upstream's order.
pub(super) const KINDS: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// Whether a condition held when it was last looked at, and since when.
pub(super) type Since = Option<(bool, Timestamp)>;

/// What a condition says, before it is known when it began to.
struct Finding {
    holds: bool,
    reason: &'static str,
    message: String,
}

const TRUE: Finding = Finding { holds: true, reason: "", message: String::new() };

impl Finding {
    /// The condition that says this, since now if it has not before.
    fn condition(self, kind: &str, since: &mut Since, now: Timestamp) -> PodCondition {
        let Finding { holds, reason, message } = self;
        let at = since.filter(|(held, _)| *held == holds).map_or_else(|| time(now).0, |(_, at)| at);
        *since = Some((holds, at));
        PodCondition {
            type_: kind.to_owned(),
            status: if holds { "True" } else { "False" }.to_owned(),
            last_transition_time: Some(Time(at)),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            message: (!message.is_empty()).then_some(message),
            ..PodCondition::default()
        }
    }
}

/// What a status of an earlier life of the kubelet says of the conditions.
pub(super) fn recalled(status: Option<&PodStatus>) -> [Since; KINDS.len()] {
    let known = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    KINDS.map(|kind| {
        let condition = known.iter().find(|condition| condition.type_ == kind)?;
        let holds = match condition.status.as_str() {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        Some((holds, condition.last_transition_time.as_ref()?.0))
    })
}

impl PodMachine {
    /// The conditions as of now, in upstream's order, with the times of those that have not changed kept.
    pub(super) fn conditions(
        &mut self,
        statuses: &[ContainerStatus],
        phase: &str,
        now: Timestamp,
    ) -> Vec<PodCondition> {
        let sandbox = Finding { holds: matches!(self.sandbox, Sandbox::Up(_)), ..TRUE };
        let containers = self.containers_ready(statuses, phase);
        let ready = self.ready(&containers);
        let findings = [sandbox, self.initialized(statuses, phase), ready, containers, TRUE];
        let generation = self.pod.metadata.generation;
        let all = KINDS.into_iter().zip(findings).zip(&mut self.since);
        all.map(|((kind, finding), since)| PodCondition {
            observed_generation: generation,
            ..finding.condition(kind, since, now)
        })
        .collect()
    }

    fn initialized(&self, statuses: &[ContainerStatus], phase: &str) -> Finding {
        let is_incomplete = |slot: &Slot, status: &ContainerStatus| match slot.role {
            Role::Init => !status.ready,
            Role::Sidecar => status.started != Some(true),
            Role::Main => false,
        };
        let incomplete = self.names(statuses, is_incomplete);
        let any_started = self.slots.iter().any(|slot| slot.role == Role::Main && slot.run.is_some());
        match phase {
            "Succeeded" => Finding { reason: "PodCompleted", ..TRUE },
            _ if any_started || incomplete.is_empty() => TRUE,
            _ => Finding {
                holds: false,
                reason: "ContainersNotInitialized",
                message: format!("containers with incomplete status: [{}]", incomplete.join(" ")),
            },
        }
    }

    fn containers_ready(&self, statuses: &[ContainerStatus], phase: &str) -> Finding {
        let unready = self.names(statuses, |slot, status| slot.role != Role::Init && !status.ready);
        let finding = |reason, message| Finding { holds: false, reason, message };
        match phase {
            "Succeeded" => finding("PodCompleted", String::new()),
            "Failed" => finding("PodFailed", String::new()),
            _ if unready.is_empty() => TRUE,
            _ => finding(
                "ContainersNotReady",
                format!("containers with unready status: [{}]", unready.join(" ")),
            ),
        }
    }

    fn ready(&self, containers: &Finding) -> Finding {
        if !containers.holds {
            let (reason, message) = (containers.reason, containers.message.clone());
            return Finding { holds: false, reason, message };
        }
        let gates = self.spec().and_then(|spec| spec.readiness_gates.as_deref()).unwrap_or_default();
        let shut: Vec<String> =
            gates.iter().filter_map(|gate| self.shut_gate(&gate.condition_type)).collect();
        if shut.is_empty() {
            return TRUE;
        }
        Finding { holds: false, reason: "ReadinessGatesNotReady", message: shut.join(", ") }
    }

    /// Why a readiness gate does not let the pod be ready.
    fn shut_gate(&self, gate: &str) -> Option<String> {
        let conditions = self.pod.status.as_ref().and_then(|status| status.conditions.as_deref());
        match conditions.unwrap_or_default().iter().find(|condition| condition.type_ == gate) {
            Some(open) if open.status == "True" => None,
            Some(shut) => Some(format!(
                "the status of pod readiness gate {gate:?} is not \"True\", but {}",
                shut.status
            )),
            None => Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist.")),
        }
    }

    fn names<'a>(
        &'a self,
        statuses: &[ContainerStatus],
        wanted: impl Fn(&Slot, &ContainerStatus) -> bool,
    ) -> Vec<&'a str> {
        let pairs = self.slots.iter().zip(statuses);
        pairs.filter(|(slot, status)| wanted(slot, status)).map(|(slot, _)| slot.spec.name.as_str()).collect()
    }
}
