//! What a service's Endpoints list, by what is seen.

use jiff::Timestamp;
use steersman_core::events::About;
use steersman_core::tree::{Value, from_value, json, to_value};

use super::*;
use crate::runner::Operation;

fn service(spec: Value) -> Service {
    let mut service = json!({
        "metadata": {"name": "s", "namespace": "n", "uid": "s", "labels": {"svc": "s"}, "creationTimestamp": "2026-01-01T12:00:00Z"},
        "spec": {"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    });
    for (name, value) in spec.as_object().unwrap() {
        service["spec"][name] = value.clone();
    }
    from_value(service).unwrap()
}

fn pod(name: &str, address: &str, ready: &str, spec: Value) -> Pod {
    let pod = json!({
        "metadata": {"name": name, "namespace": "n", "uid": name, "labels": {"app": "web"}},
        "spec": spec,
        "status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T12:00:05Z"}]
        }
    });
    from_value(pod).unwrap()
}

fn plain() -> Value {
    json!({"nodeName": "node", "containers": []})
}

fn see(service: &Service, pods: &[Pod], endpoints: &[Endpoints]) -> View {
    let now: Timestamp = "2026-01-01T12:01:00Z".parse().unwrap();
    View::fixed(now).with(std::slice::from_ref(service)).with(pods).with(endpoints)
}

fn written(outcome: &Outcome) -> Endpoints {
    match &outcome.actions()[0].operation {
        Operation::Create(_, body) | Operation::Update(_, body) => from_value(body.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Each subset as `ready|unready:ports`.
fn told(endpoints: &Endpoints) -> Vec<String> {
    let addresses = |all: &Option<Vec<_>>| {
        let all: Vec<String> = all
            .iter()
            .flatten()
            .map(|one: &k8s_openapi::api::core::v1::EndpointAddress| one.ip.clone())
            .collect();
        all.join(",")
    };
    let subsets = endpoints.subsets.iter().flatten();
    let tell = |subset: &k8s_openapi::api::core::v1::EndpointSubset| {
        let ports: Vec<String> = subset.ports.iter().flatten().map(|port| port.port.to_string()).collect();
        format!(
            "{}|{}:{}",
            addresses(&subset.addresses),
            addresses(&subset.not_ready_addresses),
            ports.join(",")
        )
    };
    subsets.map(tell).collect()
}

#[test]
fn ready_and_unready_pods_are_listed_apart() {
    let service = service(json!({}));
    let pods = [pod("b", "10.1.0.2", "True", plain()), pod("a", "10.1.0.1", "False", plain())];
    let endpoints = written(&ServiceEndpoints::default().reconcile(&see(&service, &pods, &[]), &service));
    assert_eq!(told(&endpoints), ["10.1.0.2|10.1.0.1:80"]);
    let labels = endpoints.metadata.labels.unwrap();
    assert_eq!(to_value(labels).unwrap(), json!({"svc": "s", MANAGED_BY: MANAGER}));
    let annotations = endpoints.metadata.annotations.unwrap();
    assert_eq!(annotations["endpoints.kubernetes.io/last-change-trigger-time"], "2026-01-01T12:00:00Z");
}

#[test]
fn finished_terminating_and_addressless_pods_are_not_listed() {
    let gone = |change: fn(&mut Pod)| {
        let mut pod = pod("a", "10.1.0.1", "True", plain());
        change(&mut pod);
        pod
    };
    let pods = [
        gone(|pod| pod.status.as_mut().unwrap().phase = Some("Failed".into())),
        gone(|pod| {
            pod.metadata.deletion_timestamp =
                pod.status.as_ref().unwrap().conditions.as_ref().unwrap()[0].last_transition_time.clone()
        }),
        gone(|pod| {
            (pod.status.as_mut().unwrap().pod_ips, pod.status.as_mut().unwrap().pod_ip) = (None, None)
        }),
    ];
    for pod in pods {
        let service = service(json!({}));
        let outcome = ServiceEndpoints::default().reconcile(&see(&service, &[pod], &[]), &service);
        assert!(told(&written(&outcome)).is_empty());
    }
}

#[test]
fn pods_that_differ_in_a_named_port_share_the_others() {
    let service = service(json!({"ports": [
        {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"},
        {"name": "metrics", "port": 90, "targetPort": 9090, "protocol": "TCP"}
    ]}));
    let serving = |port: i32| json!({"containers": [{"name": "c", "image": "i", "ports": [{"name": "web", "containerPort": port}]}]});
    let pods = [pod("a", "10.1.0.1", "True", serving(8080)), pod("b", "10.1.0.2", "True", serving(8081))];
    let outcome = ServiceEndpoints::default().reconcile(&see(&service, &pods, &[]), &service);
    assert_eq!(told(&written(&outcome)), ["10.1.0.1|:8080", "10.1.0.2|:8081", "10.1.0.1,10.1.0.2|:9090"]);
}

#[test]
fn a_headless_service_may_have_no_ports() {
    let service = service(json!({"ports": [], "clusterIP": "None"}));
    let outcome = ServiceEndpoints::default()
        .reconcile(&see(&service, &[pod("a", "10.1.0.1", "True", plain())], &[]), &service);
    let endpoints = written(&outcome);
    assert_eq!(told(&endpoints), ["10.1.0.1|:"]);
    assert_eq!(endpoints.metadata.labels.unwrap()[HEADLESS], "");
}

#[test]
fn what_is_right_already_is_left_alone_whatever_its_order() {
    let service = service(json!({}));
    let pods = [pod("a", "10.1.0.1", "True", plain()), pod("b", "10.1.0.2", "True", plain())];
    let controller = ServiceEndpoints::default();
    let mut endpoints = written(&controller.reconcile(&see(&service, &pods, &[]), &service));
    endpoints.subsets.as_mut().unwrap()[0].addresses.as_mut().unwrap().reverse();
    let again = controller.reconcile(&see(&service, &pods, std::slice::from_ref(&endpoints)), &service);
    assert_eq!(again, Outcome::done());
    let fewer = written(&controller.reconcile(&see(&service, &pods[..1], &[endpoints]), &service));
    assert_eq!(told(&fewer), ["10.1.0.1|:80"]);
    assert!(fewer.metadata.annotations.unwrap().is_empty(), "nothing says when a pod went");
}

#[test]
fn endpoints_without_the_managers_label_are_taken_over() {
    let service = service(json!({}));
    let pods = [pod("a", "10.1.0.1", "True", plain())];
    let controller = ServiceEndpoints::default();
    let right = written(&controller.reconcile(&see(&service, &pods, &[]), &service));
    let mut unlabelled = right.clone();
    unlabelled.metadata.labels.as_mut().unwrap().remove(MANAGED_BY);
    let taken = written(&controller.reconcile(&see(&service, &pods, &[unlabelled]), &service));
    assert_eq!(taken.metadata.labels, right.metadata.labels);
}

#[test]
fn what_fails_is_told_of_the_endpoints() {
    let service = service(json!({}));
    let outcome = ServiceEndpoints::default().reconcile(&see(&service, &[], &[]), &service);
    let about = outcome.actions()[0].about.clone().unwrap();
    assert_eq!(about, About::of_typed(&written(&outcome)));
}

#[test]
fn too_many_addresses_are_cut_off_the_unready_first() {
    let service = service(json!({}));
    let pods: Vec<Pod> = (0..1100)
        .map(|n| {
            let ready = if n < 900 { "True" } else { "False" };
            pod(&format!("p{n}"), &format!("10.1.{}.{}", n / 250, n % 250), ready, plain())
        })
        .collect();
    let endpoints = written(&ServiceEndpoints::default().reconcile(&see(&service, &pods, &[]), &service));
    let subset = &endpoints.subsets.as_ref().unwrap()[0];
    assert_eq!(subset.addresses.as_ref().unwrap().len(), 900);
    assert_eq!(subset.not_ready_addresses.as_ref().unwrap().len(), 100);
    assert_eq!(endpoints.metadata.annotations.unwrap()[OVER_CAPACITY], "truncated");
}

#[test]
fn services_without_selector_and_external_names_are_left_to_others() {
    for spec in [json!({"selector": null}), json!({"type": "ExternalName"})] {
        let service = service(spec);
        let outcome = ServiceEndpoints::default().reconcile(&see(&service, &[], &[]), &service);
        assert_eq!(outcome, Outcome::done());
    }
}

#[test]
fn the_endpoints_go_with_their_service() {
    let endpoints = Endpoints {
        metadata: ObjectMeta { name: Some("s".into()), namespace: Some("n".into()), ..ObjectMeta::default() },
        subsets: None,
    };
    let service = service(json!({}));
    let outcome = ServiceEndpoints::default().gone(&see(&service, &[], &[endpoints]), &Key::new("n", "s"));
    assert!(matches!(outcome.actions()[0].operation, Operation::Delete(..)));
}
