//! Parts of ours over the network: controllers and a scheduler that reach the API server as any client does.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use steersman::Remote;
use steersman::controllers::{Controllers, Defaults};
use steersman::core::api::{GetOptions, Target};
use steersman::core::resource::GroupVersionResource;
use steersman::prelude::*;
use steersman::scheduler::{Profile, Profiles, Scheduler};

use super::Served;
use super::kube_rs;

/// How long the cluster may take to do what it is to do.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn remote(served: &Served) -> Client {
    Client::new(Arc::new(Remote::new(kube_rs::client(served).await)))
}

#[test]
fn controllers_and_a_scheduler_work_from_far_away() {
    let served = Served::with(|_, builder| builder.nodes(1).without_controllers().without_scheduler());
    served.runtime.block_on(async {
        let (env, client) = (Env::tokio(), remote(&served).await);
        let _controllers = Defaults::default().add_to(Controllers::new(&env, &client), &client).start();
        let profiles = Profiles::new(vec![Profile::default()]).unwrap();
        let scheduler = Scheduler::new(&env, &client, profiles);
        let _scheduler = env.spawn("scheduler", async move { scheduler.run().await });

        let web = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "web"}]}
                }
            }
        });
        let deployments = client.namespaced::<Deployment>("default");
        let mut changes = deployments.watch(&WatchOptions::default()).await.unwrap();
        deployments.create(&serde_json::from_value(web).unwrap()).await.unwrap();
        let ready = async {
            while let Some(event) = futures::StreamExt::next(&mut changes).await {
                let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else { continue };
                let web: Arc<Deployment> = object.decode().unwrap();
                if web.status.as_ref().and_then(|status| status.ready_replicas) == Some(2) {
                    return;
                }
            }
        };
        env.timeout(PATIENCE, ready).await.expect("both pods are ready in time");
    });
}

#[test]
fn refusals_and_discovery_are_the_servers_own() {
    let served = Served::start();
    served.runtime.block_on(async {
        let client = remote(&served).await;
        let missing = client.namespaced::<Deployment>("default").get("none").await.unwrap_err();
        assert_eq!((missing.code(), missing.message()), (404, "deployments.apps \"none\" not found"));
        let unknown = Target::all(GroupVersionResource::new("x.example", "v1", "boats")).named("a");
        let unknown = client.api().get(&unknown, &GetOptions::default()).await.unwrap_err();
        assert_eq!(unknown.code(), 404);
        let mut far = client.api().discover().await.unwrap().to_vec();
        let mut near = served.cluster().client().api().discover().await.unwrap().to_vec();
        for all in [&mut far, &mut near] {
            for one in all.iter_mut() {
                one.verbs.to_mut().sort();
                one.subresources.to_mut().sort();
            }
            all.retain(|one| !one.verbs.is_empty());
            all.sort_by(|a, b| a.resource.cmp(&b.resource));
        }
        let names = |all: &[steersman::core::resource::ApiResource]| -> Vec<String> {
            all.iter().map(|one| format!("{:?}", one.resource)).collect()
        };
        assert_eq!(names(&far), names(&near));
        assert_eq!(far, near);
    });
}
