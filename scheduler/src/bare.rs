//! Judges or ranks a node by what it is, whatever pods are there: nothing is asked again as pods come and go.

use crate::change::{Change, Reach};
use crate::plugin::{NodeFilter, NodeScore};
use crate::snapshot::{NodeIndex, NodeView};
use crate::verdict::Verdict;

/// A function that does not look at the pods on a node.
pub(crate) struct Bare<F>(pub(crate) F);

impl<F: Fn(NodeView<'_>) -> Verdict + Send> NodeFilter for Bare<F> {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        (self.0)(node)
    }

    fn follow(&mut self, _: &[Change<'_>]) -> Reach {
        Reach::Nowhere
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl<F: Fn(NodeView<'_>) -> i64 + Send> NodeScore for Bare<F> {
    fn score(&self, node: NodeView<'_>) -> Option<i64> {
        Some((self.0)(node))
    }

    fn follow(&mut self, _: &[Change<'_>]) -> Reach {
        Reach::Nowhere
    }

    fn feasible_changed(&mut self, _: &[(NodeIndex, bool)]) -> Reach {
        Reach::Nowhere
    }
}
