//! Admission policies: what they refuse, what they change, and what they leave alone.

use super::*;

fn of(resource: &'static str) -> Target {
    Target::all(GroupVersionResource::new("admissionregistration.k8s.io", "v1", resource))
}

/// A world whose ConfigMaps are held to a policy of that spec, through a binding of that one.
fn world(spec: Value, binding: Value) -> World {
    let world = World::new();
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"],
    });
    let mut policy =
        json!({"metadata": {"name": "p"}, "spec": {"matchConstraints": {"resourceRules": [rule]}}});
    let mut bound =
        json!({"metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": ["Deny"]}});
    for (object, more) in [(&mut policy, spec), (&mut bound, binding)] {
        let own = object["spec"].as_object_mut().unwrap();
        own.extend(more.as_object().unwrap().clone());
    }
    world.create(&of("validatingadmissionpolicies"), policy).unwrap();
    world.create(&of("validatingadmissionpolicybindings"), bound).unwrap();
    world
}

fn refusal(world: &World, name: &str) -> String {
    match world.create(&maps(), map(name, "x")) {
        Ok(_) => String::new(),
        Err(error) => format!("{} {}", error.code(), error.message()),
    }
}

const HEAD: &str = "ValidatingAdmissionPolicy 'p' with binding 'b'";

#[test]
fn what_a_policy_denies_is_refused_as_it_says() {
    let validations = json!([
        {"expression": "object.metadata.name != 'bad'"},
        {"expression": "object.metadata.name != 'worse'", "reason": "Forbidden",
         "messageExpression": "'not ' + object.metadata.name + ' by ' + request.userInfo.username"},
    ]);
    let world = world(json!({"validations": validations}), json!({}));
    assert_eq!(refusal(&world, "good"), "");
    let why = format!("422 configmaps \"bad\" is forbidden: {HEAD} denied request: failed expression: ");
    assert_eq!(refusal(&world, "bad"), why + "object.metadata.name != 'bad'");
    let why =
        format!("403 configmaps \"worse\" is forbidden: {HEAD} denied request: not worse by system:admin");
    assert_eq!(refusal(&world, "worse"), why);
    assert!(
        world.create(&core("secrets").in_namespace("default"), json!({"metadata": {"name": "bad"}})).is_ok()
    );
}

#[test]
fn variables_are_worked_out_and_their_failures_told_to_who_asks() {
    let spec = json!({
        "variables": [{"name": "keys", "expression": "size(object.data)"}, {"name": "odd", "expression": "object.nope"}],
        "validations": [{"expression": "variables.keys == 1"}, {"expression": "object.metadata.name != 'odd' || variables.odd"}],
    });
    let world = world(spec, json!({}));
    assert_eq!(refusal(&world, "a"), "");
    let refused = refusal(&world, "odd");
    assert!(
        refused.ends_with("composited variable \"odd\" fails to evaluate: no such key: nope"),
        "{refused}"
    );
}

#[test]
fn what_cannot_be_evaluated_is_refused_unless_the_policy_ignores_it() {
    let validations = json!([{"expression": "object.nope == 1"}]);
    let strict = world(json!({"validations": validations}), json!({}));
    let why = "denied request: expression 'object.nope == 1' resulted in error: no such key: nope";
    assert!(refusal(&strict, "a").ends_with(why));
    let lax = world(json!({"validations": validations, "failurePolicy": "Ignore"}), json!({}));
    assert_eq!(refusal(&lax, "a"), "");
}

#[test]
fn a_policy_judges_by_the_parameters_of_its_binding() {
    let policy = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.metadata.name != 'not-' + params.metadata.name"}],
    });
    let bound =
        |otherwise: &str| json!({"paramRef": {"name": "given", "parameterNotFoundAction": otherwise}});
    let strict = world(policy.clone(), bound("Deny"));
    let why =
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert!(refusal(&strict, "a").ends_with(why));
    let lax = world(policy, bound("Allow"));
    assert_eq!(refusal(&lax, "given"), "");
    assert_eq!(refusal(&lax, "a"), "");
    assert!(refusal(&lax, "not-given").ends_with("'not-' + params.metadata.name"));
}

#[test]
fn a_mutating_policy_changes_what_is_written() {
    let world = World::new();
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
    });
    let applied = "Object{metadata: Object.metadata{labels: {'of': object.metadata.name}}}";
    let patched = "[JSONPatch{op: 'add', path: '/metadata/labels/again', value: object.metadata.labels.of}]";
    let policy = json!({"metadata": {"name": "p"}, "spec": {
        "matchConstraints": {"resourceRules": [rule]},
        "reinvocationPolicy": "Never",
        "mutations": [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": applied}},
            {"patchType": "JSONPatch", "jsonPatch": {"expression": patched}},
        ],
    }});
    world.create(&of("mutatingadmissionpolicies"), policy).unwrap();
    let bound = json!({"metadata": {"name": "b"}, "spec": {"policyName": "p"}});
    world.create(&of("mutatingadmissionpolicybindings"), bound).unwrap();
    let made = world.create(&maps(), map("a", "x")).unwrap().to_value().unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"of": "a", "again": "a"}));
}

#[test]
fn conditions_and_bindings_narrow_what_a_policy_is_about() {
    let conditions = json!([{"name": "n", "expression": "object.metadata.name != 'skip'"}]);
    let never = json!([{"expression": "false"}]);
    let policy = json!({"matchConditions": conditions, "validations": never});
    let wide = world(policy.clone(), json!({}));
    assert_eq!((refusal(&wide, "skip").is_empty(), refusal(&wide, "a").is_empty()), (true, false));
    let other = json!({"matchResources": {"objectSelector": {"matchLabels": {"l": "1"}}}});
    let narrow = world(policy, other);
    assert_eq!(refusal(&narrow, "a"), "");
}

#[test]
fn a_changed_policy_is_compiled_anew() {
    let world = world(json!({"validations": [{"expression": "false"}]}), json!({}));
    assert!(!refusal(&world, "a").is_empty());
    let change = json!({"spec": {"validations": [{"expression": "true"}]}});
    world.merge(&of("validatingadmissionpolicies").named("p"), change).unwrap();
    assert_eq!(refusal(&world, "a"), "");
}

/// A policy that refuses every such operation on a resource, and its binding.
fn refuse_all(world: &World, group: &str, version: &str, resource: &str, operation: &str) {
    let rule = json!({
        "apiGroups": [group], "apiVersions": [version], "operations": [operation], "resources": [resource],
    });
    let validation = json!({
        "expression": "false",
        "messageExpression": "object.apiVersion + ' ' + object.kind + ' ' + request.resource.version",
    });
    let spec = json!({"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]});
    world
        .create(&of("validatingadmissionpolicies"), json!({"metadata": {"name": "p"}, "spec": spec}))
        .unwrap();
    let bound =
        json!({"metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": ["Deny"]}});
    world.create(&of("validatingadmissionpolicybindings"), bound).unwrap();
}

#[test]
fn a_policy_sees_a_write_in_the_version_that_it_asks_for() {
    let world = World::new();
    refuse_all(&world, "autoscaling", "v2", "horizontalpodautoscalers", "CREATE");
    let older = Target::all(GroupVersionResource::new("autoscaling", "v1", "horizontalpodautoscalers"));
    let scaled = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
    let scaler = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "scaleTargetRef": scaled}});
    let refused = world.create(&older.in_namespace("default"), scaler).unwrap_err();
    assert!(refused.message().ends_with("autoscaling/v2 HorizontalPodAutoscaler v2"), "{refused}");
}

#[test]
fn a_policy_may_refuse_a_connection_by_its_options() {
    let world = World::new();
    refuse_all(&world, "", "v1", "pods/exec", "CONNECT");
    let path = "/api/v1/namespaces/default/pods/x/exec?command=ls";
    let request = http::Request::get(path).body(bytes::Bytes::new()).unwrap();
    let answer = world.run(world.server.call(User::admin(), request));
    assert_eq!(answer.status(), 422);
}
