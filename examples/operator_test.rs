//! An ordinary operator, written with kube-rs, and a test of it: thirty days of its life in virtual time, against a whole
//! control plane in the same process, in under a second.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it tells a person how long it really took"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, CustomResource, CustomResourceExt, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steersman::core::tree::json;
use steersman::prelude::{Cluster, Env};

const HOUR: Duration = Duration::from_secs(3600);
const DAYS: u32 = 30;
const MANAGER: &str = "website-operator";

// ---- The operator: nothing here knows that it is tested. ----

/// What somebody wants on the web.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced, status = "WebsiteStatus")]
struct WebsiteSpec {
    image: String,
    replicas: i32,
}

/// What is there.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct WebsiteStatus {
    wanted: i32,
}

struct Operator {
    client: Client,
    rounds: AtomicU64,
}

type Failure = finalizer::Error<kube::Error>;

async fn reconcile(site: Arc<Website>, operator: Arc<Operator>) -> Result<Action, Failure> {
    let sites: Api<Website> = Api::namespaced(operator.client.clone(), &site.namespace().unwrap_or_default());
    operator.rounds.fetch_add(1, Ordering::Relaxed);
    finalizer(&sites, "example.com/website", site, |event| async {
        match event {
            Event::Apply(site) => operator.bring_up(&sites, &site).await,
            // The Deployment is owned, and goes with the site.
            Event::Cleanup(_) => Ok(Action::await_change()),
        }
    })
    .await
}

impl Operator {
    async fn bring_up(&self, sites: &Api<Website>, site: &Website) -> Result<Action, kube::Error> {
        let deployments: Api<Deployment> =
            Api::namespaced(self.client.clone(), &site.namespace().unwrap_or_default());
        let apply = PatchParams::apply(MANAGER).force();
        deployments.patch(&site.name_any(), &apply, &Patch::Apply(deployment(site))).await?;
        let status = json!({
            "apiVersion": Website::api_version(&()), "kind": Website::kind(&()),
            "status": WebsiteStatus { wanted: site.spec.replicas },
        });
        sites.patch_status(&site.name_any(), &apply, &Patch::Apply(status)).await?;
        Ok(Action::requeue(HOUR))
    }
}

fn deployment(site: &Website) -> Deployment {
    let labels = BTreeMap::from([("site".to_owned(), site.name_any())]);
    let container =
        Container { name: "web".to_owned(), image: Some(site.spec.image.clone()), ..Container::default() };
    Deployment {
        metadata: ObjectMeta {
            name: Some(site.name_any()),
            owner_references: Some(site.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        },
        spec: Some(DeploymentSpec {
            replicas: Some(site.spec.replicas),
            selector: LabelSelector { match_labels: Some(labels.clone()), ..LabelSelector::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

async fn run(operator: Arc<Operator>) {
    let sites: Api<Website> = Api::all(operator.client.clone());
    let deployments: Api<Deployment> = Api::all(operator.client.clone());
    Controller::new(sites, watcher::Config::default())
        .owns(deployments, watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(HOUR), operator)
        .for_each(|_| std::future::ready(()))
        .await;
}

// ---- The test. ----

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let started = Instant::now();
    let rounds = runtime.block_on(live())?;
    println!("{DAYS} days, {rounds} reconciles: {} ms", started.elapsed().as_millis());
    Ok(())
}

async fn live() -> Result<u64, Box<dyn std::error::Error>> {
    let env = Env::tokio();
    let cluster = Cluster::builder().without_scheduler().start(&env).await?;
    let client = cluster.kube_client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &Website::crd()).await?;
    let operator = Arc::new(Operator { client: client.clone(), rounds: AtomicU64::new(0) });
    let _running = env.spawn("operator", run(operator.clone()));

    let sites: Api<Website> = Api::default_namespaced(client.clone());
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    let site = Website::new("blog", WebsiteSpec { image: "nginx:1".to_owned(), replicas: 2 });
    sites.create(&PostParams::default(), &site).await?;
    env.sleep(HOUR * 24 * DAYS).await;
    let rounds = operator.rounds.load(Ordering::Relaxed);
    expect(rounds >= u64::from(24 * DAYS), "the site is looked at every hour")?;
    let wanted = deployments.get("blog").await?.spec.and_then(|spec| spec.replicas);
    expect(wanted == Some(2), "the Deployment is what the site wants")?;
    expect(sites.get("blog").await?.status.is_some_and(|status| status.wanted == 2), "the status says so")?;

    sites.delete("blog", &DeleteParams::default()).await?;
    env.sleep(HOUR).await;
    expect(sites.get_opt("blog").await?.is_none(), "the finalizer lets the site go")?;
    expect(deployments.get_opt("blog").await?.is_none(), "what it owned goes with it")?;
    Ok(rounds)
}

fn expect(holds: bool, promise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(promise) }
}
