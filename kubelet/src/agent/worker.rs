//! One pod of an agent: its machine, and how far the API knows what the machine says.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use steersman_core::events::{About, EventType, Recorder};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::Uid;
use crate::pod::{PodEvent, PodMachine, PodSettings, status_patch};

/// How long a write that failed waits before it is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

pub(super) struct Worker {
    pub(super) uid: Uid,
    pub(super) node: usize,
    pub(super) machine: PodMachine,
    /// The agent's timer for this pod.
    pub(super) timer: Option<Timestamp>,
    /// When something was last asked of the runtime.
    pub(super) asked_at: Timestamp,
    about: About,
    /// The pod as the API has last shown it.
    shown: Arc<Pod>,
    /// The status that was written since.
    written: Option<Box<PodStatus>>,
    /// Whether the machine may say something else than is published.
    has_news: bool,
    writing: bool,
    removal: Removal,
    retry_at: Option<Timestamp>,
}

/// Whether the pod is to be removed from the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    No,
    Wanted,
    Asked,
    /// The API has agreed, or has no such pod: nothing more is to be written.
    Done,
}

/// What is to be written about a pod.
pub(super) enum Write {
    Status { patch: Value, status: Box<PodStatus> },
    Removal,
}

impl Worker {
    pub(super) fn new(
        node: usize,
        uid: Uid,
        pod: Arc<Pod>,
        settings: Arc<PodSettings>,
        now: Timestamp,
    ) -> Self {
        Worker {
            uid,
            node,
            about: About::of_typed(&*pod).in_any_version(),
            shown: pod.clone(),
            written: None,
            machine: PodMachine::new(pod, settings, now),
            timer: None,
            asked_at: now,
            has_news: true,
            writing: false,
            removal: Removal::No,
            retry_at: None,
        }
    }

    /// Takes note of what the API shows now, and tells whether it is something else than was published: what somebody else
    /// wrote over the status is put right, as upstream's status manager does. What is shown while a write is under way is
    /// from before it.
    pub(super) fn saw(&mut self, pod: &Arc<Pod>) -> bool {
        if self.writing {
            return false;
        }
        let none = PodStatus::default();
        let (now, published) = (pod.status.as_ref().unwrap_or(&none), self.published().unwrap_or(&none));
        let is_overwritten = status_patch(&self.uid, now, published).is_some();
        self.shown = pod.clone();
        self.written = None;
        is_overwritten
    }

    /// The status that the API has of the pod, as far as is known.
    fn published(&self) -> Option<&PodStatus> {
        self.written.as_deref().or(self.shown.status.as_ref())
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        [self.machine.deadline(), self.retry_at].into_iter().flatten().min()
    }

    pub(super) fn record(&self, recorder: &Recorder, event: PodEvent) {
        let PodEvent { warning, reason, message, field_path } = event;
        let kind = if warning { EventType::Warning } else { EventType::Normal };
        let about = if field_path.is_empty() { self.about.clone() } else { self.about.part(field_path) };
        recorder.event(about, kind, reason, message);
    }

    /// The machine was told something new.
    pub(super) fn has_news(&mut self) {
        self.has_news = true;
    }

    /// The machine has stopped the pod that was to be deleted: it can be removed once its last status is written.
    pub(super) fn want_removal(&mut self) {
        if self.removal == Removal::No {
            self.removal = Removal::Wanted;
        }
    }

    /// The pod is gone from the API.
    pub(super) fn was_removed(&mut self) {
        self.removal = Removal::Done;
        self.retry_at = None;
    }

    /// The next write, one at a time: the status if it has changed, then the removal.
    pub(super) fn next_write(&mut self, now: Timestamp) -> Option<Write> {
        if self.writing || self.removal == Removal::Done || self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        self.retry_at = None;
        let write = match self.next_status(now) {
            Some(status) => status,
            None if self.removal == Removal::Wanted => {
                self.removal = Removal::Asked;
                Write::Removal
            }
            None => return None,
        };
        self.writing = true;
        Some(write)
    }

    fn next_status(&mut self, now: Timestamp) -> Option<Write> {
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        let (status, none) = (self.machine.status(now), PodStatus::default());
        let published = self.published().unwrap_or(&none);
        let patch = status_patch(&self.uid, published, &status)?;
        Some(Write::Status { patch, status: Box::new(status) })
    }

    pub(super) fn status_written(&mut self, status: Box<PodStatus>, result: Result<()>, now: Timestamp) {
        self.writing = false;
        match result {
            Ok(()) => self.written = Some(status),
            Err(error) => {
                self.has_news = true;
                self.write_failed(&error, now);
            }
        }
    }

    pub(super) fn removal_asked(&mut self, result: Result<()>, now: Timestamp) {
        self.writing = false;
        match result {
            Ok(()) => self.was_removed(),
            Err(error) => {
                self.removal = Removal::Wanted;
                self.write_failed(&error, now);
            }
        }
    }

    fn write_failed(&mut self, error: &Error, now: Timestamp) {
        if error.is_not_found() {
            return self.was_removed();
        }
        tracing::warn!(pod = ?self.shown.metadata.name, %error, "what a pod does could not be written");
        self.retry_at = Some(now.saturating_add(RETRY).unwrap_or(Timestamp::MAX));
    }
}
