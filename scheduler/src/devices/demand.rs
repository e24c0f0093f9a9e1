//! How many devices the requests of claims are about on a node, and what is wrong with them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

use super::capacity;
use super::search::{Chosen, Search, StopReason};
use super::sight::{Sight, State};

/// A claim gets at most so many devices; upstream's limit.
pub(super) const MOST_DEVICES: usize = 32;

/// How many devices the requests are about.
pub(super) struct Demand {
    /// By claim, request and alternative, the devices of those that are after all of them.
    all: BTreeMap<(usize, usize, usize), Vec<usize>>,
    /// By claim and request, how many devices that request and those after it get at least.
    least: Vec<Vec<usize>>,
}

impl Demand {
    pub(super) fn of(search: &Search, seen: &[Sight], node: &Node) -> Result<Self, StopReason> {
        let mut demand = Demand { all: BTreeMap::new(), least: Vec::new() };
        for (claim, plan) in search.plans().iter().enumerate() {
            let mut least = Vec::new();
            for request in 0..plan.requests.len() {
                least.push(demand.take_in(search, seen, node, claim, request)?);
            }
            for request in (1..least.len()).rev() {
                least[request - 1] += least[request];
            }
            let wanted = least.first().copied().unwrap_or_default();
            if wanted > MOST_DEVICES {
                let why = format!("number of requested devices {wanted} exceeds the claim limit of {MOST_DEVICES}");
                return Err(StopReason::Broken(format!("claim {}: {why}", plan.name())));
            }
            if let Some(fault) = &plan.fault {
                return Err(StopReason::Broken(fault.clone()));
            }
            demand.least.push(least);
        }
        Ok(demand)
    }

    /// Looks at the ways to satisfy a request; how many devices the smallest is about.
    fn take_in(
        &mut self,
        search: &Search,
        seen: &[Sight],
        node: &Node,
        claim: usize,
        request: usize,
    ) -> Result<usize, StopReason> {
        let plan = &search.plans()[claim];
        let mut least = None;
        for (alternative, way) in plan.requests[request].iter().enumerate() {
            if let Some(fault) = &way.fault {
                return Err(StopReason::Broken(fault.clone()));
            }
            let count = match way.count {
                Some(count) => count,
                None => {
                    let place = Chosen { claim, request, alternative, ..Chosen::default() };
                    let all = every(search, seen, node, place)?;
                    let count = all.len();
                    self.all.insert((claim, request, alternative), all);
                    count
                }
            };
            least = Some(least.map_or(count, |least: usize| least.min(count)));
        }
        Ok(least.unwrap_or_default())
    }

    /// All devices that match a way.
    pub(super) fn all(&self, place: Chosen) -> &[usize] {
        self.all.get(&(place.claim, place.request, place.alternative)).map_or(&[], Vec::as_slice)
    }

    /// How many devices the requests after this one get at least.
    pub(super) fn after(&self, claim: usize, request: usize) -> usize {
        self.least.get(claim).and_then(|least| least.get(request + 1)).copied().unwrap_or_default()
    }
}

/// All devices that match, in pools of which everything is known.
fn every(
    search: &Search,
    seen: &[Sight],
    node: &Node,
    place: Chosen,
) -> Result<Vec<usize>, StopReason> {
    let (plan, way) = (&search.plans()[place.claim], search.way(place));
    let mut all = Vec::new();
    for Sight { pool, state } in seen {
        let doubtful = |doubt: &str| {
            let pool = &search.inventory().pools[*pool].name;
            Err(StopReason::Broken(format!(
                "claim {}, request {}: asks for all devices, but resource pool {pool} is currently {doubt}",
                plan.name(),
                way.own_name()
            )))
        };
        let devices = match state {
            State::Usable(devices) => devices,
            State::Incomplete => return doubtful("being updated"),
            State::Invalid => return doubtful("invalid"),
        };
        for device in devices.iter().copied() {
            let taken = search.taken().share(device);
            let enough = || {
                capacity::suffices(way.capacity.as_ref(), search.inventory().device(device), taken.as_slice())
            };
            if search.is_for(Chosen { device, ..place }, node)? && enough() {
                all.push(device);
            }
        }
    }
    Ok(all)
}
