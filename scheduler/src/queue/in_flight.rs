//! Remembers what happened while pods are being placed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::event::Event;
use crate::pod::PodInfo;

/// How many events are remembered at most. A pod whose first events were forgotten counts as woken.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    pods: BTreeMap<Arc<str>, Flight>,
    events: VecDeque<Event>,
    /// How many events came before the first that is remembered.
    forgotten: u64,
    /// How many pods started after so many events.
    started: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Flight {
    latest: Arc<PodInfo>,
    /// How many events had come when it started.
    started: u64,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<PodInfo>> {
        self.pods.get(key).map(|flight| &flight.latest)
    }

    pub(super) fn start(&mut self, pod: &Arc<PodInfo>) {
        let started = self.forgotten + self.events.len() as u64;
        self.forget(pod.key());
        *self.started.entry(started).or_default() += 1;
        self.pods.insert(pod.key().clone(), Flight { latest: pod.clone(), started });
    }

    /// Notes the new version of a pod; `false` if the pod is not in flight.
    pub(super) fn update(&mut self, pod: &Arc<PodInfo>) -> bool {
        let Some(flight) = self.pods.get_mut(pod.key()) else { return false };
        let old = std::mem::replace(&mut flight.latest, pod.clone());
        if pod.asks_otherwise_than(&old) {
            self.note(&Event::PodUpdated { old, new: pod.clone() });
        }
        true
    }

    /// Notes an event, if any pod is in flight.
    pub(super) fn note(&mut self, event: &Event) {
        if self.pods.is_empty() {
            return;
        }
        self.events.push_back(event.clone());
        if self.events.len() > REMEMBERED {
            self.events.pop_front();
            self.forgotten += 1;
        }
    }

    /// The pod is placed, or gone: [`InFlight::finish`] will not find it.
    pub(super) fn forget(&mut self, key: &str) {
        self.finish(key);
    }

    /// What happened since a pod started; `None` if not all of that is remembered, or the pod is not in flight.
    pub(super) fn events_since_start(&self, key: &str) -> Option<impl Iterator<Item = &Event>> {
        let skipped = self.pods.get(key)?.started.checked_sub(self.forgotten)?;
        Some(self.events.range(usize::try_from(skipped).ok()?..))
    }

    /// The newest version of a pod, which is in flight no more.
    pub(super) fn finish(&mut self, key: &str) -> Option<Arc<PodInfo>> {
        let flight = self.pods.remove(key)?;
        self.end(&flight);
        Some(flight.latest)
    }

    /// Forgets what came before the oldest flight that is left.
    fn end(&mut self, flight: &Flight) {
        if let Some(count) = self.started.get_mut(&flight.started) {
            *count -= 1;
            if *count == 0 {
                self.started.remove(&flight.started);
            }
        }
        let oldest = self.started.first_key_value().map(|(started, _)| *started);
        let keep_from = oldest.unwrap_or(self.forgotten + self.events.len() as u64);
        while self.forgotten < keep_from && self.events.pop_front().is_some() {
            self.forgotten += 1;
        }
    }
}
