//! Has pods bound through our API server and store: every binding is an API write, and every event.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use steersman::core::api::Target;
use steersman::core::resource::GroupVersionResource;
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

impl Workload {
    /// Has pods bound that are there already; tells how long that took, and with everything that comes of it.
    pub(crate) fn run(&self) -> (Duration, Duration) {
        let sim = Sim::new(1);
        sim.block_on(async {
            // Nobody makes tokens, and nobody says that the nodes are ready.
            let builder = Cluster::builder().without_controllers().without_scheduler();
            let builder =
                builder.without_admission("ServiceAccount").without_admission("TaintNodesByCondition");
            let cluster = builder.start(&sim.env()).await.expect("a valid cluster");
            self.fill(&cluster).await;
            let (bound, at) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Duration::ZERO)));
            let finish = Finish { wanted: self.pods, bound: bound.clone(), at: at.clone() };
            let profile = Profile::default().with(finish);
            let scheduler = Arc::new(Scheduler::new(&sim.env(), cluster.client(), profile));
            let started = cpu_time();
            let task = sim.env().spawn("bench/scheduler", async move { scheduler.run().await });
            // Virtual time passes once there is nothing left to do.
            for _ in 0..600 {
                sim.env().sleep(Duration::from_secs(1)).await;
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

    async fn fill(&self, cluster: &Cluster) {
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
        }
        for number in 1..=self.pods {
            if self.around == Around::Volumes {
                create(cluster, "persistentvolumes", volume(number)).await;
                create(cluster, "persistentvolumeclaims", claim(number)).await;
            }
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
    let pod: Pod = serde_json::from_value(pod).expect("a valid pod");
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
