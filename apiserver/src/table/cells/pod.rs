//! Pods: how many containers are ready, and in one word how the pod is.

use jiff::Timestamp;
use steersman_core::tree::{Value, json};

use super::Subject;
use crate::table::words::{NONE, or};
use crate::tree::Read;

pub(super) fn pod(one: &Subject<'_>) -> Vec<Value> {
    let mut summary = Summary::of(one);
    if let Some(word) = one.is_terminating().then(|| ending(one.status())).flatten() {
        summary.reason = word.to_owned();
    }
    let restarts = match summary.last_restart {
        Some(time) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, one.since(&time.to_string().into()))
        }
        _ => summary.restarts.to_string(),
    };
    let ip = one.status().items("podIPs").first().map_or("", |ip| ip.text("ip"));
    vec![
        one.name(),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        one.age(),
        or(ip, NONE).into(),
        or(one.spec().text("nodeName"), NONE).into(),
        or(one.status().text("nominatedNodeName"), NONE).into(),
        gates(one).into(),
    ]
}

/// What a pod that has come to its end is marked with.
pub(super) fn conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match pod.at("status").text("phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

/// The word for a pod that is being deleted, unless it has ended.
fn ending(status: &Value) -> Option<&'static str> {
    match (status.text("reason"), status.text("phase")) {
        ("NodeLost", _) => Some("Unknown"),
        (_, "Failed" | "Succeeded") => None,
        _ => Some("Terminating"),
    }
}

fn gates(one: &Subject<'_>) -> String {
    let gates = one.spec().items("readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let met = gates.iter().filter(|gate| is_true(one.status(), gate.text("conditionType"))).count();
    format!("{met}/{}", gates.len())
}

fn is_true(status: &Value, kind: &str) -> bool {
    let mut conditions = status.items("conditions").iter();
    conditions
        .find(|condition| condition.text("type") == kind)
        .is_some_and(|one| one.text("status") == "True")
}

#[derive(Default)]
struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl Summary {
    fn of(one: &Subject<'_>) -> Self {
        let (spec, status) = (one.spec(), one.status());
        let sidecars = spec.items("initContainers").iter().filter(|container| is_sidecar(container)).count();
        let mut summary = Summary {
            total: spec.items("containers").len() + sidecars,
            reason: or(status.text("reason"), status.text("phase")),
            ..Summary::default()
        };
        let gated = |condition: &&Value| {
            condition.text("type") == "PodScheduled" && condition.text("reason") == "SchedulingGated"
        };
        if status.items("conditions").iter().any(|condition| gated(&condition)) {
            summary.reason = "SchedulingGated".to_owned();
        }
        let mut sidecars = Summary::default();
        let initializing = summary.initialize(spec, status, &mut sidecars);
        if !initializing || is_true(status, "Initialized") {
            (summary.restarts, summary.last_restart) = (sidecars.restarts, sidecars.last_restart);
            summary.run(status);
        }
        summary
    }

    /// Goes through the init containers; whether one of them is not done.
    fn initialize(&mut self, spec: &Value, status: &Value, sidecars: &mut Summary) -> bool {
        let containers = spec.items("initContainers");
        for (index, container) in status.items("initContainerStatuses").iter().enumerate() {
            self.count(container);
            let declared = containers.iter().find(|one| one.text("name") == container.text("name"));
            let sidecar = declared.is_some_and(is_sidecar);
            if sidecar {
                sidecars.count(container);
            }
            let state = container.at("state");
            let (terminated, waiting) = (state.at("terminated"), state.at("waiting").text("reason"));
            if state.has("terminated") && terminated.int("exitCode").unwrap_or(0) == 0 {
                continue;
            }
            if sidecar && container.flag("started") {
                self.ready += usize::from(container.flag("ready"));
                continue;
            }
            self.reason = if state.has("terminated") {
                format!("Init:{}", ended(terminated))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{}", containers.len())
            };
            return true;
        }
        false
    }

    /// Goes through the containers, the last one first.
    fn run(&mut self, status: &Value) {
        let mut is_running = false;
        for container in status.items("containerStatuses").iter().rev() {
            self.count(container);
            let state = container.at("state");
            let waiting = state.at("waiting").text("reason");
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if state.has("terminated") {
                self.reason = ended(state.at("terminated"));
            } else if container.flag("ready") && state.has("running") {
                is_running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && is_running {
            self.reason = if is_true(status, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn count(&mut self, container: &Value) {
        self.restarts += container.int("restartCount").unwrap_or_default();
        let last = container.at("lastState").at("terminated").text("finishedAt").parse().ok();
        self.last_restart = self.last_restart.max(last);
    }
}

fn is_sidecar(container: &Value) -> bool {
    container.text("restartPolicy") == "Always"
}

/// Why a container ended.
fn ended(terminated: &Value) -> String {
    let code = terminated.int("exitCode").unwrap_or_default();
    match (terminated.text("reason"), terminated.int("signal").unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{code}"),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(spec: Value, status: Value) -> String {
        let object = json!({"metadata": {"name": "p"}, "spec": spec, "status": status});
        let cells = pod(&Subject { object: &object, now: Timestamp::UNIX_EPOCH });
        cells[1..4].iter().map(|cell| cell.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_word_says_how_a_pod_is() {
        let one = json!({"containers": [{"name": "c"}]});
        let container = |state: Value| json!({"phase": "Running", "containerStatuses": [state]});
        let cases = [
            (json!({"phase": "Pending"}), "0/1 Pending 0"),
            (container(json!({"ready": true, "state": {"running": {}}})), "1/1 Running 0"),
            (
                container(json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3})),
                "0/1 CrashLoopBackOff 3",
            ),
            (container(json!({"state": {"terminated": {"exitCode": 3}}})), "0/1 ExitCode:3 0"),
            (container(json!({"state": {"terminated": {"signal": 9}}})), "0/1 Signal:9 0"),
            (json!({"phase": "Failed", "reason": "Evicted"}), "0/1 Evicted 0"),
        ];
        for (status, expected) in cases {
            assert_eq!(cells(one.clone(), status), expected);
        }
    }

    #[test]
    fn the_first_init_container_that_is_not_done_is_told() {
        let spec = json!({
            "containers": [{"name": "c"}],
            "initContainers": [{"name": "a", "restartPolicy": "Always"}, {"name": "b"}],
        });
        let started =
            json!({"name": "a", "started": true, "ready": true, "state": {"running": {}}, "restartCount": 2});
        let status =
            json!({"phase": "Pending", "initContainerStatuses": [started, {"name": "b", "state": {}}]});
        assert_eq!(cells(spec, status), "1/2 Init:1/2 2");
    }
}
