//! A week of a cluster's life in well under a second: a Deployment rolled every hour, a node dying every day, its pods
//! evicted and replaced. The same seed gives the same event log.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it tells a person how long it really took"
)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use steersman::prelude::*;
use steersman::sim::{Recorded, Sim};
use steersman::store::Memory;

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
    let store = Recorded::new(std::sync::Arc::new(Memory::new()), sim);
    let cluster = Cluster::builder().store(store).nodes(NODES).start(&sim.env()).await?;
    cluster.apply(WEB).await?;
    let mut rollouts = 0;
    for day in 0..7 {
        for hour in 0..24 {
            if hour == 12 {
                cluster.fail_node(&format!("node-{}", day % NODES + 1));
            }
            if hour == 13 {
                cluster.recover_node(&format!("node-{}", day % NODES + 1));
            }
            rollouts += 1;
            roll(&cluster, rollouts).await?;
            sim.advance(HOUR).await;
            expect_rolled_out(&cluster, rollouts).await?;
        }
    }
    Ok(rollouts)
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
