//! What a node sees of the pools: of which it may use devices, and of which something is wrong.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;

use super::inventory::Inventory;

/// A pool of which a node reaches some.
pub(super) struct Sight {
    pub(super) pool: usize,
    pub(super) state: State,
}

/// Whether devices of a pool can be used.
pub(super) enum State {
    /// These, if the node reaches them.
    Usable(Vec<usize>),
    /// Not all its slices are there: it is being updated.
    Incomplete,
    /// Two devices or sets of counters have one name, or something is taken that is not offered.
    Invalid,
}

impl Inventory {
    /// What a node sees, by driver and pool. Pools with devices that have to be prepared before they can be used come last.
    /// Of each pool the newest generation counts that the node reaches some of. If that is all of it, it does not matter
    /// that there is a newer one elsewhere.
    pub(super) fn seen_by(&self, node: &Node) -> Vec<Sight> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let own = self.by_node.get(name).into_iter().flatten().copied();
        let others = self.elsewhere.iter().copied().filter(|slice| self.is_seen(*slice, node));
        let mut newest: BTreeMap<&str, (usize, Vec<usize>)> = BTreeMap::new();
        for slice in own.chain(others) {
            let pool = self.slices[slice].pool;
            let (seen, slices) = newest.entry(&self.pools[pool].name).or_insert_with(|| (pool, Vec::new()));
            // Generations of one pool are numbered one after the other.
            if pool > *seen {
                (*seen, *slices) = (pool, Vec::new());
            }
            if pool == *seen {
                slices.push(slice);
            }
        }
        let mut seen: Vec<(bool, Sight)> = Vec::new();
        for (pool, slices) in newest.into_values() {
            let waits = slices.iter().any(|slice| self.slices[*slice].waits);
            let state = self.state(pool, slices);
            seen.extend(state.map(|state| (waits && matches!(state, State::Usable(_)), Sight { pool, state })));
        }
        seen.sort_by_key(|(waits, Sight { pool, .. })| (*waits, *pool));
        seen.into_iter().map(|(_, sight)| sight).collect()
    }

    /// `None` if the pool is outdated.
    fn state(&self, pool: usize, mut seen: Vec<usize>) -> Option<State> {
        let first = seen.first()?;
        let (pool, expected) = (&self.pools[pool], self.slice(*first).pool.resource_slice_count);
        let is_all = |slices: &[usize]| i64::try_from(slices.len()) == Ok(expected);
        let mut consuming = &seen;
        if !is_all(&seen) {
            if pool.is_outdated {
                return None;
            }
            if !is_all(&pool.slices) {
                return Some(State::Incomplete);
            }
            consuming = &pool.slices;
        }
        let is_valid = !pool.counters.are_ambiguous()
            && consuming.iter().all(|slice| self.slices[*slice].is_known)
            && !(pool.has_twins && self.have_twins(&seen));
        if !is_valid {
            return Some(State::Invalid);
        }
        seen.sort_unstable();
        Some(State::Usable(seen.into_iter().flat_map(|slice| self.slices[slice].offers.clone()).collect()))
    }

    fn have_twins(&self, slices: &[usize]) -> bool {
        let mut names = BTreeSet::new();
        let mut offers = slices.iter().flat_map(|slice| self.slices[*slice].offers.clone());
        !offers.all(|offer| names.insert(self.device(offer).name.as_str()))
    }
}
