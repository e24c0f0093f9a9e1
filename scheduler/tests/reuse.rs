//! What a picker remembers changes no answer: over random clusters that change between decisions.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use proptest::prelude::*;
use steersman_core::Object;
use steersman_core::tree::{Value, from_value, json};
use steersman_scheduler::{
    Decision, NodeFilter, NodeView, Picker, Plugin, PodInfo, Prepared, Profile, Signature, Snapshot, Verdict,
};

/// What happens between two decisions.
#[derive(Clone, Debug)]
enum Step {
    /// A pod of a kind comes and is placed, or makes room for itself, with this `tie`.
    Place(usize, u64),
    /// A pod leaves its node.
    Leave(usize),
    /// A pod begins to leave.
    Terminate(usize),
    /// A pod waits for room on a node.
    Wait(usize, usize),
    /// The pods that wait do so no more.
    GiveUp,
    /// A node changes.
    Relabel(usize, u8),
    /// The volume of a pod is attached to a node.
    Attach(usize, usize),
    /// A volume is made for the claim of a pod that has none.
    Provide(usize),
}

fn node(number: usize, zone: u8) -> Node {
    let name = format!("n{number}");
    let mut labels = json!({"kubernetes.io/hostname": name, "disk": format!("d{}", number % 2)});
    if zone > 0 {
        labels["topology.kubernetes.io/zone"] = json!(format!("z{zone}"));
    }
    let taints = match number % 5 {
        0 => json!([{"key": "t", "effect": "PreferNoSchedule"}]),
        1 => json!([{"key": "t", "effect": "NoSchedule"}]),
        _ => json!([]),
    };
    let node = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "6"}},
    });
    from_value(node).unwrap()
}

fn spread(key: &str, unsatisfiable: &str, app: &Value) -> Value {
    json!([{"labelSelector": {"matchLabels": app}, "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": unsatisfiable}])
}

/// One kind of pod of each sort that is judged in its own way.
fn kinds() -> Vec<Value> {
    const HOST: &str = "kubernetes.io/hostname";
    const ZONE: &str = "topology.kubernetes.io/zone";
    let app = |name: &str| json!({"app": name});
    let term =
        |key: &str, name: &str| json!({"labelSelector": {"matchLabels": app(name)}, "topologyKey": key});
    let required = |term: Value| json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
    let preferred = |term: Value| json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "podAffinityTerm": term}]});
    let disk = json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["d1"]}]});
    let node_affinity =
        json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 3, "preference": disk}]});
    vec![
        json!({}),
        json!({"priority": 10}),
        json!({"affinity": {"nodeAffinity": node_affinity}}),
        json!({"affinity": {"podAntiAffinity": required(term(HOST, "a3"))}}),
        json!({"affinity": {"podAffinity": required(term(ZONE, "a4"))}}),
        json!({"affinity": {"podAffinity": preferred(term(ZONE, "a0"))}}),
        json!({"affinity": {"podAntiAffinity": preferred(term(HOST, "a5"))}}),
        json!({"topologySpreadConstraints": spread(ZONE, "DoNotSchedule", &app("a7"))}),
        json!({"topologySpreadConstraints": spread(ZONE, "ScheduleAnyway", &app("a8"))}),
        json!({"topologySpreadConstraints": spread(HOST, "ScheduleAnyway", &app("a0")), "priority": 5}),
        json!({"topologySpreadConstraints": spread(HOST, "DoNotSchedule", &app("a10"))}),
        json!({"nodeSelector": {"disk": "d0"}, "tolerations": [{"operator": "Exists"}]}),
        json!({"volumes": [claim("own")]}),
        json!({"volumes": [claim("near")]}),
        json!({"volumes": [claim("late")]}),
        json!({"volumes": [claim("own"), claim("late"), claim("own")]}),
        json!({"volumes": [claim("double")], "priority": 3}),
        json!({"volumes": [claim("shared")], "priority": 4}),
        json!({"volumes": [claim("only")]}),
        json!({"volumes": [{"name": "data", "ephemeral": {}}]}),
    ]
}

fn claim(name: &str) -> Value {
    json!({"name": name, "persistentVolumeClaim": {"claimName": name}})
}

/// What the claims of a pod's volume of that name are called: some pods share theirs.
fn claim_of(volume: &str, number: usize) -> String {
    match volume {
        "shared" | "only" => format!("{volume}-{}", number % 3),
        "data" => format!("p{number}-data"),
        _ => format!("{volume}-{number}"),
    }
}

/// The claim of a pod's volume of that name, and the volume that it has, if it has one.
fn storage(volume: &str, number: usize) -> Vec<Value> {
    let name = claim_of(volume, number);
    let mode = if volume == "only" { "ReadWriteOncePod" } else { "ReadWriteOnce" };
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "d", "uid": name},
        "spec": {"accessModes": [mode], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}},
    });
    if volume == "late" {
        return vec![claim];
    }
    claim["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    claim["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": number.to_string(), "controller": true}]);
    claim["spec"]["volumeName"] = json!(name);
    vec![claim, disk(volume, number, &name)]
}

fn disk(volume: &str, number: usize, claim: &str) -> Value {
    // Two volumes may be one disk.
    let handle = if volume == "double" { format!("{volume}-{}", number % 2) } else { claim.to_owned() };
    let mut disk = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": claim},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": "late",
            "claimRef": {"namespace": "d", "name": claim}, "csi": {"driver": "csi", "volumeHandle": handle},
        },
        "status": {"phase": "Available"},
    });
    if volume == "near" {
        let expression = json!({"key": "disk", "operator": "In", "values": ["d1"]});
        disk["spec"]["nodeAffinity"] =
            json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}});
        disk["metadata"]["labels"] = json!({"topology.kubernetes.io/zone": format!("z{}", number % 2 + 1)});
    }
    disk
}

/// What the driver can attach, and a class of volumes that are made for their pod.
fn drivers(nodes: usize) -> Vec<Value> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "late"},
        "provisioner": "csi", "volumeBindingMode": "WaitForFirstConsumer",
    });
    let of = |number: usize| {
        let driver = json!({"name": "csi", "nodeID": "n", "allocatable": {"count": number % 4}});
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": format!("n{number}")},
            "spec": {"drivers": [driver]},
        })
    };
    (0..nodes).filter(|number| number % 4 > 0).map(of).chain([class]).collect()
}

fn volumes_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| &spec.volumes).flatten();
    volumes.map(|volume| volume.name.clone()).collect()
}

fn pod(number: usize, kind: usize) -> Pod {
    let container = json!({"name": "c", "resources": {"requests": {"cpu": "300m", "memory": "256Mi"}}});
    let mut spec = kinds()[kind % kinds().len()].clone();
    spec["containers"] = json!([container]);
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        let name = claim_of(volume["name"].as_str().unwrap(), number);
        if let Some(claim) = volume.get_mut("persistentVolumeClaim") {
            claim["claimName"] = json!(name);
        }
    }
    let labels = json!({"app": format!("a{}", kind % kinds().len())});
    let metadata =
        json!({"name": format!("p{number}"), "namespace": "d", "labels": labels, "uid": number.to_string()});
    from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..kinds().len(), any::<u64>()).prop_map(|(kind, tie)| Step::Place(kind, tie)),
        3 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::Terminate),
        1 => (any::<usize>(), 0..kinds().len()).prop_map(|(node, kind)| Step::Wait(node, kind)),
        1 => Just(Step::GiveUp),
        1 => (any::<usize>(), 0..4u8).prop_map(|(node, zone)| Step::Relabel(node, zone)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(node, pod)| Step::Attach(node, pod)),
        1 => any::<usize>().prop_map(Step::Provide),
    ];
    prop::collection::vec(step, 1..120)
}

/// A cluster, and the pods in it.
struct World {
    snapshot: Snapshot,
    placed: Vec<Arc<PodInfo>>,
    waiting: Vec<Arc<PodInfo>>,
    number: usize,
}

impl World {
    fn new(nodes: usize) -> Self {
        let mut snapshot = Snapshot::new();
        for number in 0..nodes {
            snapshot.set_node(node(number, number as u8 % 4));
        }
        let mut world = World { snapshot, placed: Vec::new(), waiting: Vec::new(), number: 0 };
        world.relate(drivers(nodes));
        world
    }

    /// A new pod, with its claims and their volumes.
    fn pod(&mut self, kind: usize) -> Pod {
        self.number += 1;
        let pod = pod(self.number, kind);
        for volume in volumes_of(&pod) {
            // Those that are there already are not made anew.
            if self
                .snapshot
                .related()
                .get::<PersistentVolumeClaim>("d", &claim_of(&volume, self.number))
                .is_none()
            {
                self.relate(storage(&volume, self.number));
            }
        }
        pod
    }

    fn relate(&mut self, objects: Vec<Value>) {
        for object in objects {
            self.snapshot.set_related(Object::from_value(&object).unwrap());
        }
    }

    fn place(&mut self, mut pod: Pod, decision: &Decision) {
        let info = Arc::new(PodInfo::new(pod.clone()));
        match decision {
            Decision::Node(choice) => {
                pod.spec.as_mut().unwrap().node_name = Some(choice.node.to_string());
                let placed = Arc::new(PodInfo::new(pod));
                self.snapshot.withdraw(placed.key());
                self.snapshot.add_pod(choice.index, &placed);
                self.placed.push(placed);
            }
            Decision::NoFit(no_fit) => {
                if let Some(nomination) = &no_fit.nomination {
                    self.snapshot.nominate(&info, &nomination.node);
                    self.waiting.push(info.clone());
                    nomination.victims.iter().for_each(|victim| self.remove(victim));
                }
            }
            _ => {}
        }
    }

    fn remove(&mut self, pod: &PodInfo) {
        let index = self.snapshot.node_named(pod.node_name().unwrap()).unwrap().index();
        assert!(self.snapshot.remove_pod(index, pod));
        self.placed.retain(|placed| !placed.is(pod));
    }

    fn any_placed(&self, at: usize) -> Option<Arc<PodInfo>> {
        self.placed.get(at % self.placed.len().max(1)).cloned()
    }

    /// Carries out a step; `decide` is asked about a pod to place.
    fn step(&mut self, step: &Step, decide: impl FnOnce(&Arc<PodInfo>, &Snapshot, u64) -> Decision) {
        match *step {
            Step::Place(kind, tie) => {
                // Every third pod is one that waited for room.
                let waited = (tie % 3 == 0).then(|| self.waiting.pop()).flatten();
                let pod = waited.map_or_else(|| self.pod(kind), |pod| Pod::clone(pod.pod()));
                let decision = decide(&Arc::new(PodInfo::new(pod.clone())), &self.snapshot, tie);
                self.place(pod, &decision);
            }
            Step::Leave(at) => {
                if let Some(pod) = self.any_placed(at) {
                    self.remove(&pod);
                }
            }
            Step::Terminate(at) => {
                if let Some(leaving) = self.any_placed(at) {
                    self.remove(&leaving);
                    let mut pod = Pod::clone(leaving.pod());
                    pod.metadata.deletion_timestamp = Some(
                        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
                    );
                    let pod = Arc::new(PodInfo::new(pod));
                    let index = self.snapshot.node_named(pod.node_name().unwrap()).unwrap().index();
                    self.snapshot.add_pod(index, &pod);
                    self.placed.push(pod);
                }
            }
            Step::Wait(at, kind) => {
                let pod = Arc::new(PodInfo::new(self.pod(kind)));
                self.snapshot.nominate(&pod, &format!("n{}", at % self.snapshot.len()));
                self.waiting.push(pod);
            }
            Step::GiveUp => self.waiting.drain(..).for_each(|pod| drop(self.snapshot.withdraw(pod.key()))),
            Step::Relabel(at, zone) => {
                self.snapshot.set_node(node(at % self.snapshot.len(), zone));
            }
            Step::Attach(at, number) => {
                let node = format!("n{}", at % self.snapshot.len());
                let volume = json!({"persistentVolumeName": claim_of("own", number % (self.number + 2))});
                self.relate(vec![json!({
                    "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": number.to_string()},
                    "spec": {"attacher": "csi", "nodeName": node, "source": volume},
                })]);
            }
            Step::Provide(number) => {
                let name = claim_of("late", number % (self.number + 2));
                self.relate(vec![disk("near", number, &name)]);
            }
        }
    }
}

/// Both ways decide alike at every step.
fn compare(profile: &Profile, nodes: usize, steps: &[Step]) {
    let (mut picker, mut world) = (Picker::new(profile.clone()), World::new(nodes));
    for step in steps {
        world.step(step, |pod, snapshot, tie| {
            let remembered = picker.pick(pod, snapshot, tie);
            let fresh = profile.pick(pod, snapshot, tie);
            assert_eq!(format!("{remembered:?}"), format!("{fresh:?}"), "{}", pod.name());
            remembered
        });
    }
}

/// Has at most two pods whose application is the same on nodes of the same disk, and does not say how changes reach.
struct Crowd;

struct Crowded(Arc<PodInfo>, usize);

impl Plugin for Crowd {
    fn name(&self) -> &'static str {
        "Crowd"
    }
    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(pod.labels());
    }
    fn filter(&self) -> Option<&dyn steersman_scheduler::Filter> {
        Some(self)
    }
}

impl steersman_scheduler::Filter for Crowd {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let like = |other: &&Arc<PodInfo>| other.labels() == pod.labels();
        let crowd = nodes.nodes().map(|node| node.pods().iter().filter(like).count()).sum();
        Prepared::PerNode(Box::new(Crowded(pod.clone(), crowd)))
    }
}

impl NodeFilter for Crowded {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        let here = node.pods().iter().filter(|other| other.labels() == self.0.labels()).count();
        match here * 3 > self.1 + 1 {
            true => Err(steersman_scheduler::Rejection::unschedulable("too many of the kind are here")),
            false => Ok(()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_remembered_changes_no_decision(nodes in 1..14usize, steps in steps()) {
        compare(&Profile::default(), nodes, &steps);
    }

    #[test]
    fn a_plugin_that_says_nothing_of_reach_is_asked_anew(nodes in 1..14usize, steps in steps()) {
        compare(&Profile::default().with(Crowd), nodes, &steps);
    }

    #[test]
    fn sampling_decides_alike_too(nodes in 101..140usize, steps in steps()) {
        compare(&Profile::default().percentage_of_nodes_to_score(5), nodes, &steps);
    }
}
