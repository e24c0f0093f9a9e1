//! Finds devices for the resource claims of a pod, and has them allocated before the pod is bound.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/>. What a claim is to get is
//! worked out for each node, kept in the plugin's books from the moment that a node is chosen, and written before the
//! pod is bound. A pod whose claim is missing is held back.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::{AllocationResult, DeviceClass, ResourceClaim, ResourceSlice};
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::resource::{GroupVersionResource, group_of};

use super::device_books::Books;
use super::extended_claim::ExtendedClaim;
use super::node_selector::NodeSelector;
use super::wanted_devices::{NOT_AVAILABLE, Wanted};
use super::{
    Configured, alternatives, claim_bind, claims, device_classes, device_conditions, device_wait, extended_bind,
    extended_claim, wanted_devices,
};
use crate::attempt::Attempt;
use crate::config::parse_duration;
use crate::decision::Nomination;
use crate::devices::{ClaimPlan, Compiler, DeviceSelectors, key};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{
    Binding, Filter, NoRemedy, Normalize, Plugin, PostFilter, PreBind, PreEnqueue, Prepared, Reserve, Score,
    Scoring,
};
use crate::pod::PodInfo;
use crate::queue::Known;
use crate::signature::Signature;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Refusal, Rejection, Verdict};

/// How long drivers have to prepare devices; upstream's default.
const LIMIT: Duration = Duration::from_secs(600);

/// Finds devices for the resource claims of a pod, and for its extended resources that device classes stand for.
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

/// Upstream's `DynamicResourcesArgs`. The first does not matter: the search is bounded by its steps rather than by time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DynamicResourcesArgs {
    /// How long the search may take on one node.
    pub filter_timeout: Option<String>,
    /// How long binding waits for devices that have to be prepared; 10 minutes by default.
    pub binding_timeout: Option<String>,
}

impl DynamicResources {
    /// The same with another way to select devices than CEL by `kube-cel`.
    pub fn with_selectors(selectors: impl DeviceSelectors) -> Self {
        DynamicResources { compiler: Compiler::new(Arc::new(selectors)), ..Self::default() }
    }

    /// `None` if the pod has no claims, and gets none.
    fn wanted(&self, pod: &PodInfo, nodes: &Snapshot) -> Result<Option<Wanted>, Rejection> {
        let all = claims::of(pod, nodes.related()).map_err(Rejection::unresolvable)?;
        let extended = ExtendedClaim::of(pod, nodes);
        if all.is_empty() && extended.is_none() {
            return Ok(None);
        }
        let (mut allocated, mut plans, mut is_lost) = (Vec::new(), Vec::new(), false);
        for claim in &all {
            is_lost |= device_conditions::is_lost(claim, self.limit, nodes.now());
            let stored = claims::allocation(claim).cloned();
            match stored.or_else(|| self.books.shared(claim, pod)) {
                Some(allocation) => allocated.push((claim.clone(), allocation)),
                None => plans.push(Arc::new(self.plan(claim, nodes)?)),
            }
        }
        let on = |allocation: &AllocationResult| allocation.node_selector.as_ref().map(NodeSelector::lenient);
        let usable_on = allocated.iter().map(|(_, allocation)| on(allocation)).collect();
        let searches = !plans.is_empty() || matches!(extended, Some(ExtendedClaim::ToMake(_)));
        let offers = searches.then(|| Arc::new(self.books.offers(nodes)));
        let (pod, compiler, searches) = (pod.clone(), self.compiler.clone(), RefCell::default());
        Ok(Some(Wanted { pod, usable_on, is_lost, allocated, plans, extended, offers, compiler, searches }))
    }

    fn plan(&self, claim: &Arc<ResourceClaim>, nodes: &Snapshot) -> Result<ClaimPlan, Rejection> {
        if self.books.has(claim) {
            let why = "is in the process of being allocated";
            return Err(Rejection::unresolvable(format!("resource claim {} {why}", key(claim))));
        }
        ClaimPlan::of(claim, nodes, &self.compiler).map_err(wanted_devices::no_plan)
    }

    /// Makes the claim for the extended resources of a pod, if it gets devices for them; its name.
    async fn bind_extended(&self, binding: &Binding<'_>) -> Result<Option<String>, String> {
        let Some((made, allocation)) = self.books.to_make(binding.pod) else { return Ok(None) };
        let claim = extended_bind::create(binding, &made).await?;
        self.books.written(binding.pod, &claim);
        let name = claim.metadata.name.clone().unwrap_or_default();
        claim_bind::reserve(binding, &name, |_| Some(allocation.clone())).await?;
        extended_bind::tell(binding, &made, &name).await?;
        Ok(Some(name))
    }
}

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        "DynamicResources"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(_) => true,
            Event::PodUpdated { old, new } => claims::generated(old) != claims::generated(new),
            Event::NodeUpdated { old, new } => {
                let offered = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
                old.metadata.labels != new.metadata.labels || offered(old) != offered(new)
            }
            // Upstream has such a pod wait until something else happens.
            Event::Related { old: Some(_), new: None } => {
                event.related::<ResourceClaim>().is_some_and(|claim| extended_claim::is_made_for(&claim, pod))
            }
            Event::Related { old, new: Some(new) } => match event.related::<ResourceClaim>() {
                Some(claim) => {
                    let old = old.as_ref().and_then(|old| old.lean::<ResourceClaim>().ok());
                    claim_helps(pod, old.as_deref(), &claim)
                }
                None => group_of(new.api_version()) == "resource.k8s.io",
            },
            _ => false,
        })
    }

    /// Claims are nothing that other pods share: each such pod is judged on its own.
    fn sign(&self, pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
        if !claims::entries(pod).is_empty() || !device_classes::asked_by(pod, nodes).is_empty() {
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

    fn pre_enqueue(&self) -> Option<&dyn PreEnqueue> {
        Some(self)
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
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

impl PreEnqueue for DynamicResources {
    /// Without its claims, nothing can be said of a pod.
    fn admit(&self, _: &PodInfo) -> Verdict {
        Ok(())
    }

    fn admit_among(&self, pod: &PodInfo, known: &Known) -> Verdict {
        claims::of(pod, known.claims()).map(drop).map_err(Rejection::unresolvable)
    }
}

impl Filter for DynamicResources {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        if claims::entries(pod).is_empty() && pod.requests().scalars.is_empty() {
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

impl PostFilter for DynamicResources {
    /// A claim that nobody else uses, and whose devices are out of reach or could not be prepared, gives them back; one that
    /// was made for the pod in an earlier cycle goes. Where preparing the filters ended before it was this plugin's turn,
    /// upstream's misses its state and says so; the search for a remedy ends with that. Where this plugin ended it, its
    /// state has no claims.
    fn remedy(&self, attempt: &mut Attempt<'_>) -> Result<Nomination, NoRemedy> {
        let told = |why| Err(NoRemedy::because(Rejection::unschedulable(why)));
        if attempt.filters.is_none() {
            return match attempt.diagnosis.plugins.contains(self.name()) {
                true => told("no new claims to deallocate"),
                false => Err(NoRemedy::because(Rejection::error("not found"))),
            };
        }
        let all = claims::of(attempt.pod, attempt.snapshot.related()).unwrap_or_default();
        let extended = ExtendedClaim::of(attempt.pod, attempt.snapshot);
        if all.is_empty() && extended.is_none() {
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
        let (claim, done) = match (given_back, &extended) {
            (Some(claim), _) => (claim, "deallocation of ResourceClaim completed"),
            (None, Some(ExtendedClaim::Stale(claim))) => (claim, "deletion of ResourceClaim completed"),
            (None, _) => return told("still not schedulable"),
        };
        let deallocate = claim.metadata.name.clone();
        Err(NoRemedy { deallocate, ..NoRemedy::because(Rejection::unschedulable(done)) })
    }
}

impl Score for DynamicResources {
    /// Nodes are better where requests get an alternative that is named earlier.
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, _: &[NodeIndex]) -> Scoring {
        match self.wanted(pod, nodes) {
            Ok(Some(wanted)) if alternatives::matter(&wanted) => {
                Scoring::per_node(move |node| alternatives::score(&wanted, node), Normalize::Proportional)
            }
            Ok(_) => Scoring::Skip,
            Err(rejection) => Scoring::Fail(rejection),
        }
    }
}

impl Reserve for DynamicResources {
    fn reserve(&self, pod: &PodInfo, node: &str, nodes: &Snapshot) -> Verdict {
        if claims::entries(pod).is_empty() && pod.requests().scalars.is_empty() {
            return Ok(());
        }
        let Some(wanted) = self.wanted(pod, nodes)? else { return Ok(()) };
        let missing = || Rejection::error("claim allocation not found for node");
        let view = nodes.node_named(node).ok_or_else(missing)?;
        let found = wanted.on(view).map_err(|_| missing())?;
        // What stands in a claim already waits for nobody.
        wanted.allocated.iter().for_each(|(claim, _)| self.books.join(claim, pod));
        for (plan, allocation) in wanted.plans.iter().zip(found.allocations) {
            self.books.allocate(&plan.claim, pod, node, allocation);
        }
        if let Some((made, allocation)) = found.made {
            self.books.make(made, pod, node, allocation);
        }
        Ok(())
    }

    fn unreserve(&self, pod: &PodInfo, _: &str) {
        self.books.forget(pod);
    }
}

#[async_trait]
impl PreBind for DynamicResources {
    fn has_work(&self, pod: &PodInfo, nodes: &Snapshot) -> bool {
        !claims::entries(pod).is_empty() || !device_classes::asked_by(pod, nodes).is_empty()
    }

    async fn pre_bind(&self, binding: &Binding<'_>) -> Verdict {
        let mut names = claims::names(binding.pod).map_err(Rejection::error)?;
        for name in &names {
            let pending = |uid: &str| self.books.allocation(uid);
            claim_bind::reserve(binding, name, pending).await.map_err(Rejection::error)?;
        }
        names.extend(self.bind_extended(binding).await.map_err(Rejection::error)?);
        device_wait::wait(binding, &names, self.limit).await.map_err(Rejection::error)
    }

    async fn undo(&self, binding: &Binding<'_>) {
        for name in claims::names(binding.pod).unwrap_or_default() {
            if let Err(error) = claim_bind::unreserve(binding, &name).await {
                tracing::warn!(pod = %binding.pod.key(), claim = %name, %error, "a resource claim could not be unreserved");
            }
        }
        if let Some(name) = self.books.made_for(binding.pod)
            && let Err(error) = extended_bind::remove(binding.client, binding.pod, &name).await
        {
            tracing::warn!(pod = %binding.pod.key(), claim = %name, %error, "a resource claim could not be removed");
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
