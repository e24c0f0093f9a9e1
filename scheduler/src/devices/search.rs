//! Searches devices on a node for all claims of a pod at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::{AllocationResult, Device};

use super::capacity::{self, Share};
use super::constraint::Constraint;
use super::counters::Counters;
use super::demand::{Demand, MOST_DEVICES};
use super::inventory::Inventory;
use super::offers::{Offers, Taken, is_shared};
use super::plan::{Alternative, ClaimPlan};
use super::result;
use super::sight::{Sight, State};

/// So many devices are tried at most for one node; upstream stops after ten seconds.
const MOST_TRIES: usize = 100_000;

/// All that is the same for every node.
pub(crate) struct Search {
    offers: Arc<Offers>,
    plans: Vec<Arc<ClaimPlan>>,
    /// By claim, request, alternative and device, whether the expressions select it.
    selected: RefCell<BTreeMap<Chosen, bool>>,
}

/// Why no devices were found that should have been looked for.
pub(crate) enum StopReason {
    /// Something is wrong with a claim, a class, or what a driver offers.
    Broken(String),
    /// Something is wrong with what a driver offers on this node.
    OnNode(&'static str),
    /// It took too long.
    TooLong,
}

/// A device that was chosen, for the claim, request and alternative of these numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chosen {
    pub(super) claim: usize,
    pub(super) request: usize,
    pub(super) alternative: usize,
    pub(super) device: usize,
}

impl Search {
    /// For these claims, over what there is to be had.
    pub(crate) fn new(offers: Arc<Offers>, plans: Vec<Arc<ClaimPlan>>) -> Self {
        Search { offers, plans, selected: RefCell::default() }
    }

    /// The claims that are to be allocated.
    pub(crate) fn plans(&self) -> &[Arc<ClaimPlan>] {
        &self.plans
    }

    pub(super) fn inventory(&self) -> &Inventory {
        &self.offers.inventory
    }

    pub(super) fn taken(&self) -> &Taken {
        &self.offers.taken
    }

    /// What each claim gets on the node; `None` if they cannot all be satisfied. Shares of devices have an empty id,
    /// which is to be drawn when they are written.
    pub(crate) fn on(&self, node: &Node) -> Result<Option<Vec<AllocationResult>>, StopReason> {
        let seen = self.inventory().seen_by(node);
        let usable = |sight: &Sight| match &sight.state {
            State::Usable(devices) => devices.clone(),
            State::Incomplete | State::Invalid => Vec::new(),
        };
        let mut attempt = Attempt {
            search: self,
            node,
            demand: Demand::of(self, &seen, node)?,
            usable: seen.iter().flat_map(usable).collect(),
            left: self.offers.left.clone(),
            constraints: self.plans.iter().map(|plan| plan.constraints.clone()).collect(),
            shares: BTreeMap::new(),
            chosen: Vec::new(),
            tries: 0,
        };
        if attempt.request(0, 0)? {
            let chosen: Vec<Chosen> = attempt.chosen.iter().map(|(chosen, _)| *chosen).collect();
            return Ok(Some(result::of(self, &chosen, node)));
        }
        match seen.iter().any(|sight| matches!(sight.state, State::Invalid)) {
            false => Ok(None),
            true => Err(StopReason::OnNode("invalid resource pools were encountered")),
        }
    }

    /// Whether the expressions of the request select the device, and the node reaches it: asked in this order, so that a
    /// broken expression is told of wherever some of the slice is reached.
    pub(super) fn is_for(&self, place: Chosen, node: &Node) -> Result<bool, StopReason> {
        Ok(self.is_selected(place)? && self.inventory().reaches(place.device, node))
    }

    /// Whether the expressions of the request select the device: asked once for all nodes.
    fn is_selected(&self, place: Chosen) -> Result<bool, StopReason> {
        if let Some(selected) = self.selected.borrow().get(&place) {
            return Ok(*selected);
        }
        let view = self.inventory().view(place.device);
        let mut selected = true;
        for selector in &self.way(place).selectors {
            selected = selector.matches(&view).map_err(StopReason::Broken)?;
            if !selected {
                break;
            }
        }
        self.selected.borrow_mut().insert(place, selected);
        Ok(selected)
    }

    pub(super) fn way(&self, place: Chosen) -> &Alternative {
        &self.plans[place.claim].requests[place.request][place.alternative]
    }

    pub(super) fn device(&self, place: Chosen) -> &Device {
        self.inventory().device(place.device)
    }

    /// What a request takes of a device, if several may have it.
    pub(super) fn share(&self, place: Chosen) -> Option<Share> {
        let (device, request) = (self.device(place), self.way(place).capacity.as_ref());
        is_shared(device).then(|| Share::of(request, device))
    }
}

/// The search on one node. Requests are satisfied one after the other, and taken back where that leads nowhere; there
/// are at most 32 devices a claim, which bounds how deep it goes, and [`MOST_TRIES`] bounds how long it takes.
struct Attempt<'a> {
    search: &'a Search,
    node: &'a Node,
    demand: Demand,
    /// The devices of pools that can be used.
    usable: Vec<usize>,
    left: Vec<Counters>,
    constraints: Vec<Vec<Constraint>>,
    /// By device, how many shares of it were chosen, and what they are together.
    shares: BTreeMap<usize, (usize, Share)>,
    /// With each, whether counters were taken for it.
    chosen: Vec<(Chosen, bool)>,
    tries: usize,
}

impl<'a> Attempt<'a> {
    /// Satisfies a request of a claim, and all that come after it.
    fn request(&mut self, claim: usize, request: usize) -> Result<bool, StopReason> {
        let search = self.search;
        let Some(plan) = search.plans.get(claim) else { return Ok(true) };
        let Some(ways) = plan.requests.get(request) else { return self.request(claim + 1, 0) };
        let had = self.chosen.iter().filter(|(one, _)| one.claim == claim).count();
        let most = MOST_DEVICES.saturating_sub(had + self.demand.after(claim, request));
        for (alternative, way) in ways.iter().enumerate() {
            let place = Chosen { claim, request, alternative, device: 0 };
            let found = match way.count {
                Some(count) => count <= most && self.some(place, count, 0)?,
                None => self.demand.all(place).len() <= most && self.every(place)?,
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
        for at in from..self.usable.len() {
            let place = Chosen { device: self.usable[at], ..place };
            if !self.is_free(place) || !self.search.is_for(place, self.node)? || !self.take(place)? {
                continue;
            }
            if self.some(place, count - 1, at + 1)? {
                return Ok(true);
            }
            self.give_back();
        }
        Ok(false)
    }

    /// Takes all devices that match, of which there must be one at least.
    fn every(&mut self, place: Chosen) -> Result<bool, StopReason> {
        let (wanted, had) = (self.demand.all(place).to_vec(), self.chosen.len());
        let mut took_all = !wanted.is_empty();
        for device in wanted {
            let place = Chosen { device, ..place };
            if !self.is_free(place) || !self.take(place)? {
                took_all = false;
                break;
            }
        }
        if took_all && self.request(place.claim, place.request + 1)? {
            return Ok(true);
        }
        while self.chosen.len() > had {
            self.give_back();
        }
        Ok(false)
    }

    /// Whether nobody else has the device, who would have it alone.
    fn is_free(&self, place: Chosen) -> bool {
        let is_chosen = |by: &dyn Fn(&Chosen) -> bool| {
            self.chosen.iter().any(|(one, _)| one.device == place.device && by(one))
        };
        let is_shared = is_shared(self.search.device(place));
        match self.search.way(place).is_admin {
            true => is_shared || !is_chosen(&|one| one.claim == place.claim),
            false => !self.search.taken().is_whole(place.device) && (is_shared || !is_chosen(&|_| true)),
        }
    }

    /// Takes a device, if it can be had. Where all devices are asked for, it has to go with the others.
    fn take(&mut self, place: Chosen) -> Result<bool, StopReason> {
        self.tries += 1;
        if self.tries > MOST_TRIES {
            return Err(StopReason::TooLong);
        }
        let (device, way) = (self.search.device(place), self.search.way(place));
        let pool = self.search.inventory().pool_number(place.device);
        // Counters are taken once, whoever else has a share.
        let counts = !is_shared(device) || !self.is_in_use(place.device);
        if !self.has_room(place)
            || counts && !self.left[pool].suffice(device)
            || !way.tolerates(device.taints.as_deref().unwrap_or_default())
        {
            return Ok(false);
        }
        if !self.agree(place) {
            return if way.count.is_some() { Ok(false) } else { Err(self.disagreement(place)) };
        }
        if let Some(share) = self.search.share(place) {
            let (count, together) = self.shares.entry(place.device).or_default();
            *count += 1;
            together.add(&share);
        }
        if counts {
            self.left[pool].take(device, false);
        }
        self.chosen.push((place, counts));
        Ok(true)
    }

    fn is_in_use(&self, device: usize) -> bool {
        self.search.taken().share(device).is_some() || self.shares.contains_key(&device)
    }

    fn has_room(&self, place: Chosen) -> bool {
        let ours = self.shares.get(&place.device).map(|(_, together)| together);
        let taken: Vec<&Share> = self.search.taken().share(place.device).into_iter().chain(ours).collect();
        capacity::suffices(self.search.way(place).capacity.as_ref(), self.search.device(place), &taken)
    }

    /// Gives back the device that was taken last.
    fn give_back(&mut self) {
        let Some((place, counts)) = self.chosen.pop() else { return };
        let (device, way) = (self.search.device(place), self.search.way(place));
        if counts {
            self.left[self.search.inventory().pool_number(place.device)].take(device, true);
        }
        if let Some(share) = self.search.share(place)
            && let Some((count, together)) = self.shares.get_mut(&place.device)
        {
            *count -= 1;
            together.subtract(&share);
            if *count == 0 {
                self.shares.remove(&place.device);
            }
        }
        self.constraints[place.claim].iter_mut().for_each(|constraint| constraint.remove(&way.name));
    }

    /// Whether the device goes with the others of the claim; then all constraints have taken it in, else none.
    fn agree(&mut self, place: Chosen) -> bool {
        let (inventory, name) = (self.search.inventory(), &self.search.way(place).name);
        let (driver, device) = (&inventory.spec(place.device).driver, inventory.device(place.device));
        let constraints = &mut self.constraints[place.claim];
        let refused = constraints.iter_mut().position(|constraint| !constraint.add(name, driver, device));
        let Some(refused) = refused else { return true };
        constraints[..refused].iter_mut().for_each(|constraint| constraint.remove(name));
        false
    }

    fn disagreement(&self, place: Chosen) -> StopReason {
        let (claim, request) = (self.search.plans[place.claim].name(), self.search.way(place).own_name());
        let (pool, device) = (self.search.inventory().pool(place.device), self.search.device(place));
        StopReason::Broken(format!(
            "claim {claim}, request {request}: cannot add device {}/{} because a claim constraint would not be satisfied",
            pool.name, device.name
        ))
    }
}
