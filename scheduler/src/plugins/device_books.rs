//! Keeps books on what was allocated and may not stand in the claims yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::resource::v1::{AllocationResult, ResourceClaim};

use super::claims;
use super::extended_claim::Made;
use crate::devices::{Inventory, Offers};
use crate::pod::PodInfo;
use crate::queue::Groups;
use crate::snapshot::Snapshot;

/// What was allocated and may not stand in the claims yet.
#[derive(Debug, Default)]
pub(super) struct Books(Mutex<BTreeMap<Key, Pending>>);

/// Whose allocation it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// That of the claim with this uid.
    Claim(String),
    /// That of the claim which is made for the extended resources of the pod with this uid.
    ExtendedOf(String),
}

#[derive(Debug)]
struct Pending {
    /// By uid, those who wait for it to be written: more than one where pods of one group share a claim.
    pods: BTreeSet<String>,
    /// The pod group that they are of.
    group: Option<String>,
    node: String,
    allocation: AllocationResult,
    /// The claim, where it is made with the allocation.
    made: Option<Made>,
    /// Name and uid of that claim, once it is made.
    written: Option<(String, String)>,
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Strikes out what stands in the claims by now, claims that are gone, and claims that were made for pods that are.
    pub(super) fn settle(&self, nodes: &Snapshot) {
        let mut pending = self.lock();
        if pending.is_empty() {
            return;
        }
        let stored: Vec<Arc<ResourceClaim>> = nodes.related().all().collect();
        let open = stored.iter().filter(|claim| claims::allocation(claim).is_none());
        let open: BTreeSet<&str> = open.map(|claim| claims::uid(claim)).collect();
        pending.retain(|key, pending| match key {
            Key::Claim(uid) => open.contains(uid.as_str()),
            Key::ExtendedOf(_) => !is_stored(pending, &stored) && is_on_its_node(pending, nodes),
        });
    }

    /// What there is to be had beside what stands in the claims, and what does not yet.
    pub(super) fn offers(&self, nodes: &Snapshot) -> Offers {
        let stored: Vec<Arc<ResourceClaim>> = nodes.related().all().collect();
        let allocated = stored.iter().filter(|claim| claims::allocation(claim).is_some());
        let known: BTreeSet<&str> = allocated.map(|claim| claims::uid(claim)).collect();
        let books = self.lock();
        let pending = books.iter().filter(|(key, pending)| match key {
            Key::Claim(uid) => !known.contains(uid.as_str()),
            Key::ExtendedOf(_) => !is_stored(pending, &stored),
        });
        let stored = stored.iter().filter_map(|claim| claims::allocation(claim));
        let taken = stored.chain(pending.map(|(_, pending)| &pending.allocation));
        Offers::new(Inventory::of(nodes), taken)
    }

    /// Whether a claim is being allocated.
    pub(super) fn has(&self, claim: &ResourceClaim) -> bool {
        self.lock().contains_key(&Key::Claim(claims::uid(claim).to_owned()))
    }

    /// What a claim gets for another pod of the pod's group: they share it, so that all can be placed at once.
    pub(super) fn shared(&self, claim: &ResourceClaim, pod: &PodInfo) -> Option<AllocationResult> {
        let group = Groups::key_of(pod)?;
        let books = self.lock();
        let pending = books.get(&Key::Claim(claims::uid(claim).to_owned()))?;
        (pending.group.as_ref() == Some(&group)).then(|| pending.allocation.clone())
    }

    /// One more pod waits for what a claim gets.
    pub(super) fn join(&self, claim: &ResourceClaim, pod: &PodInfo) {
        if let Some(pending) = self.lock().get_mut(&Key::Claim(claims::uid(claim).to_owned())) {
            pending.pods.insert(pod.uid().to_owned());
        }
    }

    /// What the claim with this uid gets.
    pub(super) fn allocation(&self, uid: &str) -> Option<AllocationResult> {
        self.lock().get(&Key::Claim(uid.to_owned())).map(|pending| pending.allocation.clone())
    }

    /// A claim gets devices for a pod on a node.
    pub(super) fn allocate(&self, claim: &ResourceClaim, pod: &PodInfo, node: &str, allocation: AllocationResult) {
        self.enter(Key::Claim(claims::uid(claim).to_owned()), pod, node, allocation, None);
    }

    /// A claim is to be made for a pod on a node, and gets devices.
    pub(super) fn make(&self, made: Made, pod: &PodInfo, node: &str, allocation: AllocationResult) {
        self.enter(Key::ExtendedOf(pod.uid().to_owned()), pod, node, allocation, Some(made));
    }

    fn enter(&self, key: Key, pod: &PodInfo, node: &str, allocation: AllocationResult, made: Option<Made>) {
        let (pods, group) = (BTreeSet::from([pod.uid().to_owned()]), Groups::key_of(pod));
        let pending = Pending { pods, group, node: node.to_owned(), allocation, made, written: None };
        self.lock().insert(key, pending);
    }

    /// The claim that is to be made for a pod, and what it gets.
    pub(super) fn to_make(&self, pod: &PodInfo) -> Option<(Made, AllocationResult)> {
        let books = self.lock();
        let pending = books.get(&Key::ExtendedOf(pod.uid().to_owned()))?;
        Some((pending.made.clone()?, pending.allocation.clone()))
    }

    /// The claim of a pod is made.
    pub(super) fn written(&self, pod: &PodInfo, claim: &ResourceClaim) {
        let name = claim.metadata.name.clone().unwrap_or_default();
        if let Some(pending) = self.lock().get_mut(&Key::ExtendedOf(pod.uid().to_owned())) {
            pending.written = Some((name, claims::uid(claim).to_owned()));
        }
    }

    /// The name of the claim that was made for a pod.
    pub(super) fn made_for(&self, pod: &PodInfo) -> Option<String> {
        let books = self.lock();
        let written = books.get(&Key::ExtendedOf(pod.uid().to_owned()))?.written.as_ref();
        written.map(|(name, _)| name.clone())
    }

    /// Nothing is allocated for a pod any more, but for what others wait for, too.
    pub(super) fn forget(&self, pod: &PodInfo) {
        self.lock().retain(|_, pending| {
            pending.pods.remove(pod.uid());
            !pending.pods.is_empty()
        });
    }
}

/// Whether the claim that was made is seen with its devices.
fn is_stored(pending: &Pending, stored: &[Arc<ResourceClaim>]) -> bool {
    let Some((_, uid)) = &pending.written else { return false };
    stored.iter().any(|claim| claims::uid(claim) == uid && claims::allocation(claim).is_some())
}

fn is_on_its_node(pending: &Pending, nodes: &Snapshot) -> bool {
    let node = nodes.node_named(&pending.node);
    node.is_some_and(|node| node.pods().iter().any(|pod| pending.pods.contains(pod.uid())))
}
