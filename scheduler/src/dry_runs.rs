//! Remembers which pods would have to leave a node for a kind of pod, as long as nothing changes on the node and the same
//! pods wait for it.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use crate::decision::Candidate;
use crate::snapshot::NodeView;
use crate::verdict::Refusal;

/// By node, what came of removing pods from it for trial.
#[derive(Default)]
pub(crate) struct DryRuns(Vec<Option<((u64, u64), DryRun)>>);

/// What came of it: the pods to remove, or why that does not help.
pub(crate) type DryRun = Arc<Result<Ranked, Refusal>>;

/// A candidate, and how much harm it does.
pub(crate) struct Ranked {
    pub(crate) candidate: Arc<Candidate>,
    pub(crate) harm: Harm,
}

/// The worst kind first: budgets violated, the highest priority, the sum of priorities, the number of pods, and how long
/// the most important has been running.
pub(crate) type Harm = (usize, i32, i64, usize, Reverse<Timestamp>);

impl DryRuns {
    pub(crate) fn get(&self, node: NodeView<'_>) -> Option<&DryRun> {
        let (moment, run) = self.0.get(node.index().place())?.as_ref()?;
        (*moment == node.moment()).then_some(run)
    }

    pub(crate) fn set(&mut self, node: NodeView<'_>, run: &DryRun) {
        let place = node.index().place();
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some((node.moment(), run.clone()));
    }
}
