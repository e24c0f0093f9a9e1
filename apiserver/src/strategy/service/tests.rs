//! What services are given, over creates, updates and deletes.

use jiff::Timestamp;
use steersman_core::Object;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Value, json};

use super::*;
use crate::reader::Reader;
use crate::user::User;

struct Nothing;

impl Reader for Nothing {
    fn get(&self, _: &GroupResource, _: &str, _: &str) -> Option<Object> {
        None
    }

    fn list(&self, _: &GroupResource, _: &str) -> Vec<Object> {
        Vec::new()
    }
}

/// Writes a service as the pipeline does, over `old` if there is one.
fn write(services: &Services, spec: Value, old: Option<&Value>) -> Result<Value> {
    let user = User::admin();
    let cx = WriteContext::new(Timestamp::UNIX_EPOCH, &user, &Nothing);
    let mut service = json!({"metadata": {"name": "x"}, "spec": spec});
    services.default(&mut service);
    let reservation = services.reserve(&mut service, old, &cx)?;
    match old {
        None => services.prepare_create(&mut service, &cx),
        Some(old) => services.prepare_update(&mut service, old, &cx),
    }
    reservation.keep();
    if let Some(old) = old {
        services.release(old, Some(&service));
    }
    Ok(service)
}

fn create(services: &Services, spec: Value) -> Result<Value> {
    write(services, spec, None)
}

fn new() -> Services {
    Services::new(&ServiceRanges::default())
}

#[test]
fn a_service_is_given_an_address_and_its_family() {
    let service = create(&new(), json!({"ports": [{"port": 80}]})).unwrap();
    let spec = &service["spec"];
    assert_eq!(spec["clusterIP"], "10.96.1.1");
    assert_eq!(spec["clusterIPs"], json!(["10.96.1.1"]));
    assert_eq!((&spec["ipFamilies"], &spec["ipFamilyPolicy"]), (&json!(["IPv4"]), &json!("SingleStack")));
}

#[test]
fn an_address_is_given_once_and_again_after_it_was_released() {
    let services = new();
    let fixed = || json!({"clusterIP": "10.96.0.99", "ports": [{"port": 80}]});
    let first = create(&services, fixed()).unwrap();
    assert_eq!(
        create(&services, fixed()).unwrap_err().message(),
        "Service \"x\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.99\"]: \
         failed to allocate IP 10.96.0.99: provided IP is already allocated"
    );
    services.release(&first, None);
    create(&services, fixed()).unwrap();
}

#[test]
fn a_write_that_is_not_stored_gives_back_what_it_took() {
    let services = new();
    let user = User::admin();
    let cx = WriteContext::new(Timestamp::UNIX_EPOCH, &user, &Nothing);
    for _ in 0..2 {
        let mut service = json!({"spec": {"type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
            "ports": [{"port": 80, "nodePort": 30017}]}});
        drop(services.reserve(&mut service, None, &cx).unwrap());
    }
}

#[test]
fn what_two_entries_of_a_service_ask_for_is_given_once() {
    let services = new();
    let ports = |port: i64| {
        json!({"type": "NodePort", "ports": [
            {"name": "a", "port": 80, "nodePort": 30021}, {"name": "b", "port": port, "nodePort": 30021}
        ]})
    };
    let taken = "Service \"x\" is invalid: spec.ports[1].nodePort: Invalid value: 30021: provided port is already allocated";
    assert_eq!(create(&services, ports(81)).unwrap_err().message(), taken);
    let first = create(&services, ports(80)).unwrap();
    let again = write(&services, ports(81), Some(&first)).unwrap_err();
    assert_eq!((again.code(), again.message()), (500, "duplicate nodePort: {TCP 30021}"));
}

#[test]
fn ports_of_equal_number_share_a_node_port() {
    let service = create(
        &new(),
        json!({"type": "LoadBalancer", "ports": [
            {"name": "t", "port": 80}, {"name": "u", "port": 80, "protocol": "UDP"}, {"name": "o", "port": 81}
        ]}),
    )
    .unwrap();
    let ports: Vec<_> =
        service["spec"]["ports"].as_array().unwrap().iter().map(|port| &port["nodePort"]).collect();
    assert_eq!(ports, [30086, 30086, 30087]);
}

#[test]
fn a_change_of_type_releases_node_ports() {
    let services = new();
    let fixed = || json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30019}]});
    let first = create(&services, fixed()).unwrap();
    assert_eq!(
        create(&services, fixed()).unwrap_err().message(),
        "Service \"x\" is invalid: spec.ports[0].nodePort: Invalid value: 30019: provided port is already allocated"
    );
    let mut spec = first["spec"].clone();
    spec["type"] = json!("ClusterIP");
    let changed = write(&services, spec, Some(&first)).unwrap();
    assert_eq!(changed["spec"]["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    assert_eq!(changed["spec"]["externalTrafficPolicy"], Value::Null);
    create(&services, fixed()).unwrap();
}

#[test]
fn an_update_keeps_what_the_service_was_given() {
    let services = new();
    let first = create(&services, json!({"type": "NodePort", "ports": [{"port": 80}]})).unwrap();
    let second =
        write(&services, json!({"type": "NodePort", "ports": [{"port": 80}]}), Some(&first)).unwrap();
    assert_eq!(first["spec"], second["spec"]);
    let renamed =
        json!({"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]});
    let third = write(&services, renamed, Some(&second)).unwrap();
    assert_ne!(third["spec"]["ports"][0]["nodePort"], first["spec"]["ports"][0]["nodePort"]);
}

#[test]
fn an_external_name_has_no_address() {
    let services = new();
    let first = create(&services, json!({"ports": [{"port": 80}]})).unwrap();
    let mut spec = first["spec"].clone();
    spec["type"] = json!("ExternalName");
    let changed = write(&services, spec, Some(&first)).unwrap();
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
        assert_eq!(changed["spec"].get(field), None, "{field}");
    }
}

#[test]
fn a_local_load_balancer_is_given_a_health_check_port() {
    let spec = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]});
    let service = create(&new(), spec).unwrap();
    assert_eq!(service["spec"]["healthCheckNodePort"], 30087);
}

#[test]
fn a_headless_service_without_selector_is_of_both_families() {
    let service = create(&new(), json!({"clusterIP": "None"})).unwrap();
    assert_eq!(service["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(service["spec"]["ipFamilyPolicy"], "RequireDualStack");
    assert_eq!(service["spec"]["clusterIPs"], json!(["None"]));
}
