//! Starting, failing, backing off, probing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::runtime::{ProbeKind, Verdict};
use steersman_core::tree::{from_value, json};

use super::world::{World, pod, word};
use crate::pod::{Failure, Input};

#[test]
fn a_pod_that_starts_at_once_is_running_and_ready() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    world.begin();
    assert_eq!(world.take_done(), ["sandbox 0", "start web 0"]);
    assert_eq!(
        world.events,
        [
            "Pulled: Container image \"i\" already present on machine and can be accessed by the pod",
            "Created: Container created",
            "Started: Container started"
        ]
    );
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.7"));
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.1"));
    let conditions = status.conditions.unwrap();
    let said: Vec<_> = conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect();
    assert_eq!(
        said,
        [
            ("PodReadyToStartContainers", "True"),
            ("Initialized", "True"),
            ("Ready", "True"),
            ("ContainersReady", "True"),
            ("PodScheduled", "True")
        ]
    );
    let web = world.container("web");
    assert_eq!((web.ready, web.started, web.restart_count), (true, Some(true), 0));
    assert_eq!(web.container_id.as_deref(), Some("fake://web-0"));
}

#[test]
fn init_containers_run_one_after_the_other_and_sidecars_stay() {
    let mut world = World::new(json!({
        "initContainers": [
            {"name": "one"}, {"name": "side", "restartPolicy": "Always"}, {"name": "two"}
        ],
        "containers": [{"name": "web"}]
    }));
    world.begin();
    assert_eq!(world.take_done(), ["sandbox 0", "start one 0"]);
    assert_eq!(world.state("web"), "PodInitializing");
    let (status, reason, message) = world.condition("Initialized");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ContainersNotInitialized"));
    assert_eq!(message, "containers with incomplete status: [one side two]");
    world.exit("one", 0);
    assert_eq!(world.take_done(), ["start side 0", "start two 0"]);
    assert_eq!(world.phase(), "Pending");
    world.exit("two", 0);
    assert_eq!(world.take_done(), ["start web 0"]);
    assert_eq!(world.phase(), "Running");
    world.exit("side", 1);
    assert_eq!(world.take_done(), ["start side 1"]);
}

#[test]
fn a_failed_init_container_fails_a_pod_that_never_restarts() {
    let mut world = World::new(
        json!({"restartPolicy": "Never", "initContainers": [{"name": "one"}], "containers": [{"name": "web"}]}),
    );
    world.begin();
    world.exit("one", 3);
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.take_done(), ["sandbox 0", "start one 0", "stop sandbox"]);
}

#[test]
fn a_crashing_container_is_restarted_at_once_and_then_after_ten_twenty_forty_seconds() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    world.begin();
    world.exit("web", 1);
    assert_eq!(world.container("web").restart_count, 1);
    assert_eq!(world.state("web"), "Running");
    for (round, wait) in [(2, 10), (3, 20), (4, 40)] {
        world.exit("web", 1);
        assert_eq!(world.state("web"), "CrashLoopBackOff");
        let message = world.container("web").state.unwrap().waiting.unwrap().message.unwrap();
        assert_eq!(message, format!("back-off {wait}s restarting failed container=web pod=p_ns(u)"));
        assert_eq!(word(&world.container("web").last_state.unwrap()), "Error");
        assert_eq!(world.phase(), "Running");
        world.pass(wait - 1);
        assert_eq!(world.state("web"), "CrashLoopBackOff");
        world.pass(1);
        assert_eq!(world.container("web").restart_count, round);
    }
    assert!(
        world.events.contains(&"BackOff: Back-off restarting failed container web in pod p_ns(u)".to_owned())
    );
    assert!(world.done.contains(&"remove web-0".to_owned()), "only the last dead run is kept");
}

#[test]
fn ten_minutes_without_a_crash_forgive_the_earlier_ones() {
    let mut world = World::new(json!({"containers": [{"name": "web"}]}));
    world.begin();
    world.exit("web", 1);
    world.exit("web", 1);
    world.pass(10);
    world.pass(601);
    world.exit("web", 1);
    assert_eq!(world.state("web"), "Running");
}

#[test]
fn restart_policies_decide_how_a_pod_ends() {
    let rows = [
        ("Never", 0, "Succeeded", "PodCompleted"),
        ("Never", 2, "Failed", "PodFailed"),
        ("OnFailure", 0, "Succeeded", "PodCompleted"),
        ("OnFailure", 2, "Running", ""),
        ("Always", 0, "Running", ""),
    ];
    for (policy, code, phase, reason) in rows {
        let mut world = World::new(json!({"restartPolicy": policy, "containers": [{"name": "web"}]}));
        world.begin();
        world.exit("web", code);
        assert_eq!(world.phase(), phase, "{policy} {code}");
        assert_eq!(world.condition("Ready").1, reason, "{policy} {code}");
    }
}

#[test]
fn an_image_that_cannot_be_pulled_is_tried_again_after_ten_then_twenty_seconds() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    world.pulls.insert("i".to_owned(), Err("no such image"));
    world.begin();
    assert_eq!(world.state("web"), "ErrImagePull");
    assert_eq!(
        world.events,
        [
            "Pulling: Pulling image \"i\"",
            "Failed: Failed to pull image \"i\": no such image",
            "Failed: Error: ErrImagePull"
        ]
    );
    world.pass(1);
    assert_eq!(world.state("web"), "ImagePullBackOff");
    let message = world.container("web").state.unwrap().waiting.unwrap().message.unwrap();
    assert_eq!(message, "Back-off pulling image \"i\": ErrImagePull: no such image");
    world.events.clear();
    world.pass(9);
    assert_eq!(world.state("web"), "ErrImagePull");
    world.pass(1);
    assert_eq!(world.state("web"), "ImagePullBackOff");
    world.pulls.insert("i".to_owned(), Ok(()));
    world.pass(19);
    assert_eq!(world.state("web"), "Running");
    assert_eq!(
        world.events.last().map(String::as_str),
        Some("Started: Container started"),
        "{:?}",
        world.events
    );
}

#[test]
fn an_absent_image_is_not_pulled_where_the_policy_forbids() {
    let mut world =
        World::new(json!({"containers": [{"name": "web", "image": "i", "imagePullPolicy": "Never"}]}));
    world.pulls.insert("i".to_owned(), Ok(()));
    world.begin();
    assert_eq!(world.state("web"), "ErrImageNeverPull");
    assert_eq!(world.phase(), "Pending");
}

#[test]
fn a_container_that_cannot_be_configured_waits_and_the_pod_stays_pending() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    let failure =
        Failure { reason: "CreateContainerConfigError", message: "configmap \"c\" not found".to_owned() };
    world.start_failures.insert("web".to_owned(), failure);
    world.begin();
    assert_eq!(world.state("web"), "CreateContainerConfigError");
    assert_eq!(world.events.last().unwrap(), "Failed: Error: configmap \"c\" not found");
    assert_eq!((world.phase(), world.container("web").restart_count), ("Pending".to_owned(), 0));
    world.start_failures.clear();
    world.pass(10);
    assert_eq!(world.state("web"), "Running");
}

#[test]
fn a_process_that_cannot_be_started_counts_as_a_crash() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    let failure = Failure { reason: "RunContainerError", message: "no such file".to_owned() };
    world.start_failures.insert("web".to_owned(), failure);
    world.begin();
    assert_eq!(world.state("web"), "RunContainerError");
    let last = world.container("web").last_state.unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (128, Some("StartError")));
    world.pass(3);
    assert_eq!(world.state("web"), "CrashLoopBackOff");
    assert_eq!(world.container("web").restart_count, 1);
}

#[test]
fn a_container_is_unready_until_its_probe_succeeds() {
    let mut world = World::new(json!({"containers": [
        {"name": "web", "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5}}, {"name": "aux"}
    ]}));
    let key = ("web".to_owned(), ProbeKind::Readiness);
    world.verdicts.insert(key.clone(), Verdict::Failure("connection refused".to_owned()));
    world.begin();
    assert_eq!(world.events.last().unwrap(), "Unhealthy: Readiness probe failed: connection refused");
    let expected = ("False", "ContainersNotReady", "containers with unready status: [web]");
    let (status, reason, message) = world.condition("Ready");
    assert_eq!((status.as_str(), reason.as_str(), message.as_str()), expected);
    world.verdicts.remove(&key);
    world.pass(5);
    assert_eq!(world.condition("Ready").0, "True");
}

#[test]
fn a_container_that_fails_its_liveness_probe_is_killed_and_restarted() {
    let mut world = World::new(json!({"terminationGracePeriodSeconds": 7, "containers": [
        {"name": "web", "livenessProbe": {"exec": {"command": ["x"]}, "failureThreshold": 2}}
    ]}));
    world.verdicts.insert(("web".to_owned(), ProbeKind::Liveness), Verdict::Failure("no".to_owned()));
    world.begin();
    world.take_done();
    world.pass(10);
    assert_eq!(world.take_done(), ["stop web 7", "start web 1"]);
    assert!(
        world.events.contains(&"Killing: Container web failed liveness probe, will be restarted".to_owned())
    );
}

#[test]
fn readiness_gates_hold_the_pod_back() {
    let mut world =
        World::new(json!({"readinessGates": [{"conditionType": "x/y"}], "containers": [{"name": "web"}]}));
    world.begin();
    let (status, reason, message) = world.condition("Ready");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ReadinessGatesNotReady"));
    assert_eq!(message, "corresponding condition of pod readiness gate \"x/y\" does not exist.");
    assert_eq!(world.condition("ContainersReady").0, "True");
}

#[test]
fn a_dead_sandbox_is_replaced_and_init_containers_run_again() {
    let mut world = World::new(json!({"initContainers": [{"name": "one"}], "containers": [{"name": "web"}]}));
    world.begin();
    world.exit("one", 0);
    world.take_done();
    world.sandbox_dies();
    assert_eq!(world.take_done(), ["remove s0", "sandbox 1", "start one 1"]);
    assert_eq!(world.events.iter().filter(|event| event.starts_with("SandboxChanged")).count(), 1);
}

#[test]
fn an_earlier_life_is_recalled_from_the_status() {
    let mut old = pod(json!({"containers": [{"name": "web"}]}));
    old.status = from_value(json!({
        "phase": "Running", "startTime": "2020-01-01T00:00:00Z",
        "containerStatuses": [{
            "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 2,
            "containerID": "fake://old", "state": {"running": {}}
        }]
    }))
    .unwrap();
    let mut world = World::with(old);
    world.begin();
    assert_eq!(world.take_done(), ["sandbox 0", "start web 3"]);
    assert_eq!(word(&world.container("web").last_state.unwrap()), "ContainerStatusUnknown");
}

#[test]
fn a_pod_in_the_nodes_network_has_the_nodes_addresses() {
    let mut world = World::new(json!({"hostNetwork": true, "containers": [{"name": "web", "image": "i"}]}));
    world.begin();
    assert_eq!(world.status().pod_ip.as_deref(), Some("192.168.0.1"));
    assert_eq!(world.machine.pod_ips(), ["192.168.0.1".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn what_the_runtime_shows_again_is_no_news() {
    let mut world = World::new(json!({"containers": [{"name": "web"}]}));
    world.begin();
    let ended = world.end("web", 1);
    let sandbox = Arc::new(world.sandbox(true, vec![ended]));
    assert!(world.machine.handle(Input::Observed(sandbox.clone()), world.now));
    assert!(!world.machine.handle(Input::Observed(sandbox), world.now));
    let dead = Arc::new(world.sandbox(false, Vec::new()));
    assert!(world.machine.handle(Input::Observed(dead.clone()), world.now));
    assert!(!world.machine.handle(Input::Observed(dead), world.now), "a new one is under way");
}

#[test]
fn a_version_of_the_pod_that_asks_for_nothing_new_is_no_news() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "one"}]}));
    world.begin();
    let mut pod = Pod::clone(world.machine.pod());
    let mut is_news = |pod: &Pod| world.machine.handle(Input::Pod(Arc::new(pod.clone())), world.now);
    pod.metadata.generation = None;
    assert!(is_news(&pod) && is_news(&pod), "without a generation, nobody knows");
    pod.metadata.generation = Some(1);
    assert!(is_news(&pod));
    pod.metadata.labels = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    pod.status = None;
    assert!(!is_news(&pod));
    pod.metadata.generation = Some(2);
    assert!(is_news(&pod));
    pod.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    assert!(is_news(&pod));
}
