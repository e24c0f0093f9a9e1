//! Packs endpoints into slices, and changes as few slices as it can.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::owner::controller_reference;
use steersman_core::versions::{given, optional};

use super::desired::{Endpoints, Identity, Ports};
use super::{MANAGED_BY, MANAGER, SERVICE_NAME, is_owned_by};
use crate::service_pods::{HEADLESS, is_headless};

/// How many endpoints a slice has at most.
const MAX_ENDPOINTS: usize = 100;

/// What is to become of slices.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<Arc<EndpointSlice>>,
    pub(super) keep: Vec<Arc<EndpointSlice>>,
}

impl Plan {
    /// Fits `endpoints` into `slices`, all with the same ports: what is there stays where it is; what is new goes
    /// where something changes anyway, the fullest first; then all of it into one slice with enough room; then into
    /// new slices.
    pub(super) fn fit(
        &mut self,
        service: &Service,
        family: &str,
        ports: &Ports,
        mut endpoints: Endpoints,
        slices: Vec<Arc<EndpointSlice>>,
    ) {
        let mut changed: Vec<EndpointSlice> = Vec::new();
        let mut unchanged: Vec<Arc<EndpointSlice>> = Vec::new();
        for slice in slices {
            match keep_wanted(service, &slice, &mut endpoints) {
                Kept::AsItIs => unchanged.push(slice),
                Kept::Changed(slice) => changed.push(*slice),
                Kept::Nothing => self.delete.push(slice),
            }
        }
        changed.sort_by_key(|slice| std::cmp::Reverse(count(slice)));
        changed.iter_mut().for_each(|slice| fill(slice, &mut endpoints));
        while !endpoints.is_empty() {
            let roomy = (endpoints.len() < MAX_ENDPOINTS)
                .then(|| roomiest_fit(&unchanged, endpoints.len()))
                .flatten();
            if let Some(index) = roomy {
                let mut slice = (*unchanged.remove(index)).clone();
                fill(&mut slice, &mut endpoints);
                changed.push(slice);
            } else {
                let mut slice = new_slice(service, family, ports);
                fill(&mut slice, &mut endpoints);
                self.create.push(slice);
            }
        }
        self.update.append(&mut changed);
        self.keep.append(&mut unchanged);
    }

    /// A service without endpoints has an empty slice, so that those who look can tell it from one not seen yet.
    /// `existing` is how many slices of the family there are.
    pub(super) fn keep_one(&mut self, service: &Service, family: &str, existing: usize) {
        if existing != self.delete.len() || !self.create.is_empty() {
            return;
        }
        let empty = new_slice(service, family, &Ports::none());
        match self.delete.as_slice() {
            [only] if is_like(only, &empty) => self.keep.append(&mut self.delete),
            _ => self.create.push(empty),
        }
    }

    /// Turns creations into updates of slices that would be deleted, as long as there are any.
    pub(super) fn recycle(&mut self, service: &Service) {
        let mut deleted = Vec::new();
        for old in std::mem::take(&mut self.delete) {
            let fits =
                |new: &EndpointSlice| new.address_type == old.address_type && is_owned_by(&old, service);
            match self.create.pop_if(|new| fits(new)) {
                Some(mut new) => {
                    new.metadata.name = old.metadata.name.clone();
                    new.metadata.resource_version = old.metadata.resource_version.clone();
                    self.update.push(new);
                }
                None => deleted.push(old),
            }
        }
        self.delete = deleted;
    }
}

enum Kept {
    AsItIs,
    Changed(Box<EndpointSlice>),
    Nothing,
}

/// What of a slice is still wanted, as it should be now; that is then no longer among `endpoints`.
fn keep_wanted(service: &Service, slice: &EndpointSlice, endpoints: &mut Endpoints) -> Kept {
    let mut kept = Vec::with_capacity(count(slice));
    let mut updated = false;
    for old in optional::<&Vec<_>>(&slice.endpoints).into_iter().flatten() {
        if let Some(new) = endpoints.remove(&Identity::of(old)) {
            updated |= !says_the_same(old, &new);
            kept.push(new);
        }
    }
    let labels = labels(service);
    let relabelled = without_own(slice.metadata.labels.as_ref()) != without_own(Some(&labels));
    if !updated && kept.len() == count(slice) && !relabelled {
        return Kept::AsItIs;
    }
    if kept.is_empty() && count(slice) > 0 {
        return Kept::Nothing;
    }
    let mut changed = slice.clone();
    changed.endpoints = given(kept);
    changed.metadata.labels = Some(labels);
    Kept::Changed(Box::new(changed))
}

/// Whether all but the hints is equal.
fn says_the_same(a: &Endpoint, b: &Endpoint) -> bool {
    let pod = |endpoint: &Endpoint| {
        let reference = endpoint.target_ref.clone();
        reference.map(|reference| ObjectReference { resource_version: None, ..reference })
    };
    a.conditions == b.conditions && a.node_name == b.node_name && a.zone == b.zone && pod(a) == pod(b)
}

fn fill(slice: &mut EndpointSlice, endpoints: &mut Endpoints) {
    let mut filled = optional::<Vec<Endpoint>>(std::mem::take(&mut slice.endpoints)).unwrap_or_default();
    while filled.len() < MAX_ENDPOINTS
        && let Some((_, endpoint)) = endpoints.pop_first()
    {
        filled.push(endpoint);
    }
    slice.endpoints = given(filled);
}

/// The slice with the least room that still has room for all.
fn roomiest_fit(slices: &[Arc<EndpointSlice>], endpoints: usize) -> Option<usize> {
    let fitting = slices.iter().enumerate().filter(|(_, slice)| count(slice) + endpoints <= MAX_ENDPOINTS);
    fitting.max_by_key(|(index, slice)| (count(slice), std::cmp::Reverse(*index))).map(|(index, _)| index)
}

fn count(slice: &EndpointSlice) -> usize {
    optional::<&Vec<_>>(&slice.endpoints).map_or(0, Vec::len)
}

fn new_slice(service: &Service, family: &str, ports: &Ports) -> EndpointSlice {
    EndpointSlice {
        address_type: family.to_owned(),
        endpoints: given(Vec::<Endpoint>::new()),
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", service.metadata.name.as_deref().unwrap_or_default())),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels(service)),
            owner_references: Some(vec![controller_reference(service)]),
            ..ObjectMeta::default()
        },
        ports: ports.published(),
    }
}

/// The labels of a slice: the service's, and its own.
fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = without_own(service.metadata.labels.as_ref());
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

fn without_own(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut labels = labels.cloned().unwrap_or_default();
    labels.retain(|name, _| ![HEADLESS, SERVICE_NAME, MANAGED_BY].contains(&name.as_str()));
    labels
}

fn is_like(slice: &EndpointSlice, other: &EndpointSlice) -> bool {
    let ports = |slice: &EndpointSlice| slice.ports.clone().filter(|ports| !ports.is_empty());
    let labels = |slice: &EndpointSlice| slice.metadata.labels.clone().unwrap_or_default();
    count(slice) == count(other) && ports(slice) == ports(other) && labels(slice) == labels(other)
}
