//! The scheduler against an API in memory, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod churn;
#[cfg(feature = "cel")]
mod devices;
mod extenders;
mod gangs;
mod stories;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{
    Api, Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchOptions, WatchStream,
    WriteOptions,
};
use steersman_core::env::Task;
use steersman_core::resource::ApiResource;
use steersman_core::testing::{Lab, MemoryApi};
use steersman_core::tree::{Value, from_value, json};
use steersman_core::{Client, Env, Error, Object, Result};
use steersman_scheduler::{Profiles, Scheduler};

/// An API in memory that knows bindings.
#[derive(Clone, Default)]
struct Server {
    api: MemoryApi,
    /// `name uid` of the pods that were bound.
    bindings: Arc<Mutex<Vec<String>>>,
    /// Binding takes up to 50 ms.
    slow: Option<Env>,
}

#[async_trait]
impl Api for Server {
    async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object> {
        self.api.get(target, options).await
    }

    async fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList> {
        self.api.list(target, options).await
    }

    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        self.api.watch(target, options).await
    }

    async fn create(&self, target: &Target, mut body: Value, options: &WriteOptions) -> Result<Object> {
        if let (Some(begin), None) =
            (body["metadata"]["generateName"].as_str(), body["metadata"]["name"].as_str())
        {
            body["metadata"]["name"] = json!(format!("{begin}{}", self.api.calls().len()));
        }
        if target.subresource != "binding" {
            return self.api.create(target, body, options).await;
        }
        if let Some(env) = &self.slow {
            env.sleep(Duration::from_millis(env.random_u64() % 50)).await;
        }
        let mut pod = target.clone();
        pod.subresource = "".into();
        let current = self.api.get(&pod, &GetOptions::default()).await?.to_value()?;
        if !current["spec"]["nodeName"].is_null() {
            return Err(Error::conflict(&target.resource.group_resource(), &target.name, "already bound"));
        }
        let patch = json!({"spec": {"nodeName": body["target"]["name"]}});
        let bound = self.api.patch(&pod, Patch::Merge(patch), options).await?;
        self.bindings.lock().unwrap().push(format!("{} {}", target.name, bound.uid()));
        Ok(bound)
    }

    async fn update(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.api.update(target, body, options).await
    }

    async fn patch(&self, target: &Target, patch: Patch, options: &WriteOptions) -> Result<Object> {
        self.api.patch(target, patch, options).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion> {
        self.api.delete(target, options).await
    }

    async fn delete_collection(
        &self,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList> {
        self.api.delete_collection(target, options, list).await
    }

    async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        self.api.discover().await
    }
}

/// A cluster with a running scheduler.
struct World {
    server: Server,
    client: Client,
    env: Env,
    _scheduler: Task<()>,
}

impl World {
    fn start(lab: &Lab, profiles: impl Into<Profiles>) -> Self {
        Self::with(lab, profiles, |scheduler| scheduler)
    }

    fn with(lab: &Lab, profiles: impl Into<Profiles>, change: impl FnOnce(Scheduler) -> Scheduler) -> Self {
        let server = Server::default();
        let (env, client) = (lab.env(), Client::new(Arc::new(server.clone())));
        let scheduler = change(Scheduler::new(&env, &client, profiles));
        let task = env.spawn("scheduler", async move { scheduler.run().await });
        World { server, client, env, _scheduler: task }
    }

    async fn node(&self, name: &str, cpu: &str) {
        let node = json!({
            "metadata": {"name": name},
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}},
        });
        self.client.all::<Node>().create(&from_value(node).unwrap()).await.unwrap();
    }

    async fn pod(&self, name: &str, cpu: &str, more: Value) {
        self.try_pod(name, cpu, more).await.unwrap();
    }

    async fn try_pod(&self, name: &str, cpu: &str, more: Value) -> Result<Arc<Pod>> {
        let container = json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
        let mut spec = json!({"schedulerName": "default-scheduler", "containers": [container]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let pod = json!({"metadata": {"name": name, "namespace": "d"}, "spec": spec});
        self.client.namespaced::<Pod>("d").create(&from_value(pod).unwrap()).await
    }

    async fn patch(&self, name: &str, patch: Value) {
        self.client.namespaced::<Pod>("d").patch(name, Patch::Merge(patch)).await.unwrap();
    }

    async fn seconds(&self, seconds: u64) {
        self.env.sleep(Duration::from_secs(seconds)).await;
    }

    async fn node_of(&self, name: &str) -> Option<String> {
        self.get(name).await.spec.as_ref().unwrap().node_name.clone()
    }

    async fn get(&self, name: &str) -> Arc<Pod> {
        self.client.namespaced::<Pod>("d").get(name).await.unwrap()
    }

    /// Reason and message of the PodScheduled condition.
    async fn condition(&self, name: &str) -> (String, String) {
        let pod = self.get(name).await;
        let conditions = pod.status.as_ref().unwrap().conditions.as_ref().unwrap();
        let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled").unwrap();
        (scheduled.reason.clone().unwrap(), scheduled.message.clone().unwrap())
    }

    async fn events(&self, reason: &str) -> Vec<String> {
        let events = self.client.all::<Event>().list(&ListOptions::default()).await.unwrap();
        let wanted = events.iter().filter(|event| event.reason.as_deref() == Some(reason));
        wanted.map(|event| event.message.clone().unwrap()).collect()
    }
}

fn in_world(profiles: impl Into<Profiles>, story: impl AsyncFnOnce(World)) {
    let lab = Lab::new();
    let world = World::start(&lab, profiles);
    lab.run(story(world));
}
