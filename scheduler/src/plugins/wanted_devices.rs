//! The devices that a pod wants: whether a node has them, and which it gets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::resource::v1::{AllocationResult, ResourceClaim};

use super::extended_claim::{ExtendedClaim, Made};
use super::node_selector::NodeSelector;
use crate::devices::{ClaimPlan, Compiler, NoPlan, Offers, Search, StopReason};
use crate::plugin::NodeFilter;
use crate::pod::PodInfo;
use crate::snapshot::NodeView;
use crate::verdict::{Rejection, Verdict};

/// What is told of a node that the devices of a claim are out of reach of, or where they could not be prepared.
pub(super) const NOT_AVAILABLE: &str = "resourceclaim not available on the node";

/// The claims of one pod.
pub(super) struct Wanted {
    pub(super) pod: PodInfo,
    /// Where the claims that have devices can be used.
    pub(super) usable_on: Vec<Option<NodeSelector>>,
    /// Whether the devices of one could not be prepared.
    pub(super) is_lost: bool,
    /// The claims that have devices, or get them for another pod of the group, and which.
    pub(super) allocated: Vec<(Arc<ResourceClaim>, AllocationResult)>,
    /// The claims that have none.
    pub(super) plans: Vec<Arc<ClaimPlan>>,
    /// The claim for extended resources.
    pub(super) extended: Option<ExtendedClaim>,
    /// `None` where no claim is to be allocated.
    pub(super) offers: Option<Arc<Offers>>,
    pub(super) compiler: Compiler,
    /// By what the claim for extended resources asks for.
    pub(super) searches: RefCell<BTreeMap<Vec<String>, Search>>,
}

/// What the claims of a pod get on a node.
#[derive(Default)]
pub(super) struct Found {
    /// In the order of the plans.
    pub(super) allocations: Vec<AllocationResult>,
    /// The claim that is to be made, and what it gets.
    pub(super) made: Option<(Made, AllocationResult)>,
}

impl Wanted {
    /// What the claims get on a node.
    pub(super) fn on(&self, node: NodeView<'_>) -> Result<Found, Rejection> {
        // Upstream makes a claim without requests where the pod has other claims and the node offers the resources itself,
        // and cannot bind the pod then; here none is made.
        let extended = self.extended.as_ref().map(|extended| extended.on(&self.pod, node)).transpose()?;
        let made = extended.flatten().filter(|made| !made.mappings.is_empty());
        if self.plans.is_empty() && made.is_none() {
            return Ok(Found::default());
        }
        let mut allocations = self.search(node, made.as_ref())?;
        let made = made.and_then(|made| Some((made, allocations.pop()?)));
        Ok(Found { allocations, made })
    }

    fn search(&self, node: NodeView<'_>, made: Option<&Made>) -> Result<Vec<AllocationResult>, Rejection> {
        let none = || Rejection::unresolvable("cannot allocate all claims");
        let offers = self.offers.as_ref().ok_or_else(none)?;
        let asked: Vec<String> = made.into_iter().flat_map(Made::request_names).collect();
        let mut searches = self.searches.borrow_mut();
        if !searches.contains_key(&asked) {
            let own = made.map(|made| ClaimPlan::of(&made.claim, node.snapshot(), &self.compiler));
            let own = own.transpose().map_err(no_plan)?.map(Arc::new);
            let plans = self.plans.iter().cloned().chain(own).collect();
            searches.insert(asked.clone(), Search::new(offers.clone(), plans));
        }
        let found = searches.get(&asked).map(|search| search.on(node.node()));
        match found {
            Some(Ok(Some(allocations))) => Ok(allocations),
            None | Some(Ok(None)) => Err(none()),
            // It may be over sooner the next time: the cycle ends, and is repeated after back-off.
            Some(Err(StopReason::TooLong)) => {
                let why = "timed out trying to allocate devices";
                Err(Rejection::error(format!("node {}: {why}", node.name())))
            }
            Some(Err(StopReason::OnNode(why))) => Err(Rejection::unresolvable(why)),
            Some(Err(StopReason::Broken(why))) => Err(Rejection::error(why)),
        }
    }
}

impl NodeFilter for Wanted {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        self.on(node)?;
        let is_usable = |on: &Option<NodeSelector>| on.as_ref().is_none_or(|on| on.matches(node.node()));
        match !self.is_lost && self.usable_on.iter().all(is_usable) {
            true => Ok(()),
            false => Err(Rejection::unresolvable(NOT_AVAILABLE)),
        }
    }
}

/// Why there is no plan for a claim.
pub(super) fn no_plan(why: NoPlan) -> Rejection {
    match why {
        NoPlan::NotNow(why) => Rejection::unresolvable(why),
        NoPlan::Broken(why) => Rejection::error(why),
    }
}
