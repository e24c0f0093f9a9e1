//! Rules out nodes with taints that the pod does not tolerate, and ranks down those with taints it had better.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint, Toleration};

use super::{Configured, NoArgs, tolerations};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, MAX_SCORE, Normalize, Plugin, Prepared, Score, Scoring};
use crate::pod::PodInfo;
use crate::signature::{Part, Signature};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::Rejection;

/// Rules out and ranks nodes by their taints.
#[derive(Debug, Default)]
pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn heeds(&self, event: &Event) -> bool {
        event.node().is_some()
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        match event {
            Event::PodUpdated { old, .. } => Wake::when(tolerations::of(old) != tolerations::of(pod)),
            Event::NodeUpdated { old, new } => Wake::when(!is_tolerated(old, pod) && is_tolerated(new, pod)),
            _ => Wake::when(event.node().is_some_and(|node| is_tolerated(node, pod))),
        }
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add_part(Part::Tolerations, pod);
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

fn is_tolerated(node: &Node, pod: &PodInfo) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    tolerations::first_untolerated(tolerations::of(pod), taints).is_none()
}

impl Filter for TaintToleration {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        let pod = pod.clone();
        Prepared::per_bare_node(move |node| {
            match tolerations::first_untolerated(tolerations::of(&pod), node.taints()) {
                Some(_) => Err(Rejection::unresolvable("node(s) had untolerated taint(s)")),
                None => Ok(()),
            }
        })
    }
}

impl Score for TaintToleration {
    /// The fewer taints of effect PreferNoSchedule are not tolerated, the better.
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, _: &[NodeIndex]) -> Scoring {
        if !nodes.nodes().any(|node| soft_taints(node).next().is_some()) {
            // Usually no node has such taints. All are the best then, whichever will do.
            return Scoring::per_bare_node(|_| 0, Normalize::Each(|_| MAX_SCORE));
        }
        let counts = |toleration: &&Toleration| {
            matches!(toleration.effect.as_deref(), None | Some("" | "PreferNoSchedule"))
        };
        let tolerations: Vec<Toleration> = tolerations::of(pod).iter().filter(counts).cloned().collect();
        let score = move |node: NodeView<'_>| {
            let untolerated =
                soft_taints(node).filter(|taint| !tolerations::tolerates_any(&tolerations, taint));
            i64::try_from(untolerated.count()).unwrap_or(i64::MAX)
        };
        Scoring::per_bare_node(score, Normalize::Reversed)
    }
}

/// The taints that pods avoid, but need not.
fn soft_taints(node: NodeView<'_>) -> impl Iterator<Item = &Taint> {
    node.taints().iter().filter(|taint| taint.effect == "PreferNoSchedule")
}

impl Configured for TaintToleration {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        TaintToleration
    }
}
