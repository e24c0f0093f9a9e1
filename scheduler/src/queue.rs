//! Decides which pod is tried next, and when a pod that was rejected is tried again.
//!
//! A pod is in one of four places: `active` (tried next, ordered by the profile's QueueSort), `backoff` (tried when
//! its back-off is over, or earlier if nothing else is to do), `waiting` (rejected or held back until an event wakes
//! it, at most five minutes), or in flight (being placed). Events that come while a pod is in flight are remembered
//! until its fate is known, so that none is lost. Time is an argument: nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, Wake};
use crate::plugins::GangScheduling;
use crate::pod::PodInfo;
use crate::profiles::Profiles;

mod backoff;
mod groups;
mod heap;
mod in_flight;
mod known;
mod queued;
mod rejected;

pub use backoff::Backoff;

pub use groups::{GroupPolicy, Groups};
pub use known::Known;
pub use queued::QueuedPod;

use heap::Heap;
use in_flight::InFlight;
use rejected::Rejected;

/// How long a rejected pod waits at most before it is tried again; upstream's bound.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The pods that are to be placed. Holds each pod that is neither bound nor deleted exactly once.
#[derive(Debug)]
pub struct Queue {
    profiles: Arc<Profiles>,
    active: Heap,
    backoff: Heap,
    waiting: Rejected,
    in_flight: InFlight,
    sequence: u64,
    pauses: Backoff,
    known: Known,
}

impl Queue {
    /// An empty queue for the pods of these profiles.
    pub fn new(profiles: Arc<Profiles>) -> Self {
        Queue {
            profiles,
            active: Heap::default(),
            backoff: Heap::default(),
            waiting: Rejected::default(),
            in_flight: InFlight::default(),
            sequence: 0,
            pauses: Backoff::default(),
            known: Known::default(),
        }
    }

    /// The same with other times of back-off.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Queue { pauses: backoff, ..self }
    }

    /// How many pods there are, those in flight among them.
    pub fn len(&self) -> usize {
        self.active.len() + self.backoff.len() + self.waiting.len() + self.in_flight.len()
    }

    /// Whether there is no pod.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pods that wait for an event, with the plugins that rejected them.
    pub fn waiting(&self) -> impl Iterator<Item = &QueuedPod> {
        self.waiting.iter()
    }

    /// Whether a pod is here.
    pub fn knows(&self, key: &str) -> bool {
        self.pod(key).is_some()
    }

    /// The newest version of a pod that is here.
    pub fn pod(&self, key: &str) -> Option<&Arc<PodInfo>> {
        let queued = self.active.get(key).or_else(|| self.backoff.get(key)).or_else(|| self.waiting.get(key));
        queued.map(QueuedPod::pod).or_else(|| self.in_flight.get(key))
    }

    /// Adds a new pod, or the new version of one that is here. `now` is [`steersman_core::Env::elapsed`].
    pub fn set(&mut self, pod: Arc<PodInfo>, now: Duration) {
        let key = pod.key().clone();
        self.known.groups.add(&pod);
        if self.in_flight.update(&pod) {
            return;
        }
        if let Some(queued) = self.active.remove(&key, &*self.profiles) {
            return self.active.push(queued.with(pod), &*self.profiles);
        }
        if let Some(queued) = self.backoff.remove(&key, &ByBackoff(&self.profiles)) {
            let queued = queued.with(pod);
            return self.backoff.push(queued, &ByBackoff(&self.profiles));
        }
        match self.waiting.remove(&key) {
            Some(queued) => self.update_waiting(queued, pod, now),
            None => {
                self.sequence += 1;
                self.requeue(QueuedPod::new(pod, now, self.sequence), now);
            }
        }
    }

    fn update_waiting(&mut self, queued: QueuedPod, pod: Arc<PodInfo>, now: Duration) {
        let event = Event::PodUpdated { old: queued.pod().clone(), new: pod.clone() };
        let changed = pod.asks_otherwise_than(queued.pod());
        let queued = queued.with(pod);
        if changed && (queued.is_held_back() || self.wakes(&queued, &event)) {
            self.requeue(queued, now);
        } else {
            self.waiting.insert(queued);
        }
    }

    /// Removes a pod that was bound or deleted. One in flight does not come back.
    pub fn remove(&mut self, key: &str) {
        self.known.groups.remove(key);
        self.in_flight.forget(key);
        self.active.remove(key, &*self.profiles);
        self.backoff.remove(key, &ByBackoff(&self.profiles));
        self.waiting.remove(key);
    }

    /// Takes out the pod that is to be tried next; it is in flight until [`Queue::done`] or [`Queue::put_back`].
    pub fn pop(&mut self, now: Duration) -> Option<QueuedPod> {
        self.flush(now);
        let by_backoff = ByBackoff(&self.profiles);
        let next = self
            .active
            .pop(&*self.profiles)
            .or_else(|| self.backoff.pop_if(&by_backoff, QueuedPod::may_hurry));
        let queued = next?.tried();
        self.in_flight.start(queued.pod());
        Some(queued)
    }

    /// The pod groups.
    pub fn groups(&self) -> &Groups {
        &self.known.groups
    }

    /// Whether a pod is placed with the others of its group.
    pub(crate) fn is_grouped(&self, pod: &PodInfo) -> bool {
        pod.scheduling_group().is_some()
            && self.groups().policy(pod).is_some()
            && self.profiles.of(pod).is_some_and(|profile| profile.plugin(GangScheduling::NAME).is_some())
    }

    /// Takes out, besides a pod that was taken out, the other pods of its group that may be tried: whether they wait for
    /// their back-off or for an event. They are ordered by priority, then by when they came.
    pub(crate) fn take_group(&mut self, first: QueuedPod) -> Vec<QueuedPod> {
        let members: Vec<Arc<str>> = self.groups().members(first.pod()).cloned().collect();
        let mut pods = vec![first];
        for key in members {
            let waiting = |queued: &QueuedPod| !queued.is_held_back();
            let queued = self
                .active
                .remove(&key, &*self.profiles)
                .or_else(|| self.backoff.remove(&key, &ByBackoff(&self.profiles)))
                .or_else(|| {
                    self.waiting.get(&key).is_some_and(waiting).then(|| self.waiting.remove(&key)).flatten()
                });
            if let Some(queued) = queued.map(QueuedPod::tried) {
                self.in_flight.start(queued.pod());
                pods.push(queued);
            }
        }
        pods.sort_by_key(|queued| (std::cmp::Reverse(queued.pod().priority()), queued.sequence()));
        pods
    }

    /// The pod was placed for good.
    pub fn done(&mut self, key: &str) {
        self.in_flight.forget(key);
    }

    /// The pod could not be placed. `plugins` are those that rejected it: none if something broke. It waits for
    /// an event that wakes it, unless one came meanwhile. A pod of a group is tried again after back-off, whatever happens:
    /// 1.36 even takes it at once where there is nothing else to do, and so never rests.
    pub fn put_back(&mut self, queued: QueuedPod, plugins: &[&'static str], now: Duration) {
        let key = queued.pod().key().clone();
        let Some(latest) = self.in_flight.get(&key).cloned() else { return };
        let queued = queued.rejected(latest, plugins, now, self.pauses);
        let missed = match self.in_flight.events_since_start(&key) {
            None => true,
            Some(mut events) => events.any(|event| self.wakes(&queued, event)),
        };
        self.in_flight.finish(&key);
        if self.is_grouped(queued.pod()) {
            self.requeue(queued.patient(), now);
        } else if plugins.is_empty() || missed {
            self.requeue(queued, now);
        } else {
            self.waiting.insert(queued);
        }
    }

    /// Wakes the pods that the event may help.
    pub fn tell(&mut self, event: &Event, now: Duration) {
        let Queue { known, active, backoff, waiting, in_flight, .. } = self;
        known.note(event, |key| {
            active.get(key).or_else(|| backoff.get(key)).or_else(|| waiting.get(key)).is_some()
                || in_flight.get(key).is_some()
        });
        self.in_flight.note(event);
        if !self.waiting.plugins().any(|plugin| self.profiles.heeds(plugin, event)) {
            return;
        }
        let woken = self.waiting.iter().filter(|queued| self.wakes(queued, event));
        let woken: Vec<Arc<str>> = woken.map(|queued| queued.pod().key().clone()).collect();
        for key in woken {
            if let Some(queued) = self.waiting.remove(&key) {
                self.requeue(queued, now);
            }
        }
    }

    /// When [`Queue::pop`] may next give a pod though nothing happens; `None` if never.
    pub fn next_due(&self) -> Option<Duration> {
        let backoff = self.backoff.peek().map(QueuedPod::backoff_until);
        let longest = self.waiting.longest().map(|since| since + LONGEST_WAIT);
        backoff.into_iter().chain(longest).min()
    }

    /// Whether a pod can be taken out now.
    pub fn is_ready(&self, now: Duration) -> bool {
        self.active.peek().is_some()
            || self.backoff.peek().is_some_and(QueuedPod::may_hurry)
            || self.next_due().is_some_and(|due| due <= now)
    }

    fn flush(&mut self, now: Duration) {
        while let Some(queued) =
            self.backoff.pop_if(&ByBackoff(&self.profiles), |queued| queued.backoff_until() <= now)
        {
            self.active.push(queued, &*self.profiles);
        }
        let Some(long_ago) = now.checked_sub(LONGEST_WAIT) else { return };
        while let Some(queued) = self.waiting.pop_since(long_ago) {
            self.requeue(queued, now);
        }
    }

    /// To the back-off if that is not over, else to be tried; to wait if a plugin holds it back.
    fn requeue(&mut self, queued: QueuedPod, now: Duration) {
        let profile = self.profiles.of(queued.pod());
        match profile.and_then(|profile| profile.admit_among(queued.pod(), &self.known).err()) {
            Some(refusal) => self.waiting.insert(queued.held_back(refusal)),
            None if queued.backoff_until() > now => {
                self.backoff.push(queued.released(), &ByBackoff(&self.profiles));
            }
            None => self.active.push(queued.released(), &*self.profiles),
        }
    }

    fn wakes(&self, queued: &QueuedPod, event: &Event) -> bool {
        let Some(profile) = self.profiles.of(queued.pod()) else { return false };
        let concerns = match event {
            Event::PodUpdated { new, .. } => new.is(queued.pod()),
            // Its own placement, taken back, is what it was rejected for.
            Event::AssignedPodDeleted(gone) => !gone.is(queued.pod()),
            _ => true,
        };
        let wakes = |plugin: &&'static str| {
            profile.plugin(plugin).is_none_or(|plugin| plugin.wakes(queued.pod(), event) == Wake::Queue)
        };
        concerns && queued.rejected_by().iter().any(wakes)
    }
}

/// What orders a heap.
trait Order {
    fn before(&self, a: &QueuedPod, b: &QueuedPod) -> bool;
}

impl Order for Profiles {
    fn before(&self, a: &QueuedPod, b: &QueuedPod) -> bool {
        self.compare(a, b).is_lt()
    }
}

/// By the end of the back-off, and within the same second by the profile.
struct ByBackoff<'a>(&'a Profiles);

impl Order for ByBackoff<'_> {
    fn before(&self, a: &QueuedPod, b: &QueuedPod) -> bool {
        let window = |queued: &QueuedPod| queued.backoff_until().as_secs();
        window(a).cmp(&window(b)).then_with(|| self.0.compare(a, b)).is_lt()
    }
}

#[cfg(test)]
mod tests;
