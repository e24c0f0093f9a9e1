//! What a ReplicaSet asks for, by what it sees.

use jiff::Timestamp;
use steersman_core::error::{Error, Reason};
use steersman_core::tree::{Value, from_value, json};

use super::*;
use crate::runner::Operation;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn set(replicas: i32) -> ReplicaSet {
    let set = json!({
        "metadata": {"name": "web", "namespace": "n", "uid": "set", "generation": 3},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": {"note": "x"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]}
            }
        }
    });
    from_value(set).unwrap()
}

fn pod(name: &str, owner: Option<&str>, labels: Value) -> Pod {
    let owner = owner.map(|uid| {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true})
    });
    let pod = json!({
        "metadata": {
            "name": name, "namespace": "n", "uid": name, "labels": labels,
            "ownerReferences": owner.into_iter().collect::<Vec<_>>()
        },
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T11:59:00Z"}
        ]}
    });
    from_value(pod).unwrap()
}

fn own(name: &str) -> Pod {
    pod(name, Some("set"), json!({"app": "web"}))
}

fn see(set: &ReplicaSet, pods: &[Pod]) -> View {
    View::fixed(now()).with(std::slice::from_ref(set)).with(pods)
}

/// The actions in short: verb and name.
fn told(outcome: &Outcome) -> Vec<String> {
    let short = |operation: &Operation| match operation {
        Operation::Create(_, body) => {
            format!("create {}", body["metadata"]["generateName"].as_str().unwrap())
        }
        Operation::Update(target, _) => format!("update {} {}", target.name, target.subresource),
        Operation::Patch(target, _) => format!("patch {}", target.name),
        Operation::Delete(target, _) => format!("delete {}", target.name),
        Operation::Event(_, note) => format!("event {}", note.reason),
    };
    outcome.actions().iter().map(|action| short(&action.operation)).collect()
}

fn status_of(outcome: &Outcome) -> Value {
    let Operation::Update(_, body) = &outcome.actions().last().unwrap().operation else {
        panic!("{outcome:?}")
    };
    body["status"].clone()
}

#[test]
fn missing_pods_are_created_from_the_template() {
    let set = set(3);
    let outcome = ReplicaSets.reconcile(&see(&set, &[own("a")]), &set);
    assert_eq!(told(&outcome), ["create web-", "create web-", "update web status"]);
    let Operation::Create(target, body) = &outcome.actions()[0].operation else { panic!() };
    assert_eq!((target.namespace.as_str(), &target.resource.resource[..]), ("n", "pods"));
    assert_eq!(body["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(body["metadata"]["annotations"], json!({"note": "x"}));
    assert_eq!(body["metadata"]["ownerReferences"][0]["controller"], true);
    let status = status_of(&outcome);
    assert_eq!(status["replicas"], 1);
    assert_eq!(status["readyReplicas"], 1);
    assert_eq!(status["observedGeneration"], 3);
}

#[test]
fn no_more_than_a_burst_is_created_at_once() {
    let set = set(600);
    let outcome = ReplicaSets.reconcile(&see(&set, &[]), &set);
    assert_eq!(told(&outcome).iter().filter(|told| told.starts_with("create")).count(), BURST);
}

#[test]
fn pods_too_many_are_deleted_the_unready_first() {
    let set = set(1);
    let mut unready = own("b");
    unready.status.as_mut().unwrap().conditions = None;
    let outcome = ReplicaSets.reconcile(&see(&set, &[own("a"), unready, own("c")]), &set);
    assert_eq!(told(&outcome)[0], "delete b");
    assert_eq!(told(&outcome).iter().filter(|told| told.starts_with("delete")).count(), 2);
}

#[test]
fn matching_orphans_are_adopted_and_strangers_released() {
    let set = set(2);
    let pods = [
        own("mine"),
        pod("orphan", None, json!({"app": "web"})),
        pod("other", None, json!({"app": "other"})),
        pod("stranger", Some("set"), json!({"app": "no longer"})),
        pod("taken", Some("another"), json!({"app": "web"})),
    ];
    let outcome = ReplicaSets.reconcile(&see(&set, &pods), &set);
    assert_eq!(told(&outcome), ["patch stranger", "patch orphan", "update web status"]);
    assert!(outcome.actions()[1].while_alive.is_some(), "an owner that is being deleted adopts nothing");
}

#[test]
fn finished_pods_are_replaced_and_terminating_ones_counted() {
    let set = set(1);
    let mut finished = own("finished");
    finished.status.as_mut().unwrap().phase = Some("Failed".to_owned());
    let mut dying = own("dying");
    dying.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    let outcome = ReplicaSets.reconcile(&see(&set, &[finished, dying]), &set);
    assert_eq!(told(&outcome), ["create web-", "update web status"]);
    assert_eq!(
        status_of(&outcome),
        json!({"replicas": 0, "terminatingReplicas": 1, "observedGeneration": 3})
    );
}

#[test]
fn a_failed_creation_becomes_a_condition_and_goes_with_the_next_success() {
    let mut set = set(1);
    let view = see(&set, &[]);
    let first = ReplicaSets.reconcile(&view, &set);
    let failure = first.actions()[0].operation.failed(Error::new(Reason::Forbidden, "exceeded quota"));
    let outcome = ReplicaSets.failed(&view, &set, &failure);
    let condition = &status_of(&outcome)["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["reason"], &condition["message"]),
        (&json!("ReplicaFailure"), &json!("FailedCreate"), &json!("exceeded quota"))
    );
    set.status = from_value(status_of(&outcome)).unwrap();
    let outcome = ReplicaSets.reconcile(&see(&set, &[own("a")]), &set);
    assert_eq!(status_of(&outcome).get("conditions"), None);
}

#[test]
fn a_pod_is_available_after_it_was_ready_for_long_enough() {
    let mut set = set(1);
    set.spec.as_mut().unwrap().min_ready_seconds = Some(90);
    let outcome = ReplicaSets.reconcile(&see(&set, &[own("a")]), &set);
    assert_eq!(status_of(&outcome).get("availableReplicas"), None);
    assert_eq!(outcome.requeue(), Some(Duration::from_secs(30)));
}

#[test]
fn a_set_that_is_as_it_should_be_asks_for_nothing() {
    let mut set = set(1);
    let first = ReplicaSets.reconcile(&see(&set, &[own("a")]), &set);
    set.status = from_value(status_of(&first)).unwrap();
    assert_eq!(ReplicaSets.reconcile(&see(&set, &[own("a")]), &set), Outcome::done());
}

#[test]
fn a_set_that_is_being_deleted_only_counts() {
    let mut set = set(3);
    set.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    let outcome =
        ReplicaSets.reconcile(&see(&set, &[own("a"), pod("orphan", None, json!({"app": "web"}))]), &set);
    assert_eq!(told(&outcome), ["update web status"]);
}
