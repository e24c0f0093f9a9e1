//! Ranks nodes by how much a pod would even out the use of their resources.

use std::sync::Arc;

use serde::Deserialize;
use smallvec::SmallVec;
use steersman_core::field::{self, Path};

use super::Configured;
use super::share::{Requests, ResourceWeight, Share, share};
use crate::faults::Faults;
use crate::plugin::{Normalize, Plugin, Score, Scoring};
use crate::pod::PodInfo;
use crate::signature::{Part, Signature};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};

/// Ranks nodes by how much the pod would even out the use of their resources; upstream's
/// `NodeResourcesBalancedAllocation`.
#[derive(Debug)]
pub struct BalancedAllocation {
    resources: Vec<ResourceWeight>,
}

/// Upstream's `NodeResourcesBalancedAllocationArgs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BalancedAllocationArgs {
    /// The resources that count; none is CPU and memory.
    pub resources: Vec<ResourceWeight>,
}

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add_part(Part::Requests, pod);
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Score for BalancedAllocation {
    /// A pod that asks for none of the resources is left out, so that many of them do not end up on one node.
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot, _: &[NodeIndex]) -> Scoring {
        let asked = |resource: &ResourceWeight| pod.requests().get(&resource.name).unwrap_or_default();
        if self.resources.iter().all(|resource| asked(resource) == 0) {
            return Scoring::Skip;
        }
        let (resources, pod) = (self.resources.clone(), pod.clone());
        let score = move |node: NodeView<'_>| {
            let of = |resource| share(resource, Requests::Real, pod.requests(), node);
            let shares: SmallVec<[Share; 4]> = resources.iter().filter_map(of).collect();
            let with = shares
                .iter()
                .map(|share| share.taken.saturating_add(share.asked) as f64 / share.offered as f64);
            let without = shares.iter().map(|share| share.taken as f64 / share.offered as f64);
            50 + (50 + evenness(with) - evenness(without)) / 2
        };
        Scoring::per_node(score, Normalize::Not)
    }
}

impl Configured for BalancedAllocation {
    type Args = BalancedAllocationArgs;

    fn check(args: &BalancedAllocationArgs, at: &Path<'_>) -> Faults {
        let (list, mut errors) = (at.child("resources"), Faults::default());
        for (index, resource) in args.resources.iter().enumerate() {
            let path = list.index(index);
            if args.resources[..index].iter().any(|other| other.name == resource.name) {
                errors.push(field::Error::duplicate(&path.child("name"), &resource.name));
            }
            if !matches!(resource.weight, 0 | 1) {
                errors.push(field::Error::invalid(&path.child("weight"), resource.weight, "must be 1"));
            }
        }
        errors
    }

    fn configured(args: BalancedAllocationArgs) -> Self {
        BalancedAllocation { resources: ResourceWeight::completed(args.resources) }
    }
}

/// 100 where the fractions are equal, less the more they deviate (standard deviation).
fn evenness(fractions: impl Iterator<Item = f64> + Clone) -> i64 {
    let fractions = fractions.map(|fraction| fraction.min(1.0));
    let count = fractions.clone().count() as f64;
    let mean = fractions.clone().sum::<f64>() / count;
    let deviation = match count as usize {
        0 | 1 => 0.0,
        2 => fractions.reduce(|a, b| (a - b).abs() / 2.0).unwrap_or_default(),
        _ => (fractions.map(|fraction| (fraction - mean).powi(2)).sum::<f64>() / count).sqrt(),
    };
    ((1.0 - deviation) * 100.0) as i64
}
