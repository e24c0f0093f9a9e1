//! Contract: objects are created, read, replaced and deleted, each change raises the version, and none is lost.

use super::*;

#[test]
fn rules_that_do_not_look_at_the_metadata_come_before_it() {
    let (event, budget) = (json!({"involvedObject": {"namespace": "default"}}), json!({"spec": {}}));
    let foreign = json!({"involvedObject": {"namespace": "other"}});
    let negative = json!({"spec": {"minAvailable": -1}});
    let budgets = Target::all(GroupVersionResource::new("policy", "v1", "poddisruptionbudgets"));
    let (events, budgets) = (core("events").in_namespace("default"), budgets.in_namespace("default"));
    let (bare, labelled) =
        (json!({"name": "a", "finalizers": ["bare"]}), json!({"name": "b%", "labels": {"a b": ""}}));
    let cases = [
        (&events, &event, &bare, ""),
        (&events, &foreign, &labelled, "involvedObject.namespace"),
        (&events, &event, &labelled, "metadata.name metadata.labels"),
        (&budgets, &budget, &bare, ""),
        (&budgets, &negative, &labelled, "spec.minAvailable"),
        (&budgets, &budget, &labelled, "metadata.name metadata.labels"),
    ];
    let world = World::new();
    for (target, body, metadata, wanted) in cases {
        let mut body = body.clone();
        body["metadata"] = metadata.clone();
        let told = world.create(target, body.clone()).err();
        let causes = told.and_then(|error| error.status().details.clone()?.causes).unwrap_or_default();
        let fields: Vec<_> = causes.iter().filter_map(|cause| cause.field.as_deref()).collect();
        assert_eq!(fields.join(" "), wanted, "{body}");
    }
}

#[test]
fn what_was_written_can_be_read_at_once() {
    let world = World::new();
    let created = world.create(&maps(), map("a", "1")).unwrap();
    let read = world.get(&maps().named("a")).unwrap();
    assert!(read.is_same(&created));
    assert_eq!(read.to_value().unwrap()["data"]["key"], "1");
    assert_eq!(read.to_value().unwrap()["metadata"]["resourceVersion"], created.resource_version());
    assert_eq!(read.namespace(), "default");
    assert_eq!(read.uid().len(), 36);
}

#[test]
fn every_cluster_has_its_namespaces_and_classes() {
    let world = World::new();
    let names = |target| -> Vec<String> {
        let list = world.list(&target, &ListOptions::default()).unwrap();
        list.items.iter().map(|object| object.name().to_owned()).collect()
    };
    assert_eq!(names(core("namespaces")), ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let classes = Target::all(GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses"));
    assert_eq!(names(classes), ["system-cluster-critical", "system-node-critical"]);
}

#[test]
fn a_watch_tells_every_change_in_order() {
    let world = World::new();
    world.create(&maps(), map("a", "1")).unwrap();
    let mut stream = world.watch(&maps(), &WatchOptions::default()).unwrap();
    world.update(&maps().named("a"), map("a", "2")).unwrap();
    world.create(&maps(), map("b", "1")).unwrap();
    world.delete(&maps().named("a")).unwrap();
    assert_eq!(told(&mut stream), ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
}

#[test]
fn a_write_that_changes_nothing_writes_nothing() {
    let world = World::new();
    let first = world.create(&maps(), map("a", "1")).unwrap();
    let again = world.update(&maps().named("a"), map("a", "1")).unwrap();
    assert_eq!(first.resource_version(), again.resource_version());
    let patched = world.merge(&maps().named("a"), json!({"data": {"key": "1"}})).unwrap();
    assert_eq!(first.resource_version(), patched.resource_version());
}

#[test]
fn a_stale_version_is_a_conflict() {
    let world = World::new();
    let first = world.create(&maps(), map("a", "1")).unwrap().to_value().unwrap();
    world.update(&maps().named("a"), map("a", "2")).unwrap();
    let error = world.update(&maps().named("a"), first).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(
        error.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
}

#[test]
fn a_pod_is_created_bound_and_gracefully_deleted() {
    let world = World::new();
    let pods = core("pods").in_namespace("default");
    let account = json!({"metadata": {"name": "default"}});
    world.create(&core("serviceaccounts").in_namespace("default"), account).unwrap();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"}});
    let created = world.create(&pods, pod).unwrap();
    let typed: Arc<k8s_openapi::api::core::v1::Pod> = created.decode().unwrap();
    assert_eq!(typed.spec.as_ref().unwrap().restart_policy.as_deref(), Some("Always"));
    let Deletion::Pending(ending) = world.delete(&pods.clone().named("p")).unwrap() else {
        panic!("a pod on a node ends gracefully")
    };
    assert_eq!(ending.metadata().deletion_grace_period_seconds, Some(30));
}

#[test]
fn a_deployment_counts_changes_of_its_annotations_too() {
    let world = World::new();
    let deployments =
        Target::all(GroupVersionResource::new("apps", "v1", "deployments")).in_namespace("default");
    let labels = json!({"app": "web"});
    let template = json!({
        "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}
    });
    let spec = json!({"selector": {"matchLabels": labels}, "template": template});
    world.create(&deployments, json!({"metadata": {"name": "web"}, "spec": spec})).unwrap();
    let generation = |change: Value| {
        let changed = world.merge(&deployments.clone().named("web"), json!({"metadata": change}));
        changed.unwrap().metadata().generation
    };
    assert_eq!(generation(json!({"labels": {"a": "b"}})), 1);
    assert_eq!(generation(json!({"annotations": {"a": "b"}})), 2);
    assert_eq!(generation(json!({"annotations": {"a": null}})), 3);
}

#[test]
fn a_pod_can_be_bound_through_the_legacy_collection() {
    let world = World::new();
    let pods = core("pods").in_namespace("default");
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    world.create(&pods, json!({"metadata": {"name": "p"}, "spec": spec})).unwrap();
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    let bindings = core("bindings").in_namespace("default");
    assert_eq!(world.create(&bindings, binding.clone()).unwrap().kind(), "Status");
    let bound = world.get(&pods.named("p")).unwrap().to_value().unwrap();
    assert_eq!(bound["spec"]["nodeName"], "n");
    assert!(world.create(&bindings, binding).unwrap_err().is_conflict());
}

#[test]
fn a_server_that_somebody_can_reach_is_the_endpoint_of_the_service_kubernetes() {
    let address = "192.0.2.7:8443".parse().unwrap();
    let world = World::with(|builder| builder.advertise(address));
    let get = |target: Target| {
        let target = target.in_namespace("default").named("kubernetes");
        world.get(&target).unwrap().to_value().unwrap()
    };
    assert_eq!(get(core("services"))["spec"]["ports"][0]["targetPort"], 8443);
    let subset = &get(core("endpoints"))["subsets"][0];
    assert_eq!(
        (&subset["addresses"][0]["ip"], &subset["ports"][0]["port"]),
        (&json!("192.0.2.7"), &json!(8443))
    );
    let slices = Target::all(GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices"));
    assert_eq!(get(slices)["endpoints"][0]["addresses"], json!(["192.0.2.7"]));
}

#[test]
fn the_classes_of_the_system_cannot_be_deleted() {
    let world = World::new();
    let classes = Target::all(GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses"));
    let error = world.delete(&classes.clone().named("system-node-critical")).unwrap_err();
    assert_eq!(
        error.message(),
        "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a system priority class and \
         cannot be deleted"
    );
    assert!(world.delete(&classes.named("a")).unwrap_err().is_not_found());
}

#[test]
fn an_autoscaler_of_version_2_has_no_annotations_of_version_1() {
    let world = World::new();
    let autoscalers = Target::all(GroupVersionResource::new("autoscaling", "v2", "horizontalpodautoscalers"))
        .in_namespace("default");
    let autoscaler = |version: &str| {
        let annotations = json!({
            "a": "b",
            "autoscaling.alpha.kubernetes.io/metrics": "x",
            "autoscaling.alpha.kubernetes.io/scale-up-tolerance": "1",
        });
        let target = json!({"apiVersion": version, "kind": "Deployment", "name": "d"});
        json!({
            "metadata": {"name": "a", "annotations": annotations},
            "spec": {"scaleTargetRef": target, "maxReplicas": 1},
        })
    };
    let created = world.create(&autoscalers, autoscaler("apps/v1")).unwrap();
    assert_eq!(created.to_value().unwrap()["metadata"]["annotations"], json!({"a": "b"}));
    for version in ["v1", "/v1", "/", ""] {
        let message = world.create(&autoscalers, autoscaler(version)).unwrap_err().message().to_owned();
        assert!(message.ends_with("apiVersion must specify API group"), "{message}");
    }
}

#[test]
fn a_limit_range_without_a_name_is_given_one() {
    let world = World::new();
    let created =
        world.create(&core("limitranges").in_namespace("default"), json!({"metadata": {}})).unwrap();
    assert_eq!((created.name().len(), created.name() == created.uid()), (36, false));
    assert!(
        world
            .create(&maps(), json!({"metadata": {}}))
            .unwrap_err()
            .message()
            .contains("name or generateName")
    );
}

#[test]
fn an_update_creates_what_it_may_create() {
    let world = World::new();
    let cases = [("node.k8s.io", "runtimeclasses", true), ("storage.k8s.io", "storageclasses", false)];
    for (group, resource, may) in cases {
        let class = Target::all(GroupVersionResource::new(group, "v1", resource)).named("a");
        let written =
            world.update(&class, json!({"metadata": {"name": "a"}, "handler": "h", "provisioner": "p"}));
        assert_eq!(written.err().map(|error| error.is_not_found()), (!may).then_some(true), "{resource}");
    }
}

#[test]
fn a_job_has_the_labels_that_its_pods_are_given() {
    let world = World::new();
    let jobs = Target::all(GroupVersionResource::new("batch", "v1", "jobs")).in_namespace("default");
    let container = json!({"name": "c", "image": "i"});
    let template = json!({"spec": {"containers": [container], "restartPolicy": "Never"}});
    let created =
        world.create(&jobs, json!({"metadata": {"name": "j"}, "spec": {"template": template}})).unwrap();
    let labels = &created.metadata().labels;
    assert_eq!(labels.get("batch.kubernetes.io/job-name").map(String::as_str), Some("j"));
    let written = &created.to_value().unwrap()["metadata"]["labels"]["batch.kubernetes.io/controller-uid"];
    assert_eq!(written, created.uid());
}

#[test]
fn access_of_an_administrator_is_refused_with_all_else_that_is_wrong() {
    let world = World::new();
    let claims = GroupVersionResource::new("resource.k8s.io", "v1", "resourceclaims");
    let exactly = json!({"deviceClassName": "", "adminAccess": true});
    let spec = json!({"devices": {"requests": [{"name": "r", "exactly": exactly}]}});
    let told = world.create(
        &Target::all(claims).in_namespace("default"),
        json!({"metadata": {"name": "A"}, "spec": spec}),
    );
    let told = told.unwrap_err();
    let fields: Vec<_> = told.causes().iter().filter_map(|cause| cause.field.as_deref()).collect();
    let at = "spec.devices.requests[0]";
    assert_eq!(
        fields,
        [&format!("{at}.adminAccess"), "metadata.name", &format!("{at}.exactly.deviceClassName")]
    );
}
