//! Conditions in an object's status: finds and sets them, with a transition time that moves only with the status.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/api/meta` for conditions, for all the shapes they have.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    DaemonSetCondition, DeploymentCondition, ReplicaSetCondition, StatefulSetCondition,
};
use k8s_openapi::api::batch::v1::JobCondition;
use k8s_openapi::api::core::v1::{
    NamespaceCondition, NodeCondition, PersistentVolumeClaimCondition, PodCondition,
    ReplicationControllerCondition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, Time};

use crate::versions::{given, optional};

/// One observation about an object: of some type, with a status of `True`, `False` or `Unknown`.
pub trait Condition: PartialEq {
    /// What it is about: `Ready`, …
    fn kind(&self) -> &str;
    /// `True`, `False` or `Unknown`.
    fn status(&self) -> &str;
    /// When the status last changed.
    fn transition(&self) -> Option<Time>;
    /// Says when the status last changed.
    fn set_transition(&mut self, time: Time);
}

/// The condition of a type, if the object has it.
pub fn find<'a, C: Condition>(conditions: &'a [C], kind: &str) -> Option<&'a C> {
    conditions.iter().find(|condition| condition.kind() == kind)
}

/// Whether the condition of a type is there and `True`.
pub fn is_true<C: Condition>(conditions: &[C], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status() == "True")
}

/// Adds a condition, or replaces that of its type. Its transition time becomes `now`, in whole seconds, if the status
/// has changed, and stays as it was if not. Says whether anything has changed.
pub fn set<C: Condition>(conditions: &mut Vec<C>, mut condition: C, now: Timestamp) -> bool {
    let old = conditions.iter_mut().find(|old| old.kind() == condition.kind());
    let kept = old.as_ref().filter(|old| old.status() == condition.status()).and_then(|old| old.transition());
    condition.set_transition(kept.unwrap_or_else(|| whole_seconds(now)));
    match old {
        Some(old) if *old == condition => return false,
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
    true
}

/// Removes the condition of a type. Says whether it was there.
pub fn remove<C: Condition>(conditions: &mut Vec<C>, kind: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.kind() != kind);
    conditions.len() < before
}

/// A time as objects hold it.
fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

impl Condition for meta::Condition {
    fn kind(&self) -> &str {
        &self.type_
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn transition(&self) -> Option<Time> {
        Some(self.last_transition_time.clone())
    }

    fn set_transition(&mut self, time: Time) {
        self.last_transition_time = time;
    }
}

macro_rules! conditions {
    ($($condition:ty),* $(,)?) => {$(
        impl Condition for $condition {
            fn kind(&self) -> &str {
                optional::<&String>(&self.type_).map_or("", String::as_str)
            }

            fn status(&self) -> &str {
                optional::<&String>(&self.status).map_or("", String::as_str)
            }

            fn transition(&self) -> Option<Time> {
                optional::<Time>(self.last_transition_time.clone())
            }

            fn set_transition(&mut self, time: Time) {
                self.last_transition_time = given(time);
            }
        }
    )*};
}

conditions!(
    DaemonSetCondition,
    DeploymentCondition,
    JobCondition,
    NamespaceCondition,
    NodeCondition,
    PersistentVolumeClaimCondition,
    PodCondition,
    ReplicaSetCondition,
    ReplicationControllerCondition,
    StatefulSetCondition,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(status: &str, reason: &str) -> PodCondition {
        PodCondition {
            type_: "Ready".into(),
            status: status.into(),
            reason: Some(reason.into()),
            ..PodCondition::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        let mut steps = Vec::new();
        let updates = [("False", "A"), ("False", "A"), ("False", "B"), ("True", "B")];
        for (second, (status, reason)) in (1..).zip(updates) {
            let changed = set(&mut conditions, ready(status, reason), at(second));
            steps.push((changed, conditions[0].last_transition_time.clone().unwrap().0.as_second()));
        }
        assert_eq!(steps, [(true, 1), (false, 1), (true, 1), (true, 4)]);
        assert!(is_true(&conditions, "Ready") && !is_true(&conditions, "Other"));
    }

    #[test]
    fn a_removed_condition_is_gone() {
        let mut conditions = vec![ready("True", "")];
        assert!(remove(&mut conditions, "Ready") && !remove(&mut conditions, "Ready"));
        assert!(find(&conditions, "Ready").is_none());
    }
}
