//! A pod in the queue: how often it was tried, who rejected it, and when it may be tried again.

use std::sync::Arc;
use std::time::Duration;

use super::Backoff;
use crate::pod::PodInfo;
use crate::verdict::Refusal;

/// A pod in the queue.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    pod: Arc<PodInfo>,
    since: Duration,
    sequence: u64,
    attempts: u32,
    rejections: u32,
    errors: u32,
    pause: Duration,
    rejected_by: Vec<&'static str>,
    held_back: Option<Refusal>,
    is_patient: bool,
}

impl QueuedPod {
    /// A pod that comes new, at a time by [`steersman_core::Env::elapsed`], as the one of this number.
    pub fn new(pod: Arc<PodInfo>, now: Duration, sequence: u64) -> Self {
        QueuedPod {
            pod,
            since: now,
            sequence,
            attempts: 0,
            rejections: 0,
            errors: 0,
            pause: Duration::ZERO,
            rejected_by: Vec::new(),
            held_back: None,
            is_patient: false,
        }
    }

    /// The pod, in its newest version.
    pub fn pod(&self) -> &Arc<PodInfo> {
        &self.pod
    }

    /// Since when it is in the queue, or back in it.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// The how many-th pod it was that came.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How often it was tried.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The plugins that rejected it last, or hold it back.
    pub fn rejected_by(&self) -> &[&'static str] {
        &self.rejected_by
    }

    /// What holds it back before it is tried.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.held_back.as_ref()
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.held_back.is_some()
    }

    /// Whether it may be tried before its back-off is over, if nothing else is to do: not if something broke.
    pub(super) fn may_hurry(&self) -> bool {
        self.errors == 0 && !self.is_patient
    }

    /// When its back-off is over.
    pub(super) fn backoff_until(&self) -> Duration {
        self.since + self.pause
    }

    pub(super) fn with(mut self, pod: Arc<PodInfo>) -> Self {
        self.pod = pod;
        self
    }

    pub(super) fn tried(mut self) -> Self {
        self.attempts += 1;
        self.is_patient = false;
        self.rejected_by.clear();
        self
    }

    pub(super) fn rejected(
        mut self,
        latest: Arc<PodInfo>,
        plugins: &[&'static str],
        now: Duration,
        backoff: Backoff,
    ) -> Self {
        self.pod = latest;
        self.since = now;
        self.rejected_by = plugins.to_vec();
        if plugins.is_empty() {
            self.errors += 1;
        } else {
            self.rejections += 1;
            self.errors = 0;
        }
        self.pause = backoff.after(if self.errors > 0 { self.errors } else { self.rejections });
        self
    }

    /// Its back-off is kept to.
    pub(super) fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    pub(super) fn held_back(mut self, refusal: Refusal) -> Self {
        self.rejected_by = vec![refusal.plugin];
        self.held_back = Some(refusal);
        self
    }

    pub(super) fn released(mut self) -> Self {
        self.held_back = None;
        self
    }
}
