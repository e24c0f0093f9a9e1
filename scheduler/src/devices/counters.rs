//! What devices of one pool share: a device can be had only while the counters it takes from are not used up.
//!
//! KEP-4815, partitionable devices.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::resource::v1::{Device, ResourceSliceSpec};
use steersman_core::Quantity;

/// Amounts by set and counter.
#[derive(Clone, Default)]
pub(super) struct Counters {
    amounts: BTreeMap<(String, String), Quantity>,
    /// Whether two sets have one name.
    are_ambiguous: bool,
}

impl Counters {
    /// What the slices of a pool offer together.
    pub(super) fn offered<'a>(slices: impl Iterator<Item = &'a ResourceSliceSpec>) -> Self {
        let (mut offered, mut sets) = (Counters::default(), BTreeSet::new());
        for set in slices.flat_map(|slice| slice.shared_counters.iter().flatten()) {
            offered.are_ambiguous |= !sets.insert(&set.name);
            for (name, counter) in &set.counters {
                offered.amounts.insert((set.name.clone(), name.clone()), amount(&counter.value.0));
            }
        }
        offered
    }

    /// Whether two sets have one name.
    pub(super) fn are_ambiguous(&self) -> bool {
        self.are_ambiguous
    }

    /// Whether all that a device takes is among what is offered.
    pub(super) fn know(&self, device: &Device) -> bool {
        taken(device).all(|(key, _)| self.amounts.contains_key(&key))
    }

    /// Whether there is enough left for a device.
    pub(super) fn suffice(&self, device: &Device) -> bool {
        taken(device).all(|(key, amount)| self.amounts.get(&key).is_some_and(|left| *left >= amount))
    }

    /// A device is taken, or with `back` given back.
    pub(super) fn take(&mut self, device: &Device, back: bool) {
        for (key, amount) in taken(device) {
            if let Some(left) = self.amounts.get_mut(&key) {
                *left = if back { left.clone() + amount } else { left.clone() - amount };
            }
        }
    }
}

fn taken(device: &Device) -> impl Iterator<Item = ((String, String), Quantity)> {
    device.consumes_counters.iter().flatten().flat_map(|consumption| {
        let of = |name: &String| (consumption.counter_set.clone(), name.clone());
        consumption.counters.iter().map(move |(name, counter)| (of(name), amount(&counter.value.0)))
    })
}

/// What is no quantity is nothing; the API server does not let such pass.
fn amount(text: &str) -> Quantity {
    text.parse().unwrap_or_default()
}
