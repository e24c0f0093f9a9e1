//! What there is to be had: the devices, those that claims have, and what is left of what they share.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::resource::v1::{AllocationResult, Device};

use super::capacity::Share;
use super::counters::Counters;
use super::inventory::Inventory;

/// What there is to be had.
pub(crate) struct Offers {
    pub(super) inventory: Inventory,
    pub(super) taken: Taken,
    /// By pool.
    pub(super) left: Vec<Counters>,
}

/// The devices that claims have, of those that are still offered.
#[derive(Default)]
pub(super) struct Taken {
    /// Those of which there is nothing left.
    whole: BTreeSet<usize>,
    /// Those that several may have.
    shared: BTreeSet<usize>,
    /// What is taken of those.
    shares: BTreeMap<usize, Share>,
}

impl Offers {
    /// What is offered, but for what others have been allocated.
    pub(crate) fn new<'a>(
        inventory: Inventory,
        allocations: impl IntoIterator<Item = &'a AllocationResult>,
    ) -> Self {
        let mut taken = Taken::default();
        allocations.into_iter().for_each(|allocation| taken.note(allocation, &inventory));
        let mut left: Vec<Counters> = inventory.pools.iter().map(|pool| pool.counters.clone()).collect();
        for device in taken.whole.union(&taken.shared) {
            left[inventory.pool_number(*device)].take(inventory.device(*device), false);
        }
        Offers { inventory, taken, left }
    }
}

impl Taken {
    /// Devices that are only looked at are not taken.
    fn note(&mut self, allocation: &AllocationResult, inventory: &Inventory) {
        let results = allocation.devices.iter().flat_map(|devices| devices.results.iter().flatten());
        for result in results.filter(|result| result.admin_access != Some(true)) {
            for device in inventory.find(&result.driver, &result.pool, &result.device).iter().copied() {
                if result.share_id.is_none() {
                    self.whole.insert(device);
                    continue;
                }
                self.shared.insert(device);
                if let Some(consumed) = &result.consumed_capacity {
                    self.shares.entry(device).or_default().add(&Share::written(consumed));
                }
            }
        }
    }

    pub(super) fn is_whole(&self, device: usize) -> bool {
        self.whole.contains(&device)
    }

    pub(super) fn share(&self, device: usize) -> Option<&Share> {
        self.shares.get(&device)
    }
}

/// Whether several may have a device at once.
pub(super) fn is_shared(device: &Device) -> bool {
    device.allow_multiple_allocations == Some(true)
}
