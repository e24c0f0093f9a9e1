//! Endpoints: the addresses behind each service with a selector, in one object, for those who still read that.
//!
//! See <https://kubernetes.io/docs/concepts/services-networking/service/#endpoints>. Others read EndpointSlices.

mod repack;
mod subsets;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::cache::Change;
use steersman_core::events::EventType;

use crate::runner::{Action, Controller, Key, Outcome, Sources, View};
use crate::service_pods::{HEADLESS, is_headless, selected, services_of};
use crate::trigger_time::{self, TriggerTimes};

pub(crate) use repack::repack;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Keeps the Endpoints of services.
#[derive(Debug, Default)]
pub struct ServiceEndpoints {
    times: TriggerTimes,
}

impl Controller for ServiceEndpoints {
    type Object = Service;
    const NAME: &'static str = "endpoint";

    fn sources(&self) -> Sources {
        Sources::new().watches::<Pod>(services_of).watches::<Endpoints>(to_be_looked_at)
    }

    fn reconcile(&self, view: &View, service: &Service) -> Outcome {
        let mut outcome = Outcome::done();
        let Some(pods) = selected(view, service) else { return outcome };
        let changed = self.times.last_change(service, &pods);
        let Key { namespace, name } = Key::of_typed(service);
        let current = view.get::<Endpoints>(&namespace, &name);
        let mut wanted = wanted(service, &pods, current.as_deref());
        match current {
            Some(current) if is_equal(&current, &wanted) => {}
            Some(_) => {
                trigger_time::annotate(&mut wanted.metadata.annotations, changed);
                let update = outcome.update(&wanted).telling_of(&wanted);
                complain(update, "FailedToUpdateEndpoint", "update endpoint", &namespace, &name);
            }
            None => {
                trigger_time::annotate(&mut wanted.metadata.annotations, changed);
                let create = outcome.create(&wanted).telling_of(&wanted);
                let what = "create endpoint for service";
                complain(create, "FailedToCreateEndpoint", what, &namespace, &name);
            }
        }
        outcome
    }

    fn gone(&self, view: &View, key: &Key) -> Outcome {
        self.times.forget(key);
        let mut outcome = Outcome::done();
        if let Some(left) = view.get::<Endpoints>(&key.namespace, &key.name) {
            outcome.delete(&*left);
        }
        outcome
    }
}

/// Endpoints that somebody has deleted or changed, and those that were left over while nobody looked.
fn to_be_looked_at(_: &View, change: &Change) -> Vec<Key> {
    let object = change.object();
    let ours = object.metadata().labels.get(MANAGED_BY).is_some_and(|manager| manager == MANAGER);
    let looked_at = match change {
        Change::Added(_) => ours,
        // As upstream: whoever changes them gets away with it until the service or a pod changes.
        Change::Modified { .. } => false,
        Change::Deleted(_) => true,
    };
    looked_at.then(|| Key::of(object)).into_iter().collect()
}

fn complain(action: &mut Action, reason: &str, what: &str, namespace: &str, name: &str) {
    action.on_failure(EventType::Warning, reason, format!("Failed to {what} {namespace}/{name}: {{error}}"));
}

/// The Endpoints as they should be, but for the time of the last change.
fn wanted(service: &Service, pods: &[Arc<Pod>], current: Option<&Endpoints>) -> Endpoints {
    let mut metadata = current.map(|current| current.metadata.clone()).unwrap_or_else(|| ObjectMeta {
        name: service.metadata.name.clone(),
        namespace: service.metadata.namespace.clone(),
        ..ObjectMeta::default()
    });
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    metadata.labels = Some(labels);
    let (subsets, truncated) = subsets::truncate(subsets::of(service, pods));
    let annotations = metadata.annotations.get_or_insert_default();
    if truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    } else {
        annotations.remove(OVER_CAPACITY);
    }
    Endpoints { metadata, subsets: (!subsets.is_empty()).then_some(subsets) }
}

/// Whether nothing but the time of the last change, and the order of things, differs.
fn is_equal(current: &Endpoints, wanted: &Endpoints) -> bool {
    let rest = |endpoints: &Endpoints| {
        let subsets = subsets::sorted(endpoints.subsets.clone().unwrap_or_default());
        let over = endpoints.metadata.annotations.as_ref().and_then(|all| all.get(OVER_CAPACITY).cloned());
        (subsets, over)
    };
    // A headless label that is wrong is not corrected by itself, as upstream does not look at it either.
    let labels = |endpoints: &Endpoints| {
        let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
        labels.retain(|name, _| name != HEADLESS);
        labels
    };
    rest(current) == rest(wanted) && labels(current) == labels(wanted)
}

#[cfg(test)]
mod tests;
