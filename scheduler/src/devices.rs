//! Which devices there are, and which of them a claim can have on a node: structured parameters.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/>. KEP-4381, KEP-4816
//! (alternatives), KEP-5055 (taints), KEP-4815 (shared counters), KEP-5075 (shares of devices). Pure: the books that the
//! plugin keeps are arguments.

mod capacity;
mod constraint;
mod counters;
mod demand;
mod inventory;
mod offers;
mod plan;
mod reach;
mod result;
mod search;
mod selectors;
#[cfg(feature = "cel")]
mod selectors_cel;
mod sight;
pub(crate) mod spec;

pub(crate) use inventory::Inventory;
pub(crate) use offers::Offers;
pub(crate) use plan::{ClaimPlan, NoPlan, key};
pub(crate) use search::{Search, StopReason};
pub use selectors::{AttributeValue, DeviceSelector, DeviceSelectors, DeviceView};
pub(crate) use selectors::Compiler;

#[cfg(test)]
mod tests;
