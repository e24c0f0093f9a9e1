//! A kubelet over an API in memory, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use steersman_core::api::{ListOptions, Patch, Target, WriteOptions};
use steersman_core::resource::GroupVersionResource;
use steersman_core::runtime::Runtime;
use steersman_core::testing::{Lab, MemoryApi};
use steersman_core::tree::{Value, from_value, json};
use steersman_core::{Client, Env};

use crate::fake::Script;
use crate::{Fake, Kubelet, KubeletOptions};

struct World {
    lab: Lab,
    env: Env,
    api: MemoryApi,
    client: Client,
    fake: Fake,
}

impl World {
    fn new(fake: impl FnOnce(Fake) -> Fake) -> Self {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let env = lab.env();
        let fake = fake(Fake::new(&env));
        World { client: api.client(), env, lab, api, fake }
    }

    /// Runs `story` beside a kubelet of the node `n`.
    fn run(&self, story: impl AsyncFnOnce(&Self)) {
        let options = KubeletOptions::default();
        let kubelet = Kubelet::new(&self.env, &self.client, "n", Arc::new(self.fake.clone()), options);
        let _running = self.env.spawn("kubelet", kubelet.run());
        self.lab.run(story(self));
    }

    async fn pass(&self, seconds: u64) {
        self.env.sleep(Duration::from_secs(seconds)).await;
    }

    async fn create(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = "n".into();
        let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        let target = Target::all(GroupVersionResource::of::<Pod>()).in_namespace("ns").named(name);
        self.client.api().create(&target, body, &WriteOptions::default()).await.unwrap();
    }

    async fn pod(&self, name: &str) -> Option<Arc<Pod>> {
        self.client.namespaced::<Pod>("ns").get_opt(name).await.unwrap()
    }

    async fn phase(&self, name: &str) -> String {
        self.pod(name).await.unwrap().status.as_ref().unwrap().phase.clone().unwrap()
    }

    fn writes(&self, what: &str) -> usize {
        self.api.calls().iter().filter(|call| call.starts_with(what)).count()
    }

    async fn reasons(&self) -> Vec<String> {
        let events = self.client.namespaced::<Event>("ns").list(&ListOptions::default()).await.unwrap();
        let mut reasons: Vec<String> = events.iter().map(|event| event.reason.clone().unwrap()).collect();
        reasons.sort();
        reasons
    }
}

fn web() -> Value {
    json!({"containers": [{"name": "web", "image": "i"}]})
}

#[test]
fn the_node_is_registered_and_its_lease_renewed() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.pass(35).await;
        let node = world.client.all::<Node>().get("n").await.unwrap();
        let conditions = node.status.as_ref().unwrap().conditions.as_ref().unwrap();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!(ready.message.as_deref(), Some("kubelet is posting ready status"));
        let lease = world.client.namespaced::<Lease>("kube-node-lease").get("n").await.unwrap();
        assert_eq!(lease.spec.as_ref().unwrap().holder_identity.as_deref(), Some("n"));
        assert_eq!(lease.metadata.owner_references.as_ref().unwrap()[0].name, "n");
        let renewed = lease.spec.as_ref().unwrap().renew_time.as_ref().unwrap().0;
        assert!(world.env.now().duration_since(renewed).as_secs() < 10);
        assert_eq!(world.writes("patch nodes"), 0, "a status that has not changed is not written");
        world.pass(300).await;
        assert_eq!(world.writes("patch nodes"), 1, "but every five minutes");
    });
}

#[test]
fn a_pod_that_starts_at_once_costs_one_status_write() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", web()).await;
        world.pass(1).await;
        assert_eq!(world.phase("p").await, "Running");
        assert_eq!(world.writes("patch pods"), 1);
        assert_eq!(world.reasons().await, ["Created", "Pulled", "Started"]);
    });
}

#[test]
fn a_pod_whose_container_ends_is_told_of() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", json!({"restartPolicy": "Never", "containers": [{"name": "web"}]})).await;
        world.pass(5).await;
        assert!(world.fake.exit("ns", "p", "web", 0));
        world.pass(1).await;
        assert_eq!(world.phase("p").await, "Succeeded");
        assert!(!world.fake.pods().await.unwrap()[0].ready, "its sandbox is stopped");
    });
}

#[test]
fn a_deleted_pod_is_stopped_and_then_removed() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", web()).await;
        world.pass(1).await;
        let deletion = json!({"deletionTimestamp": "2030-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30});
        let pods = world.client.namespaced::<Pod>("ns");
        pods.patch("p", Patch::Merge(json!({"metadata": deletion}))).await.unwrap();
        world.pass(1).await;
        assert_eq!(world.pod("p").await, None);
        assert_eq!(world.fake.pods().await.unwrap(), []);
        assert_eq!(
            world.writes("patch pods/ns/p/status"),
            2,
            "the last status is written before the pod goes"
        );
    });
}

#[test]
fn a_status_that_somebody_wrote_over_is_put_right() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", web()).await;
        world.pass(1).await;
        let not_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        let pods = world.client.namespaced::<Pod>("ns");
        pods.patch_status("p", Patch::Strategic(not_ready)).await.unwrap();
        world.pass(1).await;
        let pod = world.pod("p").await.unwrap();
        let conditions = pod.status.as_ref().unwrap().conditions.as_ref().unwrap();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!(ready.status, "True");
    });
}

#[test]
fn a_missing_config_map_is_told_of_and_waited_for() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        let key = json!({"configMapKeyRef": {"name": "c", "key": "k"}});
        let env = json!([{"name": "A", "valueFrom": key}]);
        world.create("p", json!({"containers": [{"name": "web", "image": "i", "env": env}]})).await;
        world.pass(1).await;
        let pod = world.pod("p").await.unwrap();
        let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
        let waiting = statuses[0].state.as_ref().unwrap().waiting.as_ref().unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("CreateContainerConfigError"));
        assert_eq!(waiting.message.as_deref(), Some("configmap \"c\" not found"));
        let map = from_value(json!({"metadata": {"name": "c"}, "data": {"k": "v"}})).unwrap();
        let maps = world.client.namespaced::<k8s_openapi::api::core::v1::ConfigMap>("ns");
        maps.create(&map).await.unwrap();
        world.pass(10).await;
        assert_eq!(world.phase("p").await, "Running");
    });
}

#[test]
fn a_new_kubelet_goes_on_where_the_old_one_was_dropped() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", web()).await;
        world.pass(1).await;
    });
    let before = world.lab.run(world.fake.pods()).unwrap();
    world.run(async |world| {
        world.pass(1).await;
        assert_eq!(world.fake.pods().await.unwrap(), before);
        assert_eq!(world.phase("p").await, "Running");
        assert!(world.fake.exit("ns", "p", "web", 1));
        world.pass(1).await;
        let pod = world.pod("p").await.unwrap();
        let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
        assert_eq!(statuses[0].restart_count, 1);
    });
}

#[test]
fn a_node_that_lost_power_runs_its_pods_again() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.create("p", web()).await;
        world.pass(1).await;
        world.fake.lose_power();
        world.pass(600).await;
        assert_eq!(world.phase("p").await, "Running");
        assert_eq!(world.fake.pods().await.unwrap().len(), 1);
    });
}

#[test]
fn what_belongs_to_no_pod_is_removed() {
    let world = World::new(|fake| fake);
    let config = steersman_core::runtime::PodSandboxConfig { uid: "stray".to_owned(), ..Default::default() };
    world.lab.run(world.fake.start_sandbox(config)).unwrap();
    world.run(async |world| {
        world.pass(1).await;
        assert_eq!(world.fake.pods().await.unwrap(), []);
    });
}

#[test]
fn a_status_that_could_not_be_written_is_written_later() {
    let world = World::new(|fake| fake);
    world.run(async |world| {
        world.pass(1).await;
        let error = || steersman_core::Error::internal("not now");
        world.api.fail("patch", error());
        world.api.fail("patch", error());
        world.create("p", web()).await;
        world.pass(5).await;
        assert_eq!(world.phase("p").await, "Running");
    });
}

#[test]
fn a_probe_decides_when_a_pod_is_ready() {
    let world = World::new(|fake| {
        fake.scripted(|_, _| Script { ready_after: Duration::from_secs(7), ..Script::default() })
    });
    world.run(async |world| {
        let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 2});
        world.create("p", json!({"containers": [{"name": "web", "readinessProbe": probe}]})).await;
        let ready = async || {
            let pod = world.pod("p").await.unwrap();
            pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].ready
        };
        world.pass(7).await;
        assert!(!ready().await);
        world.pass(2).await;
        assert!(ready().await);
        assert!(world.reasons().await.contains(&"Unhealthy".to_owned()));
    });
}
