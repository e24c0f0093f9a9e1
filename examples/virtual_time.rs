//! A week of a cluster's life in seconds: a Deployment rolled every hour, a node dying every day, its pods
//! evicted and replaced. The same seed gives the same event log.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it tells a person how long it really took"
)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use steersman::controllers::Defaults;
use steersman::controllers::nodelifecycle::NodeLifecycleOptions;
use steersman::controllers::podgc::PodGcOptions;
use steersman::kubelet::KubeletOptions;
use steersman::prelude::*;
use steersman::sim::Sim;
use steersman::store::Memory;

/// A program chooses its allocator; this one makes many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const NODES: usize = 3;

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:0"}]}
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let first = week(4711)?;
    let second = week(4711)?;
    println!("event logs: {first:016x} and {second:016x}");
    if first == second { Ok(()) } else { Err("the same seed gave two histories".into()) }
}

/// Lives through a week and returns the hash of the event log.
fn week(seed: u64) -> Result<u64, Box<dyn std::error::Error>> {
    let started = Instant::now();
    let sim = Sim::new(seed);
    let rollouts = sim.block_on(live(&sim))?;
    println!("7 days, {rollouts} rollouts, 7 dead nodes: {} ms", started.elapsed().as_millis());
    Ok(sim.log_hash())
}

async fn live(sim: &Sim) -> Result<u32> {
    let builder = Cluster::builder().store(sim.recorded(Memory::new())).nodes(NODES);
    let builder = builder.kubelet_options(slow_kubelet()).controller_defaults(slow_controllers());
    let cluster = builder.start(&sim.env()).await?;
    cluster.apply(WEB).await?;
    let mut rollouts = 0;
    for day in 0..7 {
        for hour in 0..24 {
            let node = format!("node-{}", day % NODES + 1);
            if hour == 12 {
                cluster.fail_node(&node);
            }
            if hour == 13 {
                cluster.recover_node(&node);
            }
            rollouts += 1;
            roll(&cluster, rollouts).await?;
            sim.advance(HOUR).await;
            expect_rolled_out(&cluster, rollouts).await?;
        }
    }
    Ok(rollouts)
}

/// Upstream's kubelet gives 60,000 signs of life a week; a node that gives one in twenty minutes is the same to watch.
fn slow_kubelet() -> KubeletOptions {
    let mut options = KubeletOptions::default();
    options.lease_duration = 80 * MINUTE;
    options.status_period = HOUR;
    options.report_period = 6 * HOUR;
    options
}

/// A node is lost when it has been silent for forty minutes; pods still leave it after the default toleration of 300 s.
fn slow_controllers() -> Defaults {
    let mut nodes = NodeLifecycleOptions::default();
    nodes.node_monitor_period = 5 * MINUTE;
    nodes.node_monitor_grace_period = 40 * MINUTE;
    let mut pods = PodGcOptions::default();
    pods.period = 5 * MINUTE;
    Defaults::default().node_lifecycle(nodes).pod_gc(pods)
}

async fn roll(cluster: &Cluster, version: u32) -> Result<()> {
    let containers = json!([{"name": "web", "image": format!("web:{version}")}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    cluster.api::<Deployment>().namespace("default").patch("web", Patch::Strategic(patch)).await?;
    Ok(())
}

async fn expect_rolled_out(cluster: &Cluster, version: u32) -> Result<()> {
    let web = cluster.api::<Deployment>().namespace("default").get("web").await?;
    let status = web.status.clone().unwrap_or_default();
    if status.updated_replicas == Some(3) && status.available_replicas == Some(3) {
        return Ok(());
    }
    Err(Error::internal(format!("rollout {version} is not done after an hour: {status:?}")))
}
