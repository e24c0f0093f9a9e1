//! The built-in links, each with the answers of a real API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::BoxFuture;
use jiff::Timestamp;
use steersman_core::Object;
use steersman_core::api::Target;
use steersman_core::env::{Clock, Spawn};
use steersman_core::resource::{GroupResource, Scope};
use steersman_core::tree::json;

use super::*;
use crate::authorize::{Asked, Decision};
use crate::reader::Reader;
use crate::subresource::Change;

/// A cluster of objects, by resource, namespace and name, where everything is allowed and nothing changes.
#[derive(Default)]
pub(crate) struct Objects(BTreeMap<(String, String, String), Object>);

impl Objects {
    fn with(mut self, resource: &str, object: Value) -> Self {
        let object = Object::from_value(&object).unwrap();
        let key = (resource.to_owned(), object.namespace().to_owned(), object.name().to_owned());
        self.0.insert(key, object);
        self
    }
}

impl Reader for Objects {
    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Object> {
        self.0.get(&(resource.resource.to_string(), namespace.to_owned(), name.to_owned())).cloned()
    }

    fn list(&self, resource: &GroupResource, _: &str) -> Vec<Object> {
        self.0
            .iter()
            .filter(|((one, _, _), _)| *one == resource.resource)
            .map(|(_, object)| object.clone())
            .collect()
    }
}

#[async_trait]
impl Cluster for Objects {
    async fn decide(&self, _: &User, _: &str, _: Asked<'_>) -> Decision {
        Decision::allow()
    }

    async fn update_status(&self, _: &Target, _: &Change<'_>) -> Result<()> {
        Ok(())
    }

    fn resource_of(&self, _: &GroupVersionKind) -> Option<(GroupResource, Scope)> {
        None
    }

    fn merge(&self, _: &GroupVersionResource, _: &Value, config: Value) -> Result<Value, String> {
        Ok(config)
    }

    fn kind_of(&self, _: &GroupVersionResource, _: &str) -> Option<GroupVersionKind> {
        None
    }

    fn equivalents(&self, _: &GroupVersionResource, _: &str) -> Vec<GroupVersionResource> {
        Vec::new()
    }

    async fn present(&self, _: &GroupVersionResource, _: &str, object: &Value) -> Result<Value, String> {
        Ok(object.clone())
    }

    async fn restore(&self, _: &GroupVersionResource, _: &str, object: Value) -> Result<Value, String> {
        Ok(object)
    }
}

/// A world where nothing happens.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

impl Spawn for Still {
    fn spawn(&self, _: &str, _: BoxFuture<'static, ()>) {}
}

/// Runs the whole chain over a write of `object`, and gives the object as it would be stored.
fn admit(
    cluster: &Objects,
    operation: Operation,
    group: &str,
    resource: &str,
    object: Value,
) -> Result<Value> {
    let mut chain = builtin(&Env::new(Arc::new(Still), Arc::new(Still), 1));
    chain.push(last());
    let gvr = GroupVersionResource::new(group.to_owned(), "v1", resource.to_owned());
    let kind = if resource == "namespaces" { "Namespace" } else { "Any" };
    let gvk = GroupVersionKind::new(group.to_owned(), "v1", kind);
    let (mut object, user) = (object, User::admin());
    let metadata = object["metadata"].clone();
    let mut write = Attributes {
        operation,
        resource: &gvr,
        kind: &gvk,
        namespace: metadata.text("namespace"),
        name: metadata.text("name"),
        subresource: "",
        object: &mut object,
        old: None,
        user: &user,
        dry_run: false,
        cluster,
        warnings: &Mutex::default(),
        reinvocation: &mut Reinvocation::default(),
        version: "",
        old_version: "",
        owners: None,
        options: Options::None,
    };
    block_on(async {
        for link in &chain {
            if link.handles(&write) {
                link.admit(&mut write).await?;
            }
        }
        for link in chain.iter().filter(|link| link.handles(&write)) {
            link.validate(&write).await?;
        }
        Ok(())
    })
    .map(|()| object)
}

/// A cluster with namespace `n` and its default service account, without tokens.
fn cluster() -> Objects {
    Objects::default().with("namespaces", json!({"metadata": {"name": "n"}})).with(
        "serviceaccounts",
        json!({"metadata": {"name": "default", "namespace": "n"}, "automountServiceAccountToken": false}),
    )
}

fn create_pod(cluster: &Objects, spec: Value) -> Result<Value> {
    let pod = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": spec});
    admit(cluster, Operation::Create, "", "pods", pod).map(|mut pod| pod["spec"].take())
}

fn message(outcome: Result<Value>) -> String {
    outcome.unwrap_err().message().to_owned()
}

#[test]
fn nothing_is_created_in_a_namespace_that_does_not_exist() {
    let map = json!({"metadata": {"name": "a", "namespace": "nope"}});
    let outcome = admit(&cluster(), Operation::Create, "", "configmaps", map);
    assert_eq!(message(outcome), "namespaces \"nope\" not found");
}

#[test]
fn nothing_is_created_in_a_namespace_that_goes_away() {
    let going = json!({"metadata": {"name": "n", "deletionTimestamp": "2020-01-01T00:00:00Z"}});
    let cluster = Objects::default().with("namespaces", going);
    let map = || json!({"metadata": {"name": "a", "namespace": "n"}});
    let error = admit(&cluster, Operation::Create, "", "configmaps", map()).unwrap_err();
    assert_eq!(
        error.message(),
        "configmaps \"a\" is forbidden: unable to create new content in namespace n because it is being terminated"
    );
    assert_eq!(error.causes()[0].reason.as_deref(), Some("NamespaceTerminating"));
    admit(&cluster, Operation::Update, "", "configmaps", map()).unwrap();
}

#[test]
fn the_first_namespaces_are_immortal() {
    let outcome =
        admit(&cluster(), Operation::Delete, "", "namespaces", json!({"metadata": {"name": "default"}}));
    assert_eq!(message(outcome), "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

#[test]
fn a_pod_needs_its_service_account_to_exist() {
    assert_eq!(
        message(create_pod(&cluster(), json!({"serviceAccountName": "nope"}))),
        "pods \"a\" is forbidden: error looking up service account n/nope: serviceaccount \"nope\" not found"
    );
    let spec = create_pod(&cluster(), json!({})).unwrap();
    assert_eq!(
        (&spec["serviceAccountName"], &spec["serviceAccount"]),
        (&json!("default"), &json!("default"))
    );
}

#[test]
fn a_pod_that_wants_the_token_has_it_mounted_everywhere() {
    let spec =
        json!({"automountServiceAccountToken": true, "containers": [{"name": "c"}], "initContainers": [{}]});
    let spec = create_pod(&cluster(), spec).unwrap();
    let volume = spec["volumes"][0]["name"].as_str().unwrap();
    assert!(volume.starts_with("kube-api-access-") && volume.len() == 21, "{volume}");
    let mount = json!({
        "name": volume, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"
    });
    assert_eq!(spec["containers"][0]["volumeMounts"], json!([mount]));
    assert_eq!(spec["initContainers"][0]["volumeMounts"], json!([mount]));
    assert_eq!(
        spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
        3607
    );
}

#[test]
fn a_pod_has_the_priority_of_its_class() {
    let class = json!({"metadata": {"name": "high"}, "value": 7, "globalDefault": true});
    let classes = cluster().with("priorityclasses", class);
    let cases = [
        (cluster(), json!({}), json!([null, 0, "PreemptLowerPriority"])),
        (classes, json!({}), json!(["high", 7, "PreemptLowerPriority"])),
    ];
    for (cluster, spec, expected) in cases {
        let spec = create_pod(&cluster, spec).unwrap();
        assert_eq!(json!([spec["priorityClassName"], spec["priority"], spec["preemptionPolicy"]]), expected);
    }
    assert_eq!(
        message(create_pod(&cluster(), json!({"priorityClassName": "nope"}))),
        "pods \"a\" is forbidden: no PriorityClass with name nope was found"
    );
    assert_eq!(
        message(create_pod(&cluster(), json!({"priority": 5}))),
        "pods \"a\" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority \
         admission controller computed 0 from the given PriorityClass name"
    );
}

#[test]
fn one_priority_class_is_the_default() {
    let cluster = cluster()
        .with("priorityclasses", json!({"metadata": {"name": "p"}, "value": 7, "globalDefault": true}));
    let second = json!({"metadata": {"name": "q"}, "value": 8, "globalDefault": true});
    assert_eq!(
        message(admit(&cluster, Operation::Create, "scheduling.k8s.io", "priorityclasses", second)),
        "priorityclasses.scheduling.k8s.io \"q\" is forbidden: PriorityClass p is already marked as default. Only \
         one default can exist"
    );
}

#[test]
fn a_pod_needs_its_runtime_class_to_exist() {
    assert_eq!(
        message(create_pod(&cluster(), json!({"runtimeClassName": "nope"}))),
        "pods \"a\" is forbidden: pod rejected: RuntimeClass \"nope\" not found"
    );
    assert_eq!(
        message(create_pod(&cluster(), json!({"overhead": {"cpu": "1"}}))),
        "pods \"a\" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    );
}

#[test]
fn a_new_node_is_tainted_until_it_is_ready() {
    let node = admit(&cluster(), Operation::Create, "", "nodes", json!({"metadata": {"name": "a"}})).unwrap();
    assert_eq!(
        node["spec"]["taints"],
        json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    );
}

#[test]
fn a_pod_that_is_created_on_a_node_has_the_zone_and_the_region_of_the_node_as_labels() {
    let (zone, region) = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region");
    let node = json!({"metadata": {"name": "x", "labels": {zone: "z", region: "r", "other": "o"}}});
    let cluster = cluster().with("nodes", node);
    let labels = |node: &str| {
        let metadata = json!({"name": "a", "namespace": "n", "labels": {zone: "own"}});
        let pod = json!({"metadata": metadata, "spec": {"nodeName": node}});
        admit(&cluster, Operation::Create, "", "pods", pod).unwrap()["metadata"]["labels"].take()
    };
    assert_eq!(labels("x"), json!({zone: "own", region: "r"}));
    assert_eq!(labels("gone"), json!({zone: "own"}));
    assert_eq!(labels(""), json!({zone: "own"}));
}

#[test]
fn what_stores_data_is_protected_while_it_is_in_use() {
    let finalizers = |group: &str, resource: &str, there: Value| {
        let object = json!({"metadata": {"name": "a", "finalizers": there}});
        admit(&cluster(), Operation::Create, group, resource, object).unwrap()["metadata"]["finalizers"]
            .take()
    };
    let (volume, class) = ("kubernetes.io/pv-protection", "kubernetes.io/vac-protection");
    assert_eq!(finalizers("", "persistentvolumes", json!(null)), json!([volume]));
    assert_eq!(finalizers("", "persistentvolumes", json!(["a/b"])), json!(["a/b", volume]));
    assert_eq!(finalizers("", "persistentvolumes", json!([volume])), json!([volume]));
    assert_eq!(finalizers("storage.k8s.io", "volumeattributesclasses", json!(null)), json!([class]));
    assert_eq!(finalizers("", "nodes", json!(null)), json!(null));
}

#[test]
fn a_quota_stops_what_it_has_nothing_left_for() {
    let with = |used: &str| {
        let status = json!({"hard": {"pods": "2"}, "used": {"pods": used}});
        cluster().with(
            "resourcequotas",
            json!({"metadata": {"name": "q", "namespace": "n"}, "spec": {}, "status": status}),
        )
    };
    create_pod(&with("1"), json!({})).unwrap();
    assert_eq!(
        message(create_pod(&with("2"), json!({}))),
        "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
    );
}

#[test]
fn a_quota_for_a_resource_wants_to_be_told_how_much() {
    let status = json!({"hard": {"limits.cpu": "2"}, "used": {"limits.cpu": "0"}});
    let quota = json!({"metadata": {"name": "q", "namespace": "n"}, "spec": {}, "status": status});
    let cluster = cluster().with("resourcequotas", quota);
    let pod = |resources: Value| json!({"containers": [{"name": "c", "resources": resources}]});
    assert_eq!(
        message(create_pod(&cluster, pod(json!({})))),
        "pods \"a\" is forbidden: failed quota: q: must specify limits.cpu for: c"
    );
    create_pod(&cluster, pod(json!({"limits": {"cpu": "1"}}))).unwrap();
}
