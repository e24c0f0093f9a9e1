//! Finds devices for the resource claims of a pod, and has them allocated before the pod is bound.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/>. What a claim is to get is
//! worked out for each node, kept in the plugin's books from the moment that a node is chosen, and written before the
//! pod is bound. Unlike upstream's, its PreEnqueue is part of its PreFilter: a pod whose claim is missing is told so in
//! its condition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::resource::v1::{AllocationResult, DeviceClass, ResourceClaim, ResourceSlice};
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionResource;

use super::node_selector::NodeSelector;
use super::{Configured, claim_bind, claims, device_conditions, device_wait};
use crate::attempt::Attempt;
use crate::config::parse_duration;
use crate::decision::Nomination;
use crate::devices::{
    ClaimPlan, Compiler, DeviceSelectors, Inventory, NoPlan, Offers, Search, StopReason, key,
};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Binding, Filter, NoRemedy, NodeFilter, Plugin, PostFilter, PreBind, Prepared, Reserve};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::{Refusal, Rejection, Verdict};

/// Finds devices for the resource claims of a pod.
#[derive(Debug)]
pub struct DynamicResources {
    compiler: Compiler,
    books: Books,
    /// How long drivers have to prepare devices.
    limit: Duration,
}

impl Default for DynamicResources {
    fn default() -> Self {
        DynamicResources { compiler: Compiler::default(), books: Books::default(), limit: LIMIT }
    }
}

/// How long drivers have to prepare devices; upstream's default.
const LIMIT: Duration = Duration::from_secs(600);
/// What is told of a node that the devices of a claim are out of reach of, or where they could not be prepared.
const NOT_AVAILABLE: &str = "resourceclaim not available on the node";

/// What was allocated and may not stand in the claims yet, by the uid of the claim.
#[derive(Debug, Default)]
struct Books(Mutex<BTreeMap<String, Pending>>);

#[derive(Debug)]
struct Pending {
    pod: String,
    allocation: AllocationResult,
}

/// Upstream's `DynamicResourcesArgs`. The first does not matter: the search is bounded by its steps rather than by time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DynamicResourcesArgs {
    /// How long the search may take on one node.
    pub filter_timeout: Option<String>,
    /// How long binding waits for devices that have to be prepared; 10 minutes by default.
    pub binding_timeout: Option<String>,
}

/// The claims of one pod.
struct Wanted {
    /// Where the claims that have devices can be used.
    usable_on: Vec<Option<NodeSelector>>,
    /// Whether the devices of one could not be prepared.
    is_lost: bool,
    /// For those that have none; `None` if all have.
    search: Option<Search>,
}

impl DynamicResources {
    /// The same with another way to select devices than CEL by `kube-cel`.
    pub fn with_selectors(selectors: impl DeviceSelectors) -> Self {
        DynamicResources { compiler: Compiler::new(Arc::new(selectors)), ..Self::default() }
    }

    /// `None` if the pod has no claims.
    fn wanted(&self, pod: &PodInfo, nodes: &Snapshot) -> Result<Option<Wanted>, Rejection> {
        let all = claims::of(pod, nodes).map_err(Rejection::unresolvable)?;
        if all.is_empty() {
            return Ok(None);
        }
        let (mut usable_on, mut plans, mut is_lost) = (Vec::new(), Vec::new(), false);
        for claim in &all {
            let Some(allocation) = claims::allocation(claim) else {
                plans.push(Arc::new(self.plan(claim, nodes)?));
                continue;
            };
            if !claims::can_be_reserved(claim) && !claims::is_reserved_for(claim, pod) {
                return Err(Rejection::unresolvable("resourceclaim in use"));
            }
            is_lost |= device_conditions::is_lost(claim, self.limit, nodes.now());
            usable_on.push(allocation.node_selector.as_ref().map(NodeSelector::lenient));
        }
        let search = (!plans.is_empty()).then(|| self.search(plans, nodes));
        Ok(Some(Wanted { usable_on, is_lost, search }))
    }

    fn plan(&self, claim: &Arc<ResourceClaim>, nodes: &Snapshot) -> Result<ClaimPlan, Rejection> {
        if self.books.lock().contains_key(claims::uid(claim)) {
            let why = "is in the process of being allocated";
            return Err(Rejection::unresolvable(format!("resource claim {} {why}", key(claim))));
        }
        ClaimPlan::of(claim, nodes, &self.compiler).map_err(|why| match why {
            NoPlan::NotNow(why) => Rejection::unresolvable(why),
            NoPlan::Broken(why) => Rejection::error(why),
        })
    }

    fn search(&self, plans: Vec<Arc<ClaimPlan>>, nodes: &Snapshot) -> Search {
        let stored: Vec<Arc<ResourceClaim>> = nodes.related().all().collect();
        let known = stored.iter().filter_map(|claim| Some((claims::uid(claim), claims::allocation(claim)?)));
        let known: BTreeMap<&str, &AllocationResult> = known.collect();
        let books = self.books.lock();
        let pending = books.iter().filter(|(uid, _)| !known.contains_key(uid.as_str()));
        let allocations = known.values().copied().chain(pending.map(|(_, pending)| &pending.allocation));
        Search::new(Arc::new(Offers::new(Inventory::of(nodes), allocations)), plans)
    }
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Strikes out what stands in the claims by now, and claims that are gone.
    fn settle(&self, nodes: &Snapshot) {
        let mut pending = self.lock();
        if pending.is_empty() {
            return;
        }
        let stored: Vec<Arc<ResourceClaim>> = nodes.related().all().collect();
        let open = stored.iter().filter(|claim| claims::allocation(claim).is_none());
        let open: BTreeSet<&str> = open.map(|claim| claims::uid(claim)).collect();
        pending.retain(|uid, _| open.contains(uid.as_str()));
    }
}

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        "DynamicResources"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(_) | Event::PodUpdated { .. } => true,
            Event::NodeUpdated { old, new } => old.metadata.labels != new.metadata.labels,
            Event::Related { old, new: Some(new) } => match event.related::<ResourceClaim>() {
                Some(claim) => {
                    let old = old.as_ref().and_then(|old| old.lean::<ResourceClaim>().ok());
                    claim_helps(pod, old.as_deref(), &claim)
                }
                None => new.gvk().group == "resource.k8s.io",
            },
            _ => false,
        })
    }

    /// Claims are nothing that other pods share: each such pod is judged on its own.
    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        if !claims::entries(pod).is_empty() {
            signature.refuse();
        }
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![
            GroupVersionResource::of::<ResourceClaim>(),
            GroupVersionResource::of::<ResourceSlice>(),
            GroupVersionResource::of::<DeviceClass>(),
        ]
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }

    fn reserve(&self) -> Option<&dyn Reserve> {
        Some(self)
    }

    fn pre_bind(&self) -> Option<&dyn PreBind> {
        Some(self)
    }
}

/// Devices that another claim gives back may help; of the pod's own claims, every new status.
fn claim_helps(pod: &PodInfo, old: Option<&ResourceClaim>, new: &ResourceClaim) -> bool {
    if old.is_some_and(|old| claims::allocation(old).is_some()) && claims::allocation(new).is_none() {
        return true;
    }
    let name = |entry| claims::name(pod, entry).ok().flatten().map(|(name, _)| name);
    let is_own = new.metadata.namespace.as_deref() == Some(pod.namespace())
        && claims::entries(pod).iter().any(|entry| name(entry) == new.metadata.name);
    is_own && old.is_none_or(|old| old.status != new.status)
}

impl Filter for DynamicResources {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        if claims::entries(pod).is_empty() {
            return Prepared::Skip;
        }
        self.books.settle(nodes);
        match self.wanted(pod, nodes) {
            Ok(Some(wanted)) => Prepared::PerNode(Box::new(wanted)),
            Ok(None) => Prepared::Skip,
            Err(rejection) => Prepared::Reject(rejection),
        }
    }
}

impl NodeFilter for Wanted {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        if let Some(search) = &self.search {
            match search.on(node.node()) {
                Ok(Some(_)) => {}
                Ok(None) => return Err(Rejection::unresolvable("cannot allocate all claims")),
                Err(StopReason::TooLong) => {
                    return Err(Rejection::unresolvable("timed out trying to allocate devices"));
                }
                Err(StopReason::OnNode(why)) => return Err(Rejection::unresolvable(why)),
                Err(StopReason::Broken(why)) => return Err(Rejection::error(why)),
            }
        }
        let is_usable = |on: &Option<NodeSelector>| on.as_ref().is_none_or(|on| on.matches(node.node()));
        match !self.is_lost && self.usable_on.iter().all(is_usable) {
            true => Ok(()),
            false => Err(Rejection::unresolvable(NOT_AVAILABLE)),
        }
    }
}

impl PostFilter for DynamicResources {
    /// A claim that nobody else uses, and whose devices are out of reach or could not be prepared, gives them back. Where preparing the filters
    /// ended early, upstream's plugin misses its state and says so; the search for a remedy ends with that.
    fn remedy(&self, attempt: &mut Attempt<'_>) -> Result<Nomination, NoRemedy> {
        let told = |why| Err(NoRemedy::because(Rejection::unschedulable(why)));
        if attempt.filters.is_none() {
            return Err(NoRemedy::because(Rejection::error("not found")));
        }
        let all = claims::of(attempt.pod, attempt.snapshot).unwrap_or_default();
        if all.is_empty() {
            return told("no new claims to deallocate");
        }
        let is_meant = |refusal: &Refusal| {
            refusal.plugin == self.name() && refusal.rejection.reasons().iter().any(|reason| reason == NOT_AVAILABLE)
        };
        let refused: Vec<NodeView<'_>> = attempt
            .diagnosis
            .refusals
            .nodes()
            .filter(|(_, refusal)| is_meant(refusal))
            .filter_map(|(node, _)| attempt.snapshot.node(node))
            .collect();
        let is_out_of_reach = |claim: &ResourceClaim| {
            let on = claims::allocation(claim).and_then(|allocation| allocation.node_selector.as_ref());
            let on = on.map(NodeSelector::lenient);
            on.is_some_and(|on| refused.iter().any(|node| !on.matches(node.node())))
        };
        let is_lost = |claim: &ResourceClaim| {
            !refused.is_empty() && device_conditions::is_lost(claim, self.limit, attempt.snapshot.now())
        };
        let given_back = all
            .iter()
            .filter(|claim| is_out_of_reach(claim) || is_lost(claim))
            .find(|claim| claim_bind::may_give_back(claim, attempt.pod));
        match given_back {
            None => told("still not schedulable"),
            Some(claim) => {
                let rejection = Rejection::unschedulable("deallocation of ResourceClaim completed");
                let name = claim.metadata.name.clone().unwrap_or_default();
                Err(NoRemedy { deallocate: Some(name), ..NoRemedy::because(rejection) })
            }
        }
    }
}

impl Reserve for DynamicResources {
    fn reserve(&self, pod: &PodInfo, node: &str, nodes: &Snapshot) -> Verdict {
        if claims::entries(pod).is_empty() {
            return Ok(());
        }
        let Some(search) = self.wanted(pod, nodes)?.and_then(|wanted| wanted.search) else { return Ok(()) };
        let missing = || Rejection::error("claim allocation not found for node");
        let node = nodes.node_named(node).ok_or_else(missing)?;
        let found = search.on(node.node()).ok().flatten().ok_or_else(missing)?;
        let mut pending = self.books.lock();
        for (plan, allocation) in search.plans().iter().zip(found) {
            let entry = Pending { pod: pod.uid().to_owned(), allocation };
            pending.insert(claims::uid(&plan.claim).to_owned(), entry);
        }
        Ok(())
    }

    fn unreserve(&self, pod: &PodInfo, _: &str) {
        if !claims::entries(pod).is_empty() {
            self.books.lock().retain(|_, pending| pending.pod != pod.uid());
        }
    }
}

#[async_trait]
impl PreBind for DynamicResources {
    async fn pre_bind(&self, binding: &Binding<'_>) -> Verdict {
        let names = claims::names(binding.pod).map_err(Rejection::error)?;
        for name in &names {
            let pending = |uid: &str| self.books.lock().get(uid).map(|pending| pending.allocation.clone());
            claim_bind::reserve(binding, name, pending).await.map_err(Rejection::error)?;
        }
        device_wait::wait(binding, &names, self.limit).await.map_err(Rejection::error)
    }

    async fn undo(&self, binding: &Binding<'_>) {
        for name in claims::names(binding.pod).unwrap_or_default() {
            if let Err(error) = claim_bind::unreserve(binding, &name).await {
                tracing::warn!(pod = %binding.pod.key(), claim = %name, %error, "a resource claim could not be unreserved");
            }
        }
    }
}

impl Configured for DynamicResources {
    type Args = DynamicResourcesArgs;

    fn check(args: &DynamicResourcesArgs, at: &Path<'_>) -> Faults {
        let mut errors = Faults::default();
        let limits = [
            ("filterTimeout", &args.filter_timeout, 0, "must be zero or positive"),
            ("bindingTimeout", &args.binding_timeout, 1, "must be at least 1 second"),
        ];
        for (name, given, least, why) in limits {
            let Some(text) = given else { continue };
            match parse_duration(text) {
                Ok(time) if time >= jiff::SignedDuration::from_secs(least) => {}
                Ok(_) => errors.push(field::Error::invalid(&at.child(name), text, why)),
                Err(why) => errors.push(field::Error::invalid(&at.child(name), text, why)),
            }
        }
        errors
    }

    fn configured(args: DynamicResourcesArgs) -> Self {
        let limit = args.binding_timeout.and_then(|text| Duration::try_from(parse_duration(&text).ok()?).ok());
        DynamicResources { limit: limit.unwrap_or(LIMIT), ..DynamicResources::default() }
    }
}
