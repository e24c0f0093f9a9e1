//! What containers find in their environment.

use serde::de::DeserializeOwned;
use steersman_core::tree::{Value, from_value, json};

use super::*;

fn make<T: DeserializeOwned>(value: Value) -> T {
    from_value(value).unwrap()
}

struct World {
    pod: Pod,
    allocatable: BTreeMap<String, Quantity>,
    services: Vec<Arc<Service>>,
}

fn world() -> World {
    World {
        pod: make(json!({
            "metadata": {
                "name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "web"},
                "annotations": {"a/b": "note"}
            },
            "spec": {"nodeName": "n", "serviceAccountName": "sa", "containers": []}
        })),
        allocatable: make(json!({"cpu": "3500m", "memory": "1Gi"})),
        services: vec![Arc::new(make(json!({
            "metadata": {"name": "my-db", "namespace": "ns"},
            "spec": {"clusterIP": "10.0.0.5", "ports": [{"name": "sql", "port": 5432}]}
        })))],
    }
}

fn resolve_json(container: Value, world: &World) -> Result<Process, String> {
    let config_map = json!({"metadata": {"name": "c"}, "data": {"k": "v", "other": "w"}});
    let secret = json!({"metadata": {"name": "s"}, "data": {"k": "c2VjcmV0"}});
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let sources = Sources {
        pod: &world.pod,
        pod_ips: &[ip("10.1.0.1"), ip("fd00::1")],
        host_ips: &[ip("192.168.0.1")],
        allocatable: &world.allocatable,
        services: &world.services,
        config_maps: BTreeMap::from([("c".to_owned(), Arc::new(make(config_map)))]),
        secrets: BTreeMap::from([("s".to_owned(), Arc::new(make(secret)))]),
    };
    resolve(&make(container), &sources)
}

/// The variables behind those of Services.
fn own(process: &Process) -> Vec<(&str, &str)> {
    let own = process.env.iter().filter(|(name, _)| !name.starts_with("MY_DB"));
    own.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn variables_refer_to_earlier_ones_and_to_services() {
    let container = json!({
        "name": "a",
        "env": [
            {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"},
            {"name": "C", "value": "$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT_SQL)"}
        ],
        "command": ["run", "$(C)"], "args": ["$$(A)", "$(B)"]
    });
    let process = resolve_json(container, &world()).unwrap();
    assert_eq!(own(&process), [("A", "1"), ("B", "1$(C)"), ("C", "10.0.0.5:5432")]);
    assert_eq!(process.command, ["run", "10.0.0.5:5432"]);
    assert_eq!(process.args, ["$(A)", "1$(C)"]);
}

#[test]
fn config_maps_and_secrets_give_single_keys_and_all_keys() {
    let container = json!({
        "name": "a",
        "envFrom": [
            {"prefix": "P_", "configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}},
            {"secretRef": {"name": "absent", "optional": true}}
        ],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "absent", "optional": true}}}
        ]
    });
    let process = resolve_json(container.clone(), &world()).unwrap();
    let expected = [("P_k", "v"), ("P_other", "w"), ("k", "secret"), ("A", "v"), ("B", "secret")];
    assert_eq!(own(&process), expected);
    let references = references(&make(container));
    assert_eq!(references.config_maps, BTreeSet::from(["c".to_owned()]));
    assert_eq!(references.secrets, BTreeSet::from(["absent".to_owned(), "s".to_owned()]));
}

#[test]
fn what_is_missing_is_named_as_kubernetes_names_it() {
    let rows = [
        (json!({"configMapKeyRef": {"name": "x", "key": "k"}}), "configmap \"x\" not found"),
        (json!({"configMapKeyRef": {"name": "c", "key": "x"}}), "couldn't find key x in ConfigMap ns/c"),
        (json!({"secretKeyRef": {"name": "x", "key": "k"}}), "secret \"x\" not found"),
        (json!({"secretKeyRef": {"name": "s", "key": "x"}}), "couldn't find key x in Secret ns/s"),
        (json!({"fieldRef": {"fieldPath": "spec.x"}}), "unsupported fieldPath: spec.x"),
    ];
    for (source, message) in rows {
        let container = json!({"name": "a", "env": [{"name": "A", "valueFrom": source}]});
        assert_eq!(resolve_json(container, &world()).unwrap_err(), message);
    }
}

#[test]
fn fields_of_the_pod_can_be_read() {
    let rows = [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.uid", "u"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['a/b']", "note"),
        ("metadata.labels['absent']", ""),
        ("spec.nodeName", "n"),
        ("spec.serviceAccountName", "sa"),
        ("status.hostIP", "192.168.0.1"),
        ("status.podIP", "10.1.0.1"),
        ("status.podIPs", "10.1.0.1,fd00::1"),
    ];
    for (path, value) in rows {
        let source = json!({"fieldRef": {"fieldPath": path}});
        let container = json!({"name": "a", "env": [{"name": "A", "valueFrom": source}]});
        assert_eq!(own(&resolve_json(container, &world()).unwrap()), [("A", value)], "{path}");
    }
}

#[test]
fn resources_are_divided_and_rounded_up() {
    let rows = [
        ("limits.cpu", None, "2"),
        ("limits.cpu", Some("1m"), "1500"),
        ("requests.memory", Some("1Mi"), "64"),
        ("limits.memory", Some("1Mi"), "1024"),
        ("requests.cpu", None, "0"),
    ];
    for (resource, divisor, value) in rows {
        let source = json!({"resourceFieldRef": {"resource": resource, "divisor": divisor.unwrap_or("0")}});
        let container = json!({
            "name": "a", "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "64Mi"}},
            "env": [{"name": "A", "valueFrom": source}]
        });
        assert_eq!(own(&resolve_json(container, &world()).unwrap()), [("A", value)], "{resource}");
    }
}

#[test]
fn services_are_announced_unless_links_are_off() {
    let mut world = world();
    let process = resolve_json(json!({"name": "a"}), &world).unwrap();
    let expected = [
        ("MY_DB_SERVICE_HOST", "10.0.0.5"),
        ("MY_DB_SERVICE_PORT", "5432"),
        ("MY_DB_SERVICE_PORT_SQL", "5432"),
        ("MY_DB_PORT", "tcp://10.0.0.5:5432"),
        ("MY_DB_PORT_5432_TCP", "tcp://10.0.0.5:5432"),
        ("MY_DB_PORT_5432_TCP_PROTO", "tcp"),
        ("MY_DB_PORT_5432_TCP_PORT", "5432"),
        ("MY_DB_PORT_5432_TCP_ADDR", "10.0.0.5"),
    ];
    let found: Vec<_> = process.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);
    world.pod.spec.as_mut().unwrap().enable_service_links = Some(false);
    assert_eq!(resolve_json(json!({"name": "a"}), &world).unwrap().env, []);
}
