//! What holds for every decision, over random clusters and pods.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use proptest::prelude::*;
use steersman_core::tree::{Value, from_value, json};
use steersman_scheduler::{Decision, PodInfo, Profile, Snapshot};

/// CPU in millis, zone, and whether the node is tainted.
type NodeSeed = (u32, u8, bool);
/// CPU in millis, an application, a host port (of 0 there is none), whether it keeps away from its like, and whether it
/// spreads over zones.
type PodSeed = (u32, u8, u8, bool, bool);

fn node(number: usize, (cpu, zone, tainted): NodeSeed) -> Node {
    let name = format!("n{number}");
    let zone = format!("z{}", zone % 3);
    let taints = if tainted { json!([{"key": "t", "effect": "NoSchedule"}]) } else { json!([]) };
    let labels = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone});
    let allocatable = json!({"cpu": format!("{}m", cpu % 4000), "memory": "8Gi", "pods": "8"});
    let node = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
        "status": {"allocatable": allocatable},
    });
    from_value(node).unwrap()
}

fn pod(number: usize, (cpu, app, port, apart, spread): PodSeed) -> Arc<PodInfo> {
    let app = json!({"app": format!("a{}", app % 3)});
    let ports = if port % 4 == 0 { json!([]) } else { json!([{"containerPort": 1, "hostPort": port % 4}]) };
    let container = json!({
        "name": "c", "ports": ports,
        "resources": {"requests": {"cpu": format!("{}m", cpu % 2000), "memory": "1Gi"}},
    });
    let mut spec = json!({"containers": [container]});
    if apart {
        let term = json!({"labelSelector": {"matchLabels": app}, "topologyKey": "kubernetes.io/hostname"});
        let anti = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
        spec["affinity"] = json!({"podAntiAffinity": anti});
    }
    if spread {
        spec["topologySpreadConstraints"] = json!([{
            "labelSelector": {"matchLabels": app}, "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        }]);
    }
    let metadata =
        json!({"name": format!("p{number}"), "namespace": "d", "labels": app, "uid": number.to_string()});
    Arc::new(PodInfo::new(from_value::<Pod>(json!({"metadata": metadata, "spec": spec})).unwrap()))
}

fn cluster(nodes: &[NodeSeed]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for (number, seed) in nodes.iter().enumerate() {
        snapshot.set_node(node(number, *seed));
    }
    snapshot
}

/// Places one pod after the other, and gives each decision to `see`.
fn place(
    nodes: &[NodeSeed],
    pods: &[PodSeed],
    mut see: impl FnMut(&Snapshot, &PodInfo, &Decision),
) -> Snapshot {
    let (profile, mut snapshot) = (Profile::default(), cluster(nodes));
    for (number, seed) in pods.iter().enumerate() {
        let pod = pod(number, *seed);
        let decision = profile.pick(&pod, &snapshot, number as u64);
        see(&snapshot, &pod, &decision);
        if let Decision::Node(choice) = decision {
            snapshot.add_pod(choice.index, &pod);
        }
    }
    snapshot
}

fn nodes() -> impl Strategy<Value = Vec<NodeSeed>> {
    prop::collection::vec(any::<NodeSeed>(), 1..12)
}

fn pods() -> impl Strategy<Value = Vec<PodSeed>> {
    prop::collection::vec(any::<PodSeed>(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_node_is_ever_overcommitted(nodes in nodes(), pods in pods()) {
        let placed = place(&nodes, &pods, |_, _, _| {});
        for node in placed.nodes() {
            prop_assert!(node.requested().milli_cpu <= node.allocatable().milli_cpu);
            prop_assert!(node.requested().memory <= node.allocatable().memory);
            prop_assert!(node.pods().len() as i64 <= node.allocatable().pods);
            let ports: Vec<_> = node.pods().iter().flat_map(|pod| pod.host_ports()).collect();
            let conflict = |at: usize| ports[..at].iter().any(|other| other.conflicts_with(ports[at]));
            prop_assert!(!(0..ports.len()).any(conflict));
        }
    }

    #[test]
    fn equal_questions_get_equal_answers(nodes in nodes(), pods in pods()) {
        let answers = || {
            let mut answers = Vec::new();
            place(&nodes, &pods, |_, _, decision| answers.push(format!("{decision:?}")));
            answers
        };
        prop_assert_eq!(answers(), answers());
    }

    #[test]
    fn every_rejection_names_its_plugin_and_a_reason(nodes in nodes(), pods in pods()) {
        place(&nodes, &pods, |snapshot, _, decision| {
            let Decision::NoFit(no_fit) = decision else { return };
            assert!(!no_fit.diagnosis.plugins.is_empty());
            for node in snapshot.nodes() {
                let refusal = no_fit.diagnosis.refusals.get(node.index()).unwrap();
                assert!(no_fit.diagnosis.plugins.contains(refusal.plugin));
                assert!(!refusal.rejection.reasons().is_empty());
            }
        });
    }

    #[test]
    fn a_pod_that_asks_for_less_is_never_harder_to_place(nodes in nodes(), pods in pods()) {
        let profile = Profile::default();
        place(&nodes, &pods, |snapshot, pod, decision| {
            let mut less = Pod::clone(pod.pod());
            let spec = less.spec.as_mut().unwrap();
            (spec.affinity, spec.topology_spread_constraints) = (None, None);
            let less = Arc::new(PodInfo::new(less));
            if matches!(decision, Decision::Node(_)) {
                assert!(matches!(profile.pick(&less, snapshot, 0), Decision::Node(_)));
            }
        });
    }

    #[test]
    fn what_if_leaves_the_cluster_as_it_was(nodes in nodes(), pods in pods()) {
        let before = cluster(&nodes);
        let shown = format!("{before:?}");
        let mut edited = before.clone();
        for (number, seed) in pods.iter().enumerate() {
            let index = edited.nodes().next().unwrap().index();
            edited.add_pod(index, &pod(number, *seed));
        }
        edited.remove_node("n0");
        prop_assert_eq!(shown, format!("{before:?}"));
    }
}

#[test]
fn explaining_agrees_with_deciding() {
    let snapshot = cluster(&[(3000, 0, false), (2000, 1, false), (3500, 2, true)]);
    let pod = pod(0, (1000, 0, 0, false, false));
    let explanation = Profile::default().explain(&pod, &snapshot);
    let best = explanation.total.iter().max_by_key(|(_, total)| **total).map(|(node, _)| node.clone());
    let Decision::Node(choice) = Profile::default().pick(&pod, &snapshot, 0) else {
        panic!("a node would do")
    };
    assert_eq!(Some(choice.node), best);
    let refused: Value = json!(explanation.filter["n2"]["TaintToleration"].to_string());
    assert_eq!(refused, "node(s) had untolerated taint(s)");
}
