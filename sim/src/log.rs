//! The event log: everything that happened, folded into one hash, with the last lines kept for people.

use std::collections::VecDeque;
use std::time::Duration;

use steersman_core::Fingerprint;

/// How many lines are kept; the hash covers all of them.
const KEPT_LINES: usize = 200;

#[derive(Debug)]
pub(crate) struct Log {
    hash: Fingerprint,
    recent: VecDeque<String>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log { hash: Fingerprint::EMPTY, recent: VecDeque::new() }
    }

    /// Folds in that a task ran. Leaves no line: there are too many.
    pub(crate) fn ran(&mut self, at: Duration, task: &str) {
        self.hash = self.hash.with(&at.as_nanos().to_le_bytes()).with(task.as_bytes());
    }

    pub(crate) fn record(&mut self, at: Duration, line: &str) {
        self.ran(at, line);
        if self.recent.len() == KEPT_LINES {
            self.recent.pop_front();
        }
        self.recent.push_back(format!("{:>12.3}s {line}", at.as_secs_f64()));
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.value()
    }

    pub(crate) fn recent(&self) -> Vec<String> {
        self.recent.iter().cloned().collect()
    }
}
