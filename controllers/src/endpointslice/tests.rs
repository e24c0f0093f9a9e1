//! What a service's EndpointSlices list, by what is seen.

use jiff::Timestamp;
use steersman_core::Object;
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

fn pod(number: usize) -> Pod {
    let name = format!("p{number:03}");
    let pod = json!({
        "metadata": {"name": name, "namespace": "n", "uid": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "node", "containers": []},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": format!("10.1.{}.{}", number / 250, number % 250)}, {"ip": format!("fd00::{number:x}")}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T12:00:05Z"}]
        }
    });
    from_value(pod).unwrap()
}

fn pods(count: usize) -> Vec<Pod> {
    (0..count).map(pod).collect()
}

fn node(name: &str, zone: &str) -> Node {
    let node = json!({
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
        "status": {"allocatable": {"cpu": "1"}, "conditions": [{"type": "Ready", "status": "True"}]}
    });
    from_value(node).unwrap()
}

fn told(outcome: &Outcome) -> Vec<&str> {
    let messages = outcome.actions().iter().filter_map(|action| match &action.operation {
        Operation::Event(_, note) => Some(note.message.as_str()),
        _ => None,
    });
    messages.collect()
}

/// The slices after each look, as the API would have stored them.
struct Story {
    service: Service,
    slices: Vec<EndpointSlice>,
    made: usize,
    nodes: Vec<Node>,
    controller: EndpointSlices,
}

impl Story {
    fn new(spec: Value) -> Self {
        Story {
            service: service(spec),
            slices: Vec::new(),
            made: 0,
            nodes: vec![node("node", "a")],
            controller: EndpointSlices::default(),
        }
    }

    fn look(&mut self, pods: &[Pod]) {
        let _ = self.ask(pods);
    }

    fn ask(&mut self, pods: &[Pod]) -> Outcome {
        let now: Timestamp = "2026-01-01T12:01:00Z".parse().unwrap();
        let view = View::fixed(now)
            .with(std::slice::from_ref(&self.service))
            .with(pods)
            .with(&self.slices)
            .with(&self.nodes);
        let outcome = self.controller.reconcile(&view, &self.service);
        outcome.actions().iter().for_each(|action| self.apply(&action.operation));
        outcome
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(_, body) => {
                let mut slice: EndpointSlice = from_value(body.clone()).unwrap();
                slice.metadata.name = Some(format!("s-{}", self.made));
                self.made += 1;
                self.slices.push(slice);
            }
            Operation::Update(target, body) => {
                let slice = from_value(body.clone()).unwrap();
                *self.find(&target.name) = slice;
            }
            Operation::Delete(target, _) => {
                self.slices.retain(|slice| slice.metadata.name.as_ref() != Some(&target.name));
            }
            _ => {}
        }
    }

    fn find(&mut self, name: &str) -> &mut EndpointSlice {
        self.slices.iter_mut().find(|slice| slice.metadata.name.as_deref() == Some(name)).unwrap()
    }

    fn sizes(&self) -> Vec<usize> {
        self.slices.iter().map(|slice| slice.endpoints.as_ref().map_or(0, Vec::len)).collect()
    }
}

#[test]
fn a_service_without_pods_has_one_empty_slice_which_the_first_pod_fills() {
    let mut story = Story::new(json!({}));
    story.look(&[]);
    assert_eq!(story.sizes(), [0]);
    assert_eq!(story.ask(&[]), Outcome::done());
    story.look(&pods(1));
    assert_eq!(story.sizes(), [1]);
    let slice = &story.slices[0];
    assert_eq!(slice.metadata.name.as_deref(), Some("s-0"), "the empty slice is used again");
    assert_eq!(slice.ports.as_ref().unwrap()[0].name.as_deref(), Some(""));
    let endpoint = to_value(&slice.endpoints.as_ref().unwrap()[0]).unwrap();
    assert_eq!(
        endpoint,
        json!({
            "addresses": ["10.1.0.0"],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "nodeName": "node", "zone": "a",
            "targetRef": {"kind": "Pod", "namespace": "n", "name": "p000", "uid": "p000"}
        })
    );
    assert_eq!(story.ask(&pods(1)), Outcome::done());
    story.look(&[]);
    assert_eq!((story.sizes(), story.slices[0].ports.clone()), (vec![0], None));
}

#[test]
fn slices_hold_a_hundred_endpoints_and_few_of_them_change() {
    let mut story = Story::new(json!({}));
    story.look(&pods(120));
    assert_eq!(story.sizes(), [100, 20]);
    assert_eq!(story.ask(&pods(121)).actions().len(), 1);
    assert_eq!(story.sizes(), [100, 21]);
    let mut fewer = pods(121);
    fewer.remove(5);
    story.look(&fewer);
    assert_eq!(story.sizes(), [99, 21]);
    story.look(&pods(121));
    assert_eq!(story.sizes(), [100, 21], "what still fits goes where least room is left");
    story.look(&pods(300));
    assert_eq!(story.sizes(), [100, 100, 100]);
}

#[test]
fn each_address_family_has_slices_of_its_own() {
    let mut story = Story::new(json!({"ipFamilies": ["IPv4", "IPv6"]}));
    story.look(&pods(2));
    let families: Vec<_> = story.slices.iter().map(|slice| slice.address_type.as_str()).collect();
    assert_eq!((families, story.sizes()), (vec!["IPv4", "IPv6"], vec![2, 2]));
    story.service.spec.as_mut().unwrap().ip_families = Some(vec!["IPv4".into()]);
    story.look(&pods(2));
    assert_eq!(story.sizes(), [2]);
}

#[test]
fn a_terminating_pod_may_still_serve_but_is_not_ready() {
    let mut going = pod(1);
    let since = going.status.as_ref().unwrap().conditions.as_ref().unwrap()[0].last_transition_time.clone();
    going.metadata.deletion_timestamp = since;
    for (publish, ready) in [(false, false), (true, true)] {
        let mut story = Story::new(json!({"publishNotReadyAddresses": publish}));
        story.look(std::slice::from_ref(&going));
        let conditions = story.slices[0].endpoints.as_ref().unwrap()[0].conditions.clone().unwrap();
        assert_eq!(
            (conditions.ready, conditions.serving, conditions.terminating),
            (Some(ready), Some(true), Some(true))
        );
    }
}

#[test]
fn hints_follow_the_traffic_distribution() {
    let mut story = Story::new(json!({"trafficDistribution": "PreferSameNode"}));
    let hints = |story: &Story| to_value(&story.slices[0].endpoints.as_ref().unwrap()[0].hints).unwrap();
    story.look(&pods(1));
    assert_eq!(hints(&story), json!({"forNodes": [{"name": "node"}], "forZones": [{"name": "a"}]}));
    assert_eq!(story.ask(&pods(1)), Outcome::done());
    story.service.spec.as_mut().unwrap().traffic_distribution = Some("PreferClose".into());
    story.look(&pods(1));
    assert_eq!(hints(&story), json!({"forZones": [{"name": "a"}]}));
    story.service.spec.as_mut().unwrap().traffic_distribution = None;
    story.look(&pods(1));
    assert_eq!(hints(&story), Value::Null);
}

#[test]
fn topology_mode_auto_is_told_when_it_comes_and_when_it_goes() {
    let mut story = Story::new(json!({}));
    let auto = ("service.kubernetes.io/topology-mode".to_owned(), "Auto".to_owned());
    story.service.metadata.annotations = Some([auto].into());
    let insufficient = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, \
                        addressType: IPv4";
    assert_eq!(told(&story.ask(&pods(2))), [insufficient]);
    story.nodes.push(node("other", "b"));
    let hints = |story: &Story| {
        let endpoints = story.slices[0].endpoints.as_ref().unwrap().iter();
        endpoints.map(|endpoint| to_value(&endpoint.hints).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told(&story.ask(&pods(2))), ["Topology Aware Hints has been enabled, addressType: IPv4"]);
    assert_eq!(hints(&story), [json!({"forZones": [{"name": "b"}]}), json!({"forZones": [{"name": "a"}]})]);
    assert_eq!(story.ask(&pods(2)), Outcome::done());
    story.service.metadata.annotations = None;
    assert_eq!(told(&story.ask(&pods(2))), ["Topology Aware Hints has been disabled, addressType: IPv4"]);
    assert_eq!(hints(&story), [Value::Null, Value::Null]);
}

#[test]
fn a_node_that_goes_leads_to_the_services_that_have_too_few_endpoints_for_a_zone() {
    let mut story = Story::new(json!({}));
    let auto = ("service.kubernetes.io/topology-mode".to_owned(), "Auto".to_owned());
    story.service.metadata.annotations = Some([auto].into());
    story.nodes.push(node("other", "b"));
    story.look(&pods(2));
    let gone = Object::from_typed(&story.nodes[1]).unwrap();
    let led_to = |nodes: &[Node]| {
        let view = View::fixed(Timestamp::UNIX_EPOCH).with(nodes);
        story.controller.hinted.overloaded(&view, &Change::Deleted(gone.clone()))
    };
    assert_eq!((led_to(&story.nodes), led_to(&story.nodes[..1])), (vec![], vec![Key::new("n", "s")]));
}

#[test]
fn the_labels_of_the_service_are_those_of_its_slices() {
    let mut story = Story::new(json!({"clusterIP": "None"}));
    story.look(&pods(1));
    story.service.metadata.labels = Some([("new".to_owned(), "1".to_owned())].into());
    story.look(&pods(1));
    let labels = to_value(&story.slices[0].metadata.labels).unwrap();
    let expected = json!({
        "new": "1", "service.kubernetes.io/headless": "", SERVICE_NAME: "s", MANAGED_BY: MANAGER
    });
    assert_eq!(labels, expected);
}

#[test]
fn a_pod_on_a_node_that_is_not_seen_waits() {
    let mut lost = pod(1);
    lost.spec.as_mut().unwrap().node_name = Some("lost".into());
    let mut story = Story::new(json!({}));
    let outcome = story.ask(&[pod(0), lost]);
    assert_eq!((story.sizes(), outcome.requeue()), (vec![1], Some(NODE_PATIENCE)));
    let expected = "Error updating Endpoint Slices for Service n/s: skipping Pod p001 for Service n/s: Node lost Not Found";
    assert_eq!(told(&outcome), [expected]);
}

#[test]
fn a_service_that_is_being_deleted_gets_no_new_slices() {
    let mut story = Story::new(json!({}));
    story.service.metadata.deletion_timestamp = story.service.metadata.creation_timestamp.clone();
    story.look(&pods(3));
    assert!(story.slices.is_empty());
}
