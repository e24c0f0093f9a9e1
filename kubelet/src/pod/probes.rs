//! When a container is probed, and what the findings amount to.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Probe};
use steersman_core::runtime::{ProbeKind, Verdict};

/// The probes of one container. A new run starts them over.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    startup: Option<Worker>,
    liveness: Option<Worker>,
    readiness: Option<Worker>,
}

/// What a finding has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing to act upon.
    None,
    /// The container must be restarted.
    Restart,
}

#[derive(Debug)]
struct Worker {
    due: Timestamp,
    in_flight: bool,
    run: i32,
    last_was_success: bool,
    succeeded: bool,
    failed: bool,
}

impl Probes {
    /// The probes of a container that started at `started`.
    pub(crate) fn new(container: &Container, started: Timestamp) -> Self {
        let worker = |probe: &Option<Probe>| probe.as_ref().map(|probe| Worker::new(probe, started));
        Probes {
            startup: worker(&container.startup_probe),
            liveness: worker(&container.liveness_probe),
            readiness: worker(&container.readiness_probe),
        }
    }

    /// Whether the container has come up, as far as probes say.
    pub(crate) fn is_started(&self) -> bool {
        self.startup.as_ref().is_none_or(|worker| worker.succeeded)
    }

    /// Whether the container can serve, as far as probes say.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_started() && self.readiness.as_ref().is_none_or(|worker| worker.succeeded)
    }

    /// When the next probe is due. `ending` leaves only readiness.
    pub(crate) fn deadline(&self, ending: bool) -> Option<Timestamp> {
        self.active(ending).filter(|(_, worker)| !worker.in_flight).map(|(_, worker)| worker.due).min()
    }

    /// The probes to carry out now; they count as under way until [`Probes::found`].
    pub(crate) fn start_due(&mut self, now: Timestamp, ending: bool) -> Vec<ProbeKind> {
        let is_due = |worker: &Worker| !worker.in_flight && worker.due <= now;
        let due = self.active(ending).filter(|(_, worker)| is_due(worker)).map(|(kind, _)| kind);
        let due: Vec<ProbeKind> = due.collect();
        for kind in &due {
            if let Some(worker) = self.worker(*kind) {
                worker.in_flight = true;
            }
        }
        due
    }

    /// Takes a finding in.
    pub(crate) fn found(
        &mut self,
        kind: ProbeKind,
        probe: &Probe,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Effect {
        let was_started = self.is_started();
        let Some(worker) = self.worker(kind) else { return Effect::None };
        worker.found(probe, verdict, now);
        let failed = worker.failed && kind != ProbeKind::Readiness;
        if !was_started && self.is_started() {
            self.start_over(now);
        }
        if failed { Effect::Restart } else { Effect::None }
    }

    /// Readiness and liveness begin as soon as the container has come up.
    fn start_over(&mut self, now: Timestamp) {
        for worker in [&mut self.liveness, &mut self.readiness].into_iter().flatten() {
            worker.due = worker.due.max(now);
        }
    }

    /// Until the startup probe has succeeded, only it runs; afterwards, it does not.
    fn active(&self, ending: bool) -> impl Iterator<Item = (ProbeKind, &Worker)> {
        let started = self.is_started();
        let all = [
            (ProbeKind::Startup, &self.startup),
            (ProbeKind::Liveness, &self.liveness),
            (ProbeKind::Readiness, &self.readiness),
        ];
        all.into_iter().filter_map(|(kind, worker)| Some((kind, worker.as_ref()?))).filter(
            move |(kind, worker)| match kind {
                ProbeKind::Startup => !started && !worker.failed && !ending,
                ProbeKind::Liveness => started && !worker.failed && !ending,
                ProbeKind::Readiness => started,
            },
        )
    }

    fn worker(&mut self, kind: ProbeKind) -> Option<&mut Worker> {
        match kind {
            ProbeKind::Startup => self.startup.as_mut(),
            ProbeKind::Liveness => self.liveness.as_mut(),
            ProbeKind::Readiness => self.readiness.as_mut(),
        }
    }
}

impl Worker {
    fn new(probe: &Probe, started: Timestamp) -> Self {
        let due = after(started, probe.initial_delay_seconds.unwrap_or(0));
        Worker { due, in_flight: false, run: 0, last_was_success: false, succeeded: false, failed: false }
    }

    fn found(&mut self, probe: &Probe, verdict: &Verdict, now: Timestamp) {
        self.in_flight = false;
        self.due = after(now, probe.period_seconds.unwrap_or(10).max(1));
        let success = match verdict {
            Verdict::Success => true,
            Verdict::Failure(_) => false,
            Verdict::Unknown(_) => return,
        };
        self.run = if success == self.last_was_success { self.run.saturating_add(1) } else { 1 };
        self.last_was_success = success;
        let threshold = if success { probe.success_threshold.unwrap_or(1) } else { threshold(probe) };
        if self.run >= threshold {
            (self.succeeded, self.failed) = (success, !success);
        }
    }
}

fn threshold(probe: &Probe) -> i32 {
    probe.failure_threshold.unwrap_or(3)
}

fn after(time: Timestamp, seconds: i32) -> Timestamp {
    time.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn probe() -> Probe {
        Probe { period_seconds: Some(5), initial_delay_seconds: Some(2), ..Probe::default() }
    }

    fn no() -> Verdict {
        Verdict::Failure("no".to_owned())
    }

    #[test]
    fn readiness_begins_unready_and_follows_its_thresholds() {
        let probe = Probe { success_threshold: Some(2), failure_threshold: Some(2), ..probe() };
        let container = Container { readiness_probe: Some(probe.clone()), ..Container::default() };
        let mut probes = Probes::new(&container, at(0));
        assert_eq!(probes.deadline(false), Some(at(2)));
        assert!(!probes.is_ready());
        let rows = [
            (Verdict::Success, false),
            (Verdict::Success, true),
            (no(), true),
            (Verdict::Unknown(String::new()), true),
            (no(), false),
        ];
        for (round, (verdict, ready)) in rows.into_iter().enumerate() {
            let now = probes.deadline(false).unwrap();
            assert_eq!(probes.start_due(now, false), [ProbeKind::Readiness]);
            assert_eq!(probes.deadline(false), None, "one probe at a time");
            assert_eq!(probes.found(ProbeKind::Readiness, &probe, &verdict, now), Effect::None);
            assert_eq!(probes.is_ready(), ready, "round {round}");
        }
    }

    #[test]
    fn nothing_but_the_startup_probe_runs_until_it_has_succeeded() {
        let container = Container {
            startup_probe: Some(probe()),
            liveness_probe: Some(probe()),
            readiness_probe: Some(probe()),
            ..Container::default()
        };
        let mut probes = Probes::new(&container, at(0));
        assert_eq!(probes.start_due(at(2), false), [ProbeKind::Startup]);
        probes.found(ProbeKind::Startup, &probe(), &Verdict::Success, at(3));
        assert_eq!(probes.start_due(at(3), false), [ProbeKind::Liveness, ProbeKind::Readiness]);
        assert!(!probes.is_ready());
    }

    #[test]
    fn liveness_restarts_after_three_failures_and_a_success_forgives() {
        let container = Container { liveness_probe: Some(probe()), ..Container::default() };
        let mut probes = Probes::new(&container, at(0));
        let mut effects = Vec::new();
        for verdict in [no(), no(), Verdict::Success, no(), no(), no()] {
            let now = probes.deadline(false).unwrap();
            probes.start_due(now, false);
            effects.push(probes.found(ProbeKind::Liveness, &probe(), &verdict, now));
        }
        assert_eq!(effects[..5], [Effect::None; 5]);
        assert_eq!(effects[5], Effect::Restart);
        assert_eq!(probes.deadline(false), None, "a failed container is not probed again");
    }

    #[test]
    fn an_ending_pod_is_only_probed_for_readiness() {
        let container = Container {
            liveness_probe: Some(probe()),
            readiness_probe: Some(probe()),
            ..Container::default()
        };
        let mut probes = Probes::new(&container, at(0));
        assert_eq!(probes.start_due(at(2), true), [ProbeKind::Readiness]);
    }
}
