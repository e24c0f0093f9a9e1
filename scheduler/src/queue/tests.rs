//! In which order pods leave the queue, and what brings a rejected one back.

use k8s_openapi::api::core::v1::Pod;
use steersman_core::tree::{from_value, json};

use super::*;
use crate::profile::Profile;

const SECOND: Duration = Duration::from_secs(1);

fn pod(name: &str, priority: i32, cpu: &str) -> Arc<PodInfo> {
    let container = json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
    let spec = json!({"priority": priority, "containers": [container]});
    let pod = json!({"metadata": {"name": name, "uid": name}, "spec": spec});
    Arc::new(PodInfo::new(from_value::<Pod>(pod).unwrap()))
}

fn queue() -> Queue {
    Queue::new(Arc::new(Profiles::from(Profile::default())))
}

fn names(queue: &mut Queue, now: Duration) -> Vec<String> {
    std::iter::from_fn(|| queue.pop(now)).map(|queued| queued.pod().name().to_owned()).collect()
}

/// Tries the pod and has it rejected by NodeResourcesFit.
fn reject(queue: &mut Queue, now: Duration) {
    let queued = queue.pop(now).unwrap();
    queue.put_back(queued, &["NodeResourcesFit"], now);
}

fn gone() -> Event {
    Event::AssignedPodDeleted(pod("gone", 0, "1"))
}

#[test]
fn the_more_important_and_then_the_older_comes_first() {
    let mut queue = queue();
    for (name, priority, at) in [("a", 0, 2), ("b", 1, 3), ("c", 0, 1), ("d", 1, 3)] {
        queue.set(pod(name, priority, "1"), SECOND * at);
    }
    assert_eq!(names(&mut queue, SECOND * 4), ["b", "d", "c", "a"]);
}

#[test]
fn a_pod_that_was_held_back_keeps_its_place() {
    let gated = |name: &str, gates: &[&str]| {
        let gates: Vec<_> = gates.iter().map(|gate| json!({"name": gate})).collect();
        let spec = json!({"schedulingGates": gates, "containers": []});
        let pod = json!({"metadata": {"name": name, "uid": name}, "spec": spec});
        Arc::new(PodInfo::new(from_value::<Pod>(pod).unwrap()))
    };
    let mut queue = queue();
    queue.set(gated("a", &["x", "y"]), SECOND);
    queue.set(gated("b", &["x"]), SECOND * 2);
    queue.set(gated("a", &["x"]), SECOND * 3);
    queue.set(gated("b", &[]), SECOND * 4);
    queue.set(gated("a", &[]), SECOND * 5);
    assert_eq!(names(&mut queue, SECOND * 6), ["a", "b"]);
}

#[test]
fn a_rejected_pod_waits_for_an_event_that_may_help() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    reject(&mut queue, SECOND);
    assert!(queue.pop(SECOND * 200).is_none());
    queue.tell(&Event::NodeDeleted(Arc::default()), SECOND * 200);
    assert!(queue.pop(SECOND * 200).is_none());
    queue.tell(&gone(), SECOND * 200);
    assert_eq!(names(&mut queue, SECOND * 200), ["a"]);
}

#[test]
fn a_rejected_pod_is_tried_again_after_five_minutes() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    reject(&mut queue, SECOND);
    assert_eq!(queue.next_due(), Some(SECOND * 301));
    assert!(queue.pop(SECOND * 300).is_none());
    assert_eq!(names(&mut queue, SECOND * 301), ["a"]);
}

#[test]
fn back_off_doubles_from_one_second_to_ten() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), Duration::ZERO);
    let mut now = SECOND;
    for expected in [1, 2, 4, 8, 10, 10] {
        let queued = queue.pop(now).unwrap();
        queue.put_back(queued, &[], now);
        assert_eq!(queue.next_due(), Some(now + SECOND * expected));
        assert!(queue.pop(now).is_none());
        now += SECOND * expected;
    }
}

#[test]
fn a_pod_that_backs_off_is_tried_early_if_nothing_else_is_to_do() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    reject(&mut queue, SECOND);
    queue.tell(&gone(), SECOND);
    queue.set(pod("b", 0, "1"), SECOND);
    assert_eq!(names(&mut queue, SECOND), ["b", "a"]);
}

#[test]
fn an_event_while_a_pod_is_in_flight_is_not_lost() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    let queued = queue.pop(SECOND).unwrap();
    queue.tell(&gone(), SECOND);
    queue.put_back(queued, &["NodeResourcesFit"], SECOND);
    assert_eq!(names(&mut queue, SECOND * 2), ["a"]);
}

#[test]
fn a_change_of_the_pod_while_it_is_in_flight_is_not_lost() {
    let mut queue = queue();
    queue.set(pod("a", 0, "2"), SECOND);
    let queued = queue.pop(SECOND).unwrap();
    queue.set(pod("a", 0, "1"), SECOND);
    queue.put_back(queued, &["NodeResourcesFit"], SECOND);
    let queued = queue.pop(SECOND * 2).unwrap();
    assert_eq!(queued.pod().requests().milli_cpu, 1000);
}

#[test]
fn a_pod_deleted_in_flight_does_not_come_back() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    let queued = queue.pop(SECOND).unwrap();
    queue.remove("/a");
    queue.put_back(queued, &["NodeResourcesFit"], SECOND);
    assert!(queue.is_empty());
}

#[test]
fn more_events_than_are_remembered_wake_the_pod() {
    let mut queue = queue();
    queue.set(pod("a", 0, "1"), SECOND);
    let queued = queue.pop(SECOND).unwrap();
    for _ in 0..10_001 {
        queue.tell(&Event::NodeDeleted(Arc::default()), SECOND);
    }
    queue.put_back(queued, &["NodeResourcesFit"], SECOND);
    assert_eq!(names(&mut queue, SECOND * 2), ["a"]);
}
