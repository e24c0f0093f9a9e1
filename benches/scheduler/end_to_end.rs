//! Has pods bound through our API server and store: every binding is an API write, and every event.
//!
//! As upstream measures it: the scheduler knows the nodes, and the pods that were there before, when the pods come that
//! are measured. They come while it rests, and time is taken from its first look at them on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman::core::api::Target;
use steersman::core::resource::GroupVersionResource;
use steersman::core::tree::{Value, from_value, json};
use steersman::prelude::*;
use steersman::sim::Sim;
use steersman_scheduler::{Plugin, PodInfo, PostBind, Profile, Scheduler};

use crate::cpu_time;
use crate::templates::*;

const NODES: usize = 5_000;

/// What is bound.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    zones: usize,
    pub(crate) pods: usize,
    template: Template,
    around: Around,
    /// Fifty times what upstream requires of itself.
    pub(crate) target: f64,
}

/// What there is besides the nodes and the pods.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Nothing,
    /// A volume for each pod.
    Volumes,
    /// Four pods on each node, which have to make room.
    Pods,
    /// With every tenth pod, one that fits nowhere.
    Churn,
}

/// By their names.
pub(crate) const WORKLOADS: &[Workload] = &[
    plain("end to end: basic", 0, basic, 34_000.0),
    plain("end to end: node affinity", 1, in_zone, 27_000.0),
    plain("end to end: pod affinity, required", 1, near, 3_500.0),
    plain("end to end: pod anti-affinity, required", 0, apart, 9_000.0),
    plain("end to end: topology spread, hard", 3, spread, 23_000.0),
    Workload { pods: 1_000, around: Around::Pods, ..plain("end to end: preemption", 0, important, 28_500.0) },
    Workload { around: Around::Churn, ..plain("end to end: unschedulable churn", 0, basic, 29_500.0) },
    Workload { around: Around::Volumes, ..plain("end to end: CSI volumes", 0, with_volume, 5_000.0) },
];

const fn plain(name: &'static str, zones: usize, template: Template, target: f64) -> Workload {
    Workload { name, zones, pods: 5_000, template, around: Around::Nothing, target }
}

/// Notes when the last pod is bound.
struct Finish {
    wanted: usize,
    bound: Arc<AtomicUsize>,
    at: Arc<Mutex<Duration>>,
}

impl Plugin for Finish {
    fn name(&self) -> &'static str {
        "Finish"
    }

    fn post_bind(&self) -> Option<&dyn PostBind> {
        Some(self)
    }
}

impl PostBind for Finish {
    fn post_bind(&self, _: &PodInfo, _: &str) {
        if self.bound.fetch_add(1, Ordering::Relaxed) + 1 == self.wanted {
            *self.at.lock().expect("nobody panics") = cpu_time();
        }
    }
}

/// Lets the scheduler rest: while it does, what comes waits for it.
#[derive(Default)]
struct Rest {
    rests: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Rest {
    fn begin(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }

    fn end(&self) {
        self.rests.store(false, Ordering::Relaxed);
        self.waker.lock().expect("nobody panics").take().into_iter().for_each(Waker::wake);
    }

    async fn run(&self, scheduler: &Scheduler) {
        let mut running = pin!(scheduler.run());
        poll_fn(|cx| {
            *self.waker.lock().expect("nobody panics") = Some(cx.waker().clone());
            if self.rests.load(Ordering::Relaxed) { Poll::Pending } else { running.as_mut().poll(cx) }
        })
        .await;
    }
}

impl Workload {
    /// What the fastest of several runs took: a shared machine can only make them slower.
    pub(crate) fn best_of(&self, runs: usize) -> (Duration, Duration) {
        let all: Vec<(Duration, Duration)> = (0..runs).map(|_| self.run()).collect();
        let least =
            |times: fn(&(Duration, Duration)) -> Duration| all.iter().map(times).min().unwrap_or_default();
        (least(|times| times.0), least(|times| times.1))
    }

    /// Has pods bound; tells how long that took, and with everything that comes of it.
    fn run(&self) -> (Duration, Duration) {
        let sim = Sim::new(1);
        sim.block_on(async {
            let env = sim.env();
            // Nobody makes tokens, and nobody says that the nodes are ready.
            let builder = Cluster::builder().without_controllers().without_scheduler();
            let builder =
                builder.without_admission("ServiceAccount").without_admission("TaintNodesByCondition");
            let cluster = builder.start(&env).await.expect("a valid cluster");
            self.surround(&cluster).await;
            let (bound, at) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Duration::ZERO)));
            let finish = Finish { wanted: self.pods, bound: bound.clone(), at: at.clone() };
            let profile = Profile::default().with(finish);
            let scheduler = Scheduler::new(&env, cluster.client(), profile);
            let rest = Arc::new(Rest::default());
            let task = env.spawn("bench/scheduler", {
                let rest = rest.clone();
                async move { rest.run(&scheduler).await }
            });
            env.sleep(Duration::from_secs(1)).await;
            rest.begin();
            self.bring(&cluster).await;
            env.sleep(Duration::from_secs(1)).await;
            let started = cpu_time();
            rest.end();
            // Virtual time passes once there is nothing left to do.
            for _ in 0..600 {
                env.sleep(Duration::from_secs(1)).await;
                if bound.load(Ordering::Relaxed) == self.pods {
                    break;
                }
            }
            let whole = cpu_time() - started;
            assert_eq!(bound.load(Ordering::Relaxed), self.pods, "every pod is bound");
            drop(task);
            let bound = *at.lock().expect("nobody panics") - started;
            (bound, whole)
        })
    }

    /// Makes what there is before the pods that are measured.
    async fn surround(&self, cluster: &Cluster) {
        for number in 0..NODES {
            cluster.api::<Node>().create(&node(number, self.zones)).await.expect("a valid node");
        }
        create(cluster, "namespaces", json!({"metadata": {"name": "sched-0"}})).await;
        if self.around == Around::Pods {
            let class = json!({
                "apiVersion": "scheduling.k8s.io/v1", "metadata": {"name": "important"}, "value": 10,
            });
            create(cluster, "priorityclasses", class).await;
            for number in 0..NODES * 4 {
                let mut pod = unimportant(number);
                pod["spec"]["nodeName"] = json!(format!("node-{}", number % NODES));
                create_pod(cluster, &format!("first-{number}"), pod).await;
            }
        }
        if self.around == Around::Volumes {
            for number in 0..NODES {
                create(cluster, "csinodes", driver(number)).await;
            }
            for number in 1..=self.pods {
                create(cluster, "persistentvolumes", volume(number)).await;
                create(cluster, "persistentvolumeclaims", claim(number)).await;
            }
        }
    }

    /// Makes the pods that are measured.
    async fn bring(&self, cluster: &Cluster) {
        for number in 1..=self.pods {
            create_pod(cluster, &format!("pod-{number}"), (self.template)(number)).await;
            if self.around == Around::Churn && number.is_multiple_of(10) {
                create_pod(cluster, &format!("huge-{number}"), huge(number)).await;
            }
        }
    }
}

async fn create_pod(cluster: &Cluster, name: &str, mut pod: Value) {
    pod["metadata"]["name"] = json!(name);
    // The number comes from the class.
    if pod["spec"].as_object_mut().is_some_and(|spec| spec.remove("priority").is_some()) {
        pod["spec"]["priorityClassName"] = json!("important");
    }
    let pod: Pod = from_value(pod).expect("a valid pod");
    cluster.api::<Pod>().namespace("sched-0").create(&pod).await.expect("a new pod");
}

async fn create(cluster: &Cluster, resource: &'static str, object: Value) {
    let version = object["apiVersion"].as_str().unwrap_or("v1");
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    let target = Target::all(GroupVersionResource::new(group.to_owned(), version.to_owned(), resource));
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let target = target.in_namespace(namespace);
    cluster.client().api().create(&target, object, &WriteOptions::default()).await.expect("a valid object");
}
