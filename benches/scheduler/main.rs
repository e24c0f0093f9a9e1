//! How many pods the scheduler places a second, in the clusters and with the pods of upstream's scheduler_perf.
//!
//! `cargo bench --bench scheduler`. First the library alone: a placement is a decision and taking note of it, nothing is
//! written anywhere. Then end to end: the component against our API server and store, every binding an API write; there
//! time is taken until the last pod is bound, and once more when the events that tell of it are written, too; of three
//! runs the best counts. Time is what the process spent on a CPU, so that a busy machine does not matter much. The
//! figures stand in `docs/performance.md`; arguments choose workloads by a part of their names.
#![expect(clippy::print_stdout, reason = "a bench prints")]

mod end_to_end;
mod templates;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use steersman::core::tree::{from_value, json};
use steersman::prelude::*;
use steersman_scheduler::{Cache, Decision, Picker, PodInfo, Profile};

use end_to_end::WORKLOADS;
use templates::*;

/// A program chooses its allocator; this one makes many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    println!(
        "{:<44} {:>8} {:>12} {:>12} {:>16}   met",
        "through the API", "nodes", "pods/s", "target", "with events/s"
    );
    for workload in WORKLOADS {
        if wanted.is_empty() || wanted.iter().any(|wanted| workload.name.contains(wanted.as_str())) {
            let (bound, whole) = workload.best_of(3);
            let rate = |took: Duration| workload.pods as f64 / took.as_secs_f64();
            let met = if rate(bound) >= workload.target { "yes" } else { "no" };
            let target = format!("≥ {:.0}", workload.target);
            println!(
                "{:<44} {:>8} {:>12.0} {target:>12} {:>16.0}   {met}",
                workload.name,
                5_000,
                rate(bound),
                rate(whole)
            );
        }
    }
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
        let drivers = (0..workload.nodes).map(driver);
        let volumes = (1..=workload.measured.0).flat_map(|number| [volume(number), claim(number)]);
        for object in drivers.chain(volumes) {
            let old = cache.set_related(Object::from_value(&object).expect("a valid object"));
            assert!(old.is_none(), "each object is there once");
        }
    }
    for number in 0..100 {
        let labels = json!({"team": "devops"});
        let metadata = json!({"name": format!("team-{number}"), "labels": labels});
        let namespace: Namespace = from_value(json!({"metadata": metadata})).expect("a valid namespace");
        cache.set_related(Object::from_typed(&namespace).expect("a namespace is an object"));
    }
    cache
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

fn pods(number: &mut usize, count: usize, template: Template) -> Vec<Arc<PodInfo>> {
    let pod = |_| {
        *number += 1;
        let mut pod = template(*number);
        pod["metadata"]["name"] = json!(format!("pod-{number}"));
        pod["metadata"]["uid"] = json!(number.to_string());
        let pod: Pod = from_value(pod).expect("a valid pod");
        Arc::new(PodInfo::new(pod))
    };
    (0..count).map(pod).collect()
}
