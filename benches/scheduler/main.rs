//! How many pods the scheduler places a second, in the clusters and with the pods of upstream's scheduler_perf.
//!
//! `cargo bench --bench scheduler`. First the library alone: a placement is a decision and taking note of it, nothing is
//! written anywhere. Then end to end: the component against our API server and store, every binding an API write, and an
//! event for each. Time is what the process spent on a CPU, so that a busy machine does not matter much. The figures
//! stand in `docs/performance.md`; arguments choose workloads by a part of their names.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use serde_json::{Value, json};
use steersman::prelude::*;
use steersman::sim::Sim;
use steersman_scheduler::{Cache, Decision, Picker, PodInfo, Profile, Scheduler};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// A cluster, and what is placed in it.
struct Workload {
    name: &'static str,
    nodes: usize,
    zones: usize,
    /// Placed before time is taken.
    first: Vec<(usize, Template)>,
    measured: (usize, Template),
    /// Every so many measured pods, one that fits nowhere is tried.
    churn: usize,
    target: f64,
}

/// Makes the spec, labels and namespace of the pod of a number.
type Template = fn(usize) -> Value;

/// What was measured.
struct Figures {
    placed: usize,
    failed: usize,
    evaluations: usize,
    took: Duration,
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!(
        "{:<44} {:>8} {:>12} {:>12} {:>16}   met",
        "decisions on one core", "nodes", "pods/s", "target", "judged nodes/s"
    );
    for workload in workloads().into_iter().chain(growth()) {
        if wanted.is_empty() || wanted.iter().any(|wanted| workload.name.contains(wanted.as_str())) {
            let figures = run(&workload);
            print(&workload, &figures);
        }
    }
    println!("the most memory that the process has had: {} MB", peak_megabytes());
    for (name, zones, template, target) in END_TO_END {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            let (pods, took) = end_to_end(*zones, *template);
            let rate = pods as f64 / took.as_secs_f64();
            let met = if rate >= *target { "yes" } else { "no" };
            println!(
                "{name:<44} {:>8} {rate:>12.0} {:>12} {:>16}   {met}",
                5_000,
                format!("≥ {target:.0}"),
                ""
            );
        }
    }
}

/// What is bound through the API server: name, zones, pods, and fifty times what upstream requires of itself.
const END_TO_END: &[(&str, usize, Template, f64)] = &[
    ("end to end: basic", 0, basic, 34_000.0),
    ("end to end: node affinity", 1, in_zone, 27_000.0),
    ("end to end: pod affinity, required", 1, near, 3_500.0),
    ("end to end: pod anti-affinity, required", 0, apart, 9_000.0),
    ("end to end: topology spread, hard", 3, spread, 23_000.0),
];

/// Has pods bound that are there already; gives back how many, and how long that took.
fn end_to_end(zones: usize, template: Template) -> (usize, Duration) {
    const PODS: usize = 5_000;
    let sim = Sim::new(1);
    sim.block_on(async {
        // Nobody makes tokens, and nobody says that the nodes are ready.
        let builder = Cluster::builder().without_controllers().without_scheduler();
        let builder = builder.without_admission("ServiceAccount").without_admission("TaintNodesByCondition");
        let cluster = builder.start(&sim.env()).await.expect("a valid cluster");
        for number in 0..5_000 {
            cluster.api::<Node>().create(&node(number, zones)).await.expect("a valid node");
        }
        let namespace = json!({"metadata": {"name": "sched-0"}});
        let namespace: Namespace = serde_json::from_value(namespace).expect("a valid namespace");
        cluster.api::<Namespace>().create(&namespace).await.expect("a new namespace");
        for number in 1..=PODS {
            let mut pod = template(number);
            pod["metadata"]["name"] = json!(format!("pod-{number}"));
            let pod: Pod = serde_json::from_value(pod).expect("a valid pod");
            cluster.api::<Pod>().namespace("sched-0").create(&pod).await.expect("a new pod");
        }
        let scheduler = Scheduler::new(&sim.env(), cluster.client(), Profile::default());
        let scheduler = Arc::new(scheduler);
        let running = scheduler.clone();
        let started = cpu_time();
        let task = sim.env().spawn("bench/scheduler", async move { running.run().await });
        // Virtual time passes once there is nothing left to do.
        sim.env().sleep(Duration::from_secs(1)).await;
        let took = cpu_time() - started;
        let pods = cluster.api::<Pod>().list(&ListOptions::default()).await.expect("a list");
        let bound = pods.iter().filter(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()));
        let bound = bound.count();
        assert_eq!(bound, PODS, "every pod is bound");
        drop(task);
        (bound, took)
    })
}

/// The most memory that the process has had in use, in megabytes; 0 where the system does not tell.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

fn workloads() -> Vec<Workload> {
    let mixed = vec![
        (2_000, basic as Template),
        (2_000, near),
        (2_000, apart),
        (2_000, rather_near),
        (2_000, rather_apart),
    ];
    let fast = |workload: Workload| Workload { target: 100_000.0, ..workload };
    let plain = || at_5000("basic", 0, (1_000, basic), (10_000, basic));
    let mut workloads = vec![
        fast(plain()),
        at_5000("node affinity", 1, (5_000, in_zone), (10_000, in_zone)),
        at_5000("pod affinity, required", 1, (5_000, near), (5_000, near)),
        at_5000("pod anti-affinity, required", 0, (1_000, apart), (2_000, apart)),
        at_5000("pod affinity, preferred", 0, (5_000, rather_near), (5_000, rather_near)),
        at_5000("pod anti-affinity, preferred", 0, (5_000, rather_apart), (5_000, rather_apart)),
    ];
    workloads.extend(of_namespaces());
    workloads.extend([
        at_5000("topology spread, hard", 3, (5_000, spread), (10_000, spread)),
        at_5000("topology spread, soft", 3, (5_000, rather_spread), (10_000, rather_spread)),
        Workload { first: mixed, ..at_5000("mixed", 1, (0, basic), (5_000, basic)) },
        Workload { target: 0.0, ..at_5000("preemption", 0, (20_000, unimportant), (5_000, important)) },
        fast(at_5000("gated", 0, (1_000, basic), (10_000, gated))),
        Workload { nodes: 15_000, ..at_5000("daemonset", 0, (0, basic), (15_000, on_its_node)) },
        Workload { name: "unschedulable churn", churn: 10, ..plain() },
        Workload { target: 5_000.0, ..at_5000("CSI volumes", 0, (0, with_volume), (1_000, with_volume)) },
    ]);
    workloads
}

/// Affinity to pods of other namespaces, which are chosen by their labels.
fn of_namespaces() -> [Workload; 4] {
    let of = |name, zones, first, template| at_5000(name, zones, (first, template), (2_000, template));
    [
        of("namespace selector, required affinity", 1, 5_000, near_teams),
        of("namespace selector, required anti-affinity", 0, 1_000, apart_from_teams),
        of("namespace selector, preferred affinity", 0, 5_000, rather_near_teams),
        of("namespace selector, preferred anti-affinity", 0, 5_000, rather_apart_from_teams),
    ]
}

fn at_5000(
    name: &'static str,
    zones: usize,
    first: (usize, Template),
    measured: (usize, Template),
) -> Workload {
    Workload { name, nodes: 5_000, zones, first: vec![first], measured, churn: 0, target: 20_000.0 }
}

/// How cost grows with the cluster.
fn growth() -> Vec<Workload> {
    let sizes = [100, 1_000, 10_000, 100_000];
    let of = |name, zones, template: Template| {
        sizes.map(move |nodes| Workload {
            name,
            nodes,
            zones,
            first: vec![],
            measured: (if nodes < 100_000 { nodes * 10 } else { nodes }, template),
            churn: 0,
            target: 0.0,
        })
    };
    [of("growth: basic", 0, basic), of("growth: topology spread, hard", 3, spread)]
        .into_iter()
        .flatten()
        .collect()
}

fn run(workload: &Workload) -> Figures {
    let mut cache = cluster(workload);
    let mut picker = Picker::new(Profile::default());
    let mut number = 0;
    for (count, template) in &workload.first {
        place(&mut picker, &mut cache, &pods(&mut number, *count, *template));
    }
    let (count, template) = workload.measured;
    let measured = pods(&mut number, count, template);
    let huge: Vec<Arc<PodInfo>> =
        pods(&mut number, count.checked_div(workload.churn).unwrap_or_default(), huge);
    let chunks = measured.chunks(if workload.churn > 0 { workload.churn } else { count.max(1) });
    let mut figures = Figures { placed: 0, failed: 0, evaluations: 0, took: Duration::ZERO };
    let started = cpu_time();
    for (at, chunk) in chunks.enumerate() {
        figures.add(place(&mut picker, &mut cache, chunk));
        figures.add(place(&mut picker, &mut cache, huge.get(at..=at).unwrap_or_default()));
    }
    figures.took = cpu_time() - started;
    figures
}

fn cluster(workload: &Workload) -> Cache {
    let mut cache = Cache::default();
    for number in 0..workload.nodes {
        cache.set_node(&Arc::new(node(number, workload.zones)));
    }
    if workload.name.contains("CSI") {
        volumes(&mut cache, workload.nodes, workload.measured.0);
    }
    for number in 0..100 {
        let labels = json!({"team": "devops"});
        let metadata = json!({"name": format!("team-{number}"), "labels": labels});
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": metadata})).expect("a valid namespace");
        cache.set_related(Object::from_typed(&namespace).expect("a namespace is an object"));
    }
    cache
}

/// A volume for each pod, bound to its claim, and drivers that can attach 39 to a node.
fn volumes(cache: &mut Cache, nodes: usize, pods: usize) {
    let mut add = |object: Value| {
        let old = cache.set_related(Object::from_value(&object).expect("a valid object"));
        assert!(old.is_none(), "each object is there once");
    };
    for number in 1..=pods {
        add(json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("volume-{number}")},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
                "claimRef": {"namespace": "sched-0", "name": format!("claim-{number}")},
                "csi": {"driver": "csi.example.com", "volumeHandle": number.to_string()},
            },
            "status": {"phase": "Bound"},
        }));
        add(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": format!("claim-{number}"), "namespace": "sched-0",
                "annotations": {"pv.kubernetes.io/bind-completed": "true"},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                "volumeName": format!("volume-{number}"),
            },
            "status": {"phase": "Bound"},
        }));
    }
    for number in 0..nodes {
        let driver =
            json!({"name": "csi.example.com", "nodeID": number.to_string(), "allocatable": {"count": 39}});
        let metadata = json!({"name": format!("node-{number}")});
        let (version, spec) = ("storage.k8s.io/v1", json!({"drivers": [driver]}));
        add(json!({"apiVersion": version, "kind": "CSINode", "metadata": metadata, "spec": spec}));
    }
}

/// Places one pod after the other.
fn place(picker: &mut Picker, cache: &mut Cache, pods: &[Arc<PodInfo>]) -> Figures {
    let mut figures = Figures { placed: 0, failed: 0, evaluations: 0, took: Duration::ZERO };
    for (tie, pod) in pods.iter().enumerate() {
        if picker.profile().admit(pod).is_err() {
            figures.failed += 1;
            continue;
        }
        match picker.pick(pod, cache.snapshot(), tie as u64) {
            Decision::Node(choice) => {
                cache.assume(pod, &choice.node);
                figures.placed += 1;
                figures.evaluations += choice.evaluated;
            }
            Decision::NoFit(no_fit) => {
                figures.failed += 1;
                figures.evaluations += no_fit.diagnosis.nodes;
                if let Some(nomination) = &no_fit.nomination {
                    nomination.victims.iter().for_each(|victim| drop(cache.remove_pod(victim.key())));
                    cache.assume(pod, &nomination.node);
                    figures.placed += 1;
                    figures.failed -= 1;
                }
            }
            other => panic!("{}: {other:?}", pod.name()),
        }
    }
    figures
}

impl Figures {
    fn add(&mut self, other: Figures) {
        self.placed += other.placed;
        self.failed += other.failed;
        self.evaluations += other.evaluations;
    }
}

fn print(workload: &Workload, figures: &Figures) {
    let rate = |count: usize| count as f64 / figures.took.as_secs_f64();
    let pods = rate(figures.placed + figures.failed);
    let (target, met) = match workload.target {
        0.0 => (String::new(), ""),
        target => (format!("≥ {target:.0}"), if pods >= target { "yes" } else { "no" }),
    };
    let name = match figures.failed {
        0 => workload.name.to_owned(),
        failed => format!("{} ({failed} not placed)", workload.name),
    };
    println!(
        "{name:<44} {:>8} {pods:>12.0} {target:>12} {:>16.0}   {met}",
        workload.nodes,
        rate(figures.evaluations)
    );
}

/// What the process has spent on a CPU.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

fn node(number: usize, zones: usize) -> Node {
    let name = format!("node-{number}");
    let mut labels = json!({HOST: name});
    if zones > 0 {
        labels[ZONE] = json!(format!("zone{}", number % zones + 1));
    }
    let allocatable = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    serde_json::from_value(
        json!({"metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}}),
    )
    .expect("a valid node")
}

fn pods(number: &mut usize, count: usize, template: Template) -> Vec<Arc<PodInfo>> {
    let pod = |_| {
        *number += 1;
        let mut pod = template(*number);
        pod["metadata"]["name"] = json!(format!("pod-{number}"));
        pod["metadata"]["uid"] = json!(number.to_string());
        let pod: Pod = serde_json::from_value(pod).expect("a valid pod");
        Arc::new(PodInfo::new(pod))
    };
    (0..count).map(pod).collect()
}

fn pod(color: &str, more: Value) -> Value {
    let requests = json!({"cpu": "100m", "memory": "500Mi"});
    let container =
        json!({"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests}});
    let mut spec = json!({"containers": [container]});
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({"metadata": {"namespace": "sched-0", "labels": {"color": color}}, "spec": spec})
}

fn basic(_: usize) -> Value {
    pod("none", json!({}))
}

fn huge(_: usize) -> Value {
    let requests = json!({"cpu": "9", "memory": "500Mi"});
    let containers = json!([{"name": "pause", "resources": {"requests": requests}}]);
    pod("none", json!({"containers": containers}))
}

fn unimportant(_: usize) -> Value {
    let requests = json!({"cpu": "900m", "memory": "500Mi"});
    pod("none", json!({"containers": [{"name": "pause", "resources": {"requests": requests}}]}))
}

fn important(_: usize) -> Value {
    let requests = json!({"cpu": "3", "memory": "500Mi"});
    pod(
        "none",
        json!({"priority": 10, "containers": [{"name": "pause", "resources": {"requests": requests}}]}),
    )
}

fn gated(number: usize) -> Value {
    pod(
        "none",
        if number.is_multiple_of(2) { json!({"schedulingGates": [{"name": "hold"}]}) } else { json!({}) },
    )
}

fn with_volume(number: usize) -> Value {
    let claim = json!({"claimName": format!("claim-{number}")});
    pod("none", json!({"volumes": [{"name": "data", "persistentVolumeClaim": claim}]}))
}

fn required_on_nodes(requirement: Value, kind: &str) -> Value {
    let terms = json!({"nodeSelectorTerms": [{kind: [requirement]}]});
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn in_zone(_: usize) -> Value {
    pod(
        "none",
        required_on_nodes(
            json!({"key": ZONE, "operator": "In", "values": ["zone1", "zone2"]}),
            "matchExpressions",
        ),
    )
}

fn on_its_node(number: usize) -> Value {
    let name = format!("node-{}", number - 1);
    pod(
        "none",
        required_on_nodes(json!({"key": "metadata.name", "operator": "In", "values": [name]}), "matchFields"),
    )
}

fn term(color: &str, key: &str) -> Value {
    json!({
        "labelSelector": {"matchLabels": {"color": color}},
        "topologyKey": key,
        "namespaces": ["sched-1", "sched-0"],
    })
}

fn term_of_teams(color: &str, key: &str) -> Value {
    let selector = json!({"matchLabels": {"team": "devops"}});
    json!({"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key, "namespaceSelector": selector})
}

fn required(kind: &str, color: &str, term: Value) -> Value {
    pod(color, json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}))
}

fn preferred(kind: &str, color: &str, term: Value) -> Value {
    let wish = json!({"weight": 1, "podAffinityTerm": term});
    pod(color, json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}}))
}

fn of_team(number: usize, mut pod: Value) -> Value {
    pod["metadata"]["namespace"] = json!(format!("team-{}", number % 100));
    pod
}

fn near(_: usize) -> Value {
    required("podAffinity", "blue", term("blue", ZONE))
}

fn apart(_: usize) -> Value {
    required("podAntiAffinity", "green", term("green", HOST))
}

fn rather_near(_: usize) -> Value {
    preferred("podAffinity", "red", term("red", HOST))
}

fn rather_apart(_: usize) -> Value {
    preferred("podAntiAffinity", "yellow", term("yellow", HOST))
}

fn near_teams(number: usize) -> Value {
    of_team(number, required("podAffinity", "blue", term_of_teams("blue", ZONE)))
}

fn apart_from_teams(number: usize) -> Value {
    of_team(number, required("podAntiAffinity", "green", term_of_teams("green", HOST)))
}

fn rather_near_teams(number: usize) -> Value {
    of_team(number, preferred("podAffinity", "red", term_of_teams("red", HOST)))
}

fn rather_apart_from_teams(number: usize) -> Value {
    of_team(number, preferred("podAntiAffinity", "yellow", term_of_teams("yellow", HOST)))
}

fn spread(_: usize) -> Value {
    spread_over_zones("DoNotSchedule")
}

fn rather_spread(_: usize) -> Value {
    spread_over_zones("ScheduleAnyway")
}

fn spread_over_zones(otherwise: &str) -> Value {
    let constraint = json!({
        "labelSelector": {"matchLabels": {"color": "blue"}},
        "maxSkew": 5,
        "topologyKey": ZONE,
        "whenUnsatisfiable": otherwise,
    });
    pod("blue", json!({"topologySpreadConstraints": [constraint]}))
}
