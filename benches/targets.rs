//! The speeds that the house is built for, measured in process on one thread and printed as a table.
//!
//! `cargo bench --bench targets`; an argument chooses rows by a part of their names. Time is what the process spent on a
//! CPU, so that a busy machine does not matter much. The figures stand in `docs/performance.md`.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use steersman::core::api::{Api, Target};
use steersman::core::resource::GroupVersionResource;
use steersman::core::tree::{Map, Value, from_value, json};
use steersman::prelude::*;
use steersman::sim::Sim;

/// A program chooses its allocator; this one makes many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A figure, and what it should at least (or at most) be.
struct Figure {
    name: &'static str,
    measured: f64,
    unit: &'static str,
    /// None for a figure that only tells.
    target: Option<f64>,
    more_is_better: bool,
}

#[derive(Default)]
struct Table(Vec<Figure>);

impl Table {
    fn rate(
        &mut self,
        name: &'static str,
        target: impl Into<Option<f64>>,
        count: usize,
        took: Option<Duration>,
    ) {
        let Some(took) = took else { return };
        let measured = count as f64 / took.as_secs_f64();
        self.0.push(Figure { name, measured, unit: "/s", target: target.into(), more_is_better: true });
    }

    fn millis(&mut self, name: &'static str, target: f64, took: Option<Duration>) {
        let Some(took) = took else { return };
        self.0.push(Figure {
            name,
            measured: took.as_secs_f64() * 1e3,
            unit: "ms",
            target: Some(target),
            more_is_better: false,
        });
    }

    fn print(&self) {
        println!("\n{:<48} {:>14} {:>14}   met", "in process, one thread", "measured", "target");
        for figure in &self.0 {
            let Figure { name, measured, unit, target, more_is_better } = figure;
            let Some(target) = target else {
                println!("{name:<48} {measured:>11.0} {unit:<2}");
                continue;
            };
            let is_met = if *more_is_better { measured >= target } else { measured <= target };
            let bound = if *more_is_better { "≥" } else { "≤" };
            let met = if is_met { "yes" } else { "no" };
            println!("{name:<48} {measured:>11.0} {unit:<2} {bound} {target:>9.0} {unit:<2}   {met}");
        }
    }
}

fn main() {
    if std::env::args().any(|argument| argument == MEMORY) {
        return println!("{}", resident_growth());
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut table = Table::default();
    start_to_first_object(&mut criterion, &mut table);
    pod_creates(&mut criterion, &mut table);
    typed_creates(&mut criterion, &mut table);
    typed_gets(&mut criterion, &mut table);
    watch_fan_out(&mut criterion, &mut table);
    unchanged_applies(&mut criterion, &mut table);
    changed_applies(&mut criterion, &mut table);
    share_of_tracking(&mut criterion, &mut table);
    custom_creates(&mut criterion, &mut table);
    hundred_replicas(&mut criterion, &mut table);
    resident_memory(&mut table);
    criterion.final_summary();
    table.print();
}

/// Runs `once` under criterion and returns its best time; nothing if the arguments did not choose it.
fn best(criterion: &mut Criterion, name: &str, mut once: impl FnMut() -> Duration) -> Option<Duration> {
    let mut best = None;
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let took: Vec<Duration> = (0..times).map(|_| once()).collect();
            best = took.iter().copied().chain(best).min();
            took.iter().sum()
        });
    });
    best
}

/// What the process has spent on a CPU.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let started = cpu_time();
    let kept = act();
    let took = cpu_time() - started;
    drop(kept);
    took
}

/// A cluster of an API server and nothing else.
async fn server(sim: &Sim) -> Cluster {
    let builder =
        Cluster::builder().without_controllers().without_scheduler().without_admission("ServiceAccount");
    builder.start(&sim.env()).await.expect("a valid cluster")
}

fn pod(name: String) -> Pod {
    let pod = json!({
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web", "tier": "front"}},
        "spec": {"containers": [{
            "name": "main", "image": "web:1",
            "ports": [{"containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
        }]}
    });
    from_value(pod).expect("a valid pod")
}

fn start_to_first_object(criterion: &mut Criterion, table: &mut Table) {
    let map: ConfigMap = from_value(json!({"metadata": {"name": "first"}})).expect("a valid map");
    let took = best(criterion, "start to first object", || {
        let sim = Sim::new(1);
        timed(|| {
            sim.block_on(async {
                let cluster = Cluster::builder().start(&sim.env()).await.expect("a valid cluster");
                cluster.api::<ConfigMap>().namespace("default").create(&map).await.expect("a valid map");
            });
        })
    });
    table.millis("cluster start to first object created", 10.0, took);
}

/// Trees in, objects out, as the server has them.
fn pod_creates(criterion: &mut Criterion, table: &mut Table) {
    const PODS: usize = 2_000;
    let all: Vec<Value> = (0..PODS).map(|number| json!(pod(format!("pod-{number}")))).collect();
    let took = best(criterion, "2,000 pod creates", || {
        let sim = Sim::new(1);
        let bodies = all.clone();
        sim.block_on(async {
            let cluster = server(&sim).await;
            let client = cluster.client();
            let (pods, options) = (client.namespaced::<Pod>("default").target(""), WriteOptions::default());
            let started = cpu_time();
            for body in bodies {
                client.api().create(&pods, body, &options).await.expect("a valid pod");
            }
            cpu_time() - started
        })
    });
    table.rate("pod creates through the whole pipeline", 20_000.0, PODS, took);
}

/// The same through the typed client, which writes the one as a tree and reads the other as a struct.
fn typed_creates(criterion: &mut Criterion, table: &mut Table) {
    const PODS: usize = 2_000;
    let all: Vec<Pod> = (0..PODS).map(|number| pod(format!("pod-{number}"))).collect();
    let took = best(criterion, "2,000 typed pod creates", || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let cluster = server(&sim).await;
            let started = cpu_time();
            for pod in &all {
                cluster.api::<Pod>().create(pod).await.expect("a valid pod");
            }
            cpu_time() - started
        })
    });
    table.rate("the same, typed on both ends", None, PODS, took);
}

fn typed_gets(criterion: &mut Criterion, table: &mut Table) {
    const GETS: usize = 20_000;
    let sim = Sim::new(1);
    let cluster = sim.block_on(server(&sim));
    sim.block_on(cluster.api::<Pod>().create(&pod("one".to_owned()))).expect("a valid pod");
    let pods = cluster.api::<Pod>().namespace("default");
    let took = best(criterion, "20,000 typed gets", || {
        timed(|| {
            sim.block_on(async {
                for _ in 0..GETS {
                    pods.get("one").await.expect("the pod exists");
                }
            });
        })
    });
    table.rate("typed gets", 200_000.0, GETS, took);
}

fn watch_fan_out(criterion: &mut Criterion, table: &mut Table) {
    const WATCHERS: usize = 100;
    const UPDATES: usize = 10_000;
    /// Watchers drink between bursts, as they would.
    const BURST: usize = 50;
    let took = best(criterion, "100 watchers, 10,000 updates", || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let cluster = server(&sim).await;
            let maps = cluster.api::<ConfigMap>().namespace("default");
            let map = json!({"metadata": {"name": "m"}});
            maps.create(&from_value(map).expect("a valid map")).await.expect("a valid map");
            let mut watches = Vec::new();
            for _ in 0..WATCHERS {
                watches.push(maps.watch(&WatchOptions::default()).await.expect("maps can be watched"));
            }
            drain(&mut watches);
            let (started, mut delivered) = (cpu_time(), 0);
            for update in 1..=UPDATES {
                let patch = Patch::Merge(json!({"data": {"n": update.to_string()}}));
                maps.patch("m", patch).await.expect("a valid patch");
                if update % BURST == 0 {
                    delivered += drain(&mut watches);
                }
            }
            assert_eq!(delivered, WATCHERS * UPDATES);
            cpu_time() - started
        })
    });
    table.rate("watch deliveries, 100 watchers, with the writes", 1_000_000.0, WATCHERS * UPDATES, took);
}

fn drain(watches: &mut [steersman::core::api::WatchStream]) -> usize {
    let mut count = 0;
    for watch in watches {
        while let Some(Some(_)) = watch.next().now_or_never() {
            count += 1;
        }
    }
    count
}

/// A Deployment of three containers; `round` stands in an annotation of its template.
fn deployment(round: usize) -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("{name}:1"),
            "ports": [{"containerPort": 8080, "name": "http"}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            "env": [
                {"name": "MODE", "value": "fast"},
                {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
            ]
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": {"round": round.to_string()}},
                "spec": {"containers": [container("web"), container("log"), container("proxy")]}
            }
        }
    })
}

/// How long it takes to write each of `bodies` to the Deployment that `first` is the creation of.
fn writes<T>(first: Value, bodies: &[T], write: impl AsyncFn(&dyn Api, &Target, &T)) -> Duration {
    let sim = Sim::new(1);
    sim.block_on(async {
        let cluster = server(&sim).await;
        let client = cluster.client();
        let all = client.namespaced::<Deployment>("default");
        let (collection, web) = (all.target(""), all.target("web"));
        client.api().create(&collection, first, &WriteOptions::default()).await.expect("a valid Deployment");
        let started = cpu_time();
        for body in bodies {
            write(client.api(), &web, body).await;
        }
        cpu_time() - started
    })
}

async fn apply(api: &dyn Api, web: &Target, config: &Value) {
    let options = WriteOptions { field_manager: "bench".to_owned(), force: true, ..WriteOptions::default() };
    api.patch(web, Patch::Apply(config.clone()), &options).await.expect("a valid Deployment");
}

async fn update(api: &dyn Api, web: &Target, body: &Value) {
    api.update(web, body.clone(), &WriteOptions::default()).await.expect("a valid Deployment");
}

fn unchanged_applies(criterion: &mut Criterion, table: &mut Table) {
    const APPLIES: usize = 1_000;
    let configs = vec![deployment(0); APPLIES];
    let took = best(criterion, "1,000 unchanged applies", || writes(deployment(0), &configs, apply));
    table.rate("unchanged applies, three containers", 10_000.0, APPLIES, took);
}

fn changed_applies(criterion: &mut Criterion, table: &mut Table) {
    const APPLIES: usize = 1_000;
    let configs: Vec<Value> = (1..=APPLIES).map(deployment).collect();
    let took = best(criterion, "1,000 changed applies", || writes(deployment(0), &configs, apply));
    table.rate("changed applies, three containers", 5_000.0, APPLIES, took);
}

/// An object whose owners were reset is not tracked, so what its updates take less is what tracking takes.
fn share_of_tracking(criterion: &mut Criterion, table: &mut Table) {
    const UPDATES: usize = 1_000;
    let bodies: Vec<Value> = (1..=UPDATES).map(deployment).collect();
    let mut reset = deployment(0);
    reset["metadata"]["managedFields"] = json!([]);
    let untracked: Vec<Value> = std::iter::once(reset).chain(bodies.iter().cloned()).collect();
    let with = best(criterion, "1,000 updates", || writes(deployment(0), &bodies, update));
    let without =
        best(criterion, "1,000 updates without owners", || writes(deployment(0), &untracked, update));
    let (Some(with), Some(without)) = (with, without) else { return };
    let share = 1.0 - without.as_secs_f64() / with.as_secs_f64();
    table.0.push(Figure {
        name: "tracking's share of a plain update",
        measured: share * 100.0,
        unit: "%",
        target: Some(30.0),
        more_is_better: false,
    });
}

/// A definition with fifty fields and five rules.
fn boats() -> Value {
    let kinds = [json!({"type": "string"}), json!({"type": "integer"}), json!({"type": "boolean"})];
    let field = |number: usize| (format!("field{number}"), kinds[number % kinds.len()].clone());
    let properties: Map = (0..50).map(field).collect();
    let rules = [
        "self.field1 >= 0",
        "self.field0.startsWith('b')",
        "!self.field2 || self.field4 > 1",
        "has(self.field3) && self.field3.size() < 20",
        "[self.field1, self.field4, self.field7].all(length, length < 1000)",
    ];
    let rules: Value = rules.iter().map(|rule| json!({"rule": rule})).collect();
    let spec = json!({"type": "object", "properties": properties, "x-kubernetes-validations": rules});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.harbour.example"},
        "spec": {
            "group": "harbour.example", "scope": "Namespaced", "names": {"plural": "boats", "kind": "Boat"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
            }]
        }
    })
}

fn boat(number: usize) -> Value {
    let value = |field: usize| match field % 3 {
        0 => json!(format!("b{number}")),
        1 => json!(field),
        _ => json!(true),
    };
    let spec: Map = (0..50).map(|field| (format!("field{field}"), value(field))).collect();
    json!({
        "apiVersion": "harbour.example/v1", "kind": "Boat", "metadata": {"name": format!("boat-{number}")},
        "spec": spec
    })
}

fn custom_creates(criterion: &mut Criterion, table: &mut Table) {
    const BOATS: usize = 1_000;
    let all: Vec<Value> = (0..BOATS).map(boat).collect();
    let took = best(criterion, "1,000 custom resources", || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let cluster = server(&sim).await;
            cluster.apply(&boats().to_string()).await.expect("a valid definition");
            let resource = GroupVersionResource::new("harbour.example", "v1", "boats");
            let boats = Target::all(resource).in_namespace("default");
            let (client, options) = (cluster.client(), WriteOptions::default());
            let started = cpu_time();
            for boat in &all {
                client.api().create(&boats, boat.clone(), &options).await.expect("a valid boat");
            }
            cpu_time() - started
        })
    });
    table.rate("creates of a custom resource, 50 fields, 5 rules", 10_000.0, BOATS, took);
}

fn hundred_replicas(criterion: &mut Criterion, table: &mut Table) {
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 100, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "web:1"}]}
            }
        }
    })
    .to_string();
    let took = best(criterion, "100 replicas to ready", || {
        let sim = Sim::new(1);
        let cluster = sim.block_on(async {
            let cluster = Cluster::builder().nodes(10).start(&sim.env()).await.expect("a valid cluster");
            cluster.settle().await.expect("it settles");
            cluster
        });
        timed(|| {
            sim.block_on(async {
                cluster.apply(&manifest).await.expect("a valid manifest");
                // Looked at often enough that the events, which are held back for 100 ms, are not in it.
                while ready(&cluster).await < 100 {
                    sim.advance(Duration::from_millis(10)).await;
                }
            });
        })
    });
    table.millis("a Deployment of 100 replicas to 100 Ready pods", 50.0, took);
}

async fn ready(cluster: &Cluster) -> i32 {
    let deployments = cluster.api::<Deployment>().namespace("default");
    let web: Arc<_> = deployments.get("web").await.expect("the Deployment exists");
    web.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default()
}

/// Asks a process of its own, so that nothing that ran before is counted, or lends its memory.
fn resident_memory(table: &mut Table) {
    let mut chosen = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if chosen.peek().is_some() && !chosen.any(|part| "memory of 10,000 pods".contains(&part)) {
        return;
    }
    let this = std::env::current_exe().expect("a running program has a file");
    let child = std::process::Command::new(this).arg(MEMORY).output().expect("the file can be run again");
    let bytes: f64 = String::from_utf8_lossy(&child.stdout).trim().parse().unwrap_or(f64::NAN);
    table.0.push(Figure {
        name: "resident memory of 10,000 pods",
        measured: bytes / 1e6,
        unit: "MB",
        target: Some(100.0),
        more_is_better: false,
    });
}

/// The argument by which the bench is asked for nothing but [`resident_growth`].
const MEMORY: &str = "--resident-growth";

/// By how many bytes a server grows that gets 10,000 pods.
fn resident_growth() -> usize {
    let sim = Sim::new(1);
    sim.block_on(async {
        let cluster = server(&sim).await;
        let before = resident_bytes();
        for number in 0..10_000 {
            cluster.api::<Pod>().create(&pod(format!("pod-{number}"))).await.expect("a valid pod");
        }
        resident_bytes().saturating_sub(before)
    })
}

/// What Linux says this process holds; 0 elsewhere.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}
