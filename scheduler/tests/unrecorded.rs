//! Decisions in odd cases that no recording shows, and what wakes a rejected pod, as upstream's code has them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::Object;
use steersman_core::tree::{Value, from_value, json};
use steersman_scheduler::{Decision, Event, Explanation, PodInfo, Profile, Snapshot, Wake};

const ZONE: &str = "topology.kubernetes.io/zone";

fn node(name: &str, zone: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {ZONE: zone, "kubernetes.io/hostname": name}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}},
    })
}

fn pod(name: &str, labels: Value, spec: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    for (field, value) in spec.as_object().unwrap() {
        pod["spec"][field] = value.clone();
    }
    pod
}

fn info(pod: &Value) -> Arc<PodInfo> {
    Arc::new(PodInfo::new(from_value::<Pod>(pod.clone()).unwrap()))
}

/// A cluster of these nodes, with these pods on the nodes that they name, and these other objects.
fn cluster(nodes: &[Value], pods: &[Value], objects: &[Value]) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for node in nodes {
        snapshot.set_node(from_value::<Node>(node.clone()).unwrap());
    }
    for pod in pods {
        let pod = info(pod);
        let index = snapshot.node_named(pod.node_name().unwrap()).unwrap().index();
        snapshot.add_pod(index, &pod);
    }
    for object in objects {
        snapshot.set_related(Object::from_value(object).unwrap());
    }
    snapshot
}

fn explain(snapshot: &Snapshot, pod: &Value) -> Explanation {
    Profile::default().explain(&info(pod), snapshot)
}

/// What a plugin has against a node; empty for nothing.
fn against(explanation: &Explanation, node: &str, plugin: &str) -> String {
    let rejections = explanation.filter.get(node);
    rejections.and_then(|all| all.get(plugin)).map(ToString::to_string).unwrap_or_default()
}

/// The message of a pod that no node will do for, or the error.
fn message(snapshot: &Snapshot, pod: &Value) -> String {
    match Profile::default().pick(&info(pod), snapshot, 0) {
        Decision::NoFit(no_fit) => no_fit.diagnosis.to_string(),
        Decision::Error(why) => why,
        decided => format!("{decided:?}"),
    }
}

#[test]
fn all_that_is_wrong_with_a_preferred_node_affinity_is_told() {
    let term = |operator: &str, value: &str| {
        let expression = json!({"key": "disk", "operator": operator, "values": [value]});
        json!({"weight": 1, "preference": {"matchExpressions": [expression]}})
    };
    let wished = json!([term("Foo", "a"), term("Gt", "x!")]);
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wished}});
    let snapshot = cluster(&[node("n0", "a"), node("n1", "a")], &[], &[]);
    let expected = [
        r#"running PreScore plugin "NodeAffinity": [[0].matchExpressions[0].operator: Unsupported value: "Foo": "#,
        r#"supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "#,
        r#"[1].matchExpressions[0].values[0]: Invalid value: "x!": for 'Gt', 'Lt' operators, "#,
        r#"the value must be an integer, [1].matchExpressions[0].values[0][disk]: Invalid value: "x!": a valid"#,
    ];
    let told = message(&snapshot, &pod("p", json!({}), json!({"affinity": affinity})));
    assert!(told.starts_with(&expected.concat()) && told.ends_with(")?')]"), "{told}");
}

fn affinity(kind: &str, term: Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

#[test]
fn malformed_pod_affinity_is_told_by_its_list() {
    let selector = json!({"matchExpressions": [{"key": "a", "operator": "Foo"}]});
    let term = json!({"labelSelector": selector, "topologyKey": ZONE});
    let snapshot = cluster(&[node("n0", "a")], &[], &[]);
    let mut spec = affinity("podAntiAffinity", term.clone());
    let one = r#"requiredAntiAffinityTerms: "Foo" is not a valid label selector operator"#;
    let told = |spec: &Value| {
        let explanation = explain(&snapshot, &pod("p", json!({}), spec.clone()));
        explanation.pod["InterPodAffinity"].to_string()
    };
    assert_eq!(told(&spec), format!("parsing pod: {one}"));
    let wished = json!([{"weight": 1, "podAffinityTerm": term}]);
    spec["affinity"]["podAffinity"] = json!({"preferredDuringSchedulingIgnoredDuringExecution": wished});
    let other = r#"preferredAffinityTerms: "Foo" is not a valid label selector operator"#;
    assert_eq!(told(&spec), format!("parsing pod: [{one}, {other}]"));
}

#[test]
fn a_namespace_selector_that_no_labels_meet_selects_every_namespace() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": {"team": "a"}}});
    let there = pod("there", json!({"app": "web"}), json!({"nodeName": "n0"}));
    let snapshot = cluster(&[node("n0", "a")], &[there], &[namespace]);
    let cases = [
        (json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}), true),
        (json!({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}), true),
        (json!({"matchLabels": {"team": "b"}}), false),
        (json!({"matchLabels": {"team": "a"}}), true),
    ];
    for (selector, avoided) in cases {
        let term = json!({
            "labelSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": selector, "topologyKey": ZONE,
        });
        let explanation = explain(&snapshot, &pod("p", json!({}), affinity("podAntiAffinity", term)));
        let told = against(&explanation, "n0", "InterPodAffinity");
        assert_eq!(!told.is_empty(), avoided, "{selector}: {told}");
    }
}

fn spread(action: &str, selector: Value) -> Value {
    json!({"topologySpreadConstraints": [{
        "labelSelector": selector, "matchLabelKeys": ["rev"], "maxSkew": 1, "topologyKey": ZONE,
        "whenUnsatisfiable": action,
    }]})
}

#[test]
fn a_spread_without_a_selector_counts_no_pods_and_a_malformed_one_ends_the_attempt() {
    let labels = json!({"app": "web", "rev": "1"});
    let there = |name: &str| pod(name, labels.clone(), json!({"nodeName": "n0"}));
    let nodes = [node("n0", "a"), node("n1", "b")];
    let snapshot = cluster(&nodes, &[there("x"), there("y")], &[]);
    for (selector, refused) in [(Value::Null, false), (json!({"matchLabels": {"app": "web"}}), true)] {
        let explanation = explain(&snapshot, &pod("p", labels.clone(), spread("DoNotSchedule", selector)));
        assert_eq!(!against(&explanation, "n0", "PodTopologySpread").is_empty(), refused);
    }
    let malformed = json!({"matchExpressions": [{"key": "a", "operator": "Foo"}]});
    let why = "\"Foo\" is not a valid label selector operator";
    let cases = [
        ("DoNotSchedule", "running PreFilter plugin \"PodTopologySpread\": get constraints from pod", "hard"),
        (
            "ScheduleAnyway",
            "running PreScore plugin \"PodTopologySpread\": calculating preScoreState",
            "soft",
        ),
    ];
    for (action, at, kind) in cases {
        let told = message(&snapshot, &pod("p", labels.clone(), spread(action, malformed.clone())));
        let expected = format!("{at}: obtaining pod's {kind} topology spread constraints: {why}");
        assert_eq!(told, expected);
    }
}

#[test]
fn a_resize_of_a_whole_pod_counts_what_is_used_and_granted() {
    let cpu = |amount: &str| json!({"cpu": amount});
    let infeasible = json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]);
    // Wanted, in use, granted, and whether it cannot be had; then what counts, in thousandths.
    let cases = [
        ("1", Some(("2", "3")), false, 3000),
        ("3", Some(("2", "1")), false, 3000),
        ("3", Some(("2", "1")), true, 2000),
        ("3", None, true, 3000),
    ];
    for (wanted, told, is_infeasible, expected) in cases {
        let mut pod = pod("p", json!({}), json!({"resources": {"requests": cpu(wanted)}}));
        if let Some((used, granted)) = told {
            let resources = json!({"requests": cpu(used)});
            pod["status"] = json!({"resources": resources, "allocatedResources": cpu(granted)});
        }
        if is_infeasible {
            pod["status"]["conditions"] = infeasible.clone();
        }
        assert_eq!(info(&pod).requests().milli_cpu, expected, "{wanted} {told:?}");
    }
}

#[test]
fn of_a_pod_to_be_placed_only_the_spec_counts() {
    let mut pending = pod("p", json!({}), json!({}));
    pending["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1"}});
    let used = json!({"requests": {"cpu": "8"}});
    let status = json!({"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "resources": used});
    pending["status"] = json!({"containerStatuses": [status]});
    let snapshot = cluster(&[node("n0", "a")], &[], &[]);
    let explanation = explain(&snapshot, &pending);
    assert_eq!(against(&explanation, "n0", "NodeResourcesFit"), "");
    // Of the CPU 75 % are left, of the memory, of which 200 MiB count, 97 %.
    assert_eq!(explanation.scores["NodeResourcesFit"]["n0"].raw, 86);
}

#[test]
fn how_many_pods_a_node_admits_does_not_count_in_scores() {
    let snapshot = cluster(&[node("n0", "a")], &[], &[]);
    let resources = json!([{"name": "cpu", "weight": 1}, {"name": "pods", "weight": 1}]);
    let args = json!({"scoringStrategy": {"type": "MostAllocated", "resources": resources}});
    let profile = Profile::default().configured("NodeResourcesFit", args).unwrap();
    let mut asking = pod("p", json!({}), json!({}));
    asking["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "2"}});
    let explanation = profile.explain(&info(&asking), &snapshot);
    assert_eq!(explanation.scores["NodeResourcesFit"]["n0"].raw, 50);
}

fn claim(namespace: &str, name: &str, mode: &str) -> [Value; 2] {
    let volume = format!("pv-{namespace}-{name}");
    let metadata = json!({
        "name": name, "namespace": namespace, "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
    });
    let claim = json!({"accessModes": [mode], "volumeName": volume});
    let spec = json!({"accessModes": [mode], "csi": {"driver": "csi.example.com", "volumeHandle": volume}});
    [
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": spec}),
    ]
}

fn mounts(claim: &str) -> Value {
    json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]})
}

fn csi_node(driver: &str, count: u32) -> Value {
    let driver = json!({"name": driver, "nodeID": "n0", "allocatable": {"count": count}});
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n0"},
        "spec": {"drivers": [driver]},
    })
}

#[test]
fn in_tree_disks_count_wherever_there_are_drivers() {
    let disk = |name: &str| json!({"volumes": [{"name": "d", "gcePersistentDisk": {"pdName": name}}]});
    let mut there = pod("there", json!({}), disk("one"));
    there["spec"]["nodeName"] = json!("n0");
    for (count, refused) in [(1, true), (2, false)] {
        let driver = csi_node("pd.csi.storage.gke.io", count);
        let snapshot = cluster(&[node("n0", "a")], std::slice::from_ref(&there), &[driver]);
        let explanation = explain(&snapshot, &pod("p", json!({}), disk("other")));
        let told = against(&explanation, "n0", "NodeVolumeLimits");
        assert_eq!(!told.is_empty(), refused, "{count}: {told}");
    }
}

#[test]
fn volumes_that_are_attached_count_by_who_attaches_them() {
    // Whose volume is attached by whom, how many there may be, and whether that is too few.
    let cases = [
        ("other", "csi.example.com", 1, true),
        ("other", "csi.example.com", 2, false),
        ("other", "else.example.com", 1, false),
        ("other", "", 1, false),
        ("own", "csi.example.com", 1, true),
        ("own", "csi.example.com", 2, false),
    ];
    for (whose, attacher, count, refused) in cases {
        let source = json!({"persistentVolumeName": format!("pv-default-{whose}")});
        let attachment = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "va"},
            "spec": {"attacher": attacher, "nodeName": "n0", "source": source},
        });
        let claims = ["own", "other"].map(|name| claim("default", name, "ReadWriteOnce")).concat();
        let objects = [claims, vec![csi_node("csi.example.com", count), attachment]].concat();
        let snapshot = cluster(&[node("n0", "a")], &[], &objects);
        let explanation = explain(&snapshot, &pod("p", json!({}), mounts("own")));
        let told = against(&explanation, "n0", "NodeVolumeLimits");
        assert_eq!(!told.is_empty(), refused, "{whose} {attacher} {count}: {told}");
    }
}

#[test]
fn removing_a_pod_frees_claims_of_its_name_in_any_namespace() {
    let objects = [claim("default", "c", "ReadWriteOncePod"), claim("other", "c", "ReadWriteOnce")].concat();
    let on = |name: &str, namespace: &str, node: &str, priority: i32| {
        let mut there = pod(name, json!({}), mounts("c"));
        there["metadata"]["namespace"] = json!(namespace);
        there["spec"]["nodeName"] = json!(node);
        there["spec"]["priority"] = json!(priority);
        there
    };
    let pods = [on("user", "default", "n0", 100), on("namesake", "other", "n1", 0)];
    let snapshot = cluster(&[node("n0", "a"), node("n1", "b")], &pods, &objects);
    let mut asking = pod("p", json!({}), mounts("c"));
    asking["spec"]["priority"] = json!(50);
    let Decision::NoFit(no_fit) = Profile::default().pick(&info(&asking), &snapshot, 0) else {
        panic!("the claim is in use")
    };
    assert_eq!(no_fit.nomination.map(|nomination| nomination.node.to_string()).as_deref(), Some("n1"));
}

#[test]
fn a_volume_does_not_look_at_the_name_of_a_node() {
    let [claim, mut volume] = claim("default", "c", "ReadWriteOnce");
    let elsewhere = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n9"]}]});
    volume["spec"]["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [elsewhere]}});
    let snapshot = cluster(&[node("n0", "a")], &[], &[claim, volume]);
    let explanation = explain(&snapshot, &pod("p", json!({}), mounts("c")));
    assert_eq!(against(&explanation, "n0", "VolumeBinding"), "");
}

#[test]
fn rules_that_restart_all_containers_need_a_feature_which_is_asked_about_last() {
    let rule = json!({"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [1]}});
    let ports = json!([{"containerPort": 80, "hostPort": 80}]);
    let container = json!({
        "name": "c", "image": "i", "ports": ports, "restartPolicy": "Never", "restartPolicyRules": [rule],
    });
    let asking = pod("p", json!({}), json!({"containers": [container]}));
    let mut taken = asking.clone();
    taken["metadata"]["uid"] = json!("other");
    taken["metadata"]["name"] = json!("other");
    taken["spec"]["nodeName"] = json!("taken");
    let declared = json!(["RestartAllContainersOnContainerExits"]);
    let mut able = node("able", "a");
    able["status"]["declaredFeatures"] = declared;
    let nodes = [able, node("taken", "a"), node("unable", "a")];
    let snapshot = cluster(&nodes, &[taken], &[]);
    let explanation = explain(&snapshot, &asking);
    assert_eq!(explanation.feasible.iter().map(|name| &**name).collect::<Vec<_>>(), ["able"]);
    let told = message(&cluster(&nodes[1..], &[], &[]), &asking);
    let expected = "0/2 nodes are available: 2 node(s) didn't match Pod's required features.";
    assert!(told.starts_with(expected), "{told}");
    let mut snapshot = cluster(&nodes[1..], &[], &[]);
    let mut other = asking.clone();
    other["metadata"]["uid"] = json!("other");
    let index = snapshot.node_named("taken").unwrap().index();
    snapshot.add_pod(index, &info(&other));
    let told = message(&snapshot, &asking);
    let expected = "1 node(s) didn't have free ports for the requested pod ports";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn the_node_that_was_promised_is_looked_at_though_the_pod_names_others() {
    let named = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]});
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [named]}});
    let mut asking = pod("p", json!({}), json!({"affinity": {"nodeAffinity": required}}));
    asking["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "8"}});
    asking["status"] = json!({"nominatedNodeName": "n0"});
    let snapshot = cluster(&[node("n0", "a"), node("n1", "a"), node("n2", "a")], &[], &[]);
    let expected = [
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector, ",
        "1 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to deallocate, ",
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    ];
    assert_eq!(message(&snapshot, &asking), expected.concat());
}

/// Whether an event wakes a pod that a plugin rejected.
fn wakes(plugin: &str, pod: &Value, event: &Event) -> bool {
    Profile::default().plugin(plugin).unwrap().wakes(&info(pod), event) == Wake::Queue
}

#[test]
fn a_node_that_changes_wakes_pods_where_that_turns_the_mind_of_who_rejected_them() {
    let offering = |list: Value| json!({"status": {"allocatable": list}});
    let (two, four) = (json!({"cpu": "2", "pods": "10"}), json!({"cpu": "4", "pods": "10"}));
    let tainted = json!({"spec": {"taints": [{"key": "t", "effect": "NoSchedule"}]}});
    let labelled = |zone: &str| json!({"metadata": {"labels": {"zone": zone}}});
    let more = json!({"metadata": {"labels": {"zone": "b", "other": "x"}}});
    let closed = json!({"spec": {"unschedulable": true}});
    let declaring = |feature: &str| json!({"status": {"declaredFeatures": [feature]}});
    let cases = [
        ("NodeResourcesFit", offering(two.clone()), offering(four.clone()), true),
        ("NodeResourcesFit", offering(four.clone()), offering(four.clone()), false),
        ("NodeResourcesFit", offering(json!({"cpu": "1", "pods": "10"})), offering(two), false),
        ("NodeResourcesFit", offering(json!({"cpu": "4", "pods": "9"})), offering(four.clone()), true),
        (
            "NodeResourcesFit",
            offering(four),
            offering(json!({"cpu": "4", "memory": "9Gi", "pods": "10"})),
            false,
        ),
        ("NodeAffinity", labelled("a"), labelled("b"), true),
        ("NodeAffinity", labelled("b"), more, false),
        ("NodeAffinity", labelled("b"), labelled("a"), false),
        ("TaintToleration", tainted.clone(), json!({}), true),
        ("TaintToleration", json!({}), labelled("a"), false),
        ("TaintToleration", json!({}), tainted, false),
        ("NodeUnschedulable", closed.clone(), json!({}), true),
        ("NodeUnschedulable", json!({}), labelled("a"), false),
        ("NodeUnschedulable", closed.clone(), closed, false),
        ("NodeDeclaredFeatures", declaring("A"), declaring("B"), true),
        ("NodeDeclaredFeatures", declaring("A"), declaring("A"), false),
    ];
    let mut rejected = pod("p", json!({}), json!({"nodeSelector": {"zone": "b"}}));
    rejected["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "3"}});
    for (plugin, old, new, woken) in cases {
        let [was, is] = [&old, &new].map(|node| Arc::new(from_value::<Node>(node.clone()).unwrap()));
        let event = Event::NodeUpdated { old: was, new: is };
        assert_eq!(wakes(plugin, &rejected, &event), woken, "{plugin}: {old} {new}");
    }
}

#[test]
fn a_pod_that_asks_for_less_wakes_those_that_ask_for_the_same() {
    let asking = |name: &str, cpu: &str, memory: &str| {
        let mut pod = pod(name, json!({}), json!({"nodeName": "n0"}));
        pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu, "memory": memory}});
        pod
    };
    let cases = [
        (asking("x", "2", "1Gi"), asking("x", "1", "1Gi"), true),
        (asking("x", "1", "1Gi"), asking("x", "2", "1Gi"), false),
        (asking("x", "1", "2Gi"), asking("x", "1", "1Gi"), false),
    ];
    let mut rejected = pod("p", json!({}), json!({}));
    rejected["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "3"}});
    for (old, new, woken) in cases {
        let event = Event::AssignedPodUpdated { old: info(&old), new: info(&new) };
        assert_eq!(wakes("NodeResourcesFit", &rejected, &event), woken, "{old} {new}");
    }
}

#[test]
fn a_pod_that_ends_wakes_those_whose_spread_it_is_part_of() {
    let labels = json!({"app": "web", "rev": "1"});
    let waiting = pod("p", labels.clone(), spread("DoNotSchedule", json!({"matchLabels": {"app": "web"}})));
    let mut gone = pod("gone", labels, json!({"nodeName": "n0"}));
    gone["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(wakes("PodTopologySpread", &waiting, &Event::AssignedPodDeleted(info(&gone))));
    gone["metadata"]["labels"] = json!({"app": "db"});
    assert!(!wakes("PodTopologySpread", &waiting, &Event::AssignedPodDeleted(info(&gone))));
}
