//! What the quickstart does to the cluster, step by step, and what it expects of every step.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use steersman::kubelet::{Process, ProcessOptions, Subnet};
use steersman::netproxy::Userspace;
use steersman::prelude::*;

use crate::progress::Progress;
use crate::traffic::{Tally, Traffic, request};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const NAMESPACE: &str = "shop";
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A step of the story: its title, what came of it, and the requests meanwhile.
struct Row {
    title: &'static str,
    result: String,
    took: Duration,
    tally: Tally,
}

struct Story {
    env: Env,
    cluster: Cluster,
    service: SocketAddr,
    traffic: Traffic,
    rows: Vec<Row>,
}

/// Tells the whole story; an error if anything expected did not happen.
pub(crate) async fn tell(env: Env) -> Outcome {
    let started = env.elapsed();
    let cluster = start(&env).await?;
    println!("cluster started in {} ms: 3 nodes", (env.elapsed() - started).as_millis());

    cluster.apply(include_str!("web.yaml")).await?;
    rollout(&env, &cluster, "web: ready replicas", 3).await?;
    let service = service_address(&cluster).await?;
    println!("http://{service} answers as {}", first_answer(&env, service).await?);

    let traffic = Traffic::start(&env, service);
    let mut story = Story { env: env.clone(), cluster, service, traffic, rows: Vec::new() };
    story.scale().await?;
    story.kill().await?;
    story.drain().await?;
    story.roll().await?;
    story.undo().await?;
    story.report();
    let verdict = story.verdict();
    story.cluster.stop().await;
    println!("told in {:.1} s", (env.elapsed() - started).as_secs_f64());
    verdict
}

async fn start(env: &Env) -> Outcome<Cluster> {
    let executable = std::env::current_exe()?.to_string_lossy().into_owned();
    let mut builder = Cluster::builder().service_cidr("127.96.0.0/16").network(Userspace::new(env));
    for number in 1..=3 {
        let options = ProcessOptions::default()
            .subnet(Subnet::new([127, 10, number, 0].into(), 24))
            .image("web:v1", [executable.as_str(), "serve", "v1"])
            .image("web:v2", [executable.as_str(), "serve", "v2"]);
        builder = builder.node(&format!("node-{number}"), Process::new(env, options)?);
    }
    Ok(builder.start(env).await?)
}

async fn service_address(cluster: &Cluster) -> Outcome<SocketAddr> {
    let service = cluster.api::<Service>().namespace(NAMESPACE).get("web").await?;
    let ip = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()).unwrap_or_default();
    Ok(SocketAddr::new(ip.parse()?, 80))
}

/// Readiness of the pods and the rules of the proxy are a moment apart.
async fn first_answer(env: &Env, service: SocketAddr) -> Outcome<String> {
    let deadline = env.elapsed() + PATIENCE;
    loop {
        match request(service).await {
            Ok(answer) => return Ok(answer.pod),
            Err(error) if env.elapsed() > deadline => return Err(error.into()),
            Err(_) => env.sleep(POLL).await,
        }
    }
}

/// Waits until the Deployment is rolled out with `replicas`, and shows how it goes.
async fn rollout(env: &Env, cluster: &Cluster, title: &str, replicas: i32) -> Outcome {
    let mut progress = Progress::new(title, replicas.unsigned_abs().into());
    let deadline = env.elapsed() + PATIENCE;
    loop {
        let web = cluster.api::<Deployment>().namespace(NAMESPACE).get("web").await?;
        progress.set(done(&web).unsigned_abs().into());
        if is_rolled_out(&web, replicas) {
            progress.finish();
            return Ok(());
        }
        if env.elapsed() > deadline {
            return Err(format!("{title}: not done after {PATIENCE:?}: {:?}", web.status).into());
        }
        env.sleep(POLL).await;
    }
}

/// How many replicas are as the newest spec wants them.
fn done(web: &Deployment) -> i32 {
    let status = web.status.clone().unwrap_or_default();
    if status.observed_generation != web.metadata.generation {
        return 0;
    }
    status.updated_replicas.unwrap_or_default().min(status.available_replicas.unwrap_or_default())
}

fn is_rolled_out(web: &Deployment, replicas: i32) -> bool {
    let status = web.status.clone().unwrap_or_default();
    status.replicas == Some(replicas) && done(web) == replicas
}

impl Story {
    async fn scale(&mut self) -> Outcome {
        let begun = self.env.elapsed();
        self.patch_web(json!({"spec": {"replicas": 5}})).await?;
        rollout(&self.env, &self.cluster, "scale to 5", 5).await?;
        self.row("scale to 5", "5 ready", begun).await;
        Ok(())
    }

    /// Kills the process behind the service that answers next; the kubelet must start it again.
    async fn kill(&mut self) -> Outcome {
        let begun = self.env.elapsed();
        let victim = request(self.service).await?;
        let pid = rustix::process::Pid::from_raw(victim.pid).ok_or("a pod answered with process id 0")?;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
        let deadline = begun + PATIENCE;
        while self.restarts(&victim.pod).await? == 0 {
            self.before(deadline, "the killed container is restarted").await?;
        }
        rollout(&self.env, &self.cluster, "heal", 5).await?;
        self.row("kill one process", &format!("{} restarted", victim.pod), begun).await;
        Ok(())
    }

    /// Cordons a node and evicts its pods, as `kubectl drain` does.
    async fn drain(&mut self) -> Outcome {
        let begun = self.env.elapsed();
        let node = "node-1";
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        self.cluster.api::<Node>().patch(node, cordon).await?;
        let (deadline, mut evicted) = (begun + PATIENCE, BTreeSet::new());
        loop {
            let left = self.pods_on(node).await?;
            if left.is_empty() {
                break;
            }
            // The scheduler may place a pod before it has heard that the node is cordoned.
            for pod in &left {
                if evicted.insert(pod.clone()) {
                    self.evict(pod).await?;
                }
            }
            self.before(deadline, &format!("{node} is without {}", left.join(", "))).await?;
        }
        rollout(&self.env, &self.cluster, "drain node-1", 5).await?;
        self.row("drain node-1", &format!("{} pods moved", evicted.len()), begun).await;
        Ok(())
    }

    async fn evict(&self, pod: &str) -> Outcome {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}
        });
        self.cluster.api::<Pod>().namespace(NAMESPACE).post(pod, "eviction", eviction).await?;
        Ok(())
    }

    async fn roll(&mut self) -> Outcome {
        let begun = self.env.elapsed();
        self.set_image("web:v2").await?;
        rollout(&self.env, &self.cluster, "roll to v2", 5).await?;
        self.expect_version("v2").await?;
        self.row("roll to v2", "v2 answers", begun).await;
        Ok(())
    }

    /// Goes back to the template of the previous revision, as `kubectl rollout undo` does.
    async fn undo(&mut self) -> Outcome {
        let begun = self.env.elapsed();
        self.cluster.undo(NAMESPACE, "web").await?;
        rollout(&self.env, &self.cluster, "undo", 5).await?;
        self.expect_version("v1").await?;
        self.row("undo", "v1 answers", begun).await;
        Ok(())
    }

    async fn set_image(&self, image: &str) -> Outcome {
        let containers = json!([{"name": "web", "image": image}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let web = self.cluster.api::<Deployment>().namespace(NAMESPACE);
        web.patch("web", Patch::Strategic(patch)).await?;
        Ok(())
    }

    async fn patch_web(&self, patch: steersman::core::tree::Value) -> Outcome<Arc<Deployment>> {
        let web = self.cluster.api::<Deployment>().namespace(NAMESPACE);
        Ok(web.patch("web", Patch::Merge(patch)).await?)
    }

    /// Old processes may still finish what was routed to them; then only `version` must answer.
    async fn expect_version(&self, version: &str) -> Outcome {
        let deadline = self.env.elapsed() + PATIENCE;
        let mut in_a_row = 0;
        while in_a_row < 10 {
            in_a_row = if request(self.service).await?.version == version { in_a_row + 1 } else { 0 };
            if in_a_row == 0 {
                self.before(deadline, version).await?;
            }
        }
        Ok(())
    }

    async fn restarts(&self, pod: &str) -> Outcome<i32> {
        let pod = self.cluster.api::<Pod>().namespace(NAMESPACE).get(pod).await?;
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        Ok(statuses.map(|status| status.restart_count).sum())
    }

    async fn pods_on(&self, node: &str) -> Outcome<Vec<String>> {
        let pods = self.cluster.api::<Pod>().namespace(NAMESPACE).list(&ListOptions::default()).await?;
        let on_node =
            pods.iter().filter(|pod| pod.spec.as_ref().is_some_and(|s| s.node_name.as_deref() == Some(node)));
        Ok(on_node.filter_map(|pod| pod.metadata.name.clone()).collect())
    }

    async fn before(&self, deadline: Duration, what: &str) -> Outcome {
        if self.env.elapsed() > deadline {
            return Err(format!("waited in vain: {what}").into());
        }
        self.env.sleep(POLL).await;
        Ok(())
    }

    async fn row(&mut self, title: &'static str, result: &str, begun: Duration) {
        let took = self.env.elapsed() - begun;
        self.rows.push(Row { title, result: result.to_owned(), took, tally: self.traffic.take() });
    }

    fn report(&self) {
        println!(
            "\n  {:<18} {:<34} {:>7} {:>9} {:>7}  versions",
            "step", "result", "took", "requests", "failed"
        );
        for Row { title, result, took, tally } in &self.rows {
            let took = format!("{:.1} s", took.as_secs_f64());
            let versions: Vec<String> =
                tally.versions.iter().map(|(name, n)| format!("{name} {n}")).collect();
            let versions = versions.join(", ");
            println!(
                "  {title:<18} {result:<34} {took:>7} {:>9} {:>7}  {versions}",
                tally.answered, tally.failed
            );
        }
        let answered: usize = self.rows.iter().map(|row| row.tally.answered).sum();
        println!("\n{answered} requests answered");
    }

    /// A process killed without warning may take a request with it; nothing else may lose one.
    fn verdict(&self) -> Outcome {
        for Row { title, tally, .. } in self.rows.iter().filter(|row| row.title != "kill one process") {
            if tally.failed > 0 || tally.answered == 0 {
                let Tally { answered, failed, last_failure, .. } = tally;
                return Err(format!("{title}: {answered} answered, {failed} failed: {last_failure}").into());
            }
        }
        Ok(())
    }
}
