//! Remembers which change of a service's pods was the last, so that its endpoints can say how old the news is.
//!
//! The annotation `endpoints.kubernetes.io/last-change-trigger-time` measures how long programming a network takes.
//! It depends on what was seen at the last look, which no object tells. Losing it costs one measurement.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};

use crate::pods;
use crate::runner::Key;

/// The annotation.
pub(crate) const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times that each service and its pods had at the last look; one entry for each service there is.
#[derive(Debug, Default)]
pub(crate) struct TriggerTimes(Mutex<BTreeMap<Key, Seen>>);

#[derive(Debug)]
struct Seen {
    service: Timestamp,
    pods: BTreeMap<String, Timestamp>,
}

impl TriggerTimes {
    /// When the earliest of the changes since the last look happened; `None` if no time has changed.
    pub(crate) fn last_change(&self, service: &Service, pods: &[Arc<Pod>]) -> Option<Timestamp> {
        let created =
            service.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        let times = pods.iter().filter_map(|pod| Some((pod.metadata.name.clone()?, changed(pod)?)));
        let now = Seen { service: created, pods: times.collect() };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::of_typed(service);
        let earliest = match seen.get(&key) {
            None => Some(created),
            Some(before) => earliest_change(before, &now),
        };
        seen.insert(key, now);
        earliest
    }

    /// Forgets a service that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn earliest_change(before: &Seen, now: &Seen) -> Option<Timestamp> {
    let pods = now.pods.iter().filter(|(name, time)| before.pods.get(*name).is_none_or(|old| old < *time));
    let service = (now.service > before.service).then_some(now.service);
    pods.map(|(_, time)| *time).chain(service).min()
}

/// When a pod's readiness changed last.
fn changed(pod: &Pod) -> Option<Timestamp> {
    pods::condition(pod, "Ready")?.last_transition_time.as_ref().map(|time| time.0)
}

/// Writes the time into annotations, or removes an older one.
pub(crate) fn annotate(annotations: &mut Option<BTreeMap<String, String>>, time: Option<Timestamp>) {
    let written = annotations.get_or_insert_default();
    match time {
        Some(time) => drop(written.insert(LAST_CHANGE.to_owned(), time.to_string())),
        None => drop(written.remove(LAST_CHANGE)),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn the_earliest_change_since_the_last_look_counts() {
        let times = TriggerTimes::default();
        let at = |second: u32| format!("2026-01-01T12:00:{second:02}Z");
        let service = json!({"metadata": {"name": "s", "namespace": "n", "creationTimestamp": at(0)}});
        let service: Service = steersman_core::tree::from_value(service).unwrap();
        let pod = |name: &str, second: u32| {
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": at(second)});
            let pod = json!({"metadata": {"name": name}, "status": {"conditions": [ready]}});
            Arc::new(steersman_core::tree::from_value::<Pod>(pod).unwrap())
        };
        let look = |pods: &[Arc<Pod>]| times.last_change(&service, pods).map(|time| time.to_string());
        assert_eq!(look(&[pod("a", 1)]), Some(at(0)), "a new service counts from its creation");
        assert_eq!(look(&[pod("a", 1)]), None);
        assert_eq!(look(&[pod("a", 7), pod("b", 5)]), Some(at(5)));
        assert_eq!(look(&[pod("b", 5)]), None, "nobody says when a pod went");
        times.forget(&Key::new("n", "s"));
        assert_eq!(look(&[pod("b", 5)]), Some(at(0)));
    }
}
