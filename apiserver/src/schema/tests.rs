//! What built-in kinds look like after admission, in cases.

use proptest::prelude::*;
use steersman_core::api::FieldValidation;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::{Duplicates, decode};
use crate::Tables;

fn kind_of(object: &Value) -> GroupVersionKind {
    GroupVersionKind::from_api_version(
        object["apiVersion"].as_str().unwrap(),
        object["kind"].as_str().unwrap(),
    )
}

fn admitted(mut object: Value) -> Result<Value, String> {
    let kind = kind_of(&object);
    let schema = Tables::load().schema(&kind).unwrap();
    match schema.admit(&mut object, &kind, &Duplicates::default(), FieldValidation::Warn) {
        Ok(_) => Ok(object),
        Err(error) => Err(error.message().to_owned()),
    }
}

#[test]
fn amounts_are_rounded_to_thousandths_where_upstream_does_so() {
    let pod = |cpu: &str| {
        let spec = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]});
        json!({"apiVersion": "v1", "kind": "Pod", "spec": spec})
    };
    let class = |cpu: &str| {
        let overhead = json!({"podFixed": {"cpu": cpu}});
        json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "h", "overhead": overhead})
    };
    let quota =
        |cpu: &str| json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": cpu}}});
    let cases = [
        (pod("0.1m"), pod("1m"), "/spec/containers/0/resources/requests/cpu"),
        (pod("1.500"), pod("1.500"), "/spec/containers/0/resources/requests/cpu"),
        (quota("1000000001n"), quota("1001m"), "/spec/hard/cpu"),
        (class("0.1m"), class("100u"), "/overhead/podFixed/cpu"),
    ];
    for (given, rounded, at) in cases {
        assert_eq!(admitted(given).unwrap().pointer(at), rounded.pointer(at), "{at}");
    }
}

#[test]
fn of_several_wrong_values_the_one_that_go_tells_of_is_told() {
    let told = |spec: &str| {
        let body = format!(r#"{{"apiVersion":"apps/v1","kind":"Deployment","spec":{spec}}}"#);
        let decode::Decoded { mut value, duplicates } = decode::json(body).unwrap();
        let kind = kind_of(&value);
        let schema = Tables::load().schema(&kind).unwrap();
        let refused = schema.admit(&mut value, &kind, &duplicates, FieldValidation::Warn).unwrap_err();
        refused.message().rsplit_once("as a Deployment: ").map(|(_, why)| why.to_owned()).unwrap()
    };
    let field =
        |found: &str, field: &str| format!("json: cannot unmarshal {found} into Go struct field {field}");
    // The first in the body, wherever its key would be sorted.
    assert_eq!(
        told(r#"{"replicas":"a","paused":"b"}"#),
        field("string", "DeploymentSpec.spec.replicas of type int32")
    );
    assert_eq!(
        told(r#"{"paused":"b","replicas":"a"}"#),
        field("string", "DeploymentSpec.spec.paused of type bool")
    );
    let pod = |container: &str| format!(r#"{{"template":{{"spec":{{"containers":[{container}]}}}}}}"#);
    let name = "Container.spec.template.spec.containers.name of type string";
    assert_eq!(told(&pod(r#"{"name":1,"args":[2]}"#)), field("number", name));
    let args = "Container.spec.template.spec.containers.args of type string";
    assert_eq!(told(&pod(r#"{"args":["a",2],"name":1}"#)), field("number", args));
    // A type that decodes itself ends it all.
    let amount = r#""resources":{"limits":{"cpu":"x"}}"#;
    assert!(told(&pod(&format!(r#"{{"name":1,{amount}}}"#))).starts_with("quantities must match"));
    let surge = r#"{"paused":1,"strategy":{"rollingUpdate":{"maxSurge":true}}}"#;
    assert!(
        told(surge).starts_with("json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.")
    );
}

#[test]
fn a_value_of_the_wrong_type_is_told_as_go_tells_it() {
    let cases = [
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "3"}}),
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go \
             struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": ["a"]}),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal array into Go \
             struct field ConfigMap.data of type map[string]string",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": {}}}),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal object into Go \
             struct field ConfigMap.data of type string",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "binaryData": {"a": "!"}}),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: illegal base64 data at input byte 0",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 1}}),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go \
             struct field ObjectMeta.metadata.name of type string",
        ),
        (
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": 1.5}}),
            "PodDisruptionBudget in version \"v1\" cannot be handled as a PodDisruptionBudget: json: cannot \
             unmarshal number 1.5 into Go struct field PodDisruptionBudgetSpec.spec.minAvailable of type int32",
        ),
        (
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"renewTime": "yesterday"}}),
            "Lease in version \"v1\" cannot be handled as a Lease: parsing time \"yesterday\" as \
             \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"yesterday\" as \"2006\"",
        ),
    ];
    for (object, message) in cases {
        assert_eq!(admitted(object).unwrap_err(), message);
    }
}

#[test]
fn an_annotation_that_stands_for_a_number_is_one() {
    let annotated = |kind: &str, key: &str, text: &str| {
        let metadata = json!({"annotations": {key: text}});
        admitted(json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata})).err()
    };
    let (deployment, set) =
        ("deprecated.deployment.rollback.revision", "deprecated.daemonset.template.generation");
    let cases = [
        ("Deployment", deployment, "", None),
        ("Deployment", deployment, "-1", None),
        (
            "Deployment",
            deployment,
            "x",
            Some(
                "Deployment in version \"v1\" cannot be handled as a Deployment: failed to parse \
                 annotation[deprecated.deployment.rollback.revision]=x as int64: strconv.ParseInt: parsing \"x\": \
                 invalid syntax",
            ),
        ),
        ("DaemonSet", deployment, "x", None),
        (
            "DaemonSet",
            set,
            "",
            Some(
                "DaemonSet in version \"v1\" cannot be handled as a DaemonSet: strconv.ParseInt: parsing \"\": \
                 invalid syntax",
            ),
        ),
        (
            "DaemonSet",
            set,
            "9223372036854775808",
            Some(
                "DaemonSet in version \"v1\" cannot be handled as a DaemonSet: strconv.ParseInt: parsing \
                 \"9223372036854775808\": value out of range",
            ),
        ),
    ];
    for (kind, key, text, expected) in cases {
        assert_eq!(annotated(kind, key, text).as_deref(), expected, "{kind} {text}");
    }
}

#[test]
fn zero_values_are_left_out_or_written_as_go_does() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "creationTimestamp": null, "labels": {}, "generation": 0},
        "spec": {"containers": [{"name": "c", "stdin": false, "args": []}], "hostNetwork": false, "priority": 0},
    });
    assert_eq!(
        admitted(object).unwrap(),
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c", "resources": {}}], "priority": 0}, "status": {},
        })
    );
}

#[test]
fn times_are_written_in_utc_and_whole_seconds() {
    let object = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"deletionTimestamp": "2020-01-01T12:00:00.9+02:00"},
        "spec": {"renewTime": "2020-01-01T12:00:00.1234567Z"},
    });
    let object = admitted(object).unwrap();
    assert_eq!(object["metadata"]["deletionTimestamp"], "2020-01-01T10:00:00Z");
    assert_eq!(object["spec"]["renewTime"], "2020-01-01T12:00:00.123456Z");
}

#[test]
fn unknown_fields_are_dropped_and_told_in_the_order_of_the_body() {
    let body = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"z":1,"y":2,"name":"a","name":"b"},"b":1,"a":2}"#;
    let schema = Tables::load().schema(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap();
    let admit = |validation| {
        let mut decoded = decode::json(body).unwrap();
        let kind = kind_of(&decoded.value);
        schema
            .admit(&mut decoded.value, &kind, &decoded.duplicates, validation)
            .map(|told| (told, decoded.value))
    };
    let told = [
        r#"unknown field "metadata.z""#,
        r#"unknown field "metadata.y""#,
        r#"duplicate field "metadata.name""#,
        r#"unknown field "b""#,
        r#"unknown field "a""#,
    ];
    let (warnings, value) = admit(FieldValidation::Warn).unwrap();
    assert_eq!(warnings, told);
    assert_eq!(value, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}));
    assert_eq!(admit(FieldValidation::Ignore).unwrap().0, [""; 0]);
    let refused = admit(FieldValidation::Strict).unwrap_err();
    assert_eq!(
        refused.message(),
        format!(
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: {}",
            told.join(", ")
        )
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 16] = [
        "metadata",
        "spec",
        "status",
        "name",
        "labels",
        "replicas",
        "selector",
        "matchLabels",
        "template",
        "containers",
        "ports",
        "port",
        "resources",
        "limits",
        "data",
        "conditions",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..2).prop_map(Value::from),
        Just(json!(1.5)),
        "(|a|1Gi|2020-01-01T00:00:00Z|YQ==|http)".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&KEYS), inner, 0..4)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_admitted_is_canonical(value in any_value(), at in any::<prop::sample::Index>()) {
        let tables = Tables::load();
        let kind = at.get(tables.all()).resource.gvk();
        let schema = tables.schema(&kind).unwrap();
        let admit = |value: &mut Value| schema.admit(value, &kind, &Duplicates::default(), FieldValidation::Warn);
        let mut once = value;
        if admit(&mut once).is_ok() {
            let mut twice = once.clone();
            prop_assert_eq!(admit(&mut twice).unwrap(), Vec::<String>::new());
            prop_assert_eq!(once, twice);
        }
    }
}

/// Not a promise but a measurement: `cargo test --release -p steersman-apiserver -- --ignored --nocapture cost`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn the_cost_of_admission() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "default", "labels": {"app": "web", "tier": "front"}},
        "spec": {
            "containers": [{
                "name": "web", "image": "registry.example/web:1", "args": ["--port", "80"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}],
                "ports": [{"containerPort": 80, "name": "http"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }],
            "volumes": [{"name": "v", "emptyDir": {}}], "nodeSelector": {"disk": "ssd"}, "serviceAccountName": "web",
        },
    });
    let kind = kind_of(&pod);
    let start = std::time::Instant::now();
    let tables = Tables::load();
    println!("tables: {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let schema = tables.schema(&kind).unwrap();
    let admit = |object: &mut Value| {
        schema.admit(object, &kind, &Duplicates::default(), FieldValidation::Warn).unwrap();
        schema.default(object);
    };
    admit(&mut pod.clone());
    println!("first pod: {:?}", start.elapsed());
    let mut pods = vec![pod; 20_000];
    let start = std::time::Instant::now();
    pods.iter_mut().for_each(admit);
    println!("a new pod: {:?}", start.elapsed() / 20_000);
    let start = std::time::Instant::now();
    pods.iter_mut().for_each(admit);
    println!("a canonical pod: {:?}", start.elapsed() / 20_000);
}
