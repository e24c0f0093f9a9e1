//! Remembers what happened to a snapshot lately, so that what was worked out before can be brought up to date.

use std::collections::VecDeque;
use std::sync::Arc;

use super::NodeIndex;
use crate::pod::PodInfo;

/// How many changes are remembered at most. Who has missed more starts afresh.
const REMEMBERED: usize = 4096;

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

    pub(super) fn note(&mut self, node: NodeIndex, what: What) {
        self.changes.push_back(Changed { node, what });
        if self.changes.len() > REMEMBERED {
            self.changes.pop_front();
            self.forgotten += 1;
        }
    }

    /// Something else happened: whatever was worked out before holds no more.
    pub(super) fn break_off(&mut self) {
        *self = History::default();
    }
}
