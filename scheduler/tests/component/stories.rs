//! Pods are placed, told, queued and preempted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use steersman_core::api::{ListOptions, Patch};
use steersman_core::testing::Lab;
use steersman_core::tree::{from_value, json};
use steersman_core::{Client, Error};
use steersman_scheduler::{
    Binding, Configuration, Permission, Permit, Plugin, PodInfo, PreBind, Profile, Profiles, Refusal,
    Registry, Rejection, Scheduler, Snapshot, Verdict, Waiting,
};

use crate::{Server, World, in_world};

#[test]
fn pods_are_bound_and_their_events_say_where() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "4").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
        assert_eq!(world.events("Scheduled").await, ["Successfully assigned d/a to n1"]);
    });
}

#[test]
fn a_configuration_has_several_profiles_in_one_scheduler() {
    let file = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "profiles": [
            {"schedulerName": "spreads"},
            {"schedulerName": "packs", "pluginConfig": [{"name": "NodeResourcesFit", "args": {
                "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 1}]},
            }}], "plugins": {"score": {"enabled": [{"name": "NodeResourcesFit", "weight": 50}]}}},
        ],
    });
    let configuration = Configuration::from_value(file, &Registry::default()).unwrap();
    in_world(configuration.profiles, async |world| {
        world.node("small", "2").await;
        world.node("large", "64").await;
        world.pod("a", "1", json!({"schedulerName": "spreads"})).await;
        world.seconds(1).await;
        world.pod("b", "1", json!({"schedulerName": "packs"})).await;
        world.pod("c", "1", json!({"schedulerName": "default-scheduler"})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("large"));
        assert_eq!(world.node_of("b").await.as_deref(), Some("small"));
        assert_eq!(world.node_of("c").await, None);
    });
}

#[test]
fn a_pod_without_room_is_told_why_and_bound_when_room_comes() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.pod("a", "2", json!({})).await;
        world.seconds(1).await;
        let told = "0/1 nodes are available: 1 Insufficient cpu.";
        let (reason, message) = world.condition("a").await;
        assert!(reason == "Unschedulable" && message.starts_with(told), "{message}");
        assert!(world.events("FailedScheduling").await[0].starts_with(told));
        world.node("n2", "4").await;
        world.seconds(2).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n2"));
    });
}

#[test]
fn a_pod_in_a_cluster_without_nodes_waits_for_one() {
    in_world(Profile::default(), async |world| {
        world.pod("a", "2", json!({})).await;
        world.seconds(100).await;
        assert_eq!(world.condition("a").await.1, "no nodes available to schedule pods");
        world.node("n1", "4").await;
        world.seconds(11).await;
        assert!(world.node_of("a").await.is_some());
    });
}

#[test]
fn room_is_given_again_when_a_pod_ends() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        world.pod("b", "1", json!({})).await;
        world.seconds(5).await;
        assert_eq!(world.node_of("b").await, None);
        world.patch("a", json!({"status": {"phase": "Succeeded"}})).await;
        world.seconds(11).await;
        assert_eq!(world.node_of("b").await.as_deref(), Some("n1"));
    });
}

#[test]
fn a_gated_pod_is_tried_once_its_gates_are_gone() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "4").await;
        world.pod("a", "1", json!({"schedulingGates": [{"name": "g"}]})).await;
        world.seconds(1000).await;
        assert_eq!(world.node_of("a").await, None);
        world.patch("a", json!({"spec": {"schedulingGates": null}})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
    });
}

#[test]
fn each_profile_places_its_own_pods_and_no_others() {
    let picky = Profile::default().named("picky").without("NodeUnschedulable");
    let profiles = Profiles::new([Profile::default(), picky]).unwrap();
    in_world(profiles, async |world| {
        world.node("n1", "4").await;
        world
            .client
            .all::<Node>()
            .patch("n1", Patch::Merge(json!({"spec": {"unschedulable": true}})))
            .await
            .unwrap();
        for scheduler in ["default-scheduler", "picky", "foreign"] {
            world.pod(scheduler, "1", json!({"schedulerName": scheduler})).await;
        }
        world.seconds(1).await;
        assert_eq!(world.node_of("picky").await.as_deref(), Some("n1"));
        assert_eq!(world.node_of("default-scheduler").await, None);
        assert!(world.get("foreign").await.status.is_none());
    });
}

#[test]
fn a_failed_binding_is_told_and_tried_again() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.seconds(1).await;
        world.server.api.fail("get", Error::internal("broken"));
        world.pod("a", "1", json!({})).await;
        world.seconds(5).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
        let told = &world.events("FailedScheduling").await[0];
        assert_eq!(told, "running Bind plugin \"DefaultBinder\": Internal error occurred: broken");
    });
}

#[test]
fn a_pod_deleted_while_it_waits_holds_up_nobody() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.pod("big", "2", json!({"priority": 10})).await;
        world.seconds(1).await;
        world.client.namespaced::<Pod>("d").delete("big").await.unwrap();
        world.pod("small", "1", json!({})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("small").await.as_deref(), Some("n1"));
    });
}

#[test]
fn a_node_that_vanishes_holds_up_nobody() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        world.client.all::<Node>().delete("n1").await.unwrap();
        world.pod("b", "1", json!({})).await;
        world.seconds(1).await;
        world.node("n2", "1").await;
        world.seconds(11).await;
        assert_eq!(world.node_of("b").await.as_deref(), Some("n2"));
    });
}

#[test]
fn a_more_important_pod_takes_the_place_of_another() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "1").await;
        world.pod("low", "1", json!({"priority": 1})).await;
        world.seconds(1).await;
        world.pod("high", "1", json!({"priority": 2})).await;
        world.seconds(11).await;
        assert_eq!(world.node_of("high").await.as_deref(), Some("n1"));
        assert!(world.client.namespaced::<Pod>("d").get_opt("low").await.unwrap().is_none());
        let told = world.events("Preempted").await;
        assert!(told[0].starts_with("Preempted by pod uid-") && told[0].ends_with(" on node n1"), "{told:?}");
    });
}

#[test]
fn room_that_is_promised_to_nobody_any_more_is_given_to_others() {
    in_world(Profile::default(), async |world| {
        world.node("n1", "2").await;
        world.pod("far", "2", json!({"priority": 10, "nodeSelector": {"a": "b"}})).await;
        world.seconds(1).await;
        world.patch("far", json!({"status": {"nominatedNodeName": "n1"}})).await;
        world.pod("near", "2", json!({})).await;
        world.seconds(20).await;
        assert_eq!(world.node_of("near").await, None);
        world.patch("far", json!({"status": {"nominatedNodeName": null}})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("near").await.as_deref(), Some("n1"));
    });
}

#[test]
fn a_promise_is_given_up_where_the_node_is_refused() {
    in_world(Profile::default().with(Never), async |world| {
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        world.patch("a", json!({"status": {"nominatedNodeName": "n1"}})).await;
        world.seconds(1).await;
        world.node("n1", "2").await;
        world.seconds(5).await;
        assert_eq!(world.condition("a").await.1, "0/1 nodes are available: 1 not today.");
        assert_eq!(world.get("a").await.status.as_ref().unwrap().nominated_node_name, None);
    });
}

#[test]
fn many_pods_are_each_bound_once_and_no_node_is_overcommitted() {
    in_world(Profile::default(), async |world| {
        for number in 0..10 {
            world.node(&format!("n{number}"), "10").await;
        }
        for number in 0..250 {
            world.pod(&format!("p{number}"), "500m", json!({})).await;
        }
        world.seconds(60).await;
        let pods = world.client.all::<Pod>().list(&ListOptions::default()).await.unwrap();
        for number in 0..10 {
            let node = format!("n{number}");
            let there =
                pods.iter().filter(|pod| pod.spec.as_ref().unwrap().node_name.as_ref() == Some(&node));
            assert_eq!(there.count(), 20);
        }
        let mut bound = world.server.bindings.lock().unwrap().clone();
        assert_eq!(bound.len(), 200);
        bound.dedup();
        assert_eq!(bound.len(), 200);
    });
}

/// Lets every pod wait.
struct Slow;

impl Plugin for Slow {
    fn name(&self) -> &'static str {
        "Slow"
    }

    fn permit(&self) -> Option<&dyn Permit> {
        Some(self)
    }
}

impl Permit for Slow {
    fn permit(&self, pod: &PodInfo, _: &str, waiting: &Waiting) -> Permission {
        // The last pod of three lets the others go.
        let others = waiting.pods();
        if others.len() < 2 {
            return Permission::Wait(Duration::from_secs(30));
        }
        for other in others {
            assert!(!other.is(pod) && waiting.allow(other.key(), "Slow"));
        }
        Permission::Allow
    }
}

#[test]
fn pods_that_need_permission_are_bound_together() {
    in_world(Profile::default().with(Slow), async |world| {
        world.node("n1", "10").await;
        world.pod("a", "1", json!({})).await;
        world.pod("b", "1", json!({})).await;
        world.seconds(10).await;
        assert_eq!(world.node_of("a").await, None);
        world.pod("c", "1", json!({})).await;
        world.seconds(1).await;
        for name in ["a", "b", "c"] {
            assert_eq!(world.node_of(name).await.as_deref(), Some("n1"));
        }
    });
}

#[test]
fn a_pod_that_waits_for_permission_counts_once_on_the_node_that_was_promised_to_it() {
    in_world(Profile::default().with(Slow), async |world| {
        world.pod("a", "1", json!({"priority": 10})).await;
        world.seconds(1).await;
        world.patch("a", json!({"status": {"nominatedNodeName": "n1"}})).await;
        world.node("n1", "3").await;
        world.seconds(2).await;
        world.pod("b", "1", json!({})).await;
        world.pod("c", "1", json!({})).await;
        world.seconds(2).await;
        for name in ["a", "b", "c"] {
            assert_eq!(world.node_of(name).await.as_deref(), Some("n1"));
        }
    });
}

#[test]
fn a_pod_that_waits_too_long_for_permission_gives_its_room_back() {
    in_world(Profile::default().with(Slow), async |world| {
        world.node("n1", "10").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(31).await;
        let (reason, message) = world.condition("a").await;
        assert_eq!(reason, "Unschedulable");
        let why = "rejected due to timeout after waiting 30s at plugin Slow";
        assert_eq!(message, format!("0/1 nodes are available: 1 {why}."));
    });
}

/// Has something against every pod, at the last moment.
struct Never;

impl Plugin for Never {
    fn name(&self) -> &'static str {
        "Never"
    }

    fn reserve(&self) -> Option<&dyn steersman_scheduler::Reserve> {
        Some(self)
    }
}

impl steersman_scheduler::Reserve for Never {
    fn reserve(&self, _: &PodInfo, _: &str, _: &Snapshot) -> Result<(), Rejection> {
        Err(Rejection::unschedulable("not today"))
    }

    fn unreserve(&self, _: &PodInfo, _: &str) {}
}

#[test]
fn a_reservation_that_is_refused_takes_no_room() {
    let lab = Lab::new();
    let server = Server::default();
    let (env, client) = (lab.env(), Client::new(Arc::new(server.clone())));
    let scheduler = Arc::new(Scheduler::new(&env, &client, Profile::default().with(Never)));
    let running = scheduler.clone();
    let task = env.spawn("scheduler", async move { running.run().await });
    let world = World { server, client, env, _scheduler: task };
    lab.run(async {
        world.node("n1", "10").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        assert_eq!(world.condition("a").await.1, "0/1 nodes are available: 1 not today.");
        let snapshot = scheduler.snapshot();
        assert_eq!(snapshot.node_named("n1").unwrap().pods().len(), 0);
    });
}

#[test]
fn a_refusal_names_the_plugin_and_the_reason() {
    let gated = json!({"spec": {"schedulingGates": [{"name": "g"}], "containers": []}});
    let pod = PodInfo::new(from_value::<Pod>(gated).unwrap());
    let refusal: Refusal = Profile::default().admit(&pod).unwrap_err();
    assert_eq!(
        (refusal.plugin, refusal.rejection.to_string().as_str()),
        ("SchedulingGates", "waiting for scheduling gates: [g]")
    );
}

#[test]
fn a_claim_that_waits_for_a_pod_is_bound_before_it() {
    in_world(Profile::default(), async |world| {
        let class = json!({
            "metadata": {"name": "late"}, "provisioner": "csi.example.com",
            "volumeBindingMode": "WaitForFirstConsumer",
        });
        let class = from_value::<StorageClass>(class).unwrap();
        world.client.all::<StorageClass>().create(&class).await.unwrap();
        let spec = json!({"storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}});
        let claim = json!({"metadata": {"name": "data", "namespace": "d"}, "spec": spec});
        let claims = world.client.namespaced::<PersistentVolumeClaim>("d");
        claims.create(&from_value(claim).unwrap()).await.unwrap();
        world.node("n1", "4").await;
        let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data"}});
        world.pod("a", "1", json!({"volumes": [volume]})).await;
        world.seconds(3).await;
        let annotations = claims.get("data").await.unwrap().metadata.annotations.clone().unwrap();
        assert_eq!(annotations["volume.kubernetes.io/selected-node"], "n1");
        assert_eq!(world.node_of("a").await, None);
        let bound = json!({
            "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "pv"},
        });
        claims.patch("data", Patch::Merge(bound)).await.unwrap();
        world.seconds(2).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
    });
}

/// Takes its time with pods before they are bound, but for `plain`, and will not have them then.
struct Reluctant;

impl Plugin for Reluctant {
    fn name(&self) -> &'static str {
        "Reluctant"
    }

    fn pre_bind(&self) -> Option<&dyn PreBind> {
        Some(self)
    }
}

#[async_trait]
impl PreBind for Reluctant {
    fn has_work(&self, pod: &PodInfo, _: &Snapshot) -> bool {
        pod.name() != "plain"
    }

    async fn pre_bind(&self, binding: &Binding<'_>) -> Verdict {
        binding.env.sleep(Duration::from_secs(5)).await;
        Err(Rejection::error("not today"))
    }
}

#[test]
fn a_pod_says_which_node_it_is_about_to_be_bound_to_while_plugins_prepare_that() {
    in_world(Profile::default().with(Reluctant), async |world| {
        world.node("n1", "4").await;
        world.pod("plain", "1", json!({})).await;
        world.pod("slow", "1", json!({})).await;
        let announced = async || world.get("slow").await.status.clone().unwrap().nominated_node_name;
        world.seconds(2).await;
        assert_eq!(world.node_of("plain").await.as_deref(), Some("n1"));
        assert!(world.get("plain").await.status.is_none(), "nothing had to be prepared");
        assert_eq!(announced().await.as_deref(), Some("n1"));
        world.env.sleep(Duration::from_millis(3500)).await;
        assert_eq!(world.condition("slow").await.1, "running PreBind plugin \"Reluctant\": not today");
        assert_eq!(announced().await, None);
        world.seconds(2).await;
        assert_eq!(announced().await.as_deref(), Some("n1"), "it is tried again");
    });
}

#[test]
fn a_pod_that_plugins_still_prepare_is_called_back_rather_than_deleted_for_a_more_important_one() {
    in_world(Profile::default().with(Reluctant), async |world| {
        world.node("n1", "1").await;
        world.pod("slow", "1", json!({"priority": 1})).await;
        world.seconds(1).await;
        world.pod("plain", "1", json!({"priority": 9})).await;
        world.seconds(1).await;
        assert_eq!(world.condition("slow").await.1, "running PreBind plugin \"Reluctant\": context canceled");
        let told = world.events("Preempted").await;
        assert!(told.len() == 1 && told[0].ends_with(" on node n1 (in kube-scheduler memory)."), "{told:?}");
        world.seconds(11).await;
        assert_eq!(world.node_of("plain").await.as_deref(), Some("n1"));
        assert!(world.get("slow").await.metadata.deletion_timestamp.is_none());
    });
}
