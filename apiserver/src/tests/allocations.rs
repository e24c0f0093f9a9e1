//! What services are given is given before they are judged, and taken back from those that are not stored.

use super::*;
use crate::admission;

fn services() -> Target {
    core("services").in_namespace("default")
}

fn fixed(name: &str) -> Value {
    let ports = json!([{"port": 80, "nodePort": 30019}]);
    json!({"metadata": {"name": name}, "spec": {"type": "NodePort", "clusterIP": "10.96.0.99", "ports": ports}})
}

#[test]
fn an_allocation_is_told_before_anything_else_that_is_wrong() {
    let world = World::new();
    world.create(&services(), fixed("there")).unwrap();
    let service = |spec: Value| json!({"metadata": {"name": "A.b"}, "spec": spec});
    let taken = "spec.clusterIPs: Invalid value: [\"10.96.0.99\"]: failed to allocate IP 10.96.0.99: provided IP is \
        already allocated";
    let port = "spec.ports[0].nodePort: Invalid value: 30019: provided port is already allocated";
    let family = "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster";
    let cases = [
        (json!({"clusterIP": "10.96.0.99", "ports": []}), taken),
        (json!({"clusterIP": "10.96.0.99", "type": "Other"}), taken),
        (json!({"type": "NodePort", "ports": [{"port": 0, "nodePort": 30019}]}), port),
        (json!({"ipFamilies": ["IPv6"], "sessionAffinity": "Other"}), family),
    ];
    for (spec, wanted) in cases {
        let told = world.create(&services(), service(spec)).unwrap_err();
        assert_eq!(told.message(), format!("Service \"A.b\" is invalid: {wanted}"));
    }
}

#[test]
fn a_plugin_that_checks_sees_what_a_service_is_given_and_its_refusal_takes_it_back() {
    let link = admission::validating("NoAddresses", |write| {
        let address = write.object.pointer("/spec/clusterIP").and_then(Value::as_str).unwrap_or_default();
        let refused = write.object.pointer("/metadata/name").is_some_and(|name| name == "refused");
        if refused { Err(write.forbidden(format!("it has {address}"))) } else { Ok(()) }
    });
    let world = World::with(|builder| builder.without_admission("ServiceAccount").admission(link));
    for _ in 0..2 {
        let told = world.create(&services(), fixed("refused")).unwrap_err();
        assert_eq!(told.message(), "services \"refused\" is forbidden: it has 10.96.0.99");
    }
    world.create(&services(), fixed("taken")).unwrap();
}

#[test]
fn what_an_update_would_have_been_given_is_free_if_it_fails() {
    let world = World::new();
    let service = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
    world.create(&services(), service).unwrap();
    let ports = json!([{"port": 80, "nodePort": 30019, "protocol": "Other"}]);
    let wrong = json!({"spec": {"type": "NodePort", "ports": ports}});
    assert_eq!(world.merge(&services().named("a"), wrong).unwrap_err().code(), 422);
    world.create(&services(), fixed("b")).unwrap();
}

#[test]
fn a_dry_run_is_given_what_nobody_can_have_and_takes_nothing() {
    let world = World::new();
    let dry = WriteOptions { dry_run: true, ..WriteOptions::default() };
    let ports = json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}]);
    let body = json!({"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": ports}});
    let shown = world.run(world.api.create(&services(), body, &dry)).unwrap().to_value().unwrap();
    assert_eq!(shown["spec"]["clusterIP"], "10.96.0.0");
    assert_eq!(
        (&shown["spec"]["ports"][0]["nodePort"], &shown["spec"]["ports"][1]["nodePort"]),
        (&32769.into(), &32770.into())
    );
    world.run(world.api.create(&services(), fixed("b"), &dry)).unwrap();
    world.create(&services(), fixed("b")).unwrap();
    // An address that is taken is not looked at; a port is.
    let told = world.run(world.api.create(&services(), fixed("c"), &dry)).unwrap_err();
    assert!(told.message().ends_with("30019: provided port is already allocated"), "{}", told.message());
}
