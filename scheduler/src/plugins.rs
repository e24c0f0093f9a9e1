//! The plugins that come with the scheduler, in upstream's order.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use steersman_core::field::Path;
use steersman_core::tree::{Value, from_value};

use crate::faults::Faults;
use crate::plugin::Plugin;

mod affinity_score;
mod balanced_allocation;
mod default_binder;
mod default_preemption;
mod fit;
mod fit_score;
mod gang_scheduling;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_declared_features;
mod node_name;
mod node_ports;
mod node_selector;
mod node_unschedulable;
mod node_volume_limits;
mod pod_topology_spread;
mod priority_sort;
mod scheduling_gates;
mod share;
mod spread_constraints;
mod spread_counts;
mod spread_score;
mod taint_toleration;
mod tallies;
mod tolerations;
mod victims;
mod volume_bind;
mod volume_binding;
mod volume_facts;
mod volume_match;
mod volume_plan;
mod volume_restrictions;
mod volume_zone;
pub(crate) mod volumes;

// Resource claims are stable since 1.34.
k8s_openapi::k8s_if_ge_1_34! {
    mod alternatives;
    mod claim_bind;
    mod claims;
    mod device_books;
    mod device_classes;
    mod device_conditions;
    mod device_wait;
    mod dynamic_resources;
    mod extended_bind;
    mod extended_claim;
    mod wanted_devices;

    pub(crate) use claim_bind::deallocate;
    pub use dynamic_resources::DynamicResourcesArgs;
}
k8s_openapi::k8s_if_le_1_33! {
    #[path = "plugins/device_classes_before_v1.rs"]
    mod device_classes;
    #[path = "plugins/dynamic_resources_before_v1.rs"]
    mod dynamic_resources;

    pub(crate) use dynamic_resources::deallocate;
}

pub use balanced_allocation::{BalancedAllocation, BalancedAllocationArgs};
pub use default_binder::DefaultBinder;
pub(crate) use default_preemption::renominate;
pub use default_preemption::{DefaultPreemption, DefaultPreemptionArgs};
pub use dynamic_resources::DynamicResources;
pub use fit::{Fit, FitArgs};
pub use fit_score::{RequestedToCapacityRatio, ScoringStrategy, ShapePoint, StrategyType};
pub use gang_scheduling::GangScheduling;
pub use image_locality::ImageLocality;
pub use inter_pod_affinity::{InterPodAffinity, InterPodAffinityArgs};
pub use node_affinity::{NodeAffinity, NodeAffinityArgs};
pub use node_declared_features::NodeDeclaredFeatures;
pub use node_name::NodeName;
pub use node_ports::NodePorts;
k8s_openapi::k8s_if_ge_1_34! {
    pub(crate) use node_selector::NodeSelector;
}
pub use node_unschedulable::NodeUnschedulable;
pub use node_volume_limits::NodeVolumeLimits;
pub use pod_topology_spread::{DefaultingType, PodTopologySpread, PodTopologySpreadArgs};
pub use priority_sort::PrioritySort;
pub use scheduling_gates::SchedulingGates;
pub use share::ResourceWeight;
pub use taint_toleration::TaintToleration;
pub use volume_binding::{VolumeBinding, VolumeBindingArgs};
pub use volume_restrictions::VolumeRestrictions;
pub use volume_zone::VolumeZone;

/// Every plugin: its name, the weight it has by default, and how it is made.
const PLUGINS: &[Row] = &[
    row::<SchedulingGates>("SchedulingGates", 1),
    row::<PrioritySort>("PrioritySort", 1),
    row::<NodeUnschedulable>("NodeUnschedulable", 1),
    row::<NodeName>("NodeName", 1),
    row::<TaintToleration>("TaintToleration", 3),
    row::<NodeAffinity>("NodeAffinity", 2),
    row::<NodePorts>("NodePorts", 1),
    row::<Fit>("NodeResourcesFit", 1),
    row::<VolumeRestrictions>("VolumeRestrictions", 1),
    row::<NodeVolumeLimits>("NodeVolumeLimits", 1),
    row::<VolumeBinding>("VolumeBinding", 1),
    row::<VolumeZone>("VolumeZone", 1),
    row::<PodTopologySpread>("PodTopologySpread", 2),
    row::<InterPodAffinity>("InterPodAffinity", 2),
    row::<DynamicResources>("DynamicResources", 2),
    row::<DefaultPreemption>("DefaultPreemption", 1),
    row::<BalancedAllocation>("NodeResourcesBalancedAllocation", 1),
    row::<ImageLocality>("ImageLocality", 1),
    row::<DefaultBinder>("DefaultBinder", 1),
    // The last, since it was added by a feature gate.
    row::<NodeDeclaredFeatures>("NodeDeclaredFeatures", 1),
    Row { is_default: false, ..row::<GangScheduling>("GangScheduling", 1) },
];

/// A plugin that is made from the arguments of a `KubeSchedulerConfiguration`.
pub(crate) trait Configured: Plugin + Sized {
    type Args: DeserializeOwned + Default;

    /// Whether upstream checks the arguments when it makes the plugin, and not with the configuration.
    const IS_CHECKED_LATE: bool = false;

    /// What is wrong with the arguments, which stand at a path.
    fn check(args: &Self::Args, at: &Path<'_>) -> Faults {
        let _ = (args, at);
        Faults::default()
    }

    /// The plugin, from arguments that were checked.
    fn configured(args: Self::Args) -> Self;
}

/// Arguments that a plugin cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgs {
    /// There is no such plugin.
    #[error("plugin {0:?} does not exist")]
    Unknown(String),
    /// They cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Fields have values that they may not have.
    #[error("{0}")]
    Fields(Faults),
}

/// The arguments of a plugin that has none. What is given is left alone, as upstream leaves it.
#[derive(Default, serde::Deserialize)]
pub(crate) struct NoArgs {}

struct Row {
    name: &'static str,
    weight: i64,
    build: fn(Option<Value>, &Path<'_>) -> Made,
    is_checked_late: bool,
    is_default: bool,
}

type Made = Result<Arc<dyn Plugin>, InvalidArgs>;

const fn row<P: Configured>(name: &'static str, weight: i64) -> Row {
    Row { name, weight, build: build::<P>, is_checked_late: P::IS_CHECKED_LATE, is_default: true }
}

fn build<P: Configured>(args: Option<Value>, at: &Path<'_>) -> Made {
    let args = match args {
        None | Some(Value::Null) => P::Args::default(),
        Some(args) => from_value(args).map_err(|error| InvalidArgs::Malformed(error.to_string()))?,
    };
    let at = if P::IS_CHECKED_LATE { &Path::ROOT } else { at };
    let errors = P::check(&args, at);
    if errors.is_empty() { Ok(Arc::new(P::configured(args))) } else { Err(InvalidArgs::Fields(errors)) }
}

/// The default plugins with their weights.
pub(crate) fn defaults() -> Vec<(Arc<dyn Plugin>, i64)> {
    let default =
        |row: &Row| (row.build)(None, &Path::ROOT).expect("a plugin's own default arguments are valid");
    default_rows().map(|row| (default(row), row.weight)).collect()
}

/// The names of the default plugins, in order, with their weights.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, i64)> {
    default_rows().map(|row| (row.name, row.weight))
}

fn default_rows() -> impl Iterator<Item = &'static Row> {
    PLUGINS.iter().filter(|row| row.is_default)
}

/// Whether a plugin's arguments are checked when it is made, and not with the configuration.
pub(crate) fn is_checked_late(name: &str) -> bool {
    PLUGINS.iter().any(|row| row.name == name && row.is_checked_late)
}

/// A plugin by name, from the arguments of a `KubeSchedulerConfiguration`; `None` if there is none of that name.
pub(crate) fn make(name: &str, args: Option<Value>, at: &Path<'_>) -> Option<Made> {
    let row = PLUGINS.iter().find(|row| row.name == name)?;
    let args = args.map(|args| of_kind(args, name)).transpose();
    Some(args.and_then(|args| (row.build)(args, at)))
}

/// Arguments may say of which kind they are; then it must be the plugin's.
fn of_kind(mut args: Value, plugin: &str) -> Result<Value, InvalidArgs> {
    let Some(object) = args.as_object_mut() else { return Ok(args) };
    object.remove("apiVersion");
    match object.remove("kind") {
        Some(kind) if kind != format!("{plugin}Args") => {
            let group = "kubescheduler.config.k8s.io";
            let kind = kind.as_str().unwrap_or_default();
            Err(InvalidArgs::Malformed(format!(
                "args for plugin {plugin} were not of type {plugin}Args.{group}, got {kind}.{group}"
            )))
        }
        _ => Ok(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_its_plugin() {
        for row in PLUGINS {
            assert_eq!((row.build)(None, &Path::ROOT).unwrap().name(), row.name);
        }
    }
}
