//! ReplicationControllers: what came before ReplicaSets, and does the same.
//!
//! See <https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/>. As upstream, each is looked at
//! as the ReplicaSet that it would be.

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    Pod, ReplicationController, ReplicationControllerCondition, ReplicationControllerSpec,
    ReplicationControllerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as SelectorFields;
use steersman_core::cache::Index;
use steersman_core::versions::given;

use crate::claim::{ORPHANS, adopters};
use crate::replicaset::{Keeper, selector};
use crate::runner::{Controller, Failure, Outcome, Sources, View};

/// Keeps ReplicationControllers' pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicationControllers;

impl Controller for ReplicationControllers {
    type Object = ReplicationController;
    const NAME: &'static str = "replication";

    fn sources(&self) -> Sources {
        let would_adopt = |controller: &ReplicationController| selector(&as_set(controller));
        Sources::new()
            .owns::<Pod>()
            .watches::<Pod>(move |view, change| adopters::<ReplicationController>(view, change, would_adopt))
            .indexes::<Pod>(ORPHANS)
            .indexes::<ReplicationController>(Index::CONTROLLER)
    }

    fn reconcile(&self, view: &View, controller: &ReplicationController) -> Outcome {
        let set = as_set(controller);
        Keeper { owner: controller, set: &set, counts_terminating: false }.reconcile(view)
    }

    fn failed(&self, view: &View, controller: &ReplicationController, failure: &Failure) -> Outcome {
        let set = as_set(controller);
        Keeper { owner: controller, set: &set, counts_terminating: false }.failed(view, failure)
    }
}

/// The ReplicaSet that a ReplicationController would be.
fn as_set(controller: &ReplicationController) -> ReplicaSet {
    let ReplicationControllerSpec { min_ready_seconds, replicas, selector, template } =
        controller.spec.clone().unwrap_or_default();
    ReplicaSet {
        metadata: controller.metadata.clone(),
        spec: given(ReplicaSetSpec {
            min_ready_seconds,
            replicas,
            selector: SelectorFields { match_labels: selector, match_expressions: None },
            template,
        }),
        status: controller.status.clone().map(status_as_set),
    }
}

fn status_as_set(status: ReplicationControllerStatus) -> ReplicaSetStatus {
    let condition = |one: ReplicationControllerCondition| ReplicaSetCondition {
        last_transition_time: one.last_transition_time,
        message: one.message,
        reason: one.reason,
        status: given(one.status),
        type_: given(one.type_),
    };
    ReplicaSetStatus {
        available_replicas: status.available_replicas,
        conditions: status.conditions.map(|all| all.into_iter().map(condition).collect()),
        fully_labeled_replicas: status.fully_labeled_replicas,
        observed_generation: status.observed_generation,
        ready_replicas: status.ready_replicas,
        replicas: status.replicas,
        terminating_replicas: None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::error::{Error, Reason};
    use steersman_core::tree::{Value, from_value, json};

    use super::*;
    use crate::runner::Operation;

    fn controller(replicas: i32) -> ReplicationController {
        from_value(json!({
            "metadata": {"name": "web", "namespace": "n", "uid": "rc", "generation": 1},
            "spec": {"replicas": replicas, "selector": {"app": "web"}, "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}
            }}
        }))
        .unwrap()
    }

    fn pod(name: &str, deleted: bool) -> Pod {
        let owner = json!({
            "apiVersion": "v1", "kind": "ReplicationController", "name": "web", "uid": "rc", "controller": true
        });
        let deleted = deleted.then_some("2026-01-01T00:00:00Z");
        from_value(json!({
            "metadata": {
                "name": name, "namespace": "n", "uid": name, "labels": {"app": "web"}, "ownerReferences": [owner],
                "deletionTimestamp": deleted
            },
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            ]}
        }))
        .unwrap()
    }

    fn view(controller: &ReplicationController, pods: &[Pod]) -> View {
        View::fixed(Timestamp::UNIX_EPOCH).with(std::slice::from_ref(controller)).with(pods)
    }

    fn status(outcome: &Outcome) -> Value {
        let Operation::Update(target, body) = &outcome.actions().last().unwrap().operation else { panic!() };
        assert_eq!((&*target.resource.resource, &*target.subresource), ("replicationcontrollers", "status"));
        body["status"].clone()
    }

    #[test]
    fn missing_pods_are_created_and_terminating_ones_are_not_counted() {
        let controller = controller(2);
        let outcome = ReplicationControllers
            .reconcile(&view(&controller, &[pod("a", false), pod("b", true)]), &controller);
        let Operation::Create(_, body) = &outcome.actions()[0].operation else { panic!("{outcome:?}") };
        assert_eq!(body["metadata"]["ownerReferences"][0]["kind"], "ReplicationController");
        assert_eq!(outcome.actions().len(), 2);
        assert_eq!(
            status(&outcome),
            json!({
                "replicas": 1, "fullyLabeledReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                "observedGeneration": 1
            })
        );
    }

    #[test]
    fn a_status_that_is_right_is_left_alone() {
        let mut controller = controller(1);
        let pods = [pod("a", false)];
        let first = ReplicationControllers.reconcile(&view(&controller, &pods), &controller);
        controller.status = from_value(status(&first)).unwrap();
        let again = ReplicationControllers.reconcile(&view(&controller, &pods), &controller);
        assert_eq!(again, Outcome::done());
    }

    #[test]
    fn a_failed_creation_becomes_a_condition() {
        let controller = controller(1);
        let view = view(&controller, &[]);
        let first = ReplicationControllers.reconcile(&view, &controller);
        let refused = Error::new(Reason::Forbidden, "exceeded quota");
        let failure = first.actions()[0].operation.failed(refused);
        let outcome = ReplicationControllers.failed(&view, &controller, &failure);
        assert_eq!(status(&outcome)["conditions"][0]["reason"], "FailedCreate");
    }
}
