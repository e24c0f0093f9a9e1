//! One container of a pod: which run it is at, and what happens to it now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use steersman_core::runtime::{self, ContainerState, Exit, Image};

use super::backoff::Backoff;
use super::command::PodEvent;
use super::probes::Probes;
use super::spec::Spec;

/// What a container is in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that stays (`restartPolicy: Always`).
    Sidecar,
    /// One of the pod's proper containers.
    Main,
}

/// What happens to a container now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it waits for its turn, or has ended.
    Idle,
    /// Its image is looked for.
    Finding,
    /// Its image is pulled.
    Pulling { since: Timestamp },
    /// It is started.
    Starting,
    /// It runs, and its postStart hook does, too.
    PostStart,
    /// It runs.
    Running,
    /// It runs, and so does its preStop hook.
    PreStop { until: Timestamp },
    /// It was asked to end.
    Stopping { until: Timestamp },
}

/// Why a container does not run, as its status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) spec: Spec,
    pub(crate) role: Role,
    pub(crate) step: Step,
    /// The number of the next run.
    pub(crate) attempt: u32,
    /// The newest run.
    pub(crate) run: Option<runtime::Container>,
    /// How the run before it ended.
    pub(crate) last: Option<ContainerStateTerminated>,
    /// The run before the newest, as long as the runtime keeps it.
    pub(crate) kept: Option<String>,
    pub(crate) waiting: Option<Waiting>,
    /// Not before then is the next try.
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) crashes: Backoff,
    pub(crate) pulls: Backoff,
    /// The last failure of a pull, and when.
    pub(crate) pull_failure: Option<(Timestamp, String)>,
    pub(crate) image: Option<Image>,
    pub(crate) probes: Probes,
}

impl Slot {
    pub(crate) fn new(spec: Spec) -> Self {
        let role = match (spec.is_init(), spec.restart_policy.as_deref()) {
            (true, Some("Always")) => Role::Sidecar,
            (true, _) => Role::Init,
            (false, _) => Role::Main,
        };
        Slot {
            spec,
            role,
            step: Step::Idle,
            attempt: 0,
            run: None,
            last: None,
            kept: None,
            waiting: None,
            retry_at: None,
            crashes: Backoff::default(),
            pulls: Backoff::default(),
            pull_failure: None,
            image: None,
            probes: Probes::default(),
        }
    }

    /// Whether a process of it runs, or may.
    pub(crate) fn is_active(&self) -> bool {
        self.is_up() || matches!(self.step, Step::Starting)
    }

    /// Whether a process of it runs.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.step, Step::PostStart | Step::Running | Step::PreStop { .. } | Step::Stopping { .. })
    }

    /// Whether it has come up: what comes after a sidecar waits for this.
    pub(crate) fn is_started(&self) -> bool {
        self.is_up() && self.step != Step::PostStart && self.probes.is_started()
    }

    /// Whether it serves.
    pub(crate) fn is_ready(&self) -> bool {
        match self.role {
            Role::Init => self.exit().is_some_and(|exit| exit.code == 0),
            Role::Sidecar | Role::Main => self.is_started() && self.probes.is_ready(),
        }
    }

    /// How its newest run ended, if it has.
    pub(crate) fn exit(&self) -> Option<&Exit> {
        match self.run.as_ref()?.state {
            ContainerState::Exited(ref exit) => Some(exit),
            _ => None,
        }
    }

    /// The runtime's name for the newest run; empty if there was none.
    pub(crate) fn id(&self) -> &str {
        self.run.as_ref().map_or("", |run| &run.id)
    }

    /// The image as the pod names it.
    pub(crate) fn image_name(&self) -> &str {
        self.spec.image.as_deref().unwrap_or_default()
    }

    /// Whether it has ended and must run again, under the pod's restart policy.
    pub(crate) fn wants_restart(&self, pod_policy: &str) -> bool {
        let Some(exit) = self.exit() else { return true };
        let policy = match self.role {
            Role::Sidecar => "Always",
            // An init container of an `Always` pod runs until it succeeds, and then no more.
            Role::Init if pod_policy == "Always" => "OnFailure",
            Role::Init => pod_policy,
            Role::Main => self.spec.restart_policy.as_deref().unwrap_or(pod_policy),
        };
        match policy {
            "Never" => false,
            "OnFailure" => exit.code != 0,
            _ => true,
        }
    }

    /// Takes a new run in the place of the newest one. Returns the run that is no longer shown.
    pub(crate) fn begin_run(&mut self, run: runtime::Container, scheme: &str) -> Option<String> {
        let forgotten = self.kept.take();
        if let Some(before) = self.run.take() {
            self.kept = (!before.id.is_empty()).then(|| before.id.clone());
            self.last = terminated(&before, scheme).or(self.last.take());
        }
        self.attempt = run.attempt.saturating_add(1);
        self.run = Some(run);
        (self.waiting, self.retry_at) = (None, None);
        forgotten
    }

    /// Puts off the next try.
    pub(crate) fn wait(&mut self, reason: &'static str, message: String, until: Timestamp) {
        self.step = Step::Idle;
        self.waiting = Some(Waiting { reason, message });
        self.retry_at = Some(until);
    }

    /// Where its field stands in the pod.
    pub(crate) fn field_path(&self) -> String {
        let list = if self.role == Role::Main { "containers" } else { "initContainers" };
        format!("spec.{list}{{{}}}", self.spec.name)
    }

    pub(crate) fn event(&self, warning: bool, reason: &'static str, message: impl Into<String>) -> PodEvent {
        PodEvent { warning, reason, message: message.into(), field_path: self.field_path() }
    }
}

/// The status of a run that has ended.
pub(crate) fn terminated(run: &runtime::Container, scheme: &str) -> Option<ContainerStateTerminated> {
    let ContainerState::Exited(exit) = &run.state else { return None };
    let default_reason = if exit.code == 0 { "Completed" } else { "Error" };
    let reason = if exit.reason.is_empty() { default_reason } else { &exit.reason };
    Some(ContainerStateTerminated {
        container_id: container_id(run, scheme),
        exit_code: exit.code,
        finished_at: Some(super::time(exit.finished_at)),
        message: (!exit.message.is_empty()).then(|| exit.message.clone()),
        reason: Some(reason.to_owned()),
        signal: None,
        started_at: Some(super::time(exit.started_at)),
    })
}

/// `containerd://1234`, or nothing for a run that never came to be.
pub(crate) fn container_id(run: &runtime::Container, scheme: &str) -> Option<String> {
    (!run.id.is_empty()).then(|| format!("{scheme}://{}", run.id))
}

/// What is left until `until`, at least `least`.
pub(crate) fn left(now: Timestamp, until: Timestamp, least: Duration) -> Duration {
    let left: SignedDuration = until.duration_since(now);
    Duration::try_from(left).unwrap_or_default().max(least)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

    use super::*;

    fn exited(code: i32) -> runtime::Container {
        let exit = Exit {
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            code,
            reason: String::new(),
            message: String::new(),
        };
        runtime::Container {
            id: "c".to_owned(),
            name: "a".to_owned(),
            attempt: 0,
            image: String::new(),
            image_id: String::new(),
            state: ContainerState::Exited(exit),
        }
    }

    #[test]
    fn restart_policies_decide_by_role_and_exit_code() {
        let rows = [
            (Role::Main, "Always", 0, true),
            (Role::Main, "OnFailure", 0, false),
            (Role::Main, "OnFailure", 1, true),
            (Role::Main, "Never", 1, false),
            (Role::Init, "Always", 0, false),
            (Role::Init, "Always", 1, true),
            (Role::Init, "OnFailure", 1, true),
            (Role::Init, "Never", 1, false),
            (Role::Sidecar, "Never", 0, true),
        ];
        let containers = vec![Container::default()];
        let pod = Pod { spec: Some(PodSpec { containers, ..PodSpec::default() }), ..Pod::default() };
        let spec = Spec::all(&Arc::new(pod)).next().unwrap();
        for (role, policy, code, restarts) in rows {
            let mut slot = Slot::new(spec.clone());
            slot.role = role;
            slot.run = Some(exited(code));
            assert_eq!(slot.wants_restart(policy), restarts, "{role:?} {policy} {code}");
        }
    }

    #[test]
    fn an_exit_is_called_completed_or_error_unless_the_runtime_knows_better() {
        let reason = |run: &runtime::Container| terminated(run, "fake").unwrap().reason.unwrap();
        assert_eq!(reason(&exited(0)), "Completed");
        assert_eq!(reason(&exited(3)), "Error");
        let mut killed = exited(137);
        if let ContainerState::Exited(exit) = &mut killed.state {
            exit.reason = "OOMKilled".to_owned();
        }
        assert_eq!(reason(&killed), "OOMKilled");
    }
}
