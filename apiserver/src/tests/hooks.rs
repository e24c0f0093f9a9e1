//! Admission webhooks: which writes they are asked about, with what, and what their answers come to.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use steersman_core::Error;
use steersman_core::api::Patch;

use super::*;
use crate::reviewing;

/// The reviews that webhooks were asked with, each with the path it came to.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A world whose webhooks answer like this: a response without its uid.
fn world(answer: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> (World, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let hook = reviewing(move |uri: &Uri, mut review| {
        let mut response = answer(uri.path(), &review["request"]);
        response["uid"] = review["request"]["uid"].clone();
        log.lock().unwrap().push((uri.path().to_owned(), review.clone()));
        review["response"] = response;
        review
    });
    (World::with(|builder| builder.without_admission("ServiceAccount").webhooks(hook)), asked)
}

fn allowing() -> (World, Asked) {
    world(|_, _| json!({"allowed": true}))
}

fn configurations(kind: &str) -> Target {
    Target::all(GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        format!("{kind}webhookconfigurations"),
    ))
}

/// A webhook at a path, about all writes to a resource.
fn hook(path: &str, group: &str, resource: &str, more: Value) -> Value {
    let rule = json!({
        "apiGroups": [group], "apiVersions": ["v1"], "operations": ["*"], "resources": [resource],
    });
    let mut hook = json!({
        "name": "hook.example.com", "clientConfig": {"url": format!("https://127.0.0.1:9443/{path}")},
        "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
    });
    hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    hook
}

fn install(world: &World, kind: &str, name: &str, hooks: &[Value]) {
    let configuration = json!({"metadata": {"name": name}, "webhooks": hooks});
    world.create(&configurations(kind), configuration).unwrap();
}

fn about_maps(world: &World, kind: &str, more: Value) {
    install(world, kind, "c", &[hook("maps", "", "configmaps", more)]);
}

fn told<T>(outcome: Result<T>) -> String {
    outcome.err().map_or_else(String::new, |error| format!("{} {}", error.code(), error.message()))
}

fn patch(operations: Value) -> Value {
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
}

#[test]
fn a_webhook_is_told_everything_of_a_write() {
    let (world, asked) = allowing();
    about_maps(&world, "validating", json!({}));
    world.create(&maps(), map("a", "x")).unwrap();
    world.update(&maps().named("a"), map("a", "y")).unwrap();
    world.delete(&maps().named("a")).unwrap();
    let asked = asked.lock().unwrap();
    let [created, updated, deleted] = [0, 1, 2].map(|number| &asked[number].1["request"]);
    assert_eq!(asked[0].1["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(asked[0].1["kind"], "AdmissionReview");
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    for request in [created, updated, deleted] {
        assert_eq!((&request["kind"], &request["requestKind"]), (&kind, &kind));
        assert_eq!((&request["resource"], &request["requestResource"]), (&resource, &resource));
        assert_eq!((&request["name"], &request["namespace"]), (&json!("a"), &json!("default")));
        assert_eq!((&request["dryRun"], &request["subResource"]), (&json!(false), &Value::Null));
        let user = json!({"username": "system:admin", "groups": ["system:authenticated", "system:masters"]});
        assert_eq!(request["userInfo"], user);
    }
    let operations = [created, updated, deleted].map(|request| request["operation"].as_str().unwrap());
    assert_eq!(operations, ["CREATE", "UPDATE", "DELETE"]);
    let kinds = [created, updated, deleted].map(|request| request["options"]["kind"].as_str().unwrap());
    assert_eq!(kinds, ["CreateOptions", "UpdateOptions", "DeleteOptions"]);
    assert_eq!((&created["object"]["data"]["key"], &created["oldObject"]), (&json!("x"), &Value::Null));
    assert_eq!(created["object"]["apiVersion"], "v1");
    assert!(created["object"]["metadata"]["uid"].is_string());
    assert!(created["object"]["metadata"]["managedFields"].is_array());
    assert_eq!(updated["oldObject"]["data"]["key"], "x");
    assert!(updated["oldObject"]["metadata"]["resourceVersion"].is_string());
    assert_eq!((&deleted["object"], &deleted["oldObject"]["data"]["key"]), (&Value::Null, &json!("y")));
}

#[test]
fn a_refusal_is_told_with_the_words_and_the_code_of_the_webhook() {
    let (world, _) = world(|_, request| match request["name"].as_str().unwrap() {
        "plain" => json!({"allowed": false}),
        "told" => {
            json!({"allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "not today"}})
        }
        _ => json!({"allowed": true, "warnings": ["careful"]}),
    });
    about_maps(&world, "validating", json!({}));
    let head = "admission webhook \"hook.example.com\" denied the request";
    assert_eq!(told(world.create(&maps(), map("plain", "x"))), format!("400 {head} without explanation"));
    assert_eq!(told(world.create(&maps(), map("told", "x"))), format!("403 {head}: not today"));
    assert_eq!(told(world.create(&maps(), map("good", "x"))), "");
    assert!(world.get(&maps().named("told")).unwrap_err().is_not_found());
}

#[test]
fn webhooks_change_what_is_written_in_the_order_of_their_configurations() {
    let (world, _) = world(|path, request| {
        let seen = request["object"]["data"]["key"].as_str().unwrap();
        let next = format!("{seen}{path}");
        patch(json!([{"op": "replace", "path": "/data/key", "value": next}]))
    });
    let of = |path: &str| hook(path, "", "configmaps", json!({"name": format!("{path}.example.com")}));
    install(&world, "mutating", "second", &[of("c")]);
    install(&world, "mutating", "first", &[of("b"), of("a")]);
    let made = world.create(&maps(), map("m", "x")).unwrap().to_value().unwrap();
    assert_eq!(made["data"]["key"], "x/b/a/c");
    assert!(made["metadata"]["managedFields"].is_array());
}

#[test]
fn what_a_webhook_adds_has_the_defaults_of_its_kind() {
    let (world, _) = world(|_, _| {
        let container = json!({"name": "sidecar", "image": "side"});
        patch(json!([{"op": "add", "path": "/spec/containers/-", "value": container}]))
    });
    install(&world, "mutating", "c", &[hook("pods", "", "pods", json!({}))]);
    let made = world.create(&core("pods").in_namespace("default"), pod("p", "")).unwrap();
    let made = made.to_value().unwrap();
    assert_eq!(made["spec"]["containers"][1]["terminationMessagePath"], "/dev/termination-log");
}

#[test]
fn silence_refuses_unless_it_is_ignored() {
    let silent = |_: http::Request<bytes::Bytes>| async {
        Err::<http::Response<_>, _>(Error::internal(
            "Post \"x\": dial tcp 127.0.0.1:1: connect: connection refused",
        ))
    };
    let why = "500 Internal error occurred: failed calling webhook \"hook.example.com\": failed to call webhook: \
               Post \"x\": dial tcp 127.0.0.1:1: connect: connection refused";
    for (kind, policy, expected) in [
        ("mutating", "Fail", why),
        ("validating", "Fail", why),
        ("mutating", "Ignore", ""),
        ("validating", "Ignore", ""),
    ] {
        let world = World::with(|builder| builder.webhooks(silent));
        about_maps(&world, kind, json!({"failurePolicy": policy}));
        assert_eq!(told(world.create(&maps(), map("a", "x"))), expected, "{kind} {policy}");
    }
}

#[test]
fn a_server_that_calls_no_webhooks_refuses_what_one_is_to_be_asked_about() {
    let world = World::new();
    about_maps(&world, "validating", json!({}));
    let refused = told(world.create(&maps(), map("a", "x")));
    assert!(refused.starts_with(
        "500 Internal error occurred: failed calling webhook \"hook.example.com\": could not get REST client: this \
         server calls no webhooks"
    ), "{refused}");
    world.create(&core("secrets").in_namespace("default"), json!({"metadata": {"name": "s"}})).unwrap();
}

#[test]
fn a_webhook_has_as_long_as_its_configuration_says() {
    let never =
        |_: http::Request<bytes::Bytes>| std::future::pending::<Result<http::Response<bytes::Bytes>>>();
    let world = World::with(|builder| builder.webhooks(never));
    about_maps(&world, "mutating", json!({"timeoutSeconds": 3}));
    let start = world.clock.elapsed();
    let why = "500 Internal error occurred: failed calling webhook \"hook.example.com\": failed to call webhook: Post \
               \"https://127.0.0.1:9443/maps?timeout=3s\": context deadline exceeded";
    assert_eq!(told(world.create(&maps(), map("a", "x"))), why);
    assert_eq!(world.clock.elapsed() - start, Duration::from_secs(3));
}

#[test]
fn an_answer_that_makes_no_sense_is_as_good_as_none() {
    let (world, _) = world(|_, _| json!({"allowed": true, "patch": "W10="}));
    about_maps(&world, "mutating", json!({}));
    let refused = told(world.create(&maps(), map("a", "x")));
    assert!(refused.ends_with(
        "failed calling webhook \"hook.example.com\": received invalid webhook response: webhook returned response.patch \
         but not response.patchType"
    ), "{refused}");
}

#[test]
fn selectors_and_conditions_narrow_what_a_webhook_is_asked_about() {
    let labelled = json!({"matchLabels": {"l": "1"}});
    let condition = |expression: &str| json!([{"name": "n", "expression": expression}]);
    let cases = [
        (json!({"objectSelector": labelled}), "b"),
        (json!({"namespaceSelector": labelled}), ""),
        (json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}), "ab"),
        (json!({"matchConditions": condition("object.metadata.name != 'b'")}), "a"),
        (json!({"matchConditions": condition("request.userInfo.username == 'nobody'")}), ""),
        (json!({"matchConditions": condition("object.nope == 1"), "failurePolicy": "Ignore"}), ""),
    ];
    for (more, expected) in cases {
        let (world, asked) = allowing();
        about_maps(&world, "validating", more.clone());
        let mut labelled = map("b", "x");
        labelled["metadata"]["labels"] = json!({"l": "1"});
        for object in [map("a", "x"), labelled] {
            world.create(&maps(), object).unwrap();
        }
        let names: String = asked
            .lock()
            .unwrap()
            .iter()
            .map(|(_, review)| review["request"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{more}");
    }
    let (world, _) = allowing();
    about_maps(&world, "validating", json!({"matchConditions": condition("object.nope == 1")}));
    let why = "403 configmaps \"a\" is forbidden: expression 'object.nope == 1' resulted in error: no such key: nope";
    assert_eq!(told(world.create(&maps(), map("a", "x"))), why);
}

#[test]
fn the_configuration_of_webhooks_is_never_asked_about() {
    let (world, asked) = world(|_, _| json!({"allowed": false}));
    let every = json!({"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]});
    install(&world, "validating", "all", &[hook("all", "", "x", every)]);
    assert!(told(world.create(&maps(), map("a", "x"))).starts_with("400 "));
    world.delete(&configurations("validating").named("all")).unwrap();
    assert_eq!(told(world.create(&maps(), map("a", "x"))), "");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn an_equivalent_resource_is_shown_in_the_version_that_was_asked_for() {
    let cases = [("Equivalent", vec!["events.k8s.io"]), ("Exact", vec![])];
    for (policy, groups) in cases {
        let (world, asked) =
            world(|_, _| patch(json!([{"op": "replace", "path": "/note", "value": "changed"}])));
        let hook = hook("events", "events.k8s.io", "events", json!({"matchPolicy": policy}));
        install(&world, "mutating", "c", &[hook]);
        let event = json!({
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "default"}, "message": "m",
        });
        let made = world.create(&core("events").in_namespace("default"), event).unwrap().to_value().unwrap();
        let asked = asked.lock().unwrap();
        let seen: Vec<&str> =
            asked.iter().map(|(_, review)| review["request"]["kind"]["group"].as_str().unwrap()).collect();
        assert_eq!(seen, groups);
        assert_eq!(made["message"], if groups.is_empty() { "m" } else { "changed" });
        for (_, review) in asked.iter() {
            assert_eq!(review["request"]["requestKind"]["group"], "");
            assert_eq!(review["request"]["object"]["note"], "m");
        }
    }
}

#[test]
fn a_webhook_is_asked_about_a_subresource_in_its_own_form() {
    let (world, asked) = allowing();
    for kind in ["mutating", "validating"] {
        install(&world, kind, "c", &[hook("scale", "apps", "deployments/scale", json!({}))]);
    }
    let deployments =
        Target::all(GroupVersionResource::new("apps", "v1", "deployments")).in_namespace("default");
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    world.create(&deployments, json!({"metadata": {"name": "d"}, "spec": spec})).unwrap();
    let scale = deployments.named("d").subresource("scale");
    world.merge(&scale, json!({"spec": {"replicas": 3}})).unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for (_, review) in asked.iter() {
        let request = &review["request"];
        assert_eq!((&request["kind"]["kind"], &request["subResource"]), (&json!("Scale"), &json!("scale")));
        assert_eq!(
            (&request["object"]["kind"], &request["oldObject"]["kind"]),
            (&json!("Scale"), &json!("Scale"))
        );
        let replicas = (&request["oldObject"]["spec"]["replicas"], &request["object"]["spec"]["replicas"]);
        assert_eq!(replicas, (&json!(1), &json!(3)));
    }
}

#[test]
fn a_webhook_that_asked_for_it_is_asked_again_when_others_have_changed_what_it_saw() {
    for (policy, expected) in [("IfNeeded", vec!["/a", "/b", "/a"]), ("Never", vec!["/a", "/b"])] {
        let (world, asked) =
            world(|path, request| match (path, &request["object"]["metadata"]["labels"]["b"]) {
                ("/b", Value::Null) => {
                    patch(json!([{"op": "add", "path": "/metadata/labels", "value": {"b": "1"}}]))
                }
                _ => json!({"allowed": true}),
            });
        let of = |path: &str| {
            let more = json!({"name": format!("{path}.example.com"), "reinvocationPolicy": policy});
            hook(path, "", "configmaps", more)
        };
        install(&world, "mutating", "c", &[of("a"), of("b")]);
        world.create(&maps(), map("m", "x")).unwrap();
        let paths: Vec<String> = asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(paths, expected);
    }
}

#[test]
fn a_dry_run_is_told_as_one() {
    let (world, asked) = allowing();
    about_maps(&world, "mutating", json!({"sideEffects": "NoneOnDryRun"}));
    let options = WriteOptions { dry_run: true, field_manager: "me".to_owned(), ..WriteOptions::default() };
    world.run(world.api.create(&maps(), map("a", "x"), &options)).unwrap();
    let request = asked.lock().unwrap()[0].1["request"].clone();
    assert_eq!(request["dryRun"], true);
    let options = json!({
        "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"], "fieldManager": "me",
    });
    assert_eq!(request["options"], options);
}

#[test]
fn a_delete_cannot_be_changed_and_is_asked_about_once() {
    let (world, asked) = world(|_, request| match request["operation"].as_str() {
        Some("DELETE") => patch(json!([{"op": "add", "path": "/x", "value": 1}])),
        _ => json!({"allowed": true}),
    });
    about_maps(&world, "mutating", json!({}));
    world.create(&maps(), map("a", "x")).unwrap();
    let why = "500 Internal error occurred: admission webhook \"hook.example.com\" attempted to modify the object, which \
               is not supported for this operation";
    assert_eq!(told(world.delete(&maps().named("a"))), why);
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[test]
fn a_patch_that_does_not_apply_is_a_failure_of_the_server() {
    let (world, _) = world(|_, _| patch(json!([{"op": "test", "path": "/data/key", "value": "y"}])));
    about_maps(&world, "mutating", json!({"failurePolicy": "Ignore"}));
    let why = "500 Internal error occurred: testing value /data/key failed: test failed";
    assert_eq!(told(world.create(&maps(), map("a", "x"))), why);
}

#[test]
fn an_eviction_is_asked_about_and_the_delete_that_it_leads_to_is_not() {
    let (world, asked) = allowing();
    let pods = core("pods").in_namespace("default");
    install(
        &world,
        "validating",
        "c",
        &[
            hook("pods", "", "pods", json!({"name": "a.example.com"})),
            hook("evictions", "", "pods/eviction", json!({"name": "b.example.com"})),
        ],
    );
    world.create(&pods, pod("p", "")).unwrap();
    let eviction = json!({"metadata": {"name": "p"}});
    world.create(&pods.named("p").subresource("eviction"), eviction).unwrap();
    let asked = asked.lock().unwrap();
    let seen: Vec<(&str, &str)> = asked
        .iter()
        .map(|(path, review)| (path.as_str(), review["request"]["operation"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("/pods", "CREATE"), ("/evictions", "CREATE")]);
    assert_eq!(
        asked[1].1["request"]["kind"],
        json!({"group": "policy", "version": "v1", "kind": "Eviction"})
    );
}

#[test]
fn a_namespace_is_selected_by_its_own_labels_and_told_as_its_own_namespace() {
    let (world, asked) = allowing();
    let more = json!({"namespaceSelector": {"matchLabels": {"team": "red"}}});
    install(&world, "validating", "c", &[hook("namespaces", "", "namespaces", more)]);
    for (name, team) in [("a", "red"), ("b", "blue")] {
        let namespace = json!({"metadata": {"name": name, "labels": {"team": team}}});
        world.create(&core("namespaces"), namespace).unwrap();
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&asked[0].1["request"]["name"], &asked[0].1["request"]["namespace"]),
        (&json!("a"), &json!("a"))
    );
}

#[test]
fn a_service_is_asked_under_its_own_name_where_its_endpoints_are() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let hook_fetch = move |request: http::Request<bytes::Bytes>| {
        let route = request.extensions().get::<crate::Route>().unwrap().0.clone();
        let authorities = request.extensions().get::<crate::Authorities>().cloned();
        log.lock().unwrap().push((request.uri().to_string(), route, authorities.unwrap().0));
        async { Err::<http::Response<bytes::Bytes>, _>(Error::internal("no")) }
    };
    let world = World::with(|builder| builder.webhooks(hook_fetch));
    let service = json!({"namespace": "default", "name": "hook", "path": "/mutate", "port": 8443});
    let client = json!({"service": service, "caBundle": STANDARD.encode("PEM")});
    about_maps(&world, "mutating", json!({"clientConfig": client, "failurePolicy": "Ignore"}));
    world.create(&maps(), map("a", "x")).unwrap();
    let spec = json!({"ports": [{"port": 8443, "targetPort": 9443}]});
    world
        .create(
            &core("services").in_namespace("default"),
            json!({"metadata": {"name": "hook"}, "spec": spec}),
        )
        .unwrap();
    world.create(&maps(), map("b", "x")).unwrap();
    let slices = Target::all(GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices"));
    let slice = json!({
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}}, "addressType": "IPv4",
        "ports": [{"name": "", "port": 9443}],
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}],
    });
    world.create(&slices.in_namespace("default"), slice).unwrap();
    world.create(&maps(), map("c", "x")).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|one| one.0 == "https://hook.default.svc:8443/mutate?timeout=10s"));
    assert!(seen.iter().all(|one| one.2 == "PEM"));
    let routes: Vec<Result<&str, &str>> =
        seen.iter().map(|one| one.1.as_deref().map_err(String::as_str)).collect();
    let expected = [
        Err("service \"hook\" not found"),
        Err("no endpoints available for service \"hook\""),
        Ok("10.1.2.3:9443"),
    ];
    assert_eq!(routes, expected);
}

#[test]
fn a_changed_configuration_is_read_anew() {
    let (world, asked) = allowing();
    about_maps(&world, "validating", json!({}));
    world.create(&maps(), map("a", "x")).unwrap();
    let hooks =
        json!([{"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": "https://x/other"}]);
    let target = configurations("validating").named("c");
    world.run(world.api.patch(&target, Patch::Json(hooks), &WriteOptions::default())).unwrap();
    world.create(&maps(), map("b", "x")).unwrap();
    let paths: Vec<String> = asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["/maps", "/other"]);
}

#[test]
fn each_object_of_a_collection_is_asked_about_and_the_request_names_none() {
    let (world, asked) = allowing();
    about_maps(
        &world,
        "validating",
        json!({"rules": [{
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"],
        }]}),
    );
    let delete_all =
        || world.run(world.api.delete_collection(&maps(), &Default::default(), &ListOptions::default()));
    delete_all().unwrap();
    assert!(asked.lock().unwrap().is_empty(), "nothing is deleted");
    for name in ["a", "b"] {
        world.create(&maps(), map(name, "x")).unwrap();
    }
    delete_all().unwrap();
    let asked = asked.lock().unwrap();
    let told = asked.iter().map(|(_, review)| {
        let request = &review["request"];
        (request["name"].clone(), request["oldObject"]["metadata"]["name"].clone())
    });
    assert_eq!(told.collect::<Vec<_>>(), [(Value::Null, json!("a")), (Value::Null, json!("b"))]);
}

#[test]
fn what_changes_a_write_sees_the_version_that_its_client_gave() {
    let (world, asked) = allowing();
    let made = world.create(&maps(), map("a", "x")).unwrap();
    about_maps(&world, "mutating", json!({}));
    about_maps(&world, "validating", json!({}));
    world.update(&maps().named("a"), map("a", "y")).unwrap();
    let asked = asked.lock().unwrap();
    let versions = asked.iter().map(|(_, review)| {
        ["object", "oldObject"]
            .map(|shown| review["request"][shown]["metadata"]["resourceVersion"].as_str().unwrap_or_default())
    });
    let stored = made.resource_version();
    assert_eq!(versions.collect::<Vec<_>>(), [["", stored], [stored, stored]]);
}
