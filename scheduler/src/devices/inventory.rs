//! The devices that drivers offer, by pool and by slice.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::{Device, ResourceSlice, ResourceSliceSpec};

use super::counters::Counters;
use super::reach::{Reach, is_by_device};
use super::selectors::DeviceView;
use crate::snapshot::Snapshot;

/// All devices of all pools.
pub(crate) struct Inventory {
    /// By name.
    pub(super) slices: Vec<Slice>,
    /// By driver, name and generation.
    pub(super) pools: Vec<Pool>,
    offers: Vec<Offer>,
    /// The slices that one node may reach.
    pub(super) by_node: BTreeMap<String, Vec<usize>>,
    /// The other slices.
    pub(super) elsewhere: Vec<usize>,
    ids: BTreeMap<(String, String, String), Vec<usize>>,
}

/// The devices that one driver manages together, in one generation.
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) slices: Vec<usize>,
    /// Whether there is a newer generation of it.
    pub(super) is_outdated: bool,
    pub(super) counters: Counters,
    /// Whether two of its devices have one name.
    pub(super) has_twins: bool,
}

/// What a driver tells of some of the devices of a pool.
pub(super) struct Slice {
    object: Arc<ResourceSlice>,
    pub(super) pool: usize,
    reach: Reach,
    /// The places of its devices. One that tells of counters has none.
    pub(super) offers: std::ops::Range<usize>,
    /// Whether its devices take nothing that the pool does not offer.
    pub(super) is_known: bool,
    /// Whether one of its devices has binding conditions.
    pub(super) waits: bool,
}

/// A device in its place.
struct Offer {
    slice: usize,
    device: usize,
    /// Where it says that itself.
    reach: Option<Reach>,
}

impl Inventory {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let objects: Vec<Arc<ResourceSlice>> = snapshot.related().all().collect();
        let mut inventory = Inventory {
            pools: pools(&objects),
            slices: Vec::with_capacity(objects.len()),
            offers: Vec::new(),
            by_node: BTreeMap::new(),
            elsewhere: Vec::new(),
            ids: BTreeMap::new(),
        };
        let mut pool_of = vec![0; objects.len()];
        for (pool, members) in inventory.pools.iter().enumerate() {
            members.slices.iter().for_each(|slice| pool_of[*slice] = pool);
        }
        for (at, object) in objects.into_iter().enumerate() {
            inventory.take_in(at, object, pool_of[at]);
        }
        inventory
    }

    fn take_in(&mut self, at: usize, object: Arc<ResourceSlice>, pool: usize) {
        let spec = &object.spec;
        let tells_of_counters = spec.shared_counters.as_ref().is_some_and(|counters| !counters.is_empty());
        let (reach, devices) = (Reach::of_slice(spec), spec.devices.as_deref().unwrap_or_default());
        match &reach {
            // Everybody who reaches some of the pool has to know of its counters.
            Reach::Node(node) if !tells_of_counters => self.by_node.entry(node.clone()).or_default().push(at),
            _ => self.elsewhere.push(at),
        }
        let first = self.offers.len();
        let offered = if tells_of_counters { &[] } else { devices };
        for (device, offered) in offered.iter().enumerate() {
            let id = (spec.driver.clone(), spec.pool.name.clone(), offered.name.clone());
            let twins = self.ids.entry(id).or_default();
            let of_pool = |offer: &usize| self.slices.get(self.offers[*offer].slice).map_or(pool, |slice| slice.pool);
            self.pools[pool].has_twins |= twins.iter().any(|twin| of_pool(twin) == pool);
            twins.push(self.offers.len());
            let reach = is_by_device(spec).then(|| Reach::of_device(offered));
            self.offers.push(Offer { slice: at, device, reach });
        }
        let is_known = devices.iter().all(|device| self.pools[pool].counters.know(device));
        let waits = offered.iter().any(|device| device.binding_conditions.is_some());
        let offers = first..self.offers.len();
        let reach = if tells_of_counters { Reach::Every } else { reach };
        self.slices.push(Slice { object, pool, reach, offers, is_known, waits });
    }

    /// Whether a node reaches some of a slice.
    pub(super) fn is_seen(&self, slice: usize, node: &Node) -> bool {
        let slice = &self.slices[slice];
        let by_device = || slice.offers.clone().any(|offer| self.reaches(offer, node));
        match &slice.reach {
            Reach::Nowhere => is_by_device(&slice.object.spec) && by_device(),
            reach => reach.includes(node),
        }
    }

    /// Whether a node that reaches some of its slice reaches a device.
    pub(super) fn reaches(&self, offer: usize, node: &Node) -> bool {
        self.offers[offer].reach.as_ref().is_none_or(|reach| reach.includes(node))
    }

    /// The devices of driver, pool and name that are still offered: one in each generation, as a rule.
    pub(super) fn find(&self, driver: &str, pool: &str, device: &str) -> &[usize] {
        let id = (driver.to_owned(), pool.to_owned(), device.to_owned());
        self.ids.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn pool(&self, offer: usize) -> &Pool {
        &self.pools[self.pool_number(offer)]
    }

    pub(super) fn pool_number(&self, offer: usize) -> usize {
        self.slices[self.offers[offer].slice].pool
    }

    pub(super) fn slice(&self, slice: usize) -> &ResourceSliceSpec {
        &self.slices[slice].object.spec
    }

    pub(super) fn spec(&self, offer: usize) -> &ResourceSliceSpec {
        self.slice(self.offers[offer].slice)
    }

    pub(super) fn device(&self, offer: usize) -> &Device {
        let at = self.offers[offer].device;
        // An offer is made of a device of the slice, and slices do not change.
        &self.spec(offer).devices.as_deref().unwrap_or_default()[at]
    }

    pub(super) fn view(&self, offer: usize) -> Result<DeviceView<'_>, String> {
        DeviceView::new(&self.spec(offer).driver, self.device(offer))
    }
}

/// The generations of each pool, by driver and name.
fn pools(slices: &[Arc<ResourceSlice>]) -> Vec<Pool> {
    let mut generations: BTreeMap<(&str, &str, i64), Vec<usize>> = BTreeMap::new();
    for (at, slice) in slices.iter().enumerate() {
        let (driver, pool) = (slice.spec.driver.as_str(), &slice.spec.pool);
        generations.entry((driver, &pool.name, pool.generation)).or_default().push(at);
    }
    let mut pools: Vec<Pool> = Vec::with_capacity(generations.len());
    for ((driver, name, _), slices_of) in generations {
        let name = format!("{driver}/{name}");
        if let Some(older) = pools.last_mut().filter(|older| older.name == name) {
            older.is_outdated = true;
        }
        let counters = Counters::offered(slices_of.iter().map(|at| &slices[*at].spec));
        pools.push(Pool { name, slices: slices_of, is_outdated: false, counters, has_twins: false });
    }
    pools
}
