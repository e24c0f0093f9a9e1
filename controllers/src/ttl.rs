//! Tells kubelets, by an annotation on their node, how long they may cache ConfigMaps and Secrets.
//!
//! The larger the cluster, the longer; upstream's `pkg/controller/ttl`.

use k8s_openapi::api::core::v1::Node;
use steersman_core::tree::json;

use crate::{Controller, Outcome, Sources, View};

const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";

/// From (and up to) how many nodes a time to live holds; the ranges overlap so that it does not flap.
const STEPS: &[Step] = &[
    Step { from: 0, to: 100, seconds: 0 },
    Step { from: 90, to: 500, seconds: 15 },
    Step { from: 450, to: 1000, seconds: 30 },
    Step { from: 900, to: 2000, seconds: 60 },
    Step { from: 1800, to: usize::MAX, seconds: 300 },
];

struct Step {
    from: usize,
    to: usize,
    seconds: u32,
}

/// Keeps the annotation `node.alpha.kubernetes.io/ttl` of every node.
#[derive(Debug, Default)]
pub struct Ttl;

impl Controller for Ttl {
    type Object = Node;
    const NAME: &'static str = "ttl";

    fn sources(&self) -> Sources {
        Sources::new().reads::<Node>()
    }

    fn reconcile(&self, view: &View, node: &Node) -> Outcome {
        let mut outcome = Outcome::done();
        let current = node.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION));
        let current = current.and_then(|text| text.parse().ok());
        let wanted = seconds(view.list::<Node>().len(), current);
        if current != Some(wanted) {
            let annotations = json!({ANNOTATION: wanted.to_string()});
            outcome.strategic(node, json!({"metadata": {"annotations": annotations}})).may_be_missing();
        }
        outcome
    }
}

/// The time to live for a cluster of `nodes`; the present one is kept while its range still holds.
fn seconds(nodes: usize, present: Option<u32>) -> u32 {
    let holds = |step: &&Step| nodes >= step.from && nodes <= step.to;
    let kept = STEPS.iter().filter(holds).find(|step| Some(step.seconds) == present);
    kept.or_else(|| STEPS.iter().find(holds)).map_or(0, |step| step.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_grows_with_the_cluster_and_does_not_flap() {
        let cases =
            [(1, None, 0), (95, None, 0), (95, Some(15), 15), (101, Some(0), 15), (5000, Some(60), 300)];
        for (nodes, present, wanted) in cases {
            assert_eq!(seconds(nodes, present), wanted, "{nodes} nodes, {present:?}");
        }
    }
}
