//! The pods of a group are placed together, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::core::v1::Pod;
use steersman_core::api::{GetOptions, Patch, Target, WriteOptions};
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, from_value, json};
use steersman_scheduler::plugins::GangScheduling;
use steersman_scheduler::{
    Event, Filter, Plugin, PodInfo, Prepared, Profile, Rejection, Reserve, Snapshot, Verdict, Wake,
};

use crate::{World, in_world};

fn profile() -> Profile {
    Profile::default().with(GangScheduling)
}

pub(crate) fn groups() -> Target {
    let resource = GroupVersionResource::new("scheduling.k8s.io", "v1alpha2", "podgroups");
    Target::all(resource).in_namespace("d")
}

pub(crate) async fn gang(world: &World, min_count: usize) {
    let body = json!({
        "apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup",
        "metadata": {"name": "g", "namespace": "d"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": min_count}}},
    });
    world.client.api().create(&groups(), body, &WriteOptions::default()).await.unwrap();
}

async fn group_condition(world: &World) -> (String, String) {
    let group = world.client.api().get(&groups().named("g"), &GetOptions::default()).await.unwrap();
    let group = group.to_value().unwrap();
    let condition = &group["status"]["conditions"][0];
    assert_eq!(condition["type"], "PodGroupScheduled");
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

fn of_group() -> Value {
    json!({"schedulingGroup": {"podGroupName": "g"}})
}

async fn bound(world: &World, pods: &[&str]) -> usize {
    let mut bound = 0;
    for pod in pods {
        bound += usize::from(world.node_of(pod).await.is_some());
    }
    bound
}

#[test]
fn a_gang_waits_until_all_its_pods_are_there() {
    in_world(profile(), async |world| {
        world.node("n1", "10").await;
        world.pod("a", "1", of_group()).await;
        world.pod("b", "1", of_group()).await;
        world.seconds(1).await;
        gang(&world, 3).await;
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b"]).await, 0);
        assert!(world.get("a").await.status.is_none(), "a pod that is held back is not told why");
        world.pod("c", "1", of_group()).await;
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 3);
        assert_eq!(group_condition(&world).await, ("Scheduled".to_owned(), String::new()));
    });
}

#[test]
fn a_gang_without_room_for_enough_of_its_pods_takes_none() {
    in_world(profile(), async |world| {
        world.node("n1", "2").await;
        gang(&world, 3).await;
        for pod in ["a", "b", "c"] {
            world.pod(pod, "1", of_group()).await;
        }
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 0);
        let told = "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, \
            one or more plugins asked to wait and no plugin rejected pod";
        assert_eq!(world.condition("a").await, ("Unschedulable".to_owned(), told.to_owned()));
        let (_, of_last) = world.condition("c").await;
        assert!(of_last.starts_with("0/1 nodes are available: 1 Insufficient cpu."), "{of_last}");
        let (reason, message) = group_condition(&world).await;
        assert_eq!((reason.as_str(), message.as_str()), ("Unschedulable", "pod group is unschedulable"));
        world.pod("other", "2", json!({})).await;
        world.seconds(1).await;
        assert!(world.node_of("other").await.is_some(), "nothing was kept for the gang");
        world.node("n2", "4").await;
        world.seconds(11).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 3);
    });
}

#[test]
fn more_pods_than_needed_are_placed_as_far_as_there_is_room() {
    in_world(profile(), async |world| {
        world.node("n1", "2").await;
        gang(&world, 2).await;
        for pod in ["a", "b", "c"] {
            world.pod(pod, "1", of_group()).await;
        }
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 2);
        assert_eq!(group_condition(&world).await.0, "Scheduled");
        world.node("n2", "1").await;
        world.seconds(11).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 3);
    });
}

#[test]
fn a_gang_that_asks_for_less_is_tried_again() {
    in_world(profile(), async |world| {
        world.node("n1", "2").await;
        gang(&world, 3).await;
        world.pod("a", "1", of_group()).await;
        world.pod("b", "1", of_group()).await;
        world.seconds(1).await;
        let less = Patch::Merge(json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}}));
        world.client.api().patch(&groups().named("g"), less, &WriteOptions::default()).await.unwrap();
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b"]).await, 2);
    });
}

#[test]
fn a_gang_preempts_for_all_its_pods_or_for_none() {
    in_world(profile(), async |world| {
        for node in ["n1", "n2"] {
            world.node(node, "1").await;
        }
        for pod in ["low-1", "low-2"] {
            world.pod(pod, "1", json!({"priority": 1})).await;
        }
        world.seconds(1).await;
        gang(&world, 3).await;
        let mut important = of_group();
        important["priority"] = json!(100);
        for pod in ["a", "b", "c"] {
            world.pod(pod, "1", important.clone()).await;
        }
        world.seconds(2).await;
        assert_eq!(bound(&world, &["low-1", "low-2"]).await, 2, "no use in preempting for two of three");
        world.node("n3", "1").await;
        world.seconds(30).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 3);
    });
}

#[test]
fn pods_of_a_group_must_name_one_scheduler() {
    let profiles = [profile(), profile().named("other")];
    in_world(steersman_scheduler::Profiles::new(profiles).unwrap(), async |world| {
        world.node("n1", "4").await;
        gang(&world, 2).await;
        world.pod("a", "1", of_group()).await;
        let mut other = of_group();
        other["schedulerName"] = json!("other");
        world.pod("b", "1", other).await;
        world.seconds(1).await;
        let (reason, message) = world.condition("a").await;
        assert_eq!(reason, "SchedulerError");
        assert!(message.starts_with("all pods in a single pod group should have the same"), "{message}");
        let group = world.client.api().get(&groups().named("g"), &GetOptions::default()).await.unwrap();
        assert!(group.to_value().unwrap()["status"].is_null(), "nothing was found out about the group");
    });
}

/// Has its way with pods, by name.
#[derive(Clone, Default)]
struct Moody {
    breaks_on: Option<&'static str>,
    reserves: Option<(&'static str, Rejection)>,
    /// Nobody is told when it changes.
    is_closed: Arc<AtomicBool>,
}

impl Plugin for Moody {
    fn name(&self) -> &'static str {
        "Moody"
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn reserve(&self) -> Option<&dyn Reserve> {
        Some(self)
    }

    fn wakes(&self, _: &PodInfo, _: &Event) -> Wake {
        Wake::Skip
    }
}

impl Filter for Moody {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        if self.is_closed.load(Ordering::Relaxed) {
            return Prepared::per_node(|_| Err(Rejection::unresolvable("closed")));
        }
        match self.breaks_on == Some(pod.name()) {
            true => Prepared::Reject(Rejection::error("out of order")),
            false => Prepared::Skip,
        }
    }
}

impl Reserve for Moody {
    fn reserve(&self, pod: &PodInfo, _: &str, _: &Snapshot) -> Verdict {
        match &self.reserves {
            Some((name, rejection)) if *name == pod.name() => Err(rejection.clone()),
            _ => Ok(()),
        }
    }

    fn unreserve(&self, _: &PodInfo, _: &str) {}
}

#[test]
fn where_something_breaks_each_pod_of_a_gang_is_told_what_and_whether_it_was_its_own() {
    let others = |why: &str| format!("failed to schedule other pod from a pod group: {why}");
    let filter = "running PreFilter plugin \"Moody\": out of order";
    let reserve = "running Reserve plugin \"Moody\": no books";
    let broken = Moody { breaks_on: Some("b"), ..Moody::default() };
    let bookless = Moody { reserves: Some(("b", Rejection::error("no books"))), ..Moody::default() };
    for (plugin, why) in [(broken, filter), (bookless, reserve)] {
        in_world(profile().with(plugin), async |world| {
            world.node("n1", "10").await;
            gang(&world, 3).await;
            for pod in ["a", "b", "c"] {
                world.pod(pod, "1", of_group()).await;
            }
            world.seconds(1).await;
            for (pod, why) in [("a", others(why)), ("b", why.to_owned()), ("c", others(why))] {
                assert_eq!(world.condition(pod).await, ("SchedulerError".to_owned(), why), "{pod}");
            }
            assert_eq!(group_condition(&world).await, ("SchedulerError".to_owned(), others(why)));
        });
    }
}

#[test]
fn a_pod_of_a_gang_that_a_plugin_will_not_reserve_for_is_told_as_one_without_a_node() {
    let picky = Moody { reserves: Some(("c", Rejection::unschedulable("is full"))), ..Moody::default() };
    in_world(profile().with(picky), async |world| {
        world.node("n1", "10").await;
        gang(&world, 2).await;
        for pod in ["a", "b", "c"] {
            world.pod(pod, "1", of_group()).await;
        }
        world.seconds(1).await;
        assert_eq!(bound(&world, &["a", "b", "c"]).await, 2);
        assert_eq!(world.condition("c").await.1, "0/1 nodes are available: 1 is full.");
    });
}

#[test]
fn a_gang_is_tried_again_after_back_off_though_nothing_happens() {
    let plugin = Moody::default();
    let is_closed = plugin.is_closed.clone();
    is_closed.store(true, Ordering::Relaxed);
    in_world(profile().with(plugin), async |world| {
        world.node("n1", "10").await;
        gang(&world, 2).await;
        for pod in ["a", "b"] {
            world.pod(pod, "1", of_group()).await;
        }
        world.pod("alone", "1", json!({})).await;
        world.seconds(30).await;
        is_closed.store(false, Ordering::Relaxed);
        world.seconds(11).await;
        assert_eq!(bound(&world, &["a", "b", "alone"]).await, 2);
    });
}

#[test]
fn a_pod_that_is_being_deleted_is_not_tried() {
    in_world(profile(), async |world| {
        world.node("n1", "10").await;
        gang(&world, 1).await;
        for (name, spec) in [("alone", json!({})), ("of-gang", of_group())] {
            let mut spec = spec;
            (spec["schedulerName"], spec["containers"]) = (json!("default-scheduler"), json!([]));
            let metadata =
                json!({"name": name, "namespace": "d", "deletionTimestamp": "2026-01-01T00:00:00Z"});
            let pod: Pod = from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
            world.client.namespaced("d").create(&pod).await.unwrap();
        }
        world.seconds(1).await;
        assert_eq!(bound(&world, &["alone", "of-gang"]).await, 0);
        let told = ["skip schedule deleting pod: d/alone", "skip schedule deleting pod: d/of-gang"];
        assert_eq!(world.events("FailedScheduling").await, told);
    });
}
