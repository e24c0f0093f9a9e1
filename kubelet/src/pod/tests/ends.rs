//! Ending: grace, hooks, order, deletion.

use steersman_core::tree::{from_value, json};

use super::world::{World, pod};
use crate::pod::Input;

#[test]
fn a_deleted_pod_stops_with_grace_writes_its_end_and_is_removed() {
    let mut world = World::new(json!({"containers": [{"name": "web"}]}));
    world.begin();
    world.take_done();
    world.delete(30);
    assert_eq!(world.take_done(), ["stop web 30", "stop sandbox", "delete"]);
    assert!(world.events.contains(&"Killing: Stopping container web".to_owned()));
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.condition("PodReadyToStartContainers").0, "False");
    assert_eq!(world.status().pod_ip.as_deref(), Some("10.0.0.7"), "the address stays to be seen");
    let pod = world.machine.pod().clone();
    world.tell(Input::Removed(pod));
    assert!(world.machine.is_gone());
    assert_eq!(world.take_done(), ["remove s0"]);
}

#[test]
fn a_pre_stop_hook_runs_first_and_uses_up_grace() {
    let mut world = World::new(json!({"containers": [
        {"name": "web", "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}}
    ]}));
    world.begin();
    world.take_done();
    world.delete(30);
    assert_eq!(world.take_done(), ["hook web PreStop", "stop web 30", "stop sandbox", "delete"]);
}

#[test]
fn without_grace_no_hook_runs() {
    let mut world = World::new(json!({"containers": [
        {"name": "web", "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}}
    ]}));
    world.begin();
    world.take_done();
    world.delete(0);
    assert_eq!(world.take_done(), ["stop web 2", "stop sandbox", "delete"]);
}

#[test]
fn a_second_deletion_with_less_grace_hurries() {
    let mut world = World::new(json!({"containers": [{"name": "web"}]}));
    world.begin();
    world.deaf = true;
    world.take_done();
    world.delete(30);
    assert_eq!(world.take_done(), ["stop web 30"]);
    world.pass(3);
    world.delete(5);
    assert_eq!(world.take_done(), ["stop web 5"]);
    world.delete(0);
    assert_eq!(world.take_done(), ["stop web 2"], "which is the least there is");
    world.pass(2);
    assert_eq!(world.take_done(), ["stop sandbox", "delete"]);
    assert_eq!(world.container("web").state.unwrap().terminated.unwrap().exit_code, 137);
}

#[test]
fn sidecars_end_after_the_others_in_reverse() {
    let mut world = World::new(json!({
        "initContainers": [
            {"name": "first", "restartPolicy": "Always"}, {"name": "second", "restartPolicy": "Always"}
        ],
        "containers": [{"name": "web"}]
    }));
    world.begin();
    world.take_done();
    world.delete(30);
    assert_eq!(
        world.take_done(),
        ["stop web 30", "stop second 30", "stop first 30", "stop sandbox", "delete"]
    );
}

#[test]
fn sidecars_end_once_the_others_have_finished() {
    let mut world = World::new(json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "side", "restartPolicy": "Always"}],
        "containers": [{"name": "job"}]
    }));
    world.begin();
    world.take_done();
    world.exit("job", 0);
    assert_eq!(world.take_done(), ["stop side 30", "stop sandbox"]);
    assert_eq!(world.phase(), "Succeeded");
}

#[test]
fn a_pod_that_is_gone_from_the_api_ends_with_the_least_grace() {
    let mut world = World::new(json!({"containers": [{"name": "web"}]}));
    world.begin();
    world.take_done();
    let mut pod = (**world.machine.pod()).clone();
    pod.metadata.deletion_grace_period_seconds = Some(0);
    world.tell(Input::Removed(pod.into()));
    assert_eq!(world.take_done(), ["stop web 2", "stop sandbox", "remove s0"]);
    assert!(world.machine.is_gone());
}

#[test]
fn a_pod_that_ran_too_long_fails() {
    let mut world = World::new(json!({"activeDeadlineSeconds": 60, "containers": [{"name": "web"}]}));
    world.begin();
    world.pass(59);
    assert_eq!(world.phase(), "Running");
    world.pass(1);
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(world.state("web"), "Error");
}

#[test]
fn a_pod_that_never_ran_can_be_deleted() {
    let mut world = World::new(json!({"containers": [{"name": "web", "image": "i"}]}));
    world.pulls.insert("i".to_owned(), Err("no"));
    world.begin();
    world.take_done();
    world.delete(30);
    assert_eq!(world.take_done(), ["stop sandbox", "delete"]);
    assert_eq!(world.phase(), "Failed");
}

#[test]
fn a_pod_that_had_ended_before_stays_as_it_was() {
    let mut old = pod(json!({"containers": [{"name": "web"}]}));
    old.status = from_value(json!({"phase": "Succeeded"})).unwrap();
    let mut world = World::with(old.clone());
    world.begin();
    assert_eq!(world.take_done(), Vec::<String>::new());
    assert_eq!(Some(world.status()), old.status);
    world.delete(30);
    assert_eq!(world.take_done(), ["delete"]);
}
