//! The flow schemas and priority levels that every cluster starts with: upstream's mandatory and suggested ones.
//!
//! <https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#suggested-configuration-objects>

use steersman_core::tree::{Value, json};

/// Who makes them.
pub(crate) const MANAGER: &str = "api-priority-and-fairness-config-producer-v1";

/// A level that limits: its name, its share, how much of that it lends, and its queues if requests wait for their turn.
type Level = (&'static str, u32, u32, Option<Queues>);

/// How many queues, how many of them each flow may use, and how long they are.
type Queues = (u32, u32, u32);

const LEVELS: [Level; 7] = [
    ("catch-all", 5, 0, None),
    ("system", 30, 33, Some((64, 6, 50))),
    ("node-high", 40, 25, Some((64, 6, 50))),
    ("leader-election", 10, 0, Some((16, 4, 50))),
    ("workload-high", 40, 50, Some((128, 6, 50))),
    ("workload-low", 100, 90, Some((128, 6, 50))),
    ("global-default", 20, 50, Some((128, 6, 50))),
];

/// A schema: its name, its level, its place in the order, and what tells flows apart.
type Schema = (&'static str, &'static str, u32, Option<&'static str>);

/// Every priority level.
pub(crate) fn priority_levels() -> Vec<Value> {
    let exempt = json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
    let limited = LEVELS.map(|(name, shares, lendable, queues)| {
        let response = match queues {
            None => json!({"type": "Reject"}),
            Some((queues, hand, length)) => json!({
                "type": "Queue",
                "queuing": {"queues": queues, "handSize": hand, "queueLengthLimit": length},
            }),
        };
        let limited = json!({
            "nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response,
        });
        object(name, json!({"type": "Limited", "limited": limited}))
    });
    std::iter::once(object("exempt", exempt)).chain(limited).collect()
}

/// Every flow schema.
pub(crate) fn flow_schemas() -> Vec<Value> {
    let everybody = || groups(&["system:unauthenticated", "system:authenticated"]);
    let controllers = || user("system:kube-controller-manager");
    let scheduler = || user("system:kube-scheduler");
    let system =
        || json!({"kind": "ServiceAccount", "serviceAccount": {"namespace": "kube-system", "name": "*"}});
    let leaders = json!([controllers(), scheduler(), system()]);
    let nodes = || groups(&["system:nodes"]);
    vec![
        schema(("exempt", "exempt", 1, None), all(groups(&["system:masters"]))),
        schema(("probes", "exempt", 2, None), probes(everybody())),
        schema(("system-leader-election", "leader-election", 100, Some("ByUser")), leases(leaders)),
        schema(("system-node-high", "node-high", 400, Some("ByUser")), node_status(nodes())),
        schema(("system-nodes", "system", 500, Some("ByUser")), all(nodes())),
        schema(
            ("kube-controller-manager", "workload-high", 800, Some("ByNamespace")),
            all(json!([controllers()])),
        ),
        schema(("kube-scheduler", "workload-high", 800, Some("ByNamespace")), all(json!([scheduler()]))),
        schema(
            ("kube-system-service-accounts", "workload-high", 900, Some("ByNamespace")),
            all(json!([system()])),
        ),
        schema(
            ("service-accounts", "workload-low", 9000, Some("ByUser")),
            all(groups(&["system:serviceaccounts"])),
        ),
        schema(("global-default", "global-default", 9900, Some("ByUser")), all(everybody())),
        schema(("catch-all", "catch-all", 10_000, Some("ByUser")), all(everybody())),
    ]
}

fn object(name: &str, spec: Value) -> Value {
    let annotations = json!({"apf.kubernetes.io/autoupdate-spec": "true"});
    json!({"metadata": {"name": name, "annotations": annotations}, "spec": spec})
}

fn schema((name, level, precedence, distinguisher): Schema, rule: Value) -> Value {
    let mut spec = json!({
        "priorityLevelConfiguration": {"name": level}, "matchingPrecedence": precedence, "rules": [rule],
    });
    if let Some(by) = distinguisher {
        spec["distinguisherMethod"] = json!({"type": by});
    }
    object(name, spec)
}

fn groups(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"kind": "Group", "group": {"name": name}})).collect()
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "user": {"name": name}})
}

fn resources(verbs: &[&str], group: &str, resources: &[&str], cluster: bool) -> Value {
    let mut rule = json!({"verbs": verbs, "apiGroups": [group], "resources": resources, "namespaces": ["*"]});
    if cluster {
        rule["clusterScope"] = true.into();
    }
    rule
}

/// Whatever they ask for.
fn all(subjects: Value) -> Value {
    json!({
        "subjects": subjects,
        "resourceRules": [resources(&["*"], "*", &["*"], true)],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    })
}

fn probes(subjects: Value) -> Value {
    let paths = ["/healthz", "/readyz", "/livez"];
    json!({"subjects": subjects, "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": paths}]})
}

fn leases(subjects: Value) -> Value {
    let rule = resources(&["get", "create", "update"], "coordination.k8s.io", &["leases"], false);
    json!({"subjects": subjects, "resourceRules": [rule]})
}

fn node_status(subjects: Value) -> Value {
    let nodes = resources(&["*"], "", &["nodes", "nodes/status"], true);
    let leases = resources(&["*"], "coordination.k8s.io", &["leases"], false);
    json!({"subjects": subjects, "resourceRules": [nodes, leases]})
}
