//! A kubelet with real processes, over an API in memory.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod};
use steersman_core::api::{Patch, Target, WatchEvent, WatchOptions, WatchStream, WriteOptions};
use steersman_core::env::Task;
use steersman_core::resource::GroupVersionResource;
use steersman_core::testing::MemoryApi;
use steersman_core::tree::{Value, json};
use steersman_core::{Client, Env};

use super::{Process, ProcessOptions};
use crate::{Kubelet, KubeletOptions};

struct World {
    client: Client,
    process: Process,
    changes: WatchStream,
    _kubelet: Task<()>,
}

async fn world() -> World {
    let (env, api) = (Env::tokio(), MemoryApi::default());
    let client = api.client();
    let process = Process::new(&env, ProcessOptions::default()).unwrap();
    let kubelet = Kubelet::new(&env, &client, "n", Arc::new(process.clone()), KubeletOptions::default());
    let changes = client.all::<Pod>().watch(&WatchOptions::default()).await.unwrap();
    World { _kubelet: env.spawn("kubelet", kubelet.run()), client, process, changes }
}

impl World {
    async fn create(&self, container: Value) {
        let body = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"app": "web"}},
            "spec": {"nodeName": "n", "containers": [container]}
        });
        let target = Target::all(GroupVersionResource::of::<Pod>()).in_namespace("ns").named("p");
        self.client.api().create(&target, body, &WriteOptions::default()).await.unwrap();
    }

    /// Waits until the pod is as wanted; `None` is a pod that was removed.
    async fn until(&mut self, wanted: impl Fn(Option<&Pod>) -> bool) {
        while let Some(event) = self.changes.next().await {
            let met = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    wanted(Some(&object.decode::<Pod>().unwrap()))
                }
                WatchEvent::Deleted(_) => wanted(None),
                _ => false,
            };
            if met {
                return;
            }
        }
    }
}

/// The state of the only container in a word, its restarts, and whether it is ready.
fn container(pod: Option<&Pod>) -> Option<(String, i32, bool)> {
    let shown = pod?.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let state = shown.state.as_ref()?;
    let word = match (&state.running, &state.waiting) {
        (Some(_), _) => "Running".to_owned(),
        (None, Some(waiting)) => waiting.reason.clone()?,
        (None, None) => "Terminated".to_owned(),
    };
    Some((word, shown.restart_count, shown.ready))
}

#[tokio::test]
async fn a_pod_comes_up_heals_and_goes() {
    let mut world = world().await;
    let field = json!({"fieldRef": {"fieldPath": "metadata.labels['app']"}});
    let probe = json!({"exec": {"command": ["/bin/sh", "-c", "test $APP = web"]}});
    world
        .create(json!({
            "name": "c", "image": "i", "env": [{"name": "APP", "valueFrom": field}],
            "command": ["/bin/sh", "-c", "sleep 1000"], "readinessProbe": probe
        }))
        .await;
    world.until(|pod| container(pod) == Some(("Running".to_owned(), 0, true))).await;
    assert!(world.process.kill("ns", "p", "c"));
    world.until(|pod| container(pod) == Some(("Running".to_owned(), 1, true))).await;
    let deletion = json!({"deletionTimestamp": "2030-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30});
    let pods = world.client.namespaced::<Pod>("ns");
    pods.patch("p", Patch::Merge(json!({"metadata": deletion}))).await.unwrap();
    world.until(|pod| pod.is_none()).await;
}

#[tokio::test]
async fn a_process_that_cannot_be_started_is_shown_and_the_node_lives_on() {
    let mut world = world().await;
    world.create(json!({"name": "c", "image": "i", "command": ["/surely/not/here"]})).await;
    world.until(|pod| container(pod).is_some_and(|(state, ..)| state == "RunContainerError")).await;
    world.until(|pod| container(pod).is_some_and(|(state, ..)| state == "CrashLoopBackOff")).await;
}

#[tokio::test]
async fn wishes_that_no_process_can_be_granted_are_told_in_an_event() {
    let world = world().await;
    let mut events = world.client.all::<Event>().watch(&WatchOptions::default()).await.unwrap();
    world
        .create(json!({
            "name": "c", "image": "i", "command": ["/bin/sh", "-c", "sleep 1000"],
            "resources": {"limits": {"memory": "1Gi"}}, "securityContext": {"readOnlyRootFilesystem": true}
        }))
        .await;
    let message = loop {
        let Some(WatchEvent::Added(event)) = events.next().await else { continue };
        let event = event.decode::<Event>().unwrap();
        if event.reason.as_deref() == Some("NotEnforced") {
            break event.message.clone().unwrap();
        }
    };
    let wishes = "resources.limits, securityContext.readOnlyRootFilesystem";
    assert_eq!(message, format!("Runtime process does not enforce: {wishes}"));
}
