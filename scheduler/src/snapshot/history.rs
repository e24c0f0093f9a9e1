//! Remembers what happened to a snapshot lately, so that what was worked out before can be brought up to date.

use std::collections::VecDeque;
use std::sync::Arc;

use super::NodeIndex;
use crate::pod::PodInfo;

/// How many changes are remembered at most. Who has missed more starts afresh.
const REMEMBERED: usize = 4096;
/// So many are remembered however few nodes there are.
const LEAST: usize = 16;

/// The last changes of one snapshot. A clone has a history of its own, which begins with it.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Another one after every change that is not told of, such as a new node.
    epoch: Arc<()>,
    forgotten: u64,
    changes: VecDeque<Changed>,
}

/// A node on which a pod has come, gone, or begun or ceased to wait for room.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) node: NodeIndex,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Came(Arc<PodInfo>),
    Went(Arc<PodInfo>),
    Waits,
}

/// A moment in the history of one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    epoch: Arc<()>,
    at: u64,
}

impl Moment {
    /// Whether both are of one history that was not broken off in between.
    pub(crate) fn is_of_the_time_of(&self, other: &Moment) -> bool {
        Arc::ptr_eq(&self.epoch, &other.epoch)
    }
}

impl Clone for History {
    fn clone(&self) -> Self {
        History::default()
    }
}

impl History {
    pub(crate) fn now(&self) -> Moment {
        Moment { epoch: self.epoch.clone(), at: self.forgotten + self.changes.len() as u64 }
    }

    /// What happened since; `None` if not all of that is known.
    pub(crate) fn since(&self, moment: &Moment) -> Option<impl Iterator<Item = &Changed>> {
        let skip =
            moment.at.checked_sub(self.forgotten).filter(|_| Arc::ptr_eq(&self.epoch, &moment.epoch))?;
        Some(self.changes.range(usize::try_from(skip).ok()?..))
    }

    /// In a cluster of so many nodes. Who has missed more changes than there are nodes does not start afresh any later than
    /// he would have caught up, and pods that are gone are held no longer than that.
    pub(super) fn note(&mut self, node: NodeIndex, what: What, nodes: usize) {
        self.changes.push_back(Changed { node, what });
        while self.changes.len() > nodes.clamp(LEAST, REMEMBERED) {
            self.changes.pop_front();
            self.forgotten += 1;
        }
    }

    /// Something else happened: whatever was worked out before holds no more.
    pub(super) fn break_off(&mut self) {
        *self = History::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_few_nodes_remembers_few_changes() {
        let mut history = History::default();
        let mut note = |times| {
            (0..times).for_each(|_| history.note(NodeIndex::at(0), What::Waits, 3));
            history.now()
        };
        let moments = [note(0), note(LEAST), note(LEAST / 2)];
        let missed = moments.map(|moment| history.since(&moment).map(Iterator::count));
        assert_eq!(missed, [None, Some(LEAST / 2), Some(0)]);
    }
}
