//! The roles and bindings that every cluster with RBAC starts with, from the table in `data/roles.txt`, whose head
//! says how it is written.

use k8s_openapi::api::rbac::v1::PolicyRule;
use steersman_core::api::Target;
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, from_value, json};

use super::rbac::GROUP;

const TABLE: &str = include_str!("../../data/roles.txt");

/// Writes events of both groups.
const EVENTS: &str = "create,patch,update core,events.k8s.io events";

/// Every object to make, and where.
pub(crate) fn objects() -> Vec<(Target, Value)> {
    let (mut objects, mut namespace) = (Vec::<(Target, Value)>::new(), "");
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (line.starts_with(' '), words.as_slice()) {
            (true, words) => add_rule(&mut objects, words),
            (_, ["in", place]) => namespace = place,
            (_, ["role", name, labels @ ..]) => objects.push(role(namespace, name, labels)),
            (_, ["aggregate", name, selected, labels @ ..]) => {
                let (target, mut object) = role("", name, labels);
                let selector = json!({"matchLabels": {aggregation(selected): "true"}});
                object["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
                objects.push((target, object));
            }
            (_, ["bind", name, role, subjects @ ..]) => {
                objects.push(binding(namespace, name, role, subjects));
            }
            (_, ["controller", name]) => {
                let full = format!("system:controller:{name}");
                let subject = format!("s:kube-system/{name}");
                objects.push(binding("", &full, &full, &[&subject]));
                // The rules belong to the last object.
                objects.push(role("", &full, &[]));
            }
            _ => unreachable!("the checked-in table is well formed: {line}"),
        }
    }
    objects
}

/// The rules of one of the roles of the whole cluster.
pub(crate) fn rules(name: &str) -> Vec<PolicyRule> {
    let is_meant = |object: &Value| object["metadata"]["name"] == name && object["kind"] == "ClusterRole";
    let found = objects().into_iter().find(|(_, object)| is_meant(object));
    let rules = found.map(|(_, mut object)| object["rules"].take()).unwrap_or_default();
    from_value(rules).expect("the checked-in table has rules of the right form")
}

fn target(resource: &'static str, namespace: &str) -> Target {
    Target::all(GroupVersionResource::new(GROUP, "v1", resource)).in_namespace(namespace)
}

fn object(kind: &str, namespace: &str, name: &str, labels: &[&str]) -> Value {
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": if namespace.is_empty() { format!("Cluster{kind}") } else { kind.to_owned() },
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    });
    for label in labels {
        object["metadata"]["labels"][aggregation(label)] = "true".into();
    }
    object
}

fn aggregation(into: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{into}")
}

fn role(namespace: &str, name: &str, labels: &[&str]) -> (Target, Value) {
    let resource = if namespace.is_empty() { "clusterroles" } else { "roles" };
    (target(resource, namespace), object("Role", namespace, name, labels))
}

fn binding(namespace: &str, name: &str, role: &str, subjects: &[&str]) -> (Target, Value) {
    let (resource, kind) = match namespace {
        "" => ("clusterrolebindings", "ClusterRole"),
        _ => ("rolebindings", "Role"),
    };
    let mut object = object("RoleBinding", namespace, name, &[]);
    object["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": role});
    if !subjects.is_empty() {
        object["subjects"] = subjects.iter().map(|one| subject(one)).collect();
    }
    (target(resource, namespace), object)
}

fn subject(written: &str) -> Value {
    match written.split_at(2) {
        ("u:", name) => json!({"kind": "User", "apiGroup": GROUP, "name": name}),
        ("g:", name) => json!({"kind": "Group", "apiGroup": GROUP, "name": name}),
        (_, account) => {
            let (namespace, name) = account.split_once('/').unwrap_or(("", account));
            json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
        }
    }
}

fn add_rule(objects: &mut [(Target, Value)], words: &[&str]) {
    let Some((_, role)) = objects.last_mut() else { return };
    let rule = match words {
        ["events"] => return add_rule(objects, &EVENTS.split(' ').collect::<Vec<_>>()),
        [verbs, paths] => json!({"verbs": sorted(verbs), "nonResourceURLs": sorted(paths)}),
        [verbs, groups, resources, names @ ..] => {
            let mut rule =
                json!({"verbs": sorted(verbs), "apiGroups": sorted(groups), "resources": sorted(resources)});
            if let [names] = names {
                rule["resourceNames"] = sorted(names).into();
            }
            rule
        }
        _ => return,
    };
    match role["rules"].as_array_mut() {
        Some(rules) => rules.push(rule),
        None => role["rules"] = json!([rule]),
    }
}

/// The words of a list, written out, in order.
fn sorted(list: &str) -> Vec<String> {
    let mut all: Vec<String> = list.split(',').flat_map(word).map(str::to_owned).collect();
    all.sort();
    all
}

fn word(word: &str) -> Vec<&str> {
    match word {
        "READ" => vec!["get", "list", "watch"],
        "WRITE" => vec!["create", "update", "patch", "delete", "deletecollection"],
        "core" => vec![""],
        "/**" => vec!["*"],
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        let objects = objects();
        let count = |kind: &str| objects.iter().filter(|(_, object)| object["kind"] == kind).count();
        assert_eq!(
            (count("ClusterRole"), count("ClusterRoleBinding"), count("Role"), count("RoleBinding")),
            (70, 51, 7, 7)
        );
        assert!(objects.iter().all(|(_, one)| one.get("rules").is_none_or(|rules| !rules[0].is_null())));
    }

    #[test]
    fn lists_are_written_out_in_order() {
        assert_eq!(sorted("WRITE,core"), ["", "create", "delete", "deletecollection", "patch", "update"]);
        assert_eq!(sorted("/**"), ["*"]);
    }
}
