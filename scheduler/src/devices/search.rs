//! Searches devices on a node for all claims of a pod at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::AllocationResult;

use super::constraint::Constraint;
use super::counters::Counters;
use super::inventory::Inventory;
use super::plan::{Alternative, ClaimPlan};
use super::result;

/// So many devices are tried at most for one node; upstream stops after ten seconds.
const MOST_TRIES: usize = 100_000;

/// All that is the same for every node.
pub(crate) struct Search {
    inventory: Inventory,
    plans: Vec<ClaimPlan>,
    /// Devices that claims have, and what is left of what they share.
    used: BTreeSet<usize>,
    left: Vec<Counters>,
    /// By claim, request, alternative and device, whether the expressions select it.
    selected: RefCell<BTreeMap<(usize, usize, usize, usize), bool>>,
}

/// Why no devices were found that should have been looked for.
pub(crate) enum StopReason {
    /// Something is wrong with a claim, a class, or what a driver offers.
    Broken(String),
    /// It took too long.
    TooLong,
}

/// A device that was chosen, for the claim, request and alternative of these numbers.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) claim: usize,
    pub(super) request: usize,
    pub(super) alternative: usize,
    pub(super) device: usize,
}

impl Search {
    /// Over what is offered, but for the devices that others have.
    pub(crate) fn new(
        inventory: Inventory,
        plans: Vec<ClaimPlan>,
        taken: impl IntoIterator<Item = usize>,
    ) -> Self {
        let mut left: Vec<Counters> = inventory.pools().iter().map(|pool| pool.counters.clone()).collect();
        let used: BTreeSet<usize> = taken.into_iter().collect();
        for device in &used {
            left[inventory.pool_number(*device)].take(inventory.device(*device), false);
        }
        Search { inventory, plans, used, left, selected: RefCell::default() }
    }

    /// The claims that are to be allocated.
    pub(crate) fn plans(&self) -> &[ClaimPlan] {
        &self.plans
    }

    /// What each claim gets on the node; `None` if they cannot all be satisfied.
    pub(crate) fn on(&self, node: &Node) -> Result<Option<Vec<AllocationResult>>, StopReason> {
        let mut attempt = Attempt {
            search: self,
            reachable: self.inventory.reachable(node),
            used: self.used.clone(),
            left: self.left.clone(),
            constraints: self.plans.iter().map(|plan| plan.constraints.clone()).collect(),
            chosen: Vec::new(),
            tries: 0,
        };
        let found = attempt.request(0, 0)?;
        Ok(found.then(|| result::of(&self.inventory, &self.plans, &attempt.chosen)))
    }
}

/// The search on one node. Requests are satisfied one after the other, and taken back where that leads nowhere; there
/// are at most 32 devices a claim, which bounds how deep it goes, and [`MOST_TRIES`] bounds how long it takes.
struct Attempt<'a> {
    search: &'a Search,
    reachable: Vec<usize>,
    used: BTreeSet<usize>,
    left: Vec<Counters>,
    constraints: Vec<Vec<Constraint>>,
    chosen: Vec<Chosen>,
    tries: usize,
}

impl<'a> Attempt<'a> {
    /// Satisfies a request of a claim, and all that come after it.
    fn request(&mut self, claim: usize, request: usize) -> Result<bool, StopReason> {
        let search = self.search;
        let Some(plan) = search.plans.get(claim) else { return Ok(true) };
        let Some(ways) = plan.requests.get(request) else { return self.request(claim + 1, 0) };
        for (alternative, way) in ways.iter().enumerate() {
            let place = Chosen { claim, request, alternative, device: 0 };
            let found = match way.count {
                Some(count) => self.some(place, count, 0)?,
                None => self.every(place)?,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes so many devices, of those from a place on: which of them comes first does not matter.
    fn some(&mut self, place: Chosen, count: usize, from: usize) -> Result<bool, StopReason> {
        if count == 0 {
            return self.request(place.claim, place.request + 1);
        }
        for at in from..self.reachable.len() {
            let place = Chosen { device: self.reachable[at], ..place };
            if !self.is_selected(place)? || !self.take(place)? {
                continue;
            }
            if self.some(place, count - 1, at + 1)? {
                return Ok(true);
            }
            self.give_back(place);
        }
        Ok(false)
    }

    /// Takes all devices that match, of which there must be one at least.
    fn every(&mut self, place: Chosen) -> Result<bool, StopReason> {
        let mut wanted = Vec::new();
        for device in self.reachable.clone() {
            let place = Chosen { device, ..place };
            let pool = self.search.inventory.pool(device);
            let way = self.way(place);
            if !pool.is_complete {
                let claim = self.search.plans[place.claim].name();
                return Err(StopReason::Broken(format!(
                    "claim {claim}, request {}: asks for all devices, but resource pool {} is currently being updated",
                    way.name, pool.name
                )));
            }
            if self.is_selected(place)? {
                wanted.push(place);
            }
        }
        let mut taken = Vec::new();
        for place in wanted.iter().copied() {
            if !self.take(place)? {
                break;
            }
            taken.push(place);
        }
        if !wanted.is_empty() && taken.len() == wanted.len() && self.request(place.claim, place.request + 1)? {
            return Ok(true);
        }
        taken.into_iter().rev().for_each(|place| self.give_back(place));
        Ok(false)
    }

    fn way(&self, place: Chosen) -> &'a Alternative {
        &self.search.plans[place.claim].requests[place.request][place.alternative]
    }

    /// Whether the expressions of the request select the device: asked once for all nodes.
    fn is_selected(&self, place: Chosen) -> Result<bool, StopReason> {
        let key = (place.claim, place.request, place.alternative, place.device);
        if let Some(selected) = self.search.selected.borrow().get(&key) {
            return Ok(*selected);
        }
        let view = self.search.inventory.view(place.device);
        let mut selected = true;
        for selector in &self.way(place).selectors {
            let broken =
                |why| StopReason::Broken(format!("{}: CEL runtime error: {why}", selector.place));
            selected = selector.compiled.matches(&view).map_err(broken)?;
            if !selected {
                break;
            }
        }
        self.search.selected.borrow_mut().insert(key, selected);
        Ok(selected)
    }

    /// Takes a device, if it can be had.
    fn take(&mut self, place: Chosen) -> Result<bool, StopReason> {
        self.tries += 1;
        if self.tries > MOST_TRIES {
            return Err(StopReason::TooLong);
        }
        let inventory = &self.search.inventory;
        let (pool, device, way) = (inventory.pool(place.device), inventory.device(place.device), self.way(place));
        if let Some(why) = &pool.invalid {
            return Err(StopReason::Broken(format!("pool {} is invalid: {why}", pool.name)));
        }
        let is_free = match way.is_admin {
            true => !self.chosen.iter().any(|one| one.claim == place.claim && one.device == place.device),
            false => !self.used.contains(&place.device),
        };
        let waits = device.binding_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty());
        let number = inventory.pool_number(place.device);
        if !is_free
            || waits
            || !pool.is_complete
            || !way.tolerates(device.taints.as_deref().unwrap_or_default())
            || !way.is_admin && !self.left[number].suffice(device)
            || !self.agree(place)
        {
            return Ok(false);
        }
        if !way.is_admin {
            self.used.insert(place.device);
            self.left[number].take(device, false);
        }
        self.chosen.push(place);
        Ok(true)
    }

    fn give_back(&mut self, place: Chosen) {
        let (inventory, way) = (&self.search.inventory, self.way(place));
        self.chosen.pop();
        if !way.is_admin {
            self.used.remove(&place.device);
            self.left[inventory.pool_number(place.device)].take(inventory.device(place.device), true);
        }
        self.constraints[place.claim].iter_mut().for_each(|constraint| constraint.remove(&way.name));
    }

    /// Whether the device goes with the others of the claim; then all constraints have taken it in, else none.
    fn agree(&mut self, place: Chosen) -> bool {
        let (inventory, name) = (&self.search.inventory, &self.way(place).name);
        let (driver, device) = (&inventory.spec(place.device).driver, inventory.device(place.device));
        let constraints = &mut self.constraints[place.claim];
        let refused = constraints.iter_mut().position(|constraint| !constraint.add(name, driver, device));
        let Some(refused) = refused else { return true };
        constraints[..refused].iter_mut().for_each(|constraint| constraint.remove(name));
        false
    }
}
