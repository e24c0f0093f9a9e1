//! Contracts 4 to 6 and 9: conflicts, identity, finalizers, deletion, the doors to an object, errors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman_core::api::FieldValidation;

use super::*;

#[test]
fn metadata_of_the_server_cannot_be_written() {
    let world = World::new();
    let created = world.create(&maps(), map("a", "1")).unwrap();
    let mut body = map("a", "2");
    body["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    let updated = world.update(&maps().named("a"), body).unwrap();
    assert_eq!(updated.metadata().creation_timestamp, created.metadata().creation_timestamp);
    assert_eq!(updated.uid(), created.uid());
}

#[test]
fn a_generated_name_has_five_letters_more() {
    let world = World::new();
    let created = world.create(&maps(), json!({"metadata": {"generateName": "web-"}})).unwrap();
    assert!(created.name().starts_with("web-") && created.name().len() == 9, "{}", created.name());
}

#[test]
fn generation_moves_only_with_the_spec() {
    let world = World::new();
    let pods = core("pods").in_namespace("default").named("p");
    world.create(&core("pods").in_namespace("default"), pod("p", "n")).unwrap();
    let labelled = world.merge(&pods, json!({"metadata": {"labels": {"a": "b"}}})).unwrap();
    assert_eq!(labelled.metadata().generation, 1);
    let status = pods.clone().subresource("status");
    let running = world.merge(&status, json!({"status": {"phase": "Running"}})).unwrap();
    assert_eq!(running.metadata().generation, 1);
    let changed = world.merge(&pods, json!({"spec": {"activeDeadlineSeconds": 9}})).unwrap();
    assert_eq!(changed.metadata().generation, 2);
}

#[test]
fn spec_and_status_are_written_through_their_own_doors() {
    let world = World::new();
    let pods = core("pods").in_namespace("default").named("p");
    world.create(&core("pods").in_namespace("default"), pod("p", "n")).unwrap();
    let untouched = world.merge(&pods, json!({"status": {"phase": "Failed"}})).unwrap();
    assert_eq!(untouched.to_value().unwrap()["status"]["phase"], "Pending");
    let both = json!({"status": {"phase": "Running"}, "spec": {"activeDeadlineSeconds": 9}});
    let value = world.merge(&pods.subresource("status"), both).unwrap().to_value().unwrap();
    assert_eq!(value["status"]["phase"], "Running");
    assert_eq!(value["spec"].get("activeDeadlineSeconds"), None);
}

#[test]
fn removing_the_last_finalizer_deletes() {
    let world = World::new();
    let a = maps().named("a");
    let mut body = map("a", "1");
    body["metadata"]["finalizers"] = json!(["example.com/one"]);
    world.create(&maps(), body).unwrap();
    let Deletion::Pending(ending) = world.delete(&a).unwrap() else { panic!("it has a finalizer") };
    assert!(ending.metadata().is_terminating());
    let error = world.merge(&a, json!({"metadata": {"finalizers": ["example.com/two"]}})).unwrap_err();
    assert_eq!(error.code(), 422);
    world.merge(&a, json!({"metadata": {"finalizers": null}})).unwrap();
    assert!(world.get(&a).unwrap_err().is_not_found());
}

#[test]
fn a_delete_says_what_becomes_of_dependents() {
    let cases = [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")];
    for (policy, finalizer) in cases {
        let world = World::new();
        world.create(&maps(), map("a", "1")).unwrap();
        let options = DeleteOptions { propagation_policy: Some(policy.to_owned()), ..Default::default() };
        let Deletion::Pending(ending) = world.run(world.api.delete(&maps().named("a"), &options)).unwrap()
        else {
            panic!("{policy} leaves the object")
        };
        assert_eq!(ending.metadata().finalizers, [finalizer]);
    }
}

#[test]
fn a_delete_honours_its_preconditions() {
    let world = World::new();
    let created = world.create(&maps(), map("a", "1")).unwrap();
    let with = |uid: &str, version: &str| DeleteOptions {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
        }),
        ..DeleteOptions::default()
    };
    let a = maps().named("a");
    for options in [with("other", created.resource_version()), with(created.uid(), "1")] {
        assert!(world.run(world.api.delete(&a, &options)).unwrap_err().is_conflict());
    }
    let right = with(created.uid(), created.resource_version());
    assert!(matches!(world.run(world.api.delete(&a, &right)).unwrap(), Deletion::Done(_)));
}

#[test]
fn a_dry_run_stores_nothing() {
    let world = World::new();
    let dry = WriteOptions { dry_run: true, ..WriteOptions::default() };
    world.run(world.api.create(&maps(), map("a", "1"), &dry)).unwrap();
    assert!(world.get(&maps().named("a")).unwrap_err().is_not_found());
    world.create(&maps(), map("a", "1")).unwrap();
    world.run(world.api.update(&maps().named("a"), map("a", "2"), &dry)).unwrap();
    let options = DeleteOptions { dry_run: Some(vec!["All".to_owned()]), ..DeleteOptions::default() };
    world.run(world.api.delete(&maps().named("a"), &options)).unwrap();
    assert_eq!(world.get(&maps().named("a")).unwrap().to_value().unwrap()["data"]["key"], "1");
}

#[test]
fn a_patch_without_a_version_outlives_conflicts() {
    let world = World::new();
    world.create(&maps(), map("a", "1")).unwrap();
    let a = maps().named("a");
    let options = WriteOptions::default();
    let patches = (0..20).map(|n| {
        let patch = Patch::Merge(json!({"data": {(n.to_string()): "x"}}));
        world.api.patch(&a, patch, &options)
    });
    let outcomes = world.run(futures::future::join_all(patches));
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(world.get(&a).unwrap().to_value().unwrap()["data"].as_object().unwrap().len(), 21);
}

#[test]
fn bad_bodies_are_refused_and_nothing_is_stored() {
    let world = World::new();
    let strict = WriteOptions { field_validation: FieldValidation::Strict, ..WriteOptions::default() };
    let unknown = world.run(world.api.create(&maps(), json!({"metadata": {"name": "a"}, "zzz": 1}), &strict));
    let cases = [
        (unknown, 400, "strict decoding error: unknown field \"zzz\""),
        (
            world.create(&maps(), json!({"kind": "Secret", "metadata": {"name": "a"}})),
            400,
            "cannot be handled as a ConfigMap",
        ),
        (
            world.create(&maps(), json!({"metadata": {"name": "A_"}})),
            422,
            "metadata.name: Invalid value: \"A_\"",
        ),
        (
            world.create(&maps(), json!({"metadata": {}})),
            422,
            "metadata.name: Required value: name or generateName is required",
        ),
        (
            world.create(&maps(), json!({"metadata": {"name": "a", "namespace": "b"}})),
            400,
            "does not match the namespace",
        ),
        (
            world.create(&maps(), json!({"metadata": {"name": "a"}, "data": "x"})),
            400,
            "cannot be handled as a ConfigMap",
        ),
        (
            world.create(&core("foos").in_namespace("default"), json!({})),
            404,
            "could not find the requested resource",
        ),
        (world.create(&core("configmaps"), map("a", "1")), 405, "does not allow this method"),
    ];
    for (outcome, code, text) in cases {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(text), "{error}");
    }
    assert!(world.list(&maps(), &ListOptions::default()).unwrap().items.is_empty());
}

/// `field, field` of the error, or nothing.
fn causes(outcome: Result<Object>) -> String {
    let Err(error) = outcome else { return String::new() };
    let fields = error.causes().iter().map(|cause| cause.field.as_deref().unwrap_or("?"));
    fields.collect::<Vec<_>>().join(", ")
}

fn kind(group: &'static str, resource: &'static str) -> Target {
    Target::all(GroupVersionResource::new(group, "v1", resource))
}

#[test]
fn a_finalizer_names_its_domain_where_upstreams_kind_asks() {
    let world = World::new();
    let budget = json!({"minAvailable": 1});
    let cases = [
        (maps(), json!({}), "metadata.finalizers[0]"),
        (kind("scheduling.k8s.io", "priorityclasses"), json!({"value": 1}), "metadata.finalizers[0]"),
        (kind("coordination.k8s.io", "leases").in_namespace("default"), json!({}), ""),
        (kind("node.k8s.io", "runtimeclasses"), json!({"handler": "h"}), ""),
        (kind("admissionregistration.k8s.io", "validatingwebhookconfigurations"), json!({}), ""),
        (kind("policy", "poddisruptionbudgets").in_namespace("default"), json!({"spec": budget}), ""),
    ];
    for (target, mut body, expected) in cases {
        body["metadata"] = json!({"name": "f", "finalizers": ["bare"]});
        assert_eq!(causes(world.create(&target, body)), expected, "{target:?}");
    }
}

#[test]
fn the_metadata_of_a_status_is_judged_as_upstreams_kind_judges_it() {
    let world = World::new();
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let cron_job = json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}});
    let quotas = core("resourcequotas").in_namespace("default");
    let labels = "metadata.labels, metadata.labels";
    let cases = [
        (quotas, json!({}), format!("{labels}, metadata.labels, metadata.finalizers[0]")),
        (kind("batch", "cronjobs").in_namespace("default"), cron_job, labels.to_owned()),
        (
            kind("policy", "poddisruptionbudgets").in_namespace("default"),
            json!({"minAvailable": 1}),
            labels.to_owned(),
        ),
    ];
    for (target, spec, expected) in cases {
        world.create(&target, json!({"metadata": {"name": "s"}, "spec": spec})).unwrap();
        let status = target.named("s").subresource("status");
        let patch = json!({"metadata": {"labels": {"a b": "c"}, "finalizers": ["bare"]}});
        assert_eq!(causes(world.merge(&status, patch)), expected, "{status:?}");
    }
}

#[test]
fn the_metadata_of_an_update_is_judged_as_often_as_upstreams_kind_does() {
    let world = World::new();
    let (once, finalizer) = ("metadata.labels", "metadata.finalizers[0]");
    let classes = kind("scheduling.k8s.io", "priorityclasses");
    let cases = [
        (maps(), json!({}), format!("{once}, {once}, {once}, {finalizer}, {once}, {finalizer}")),
        (classes, json!({"value": 1}), format!("{once}, {once}, {once}, {finalizer}")),
        (
            core("limitranges").in_namespace("default"),
            json!({"spec": {"limits": []}}),
            format!("{once}, {once}, {once}, {finalizer}"),
        ),
        (
            kind("policy", "poddisruptionbudgets").in_namespace("default"),
            json!({"spec": {"minAvailable": 1}}),
            format!("{once}, {once}"),
        ),
    ];
    for (target, mut body, expected) in cases {
        body["metadata"] = json!({"name": "u"});
        world.create(&target, body).unwrap();
        let named = target.named("u");
        let patch = json!({"metadata": {"labels": {"a b": "c"}, "finalizers": ["bare"]}});
        assert_eq!(causes(world.merge(&named, patch)), expected, "{named:?}");
    }
}

#[test]
fn a_runtime_class_is_created_by_an_update() {
    let world = World::new();
    let class = json!({"metadata": {"name": "r"}, "handler": "h"});
    let created = world.update(&kind("node.k8s.io", "runtimeclasses").named("r"), class).unwrap();
    assert_eq!(created.name(), "r");
}

#[test]
fn a_body_of_more_than_three_mebibytes_is_refused() {
    let world = World::new();
    let body = bytes::Bytes::from(vec![b' '; 3 * 1024 * 1024 + 1]);
    let request = http::Request::post("/api/v1/namespaces/default/configmaps").body(body).unwrap();
    let response = world.run(world.server.call(User::admin(), request));
    assert_eq!(response.status(), 413);
}

#[test]
fn workloads_scale_through_their_scale() {
    let world = World::new();
    let sets = Target::all(GroupVersionResource::new("apps", "v1", "replicasets")).in_namespace("default");
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    world.create(&sets, json!({"metadata": {"name": "s"}, "spec": spec})).unwrap();
    let scale = sets.clone().named("s").subresource("scale");
    let mut body = world.get(&scale).unwrap().to_value().unwrap();
    assert_eq!(body["status"]["selector"], "a=b");
    body["spec"]["replicas"] = 5.into();
    let scaled = world.update(&scale, body).unwrap();
    assert_eq!(scaled.kind(), "Scale");
    let set = world.get(&sets.named("s")).unwrap();
    assert_eq!(set.to_value().unwrap()["spec"]["replicas"], 5);
    assert_eq!(set.metadata().generation, 2);
}

#[test]
fn an_event_is_one_object_in_both_of_its_groups() {
    let world = World::new();
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "R", "message": "m"});
    world.create(&core("events").in_namespace("default"), event).unwrap();
    let other =
        Target::all(GroupVersionResource::new("events.k8s.io", "v1", "events")).in_namespace("default");
    let shown = world.get(&other.named("e")).unwrap().to_value().unwrap();
    assert_eq!((&shown["note"], &shown["regarding"]["name"]), (&json!("m"), &json!("p")));
}

struct Nobody;

#[async_trait::async_trait]
impl crate::Authorizer for Nobody {
    async fn authorize(&self, _: &crate::authorize::Access<'_>) -> crate::authorize::Decision {
        crate::authorize::Decision::no_opinion()
    }
}

#[test]
fn who_may_not_is_told_what() {
    let world = World::with(|builder| builder.authorizer(Nobody));
    let alice = world.server.api_as(User::named("alice"), "test");
    let error = world.run(alice.get(&maps().named("a"), &GetOptions::default())).unwrap_err();
    assert_eq!(
        error.message(),
        "configmaps \"a\" is forbidden: User \"alice\" cannot get resource \"configmaps\" in API group \"\" in the \
         namespace \"default\""
    );
}

#[test]
fn a_collection_is_deleted_page_by_page_as_of_the_version_that_is_named() {
    let world = World::new();
    let first = world.create(&maps(), map("m0", "")).unwrap();
    for number in 1..=1001 {
        world.create(&maps(), map(&format!("m{number}"), "")).unwrap();
    }
    let delete = |version: &str| {
        let list = ListOptions { resource_version: version.to_owned(), ..ListOptions::default() };
        world.run(world.api.delete_collection(&maps(), &DeleteOptions::default(), &list)).unwrap()
    };
    let gone = delete(first.resource_version());
    assert_eq!((gone.items.len(), gone.items[0].name()), (1, "m0"));
    assert_eq!(delete("").items.len(), 1001);
    assert!(world.list(&maps(), &ListOptions::default()).unwrap().items.is_empty());
}
