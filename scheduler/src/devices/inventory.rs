//! The devices that drivers offer, by pool and by the nodes that can reach them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, NodeSelector as ApiSelector};
use k8s_openapi::api::resource::v1::{Device, ResourceSlice, ResourceSliceSpec};

use super::counters::Counters;
use super::selectors::DeviceView;
use crate::plugins::NodeSelector;
use crate::snapshot::Snapshot;

/// All devices of the newest generation of each pool.
pub(crate) struct Inventory {
    slices: Vec<Arc<ResourceSlice>>,
    pools: Vec<Pool>,
    offers: Vec<Offer>,
    by_node: BTreeMap<String, Vec<usize>>,
    /// Devices that more than one node may reach.
    elsewhere: Vec<usize>,
    ids: BTreeMap<(String, String, String), usize>,
    /// Those with devices that have binding conditions.
    slices_that_wait: BTreeSet<usize>,
}

/// The devices that one driver manages together.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) name: String,
    /// Whether all its slices are there: it is being updated otherwise.
    pub(super) is_complete: bool,
    /// Whether its devices have names of their own, and take nothing that it does not offer.
    pub(super) is_valid: bool,
    pub(super) counters: Counters,
    slices: Vec<usize>,
}

/// A device in its place.
pub(super) struct Offer {
    slice: usize,
    device: usize,
    pub(super) pool: usize,
    reach: Reach,
}

/// Which nodes reach a device.
enum Reach {
    Node(String),
    Every,
    Selected(NodeSelector),
    Nowhere,
}

impl Inventory {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let slices: Vec<Arc<ResourceSlice>> = snapshot.related().all().collect();
        let mut inventory = Inventory {
            pools: pools(&slices),
            slices,
            offers: Vec::new(),
            by_node: BTreeMap::new(),
            elsewhere: Vec::new(),
            ids: BTreeMap::new(),
            slices_that_wait: BTreeSet::new(),
        };
        for pool in 0..inventory.pools.len() {
            for slice in inventory.pools[pool].slices.clone() {
                inventory.offer(pool, slice);
            }
        }
        inventory
    }

    fn offer(&mut self, pool: usize, slice: usize) {
        let spec = self.slices[slice].spec.clone();
        for (device, offered) in spec.devices.iter().flatten().enumerate() {
            let reach = Reach::of(&spec, offered);
            if offered.binding_conditions.is_some() {
                self.slices_that_wait.insert(slice);
            }
            let at = self.offers.len();
            match &reach {
                Reach::Node(node) => self.by_node.entry(node.clone()).or_default().push(at),
                Reach::Every | Reach::Selected(_) => self.elsewhere.push(at),
                Reach::Nowhere => {}
            }
            self.offers.push(Offer { slice, device, pool, reach });
            let id = (spec.driver.clone(), spec.pool.name.clone(), offered.name.clone());
            let is_new = self.ids.insert(id, at).is_none();
            let pool = &mut self.pools[pool];
            pool.is_valid &= is_new && pool.counters.know(offered);
        }
    }

    /// The devices that a node reaches, by driver, pool, slice and place. Pools with devices that have to be prepared
    /// before they can be used come last.
    pub(super) fn reachable(&self, node: &Node) -> Vec<usize> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let own = self.by_node.get(name).into_iter().flatten().copied();
        let others = self.elsewhere.iter().copied().filter(|at| self.offers[*at].reach.includes(node));
        let mut reachable: Vec<usize> = own.chain(others).collect();
        reachable.sort_unstable();
        let waits = |at: &&usize| self.slices_that_wait.contains(&self.offers[**at].slice);
        let last: BTreeSet<usize> = reachable.iter().filter(waits).map(|at| self.offers[*at].pool).collect();
        let (last, mut first): (Vec<_>, Vec<_>) =
            reachable.into_iter().partition(|at| last.contains(&self.offers[*at].pool));
        first.extend(last);
        first
    }

    /// The device of driver, pool and name, if it is still offered.
    pub(crate) fn find(&self, driver: &str, pool: &str, device: &str) -> Option<usize> {
        self.ids.get(&(driver.to_owned(), pool.to_owned(), device.to_owned())).copied()
    }

    pub(super) fn pool(&self, offer: usize) -> &Pool {
        &self.pools[self.offers[offer].pool]
    }

    pub(super) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    pub(super) fn pool_number(&self, offer: usize) -> usize {
        self.offers[offer].pool
    }

    pub(super) fn spec(&self, offer: usize) -> &ResourceSliceSpec {
        &self.slices[self.offers[offer].slice].spec
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

impl Reach {
    fn of(slice: &ResourceSliceSpec, device: &Device) -> Self {
        let (node, selector, every) = match slice.per_device_node_selection {
            Some(true) => (&device.node_name, &device.node_selector, device.all_nodes),
            _ => (&slice.node_name, &slice.node_selector, slice.all_nodes),
        };
        match (node, selector) {
            (Some(node), _) if !node.is_empty() => Reach::Node(node.clone()),
            (_, Some(selector)) => Reach::Selected(NodeSelector::lenient(selector)),
            _ if every == Some(true) => Reach::Every,
            _ => Reach::Nowhere,
        }
    }

    fn includes(&self, node: &Node) -> bool {
        match self {
            Reach::Node(name) => node.metadata.name.as_ref() == Some(name),
            Reach::Every => true,
            Reach::Selected(selector) => selector.matches(node),
            Reach::Nowhere => false,
        }
    }
}

/// The node selector that a slice or a device of it has, and the node that it names.
pub(super) fn reach_of<'a>(
    slice: &'a ResourceSliceSpec,
    device: &'a Device,
) -> (Option<&'a str>, Option<&'a ApiSelector>) {
    let (node, selector) = match slice.per_device_node_selection {
        Some(true) => (&device.node_name, &device.node_selector),
        _ => (&slice.node_name, &slice.node_selector),
    };
    (node.as_deref().filter(|node| !node.is_empty()), selector.as_ref())
}

/// The newest generation of each pool, by driver and name.
fn pools(slices: &[Arc<ResourceSlice>]) -> Vec<Pool> {
    let mut newest: BTreeMap<(&str, &str), (i64, Vec<usize>)> = BTreeMap::new();
    for (at, slice) in slices.iter().enumerate() {
        let (driver, pool) = (slice.spec.driver.as_str(), &slice.spec.pool);
        let (generation, members) =
            newest.entry((driver, &pool.name)).or_insert((pool.generation, Vec::new()));
        if pool.generation > *generation {
            (*generation, *members) = (pool.generation, Vec::new());
        }
        if pool.generation == *generation {
            members.push(at);
        }
    }
    let pool = |((driver, name), (_, members)): ((&str, &str), (i64, Vec<usize>))| {
        let expected = members.first().map(|at| slices[*at].spec.pool.resource_slice_count);
        Pool {
            name: format!("{driver}/{name}"),
            is_complete: expected == i64::try_from(members.len()).ok(),
            is_valid: true,
            counters: Counters::offered(members.iter().map(|at| &slices[*at].spec)),
            slices: members,
        }
    };
    newest.into_iter().map(pool).collect()
}
