//! EndpointSlices: the addresses behind each service with a selector, at most 100 to an object.
//!
//! See <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>. Topology hints come from the
//! service's `trafficDistribution`, or from the annotation `service.kubernetes.io/topology-mode`.

mod auto;
mod desired;
mod hints;
mod pack;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use steersman_core::cache::{Change, Index};
use steersman_core::events::EventType;

use crate::runner::{Action, Controller, Key, Outcome, Sources, View};
use crate::service_pods::{selected, services_of};
use crate::trigger_time::{self, TriggerTimes};

use auto::Hinted;
use desired::Desired;
use pack::Plan;

pub(crate) use desired::Ports;

/// The label that names a slice's service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The label that names who writes a slice.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

const MANAGER: &str = "endpointslice-controller.k8s.io";

/// Finds slices by namespace, service and manager.
pub(crate) const BY_SERVICE: Index = Index::new("service", |slice, found| {
    let labels = &slice.metadata().labels;
    if let Some((service, manager)) = labels.get(SERVICE_NAME).zip(labels.get(MANAGED_BY)) {
        found(&index_value(slice.namespace(), service, manager));
    }
});

/// What [`BY_SERVICE`] finds slices by.
pub(crate) fn index_value(namespace: &str, service: &str, manager: &str) -> String {
    format!("{namespace}/{service}/{manager}")
}

/// How long to wait for the node of a pod to be seen.
const NODE_PATIENCE: Duration = Duration::from_secs(5);

/// Keeps the EndpointSlices of services.
#[derive(Debug, Default)]
pub struct EndpointSlices {
    times: TriggerTimes,
    hinted: Arc<Hinted>,
}

impl Controller for EndpointSlices {
    type Object = Service;
    const NAME: &'static str = "endpoint-slice";

    fn sources(&self) -> Sources {
        let hinted = self.hinted.clone();
        Sources::new()
            .watches::<Pod>(services_of)
            .watches::<EndpointSlice>(|_, change| service_of(change, MANAGER))
            .indexes::<EndpointSlice>(BY_SERVICE)
            .watches::<Node>(move |view, change| hinted.overloaded(view, change))
    }

    fn reconcile(&self, view: &View, service: &Service) -> Outcome {
        let mut outcome = Outcome::done();
        let Some(pods) = selected(view, service) else { return outcome };
        let changed = self.times.last_change(service, &pods);
        let mut existing = existing(view, service);
        let families = desired::families(service);
        existing.retain(|slice| {
            let kept = families.contains(&slice.address_type.as_str());
            if !kept {
                self.hinted.remove(&Key::of_typed(service), &slice.address_type);
                outcome.delete(&**slice);
            }
            kept
        });
        let mut without_node = Vec::new();
        for family in families {
            let desired = Desired::of(view, service, &pods, family);
            let mut plan = plan(service, family, &desired, &existing);
            hints::set(view, service, family, &mut plan, &self.hinted, &mut outcome);
            plan.recycle(service);
            carry_out(plan, service, changed, &mut outcome);
            without_node = desired.without_node;
        }
        miss_nodes(service, &without_node, &mut outcome);
        outcome
    }

    fn gone(&self, _: &View, key: &Key) -> Outcome {
        // The slices go with their owner: that is the garbage collector's.
        self.times.forget(key);
        self.hinted.forget(key);
        Outcome::done()
    }
}

/// The service that a changed slice of `manager` belongs to.
pub(crate) fn service_of(change: &Change, manager: &str) -> Vec<Key> {
    let states = [change.before(), change.now()].into_iter().flatten();
    let mut keys: Vec<Key> = states
        .filter(|slice| slice.metadata().labels.get(MANAGED_BY).is_some_and(|by| by == manager))
        .filter_map(|slice| Some(Key::new(slice.namespace(), slice.metadata().labels.get(SERVICE_NAME)?)))
        .collect();
    keys.dedup();
    keys
}

fn existing(view: &View, service: &Service) -> Vec<Arc<EndpointSlice>> {
    let Key { namespace, name } = Key::of_typed(service);
    let mut slices = view.by::<EndpointSlice>(&BY_SERVICE, &index_value(&namespace, &name, MANAGER));
    // One that is being deleted is as good as gone, and must not be filled again.
    slices.retain(|slice| slice.metadata.deletion_timestamp.is_none());
    slices
}

/// Whether a slice names this very service as an owner.
fn is_owned_by(slice: &EndpointSlice, service: &Service) -> bool {
    let mut owners = slice.metadata.owner_references.iter().flatten();
    owners.any(|owner| {
        owner.kind == "Service"
            && owner.api_version == "v1"
            && Some(&owner.uid) == service.metadata.uid.as_ref()
    })
}

/// What is to become of the slices of one address family.
fn plan(service: &Service, family: &str, desired: &Desired, existing: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::default();
    let mut by_ports: BTreeMap<Ports, Vec<Arc<EndpointSlice>>> = BTreeMap::new();
    let of_family = existing.iter().filter(|slice| slice.address_type == family);
    for slice in of_family.clone() {
        if is_owned_by(slice, service) {
            by_ports.entry(Ports::of(slice)).or_default().push(slice.clone());
        } else {
            plan.delete.push(slice.clone());
        }
    }
    for (ports, endpoints) in &desired.endpoints {
        let slices = by_ports.remove(ports).unwrap_or_default();
        plan.fit(service, family, ports, endpoints.clone(), slices);
    }
    plan.delete.extend(by_ports.into_values().flatten());
    plan.keep_one(service, family, of_family.count());
    plan
}

fn carry_out(plan: Plan, service: &Service, changed: Option<jiff::Timestamp>, outcome: &mut Outcome) {
    let Key { namespace, name } = Key::of_typed(service);
    let of = format!("EndpointSlice for Service {namespace}/{name}");
    let complain = |action: &mut Action, what: String| {
        let message = format!(
            "Error updating Endpoint Slices for Service {namespace}/{name}: failed to {what}: {{error}}"
        );
        action.on_failure(EventType::Warning, "FailedToUpdateEndpointSlices", message);
    };
    // A service that is going takes its slices along: a new one would get in the garbage collector's way.
    let create = plan.create.into_iter().filter(|_| service.metadata.deletion_timestamp.is_none());
    for mut slice in create {
        trigger_time::annotate(&mut slice.metadata.annotations, changed);
        complain(outcome.create(&slice), format!("create {of}"));
    }
    for mut slice in plan.update {
        trigger_time::annotate(&mut slice.metadata.annotations, changed);
        let slice_name = slice.metadata.name.clone().unwrap_or_default();
        complain(outcome.update(&slice), format!("update {slice_name} {of}"));
    }
    for slice in plan.delete {
        let slice_name = slice.metadata.name.clone().unwrap_or_default();
        complain(outcome.delete(&*slice), format!("delete {slice_name} {of}"));
    }
}

/// A pod whose node is not known is left out for now: without its zone, it might get traffic that it should not.
fn miss_nodes(service: &Service, pods: &[(String, String)], outcome: &mut Outcome) {
    let Key { namespace, name } = Key::of_typed(service);
    let skipped = pods.iter().map(|(pod, node)| {
        format!("skipping Pod {pod} for Service {namespace}/{name}: Node {node} Not Found")
    });
    let skipped: Vec<String> = skipped.collect();
    let why = match skipped.as_slice() {
        [] => return,
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let message = format!("Error updating Endpoint Slices for Service {namespace}/{name}: {why}");
    outcome.event(EventType::Warning, "FailedToUpdateEndpointSlices", message);
    outcome.requeue_after(NODE_PATIENCE);
}

#[cfg(test)]
mod tests;
