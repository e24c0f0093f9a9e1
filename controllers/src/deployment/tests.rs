//! What a Deployment asks for, by what it sees.

use std::time::Duration;

use jiff::Timestamp;
use steersman_core::error::{Error, Reason};
use steersman_core::tree::{Value, from_value, json};

use super::*;
use crate::runner::Operation;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn deployment(replicas: i32, image: &str, spec: Value) -> Deployment {
    let mut deployment = json!({
        "metadata": {"name": "web", "namespace": "n", "uid": "web", "generation": 1, "annotations": {"team": "x"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10
        }
    });
    for (name, value) in spec.as_object().unwrap() {
        deployment["spec"][name] = value.clone();
    }
    from_value(deployment).unwrap()
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

/// A ReplicaSet with that many pods, all available, of a Deployment that wanted `desired` of at most `desired + 1`.
fn set(revision: i32, image: &str, size: i32, desired: i32) -> ReplicaSet {
    let name = format!("web-{revision}");
    let set = json!({
        "metadata": {
            "name": name, "namespace": "n", "uid": name, "generation": 1, "labels": {"app": "web"},
            "creationTimestamp": format!("2026-01-01T11:{revision:02}:00Z"),
            "annotations": {
                "team": "x",
                "deployment.kubernetes.io/revision": revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": desired.to_string(),
                "deployment.kubernetes.io/max-replicas": (desired + 1).to_string()
            },
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web", "controller": true}
            ]
        },
        "spec": {"replicas": size, "selector": {"matchLabels": {"app": "web"}}, "template": template(image)},
        "status": {
            "replicas": size, "readyReplicas": size, "availableReplicas": size, "observedGeneration": 1,
            "terminatingReplicas": 0
        }
    });
    from_value(set).unwrap()
}

fn reconcile(deployment: &Deployment, sets: &[ReplicaSet], pods: &[Pod]) -> Outcome {
    let view = View::fixed(now()).with(std::slice::from_ref(deployment)).with(sets).with(pods);
    let deployments = Deployments::default();
    let outcome = deployments.reconcile(&view, deployment);
    assert_eq!(deployments.reconcile(&view, deployment), outcome, "what is remembered changes nothing");
    outcome
}

/// What is done to ReplicaSets, in short.
fn told(outcome: &Outcome) -> Vec<String> {
    let short = |operation: &Operation| match operation {
        Operation::Create(_, body) => Some(format!("create {}", body["spec"]["replicas"])),
        Operation::Update(target, body) if target.subresource.is_empty() => {
            Some(format!("{} = {}", target.name, body["spec"]["replicas"]))
        }
        Operation::Update(..) => None,
        Operation::Patch(target, _) => Some(format!("patch {}", target.name)),
        Operation::Delete(target, _) => Some(format!("delete {}", target.name)),
        Operation::Event(_, note) => Some(format!("event {}", note.reason)),
    };
    outcome.actions().iter().filter_map(|action| short(&action.operation)).collect()
}

fn written(outcome: &Outcome) -> Deployment {
    let update = outcome.actions().iter().find_map(|action| match &action.operation {
        Operation::Update(target, body) if target.subresource == "status" => Some(body.clone()),
        _ => None,
    });
    from_value(update.expect("the status is written")).unwrap()
}

fn conditions(deployment: &Deployment) -> Vec<String> {
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_deref());
    let mut conditions: Vec<String> = conditions
        .unwrap_or_default()
        .iter()
        .map(|one| format!("{}={} {}", one.type_, one.status, one.reason.as_deref().unwrap_or_default()))
        .collect();
    conditions.sort();
    conditions
}

#[test]
fn the_first_look_makes_the_first_revision() {
    let deployment = deployment(3, "app:1", json!({}));
    let outcome = reconcile(&deployment, &[], &[]);
    assert_eq!(told(&outcome), ["create 3"]);
    let Operation::Create(_, body) = &outcome.actions()[0].operation else { panic!() };
    let hash = body["metadata"]["labels"]["pod-template-hash"].as_str().unwrap();
    assert_eq!(body["metadata"]["name"], format!("web-{hash}"));
    assert_eq!(body["spec"]["selector"]["matchLabels"], json!({"app": "web", "pod-template-hash": hash}));
    assert_eq!(body["spec"]["template"]["metadata"]["labels"]["pod-template-hash"], hash);
    assert_eq!(
        body["metadata"]["annotations"],
        json!({
            "team": "x",
            "deployment.kubernetes.io/revision": "1",
            "deployment.kubernetes.io/desired-replicas": "3",
            "deployment.kubernetes.io/max-replicas": "4"
        })
    );
    let event = outcome.actions()[0].success.as_ref().unwrap();
    assert_eq!(event.message, format!("Scaled up replica set web-{hash} from 0 to 3"));
    let written = written(&outcome);
    assert_eq!(written.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"], "1");
    assert_eq!(
        conditions(&written),
        ["Available=False MinimumReplicasUnavailable", "Progressing=True NewReplicaSetCreated"]
    );
}

#[test]
fn a_roll_grows_before_it_shrinks_and_stays_within_its_bounds() {
    type Sets<'a> = &'a [(i32, &'a str, i32, i32)];
    let steps: &[(Sets<'_>, &[&str])] = &[
        (&[(1, "app:1", 3, 3)], &["create 1"]),
        (&[(1, "app:1", 3, 3), (2, "app:2", 1, 1)], &["web-1 = 2"]),
        (&[(1, "app:1", 3, 3), (2, "app:2", 1, 0)], &[]),
        (&[(1, "app:1", 2, 2), (2, "app:2", 1, 1)], &["web-2 = 2"]),
        (&[(1, "app:1", 2, 1), (2, "app:2", 1, 1)], &["web-2 = 2"]),
        (&[(1, "app:1", 0, 0), (2, "app:2", 3, 3)], &[]),
    ];
    let deployment = deployment(3, "app:2", json!({}));
    for (sets, expected) in steps {
        let sets: Vec<_> = sets
            .iter()
            .map(|(revision, image, size, available)| {
                let mut set = set(*revision, image, *size, 3);
                set.status.as_mut().unwrap().available_replicas = Some(*available);
                set
            })
            .collect();
        assert_eq!(told(&reconcile(&deployment, &sets, &[])), *expected, "{sets:?}");
    }
}

#[test]
fn unhealthy_old_pods_go_first() {
    let deployment = deployment(3, "app:3", json!({}));
    let mut sick = set(2, "app:2", 1, 3);
    sick.status.as_mut().unwrap().available_replicas = Some(0);
    let sets = [set(1, "app:1", 2, 3), sick, set(3, "app:3", 1, 3)];
    assert_eq!(told(&reconcile(&deployment, &sets, &[])), ["web-2 = 0"]);
}

#[test]
fn pods_that_are_on_their_way_out_are_not_counted_as_available() {
    let deployment = deployment(4, "app:3", json!({}));
    let shrinking = |revision: i32, image: &str, (size, counted): (i32, i32)| {
        let mut set = set(revision, image, size, 4);
        set.status.as_mut().unwrap().available_replicas = Some(counted);
        set
    };
    let cases =
        [((1, 1), (2, 3), vec![]), ((0, 1), (3, 2), vec!["web-2 = 2"]), ((1, 1), (2, 2), vec!["web-1 = 0"])];
    for (first, second, expected) in cases {
        let old = [shrinking(1, "app:1", first), shrinking(2, "app:2", second)];
        let sets: Vec<_> = old.into_iter().chain([set(3, "app:3", 2, 4)]).collect();
        assert_eq!(told(&reconcile(&deployment, &sets, &[])), expected, "{first:?} {second:?}");
    }
}

#[test]
fn scaling_in_the_middle_of_a_roll_is_proportional() {
    let cases = [
        (20, vec![("web-1", 15), ("web-2", 6)]),
        (4, vec![("web-1", 4), ("web-2", 1)]),
        (0, vec![("web-1", 0), ("web-2", 0)]),
    ];
    let sets = [set(1, "app:1", 8, 10), set(2, "app:2", 3, 10)];
    for (replicas, sizes) in cases {
        let deployment = deployment(replicas, "app:2", json!({}));
        let expected: Vec<_> = sizes.iter().map(|(name, size)| format!("{name} = {size}")).collect();
        assert_eq!(told(&reconcile(&deployment, &sets, &[])), expected, "to {replicas}");
    }
}

#[test]
fn rolling_back_renumbers_the_old_revision_and_keeps_its_history() {
    let deployment = deployment(2, "app:1", json!({}));
    let outcome = reconcile(&deployment, &[set(1, "app:1", 0, 2), set(2, "app:2", 2, 2)], &[]);
    let Operation::Update(target, body) = &outcome.actions()[0].operation else { panic!() };
    assert_eq!(target.name, "web-1");
    assert_eq!(body["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(body["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(told(&outcome), ["web-1 = 0", "web-1 = 1"]);
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let paused = deployment(5, "app:2", json!({"paused": true}));
    let outcome = reconcile(&paused, &[set(1, "app:1", 3, 3)], &[]);
    assert_eq!(told(&outcome), ["web-1 = 5"]);
    assert_eq!(conditions(&written(&outcome))[1], "Progressing=Unknown DeploymentPaused");
}

#[test]
fn recreating_waits_for_the_last_old_pod() {
    let deployment = deployment(2, "app:2", json!({"strategy": {"type": "Recreate"}}));
    let old = set(1, "app:1", 2, 2);
    assert_eq!(told(&reconcile(&deployment, std::slice::from_ref(&old), &[])), ["web-1 = 0"]);
    let pod = json!({"metadata": {
        "name": "a", "namespace": "n", "labels": {"app": "web"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "web-1", "controller": true}]
    }});
    let emptied = set(1, "app:1", 0, 2);
    let pods = [from_value(pod).unwrap()];
    assert!(told(&reconcile(&deployment, std::slice::from_ref(&emptied), &pods)).is_empty());
    assert_eq!(told(&reconcile(&deployment, &[emptied], &[])), ["create 2"]);
}

#[test]
fn a_rollout_that_stands_still_misses_its_deadline() {
    let progressing = |since: &str| {
        let mut stuck = deployment(3, "app:1", json!({"progressDeadlineSeconds": 60}));
        stuck
            .metadata
            .annotations
            .as_mut()
            .unwrap()
            .insert("deployment.kubernetes.io/revision".into(), "1".into());
        stuck.status = from_value(json!({
            "replicas": 3, "updatedReplicas": 3, "unavailableReplicas": 3, "observedGeneration": 1, "terminatingReplicas": 0,
            "conditions": [
                {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
                {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": since}
            ]
        }))
        .unwrap();
        stuck
    };
    let mut sick = set(1, "app:1", 3, 3);
    sick.status = from_value(json!({"replicas": 3, "terminatingReplicas": 0})).unwrap();
    let waiting = reconcile(&progressing("2026-01-01T11:59:30Z"), std::slice::from_ref(&sick), &[]);
    assert!(waiting.actions().is_empty(), "{waiting:?}");
    assert_eq!(waiting.requeue(), Some(Duration::from_secs(31)));
    let missed = reconcile(&progressing("2026-01-01T11:58:00Z"), &[sick], &[]);
    assert_eq!(conditions(&written(&missed))[1], "Progressing=False ProgressDeadlineExceeded");
    assert_eq!(missed.requeue(), None);
}

#[test]
fn old_revisions_beyond_the_limit_are_forgotten_when_the_rollout_is_complete() {
    let mut done = deployment(1, "app:4", json!({"revisionHistoryLimit": 1}));
    done.status = from_value(json!({
        "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "observedGeneration": 1
    }))
    .unwrap();
    let sets = [set(1, "app:1", 0, 1), set(2, "app:2", 0, 1), set(3, "app:3", 0, 1), set(4, "app:4", 1, 1)];
    assert_eq!(told(&reconcile(&done, &sets, &[])), ["delete web-1", "delete web-2"]);
}

#[test]
fn a_name_that_another_set_has_taken_raises_the_collision_count() {
    let deployment = deployment(1, "app:1", json!({}));
    let first = reconcile(&deployment, &[], &[]);
    let failure = first.actions()[0].operation.failed(Error::new(Reason::AlreadyExists, "taken"));
    let mut other = set(1, "other", 0, 1);
    other.metadata.name = failure.target.as_ref().map(|target| target.name.clone());
    let view = View::fixed(now()).with(std::slice::from_ref(&deployment)).with(&[other]).with::<Pod>(&[]);
    let outcome = Deployments::default().failed(&view, &deployment, &failure);
    assert_eq!(written(&outcome).status.unwrap().collision_count, Some(1));
}

#[test]
fn a_deployment_that_selects_everything_is_refused() {
    let everything = deployment(1, "app:1", json!({"selector": {}}));
    assert_eq!(told(&reconcile(&everything, &[], &[])), ["event SelectingAll"]);
}

#[test]
fn a_complete_deployment_asks_for_nothing() {
    let deployment = deployment(2, "app:1", json!({}));
    let sets = [set(1, "app:1", 2, 2)];
    let first = written(&reconcile(&deployment, &sets, &[]));
    let first = Deployment { spec: deployment.spec, ..first };
    assert_eq!(
        conditions(&first),
        ["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"]
    );
    let second = reconcile(&first, &sets, &[]);
    assert_eq!((second.actions().len(), second.requeue()), (0, None), "{second:?}");
}

#[test]
fn an_annotation_of_a_former_api_asks_for_an_old_revision() {
    let sets = || {
        let mut old = set(1, "app:1", 0, 2);
        old.metadata.annotations.as_mut().unwrap().insert("team".to_owned(), "y".to_owned());
        [old, set(2, "app:2", 2, 2)]
    };
    let asking = |revision: &str| {
        let mut deployment = deployment(2, "app:2", json!({}));
        let annotations = deployment.metadata.annotations.as_mut().unwrap();
        annotations.insert("deployment.kubernetes.io/revision".to_owned(), "2".to_owned());
        annotations.insert("deprecated.deployment.rollback.to".to_owned(), revision.to_owned());
        deployment.status = from_value(json!({
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
        }))
        .unwrap();
        deployment
    };
    let back = "app:1 y Rolled back deployment \"web\" to revision 1";
    let cases = [
        ("1", back),
        ("0", back),
        ("2", "The rollback revision contains the same template as current deployment \"web\" app:2 x"),
        ("7", "Unable to find the revision to rollback to. app:2 x"),
    ];
    for (revision, expected) in cases {
        let outcome = reconcile(&asking(revision), &sets(), &[]);
        let told = outcome.actions().iter().flat_map(|action| match &action.operation {
            Operation::Event(_, note) => vec![String::from(&note.message)],
            Operation::Update(_, body) => {
                let annotations = &body["metadata"]["annotations"];
                assert_eq!(annotations["deprecated.deployment.rollback.to"], Value::Null);
                assert_eq!(annotations["deployment.kubernetes.io/revision"], "2");
                assert_eq!(body["spec"]["template"]["metadata"]["labels"], json!({"app": "web"}));
                let image = &body["spec"]["template"]["spec"]["containers"][0]["image"];
                let texts = [image, &annotations["team"]].map(|text| text.as_str().unwrap().to_owned());
                texts
                    .into_iter()
                    .chain(action.success.clone().map(|note| String::from(note.message)))
                    .collect()
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected, "to {revision}");
    }
    let only = [set(1, "app:2", 2, 2)];
    let mut first = asking("0");
    first
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert("deployment.kubernetes.io/revision".into(), "1".into());
    assert_eq!(told(&reconcile(&first, &only, &[])), ["event DeploymentRollbackRevisionNotFound", "web = 2"]);
    assert!(told(&reconcile(&asking("x"), &sets(), &[])).is_empty(), "what is no number asks for nothing");
}

#[test]
fn a_replica_set_that_is_adopted_keeps_its_owner_through_what_is_written_then() {
    let deployment = deployment(1, "app:1", json!({}));
    let mut orphan = set(0, "app:1", 1, 1);
    orphan.metadata.owner_references = None;
    orphan.metadata.annotations = None;
    let outcome = reconcile(&deployment, &[orphan], &[]);
    assert_eq!(told(&outcome), ["patch web-0", "web-0 = 1"]);
    let Operation::Update(_, body) = &outcome.actions()[1].operation else { panic!() };
    assert_eq!(body["metadata"]["ownerReferences"][0]["name"], "web");
}

#[test]
fn what_is_remembered_of_a_look_holds_for_nothing_else() {
    let deployments = Deployments::default();
    let sets = [set(1, "app:1", 0, 2), set(2, "app:2", 0, 2), set(3, "app:3", 2, 2)];
    let look = |view: &View, deployment: &Deployment| {
        let outcome = deployments.reconcile(view, deployment);
        assert_eq!(outcome, Deployments::default().reconcile(view, deployment));
        told(&outcome).join(", ")
    };
    let seen = |sets: &[ReplicaSet]| View::fixed(now()).with::<Deployment>(&[]).with(sets).with::<Pod>(&[]);
    let view = seen(&sets);
    assert_eq!(look(&view, &deployment(2, "app:3", json!({}))), "");
    let mut back = deployment(2, "app:2", json!({}));
    back.metadata.generation = Some(2);
    assert_eq!(look(&view, &back), "web-2 = 0, web-2 = 1", "it is another template that counts");
    assert_eq!(look(&seen(&sets[1..]), &back), "web-2 = 0, web-2 = 1", "one of them is gone");
    let revived = [set(1, "app:1", 1, 2), sets[1].clone(), sets[2].clone()];
    assert_eq!(look(&seen(&revived), &back), "web-2 = 0, web-1 = 0", "one of them is not empty");
    assert_eq!(deployments.gone(&view, &Key::of_typed(&back)), Outcome::done());
    assert_eq!(look(&view, &back), "web-2 = 0, web-2 = 1");
}
