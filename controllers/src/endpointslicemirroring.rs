//! Mirrors Endpoints that people write by hand, for services without a selector, into EndpointSlices.
//!
//! See <https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors>.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{self as discovery, Endpoint, EndpointConditions, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::addresses::parse_ip;
use steersman_core::events::EventType;
use steersman_core::owner::controller_reference;
use steersman_core::versions::{given, optional};

use crate::endpoints::repack;
use crate::endpointslice::{BY_SERVICE, MANAGED_BY, Ports, SERVICE_NAME, index_value, service_of};
use crate::runner::{Controller, Key, Outcome, Sources, View};
use crate::service_pods::selector;
use crate::trigger_time::LAST_CHANGE;

const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How many addresses of one subset are mirrored at most; each subset becomes one slice of each address family.
const MAX_ADDRESSES: usize = 1000;

/// Mirrors Endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointSliceMirroring;

impl Controller for EndpointSliceMirroring {
    type Object = Endpoints;
    const NAME: &'static str = "endpoint-slice-mirroring";

    fn sources(&self) -> Sources {
        Sources::new()
            .watches::<Service>(|_, change| vec![Key::of(change.object())])
            .watches::<EndpointSlice>(|_, change| service_of(change, MANAGER))
            .indexes::<EndpointSlice>(BY_SERVICE)
    }

    fn reconcile(&self, view: &View, endpoints: &Endpoints) -> Outcome {
        if !is_mirrored(view, endpoints) {
            return self.gone(view, &Key::of_typed(endpoints));
        }
        let mut outcome = Outcome::done();
        let wanted = Wanted::of(endpoints);
        wanted.complain(&mut outcome);
        let mut existing = existing(view, &Key::of_typed(endpoints));
        let mut missing = Vec::new();
        for slice in wanted.slices.into_values() {
            match existing.iter().position(|old| key(old) == key(&slice)) {
                Some(index) => update(&existing.remove(index), slice, &mut outcome),
                None => missing.push(slice),
            }
        }
        // What would be deleted serves as what would be created.
        let can_create = endpoints.metadata.deletion_timestamp.is_none();
        for slice in missing.into_iter().filter(|_| can_create) {
            match existing.iter().position(|old| old.address_type == slice.address_type) {
                Some(index) => update(&existing.remove(index), slice, &mut outcome),
                None => {
                    outcome.create(&slice);
                }
            }
        }
        for slice in existing {
            outcome.delete(&*slice);
        }
        outcome
    }

    fn gone(&self, view: &View, key: &Key) -> Outcome {
        let mut outcome = Outcome::done();
        for slice in existing(view, key) {
            outcome.delete(&*slice);
        }
        outcome
    }
}

/// Whether nobody else makes slices of these Endpoints' service, and nobody has objected.
fn is_mirrored(view: &View, endpoints: &Endpoints) -> bool {
    let metadata = &endpoints.metadata;
    let skipped =
        metadata.labels.as_ref().and_then(|labels| labels.get(SKIP)).is_some_and(|skip| skip == "true");
    let elects = metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(LEADER));
    let Key { namespace, name } = Key::of_typed(endpoints);
    let service = view.get::<Service>(&namespace, &name);
    let by_hand = service.is_some_and(|service| selector(&service).is_none());
    by_hand && !skipped && !elects
}

fn existing(view: &View, key: &Key) -> Vec<Arc<EndpointSlice>> {
    let mut slices = view.by::<EndpointSlice>(&BY_SERVICE, &index_value(&key.namespace, &key.name, MANAGER));
    slices.retain(|slice| slice.metadata.deletion_timestamp.is_none());
    slices
}

/// Brings a slice up to date, if anything about it is not as it should be.
fn update(old: &EndpointSlice, mut new: EndpointSlice, outcome: &mut Outcome) {
    let content = |slice: &EndpointSlice| {
        let mut endpoints = optional::<Vec<Endpoint>>(slice.endpoints.clone()).unwrap_or_default();
        endpoints.sort_by(|a, b| a.addresses.cmp(&b.addresses));
        let annotations = slice.metadata.annotations.clone().unwrap_or_default();
        (key(slice), endpoints, slice.metadata.labels.clone().unwrap_or_default(), annotations)
    };
    if content(old) != content(&new) || is_of_former(old, &new) {
        new.metadata.name = old.metadata.name.clone();
        new.metadata.resource_version = old.metadata.resource_version.clone();
        outcome.update(&new);
    }
}

/// Whether a slice names Endpoints that have since been replaced by others of the same name.
fn is_of_former(old: &EndpointSlice, new: &EndpointSlice) -> bool {
    let owners = |slice: &EndpointSlice| slice.metadata.owner_references.clone().unwrap_or_default();
    let new = owners(new);
    owners(old).iter().any(|owner| {
        new.iter().any(|now| owner.kind == now.kind && owner.name == now.name && owner.uid != now.uid)
    })
}

/// What makes two slices stand for the same: family and ports.
fn key(slice: &EndpointSlice) -> (String, Ports) {
    (slice.address_type.clone(), Ports::of(slice))
}

/// The slices that stand for Endpoints.
struct Wanted {
    slices: BTreeMap<(String, Ports), EndpointSlice>,
    invalid: usize,
    skipped: usize,
}

impl Wanted {
    fn of(endpoints: &Endpoints) -> Self {
        let mut wanted = Wanted { slices: BTreeMap::new(), invalid: 0, skipped: 0 };
        for subset in repack(endpoints.subsets.clone().unwrap_or_default()) {
            wanted.add(endpoints, &subset);
        }
        wanted
    }

    fn add(&mut self, endpoints: &Endpoints, subset: &EndpointSubset) {
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let unready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
        let mut added = 0;
        for (address, ready) in ready.chain(unready) {
            if added == MAX_ADDRESSES {
                self.skipped += 1;
                continue;
            }
            let Some(ip) = parse_ip(&address.ip) else {
                self.invalid += 1;
                continue;
            };
            added += 1;
            let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
            let empty = slice(endpoints, subset, family);
            let slice = self.slices.entry(key(&empty)).or_insert(empty);
            let listed = optional::<&mut Vec<Endpoint>>(&mut slice.endpoints);
            listed.into_iter().for_each(|list| list.push(endpoint(ip, address, ready)));
        }
    }

    fn complain(&self, outcome: &mut Outcome) {
        if self.invalid > 0 {
            let message =
                format!("Skipped {} invalid IP addresses when mirroring to EndpointSlices", self.invalid);
            outcome.event(EventType::Warning, "InvalidIPAddress", message);
        }
        if self.skipped > 0 {
            let message = format!(
                "A max of {MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. \
                 {} addresses were skipped",
                self.skipped + self.invalid
            );
            outcome.event(EventType::Warning, "TooManyAddressesToMirror", message);
        }
    }
}

fn endpoint(ip: IpAddr, address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone().filter(|hostname| !hostname.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

/// An empty slice for one family of a subset.
fn slice(endpoints: &Endpoints, subset: &EndpointSubset, family: &str) -> EndpointSlice {
    let name = endpoints.metadata.name.clone().unwrap_or_default();
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = endpoints.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|name, _| name != LAST_CHANGE && name != LAST_APPLIED);
    let ports: Vec<discovery::EndpointPort> = subset.ports.iter().flatten().map(port).collect();
    EndpointSlice {
        address_type: family.to_owned(),
        endpoints: given(Vec::<Endpoint>::new()),
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: endpoints.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            owner_references: Some(vec![controller_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        ports: (!ports.is_empty()).then_some(ports),
    }
}

fn port(port: &EndpointPort) -> discovery::EndpointPort {
    discovery::EndpointPort {
        app_protocol: port.app_protocol.clone(),
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::{Value, json};

    use super::*;
    use crate::runner::Operation;

    fn endpoints(metadata: Value, subsets: Value) -> Endpoints {
        let mut all = json!({"metadata": {"name": "s", "namespace": "n", "uid": "e"}, "subsets": subsets});
        for (name, value) in metadata.as_object().unwrap() {
            all["metadata"][name] = value.clone();
        }
        steersman_core::tree::from_value(all).unwrap()
    }

    fn reconcile(endpoints: &Endpoints, service: Value, slices: &[EndpointSlice]) -> Outcome {
        let service: Service = steersman_core::tree::from_value(
            json!({"metadata": {"name": "s", "namespace": "n"}, "spec": service}),
        )
        .unwrap();
        let view = View::fixed(Timestamp::UNIX_EPOCH)
            .with(std::slice::from_ref(endpoints))
            .with(&[service])
            .with(slices);
        EndpointSliceMirroring.reconcile(&view, endpoints)
    }

    fn created(outcome: &Outcome) -> Vec<EndpointSlice> {
        let body = |operation: &Operation| match operation {
            Operation::Create(_, body) => Some(steersman_core::tree::from_value(body.clone()).unwrap()),
            _ => None,
        };
        outcome.actions().iter().filter_map(|action| body(&action.operation)).collect()
    }

    #[test]
    fn each_family_of_a_subset_becomes_a_slice() {
        let subsets = json!([{
            "addresses": [{"ip": "10.9.0.1"}, {"ip": "fd00::1"}],
            "notReadyAddresses": [{"ip": "10.9.0.3", "hostname": "h"}],
            "ports": [{"name": "a", "port": 80}]
        }]);
        let metadata = json!({"labels": {"l": "1"}, "annotations": {"an": "1", LAST_CHANGE: "never"}});
        let endpoints = endpoints(metadata, subsets);
        let mut slices = created(&reconcile(&endpoints, json!({}), &[]));
        assert_eq!(slices.len(), 2);
        let slice = steersman_core::tree::to_value(&slices[0]).unwrap();
        assert_eq!(slice["metadata"]["annotations"], json!({"an": "1"}));
        assert_eq!(slice["metadata"]["labels"], json!({"l": "1", SERVICE_NAME: "s", MANAGED_BY: MANAGER}));
        assert_eq!(slice["ports"], json!([{"name": "a", "port": 80, "protocol": "TCP"}]));
        assert_eq!(
            slice["endpoints"],
            json!([
                {"addresses": ["10.9.0.1"], "conditions": {"ready": true}},
                {"addresses": ["10.9.0.3"], "conditions": {"ready": false}, "hostname": "h"}
            ])
        );
        for (number, slice) in slices.iter_mut().enumerate() {
            slice.metadata.name = Some(format!("s-{number}"));
        }
        assert_eq!(reconcile(&endpoints, json!({}), &slices), Outcome::done());
        let selected = reconcile(&endpoints, json!({"selector": {"app": "web"}}), &slices);
        assert!(selected.actions().iter().all(|action| matches!(action.operation, Operation::Delete(..))));
        assert_eq!(selected.actions().len(), 2);
    }

    #[test]
    fn whoever_asks_to_be_skipped_is() {
        let subsets = json!([{"addresses": [{"ip": "10.9.0.1"}]}]);
        for metadata in [json!({"labels": {SKIP: "true"}}), json!({"annotations": {LEADER: "me"}})] {
            assert_eq!(reconcile(&endpoints(metadata, subsets.clone()), json!({}), &[]), Outcome::done());
        }
    }

    #[test]
    fn a_slice_is_used_again_for_other_ports() {
        let subsets = |port: i32| json!([{"addresses": [{"ip": "10.9.0.1"}], "ports": [{"port": port}]}]);
        let mut slices = created(&reconcile(&endpoints(json!({}), subsets(80)), json!({}), &[]));
        slices[0].metadata.name = Some("s-0".into());
        let outcome = reconcile(&endpoints(json!({}), subsets(81)), json!({}), &slices);
        let [action] = outcome.actions() else { panic!("{outcome:?}") };
        assert!(matches!(&action.operation, Operation::Update(target, _) if target.name == "s-0"));
    }

    #[test]
    fn what_is_not_mirrored_is_told() {
        let addresses: Vec<Value> =
            (0..1005).map(|n| json!({"ip": format!("10.9.{}.{}", n / 250, n % 250)})).collect();
        let outcome = reconcile(&endpoints(json!({}), json!([{"addresses": addresses}])), json!({}), &[]);
        let Operation::Event(_, note) = &outcome.actions()[0].operation else { panic!() };
        assert_eq!(
            note.message,
            "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 5 addresses were skipped"
        );
    }
}
