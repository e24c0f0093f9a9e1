//! Tells in a namespace's conditions what keeps it from being deleted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use steersman_core::condition;

/// What an attempt to empty a namespace has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Why the resources there are could not be listed.
    pub(super) discovery_failure: Option<String>,
    /// What could not be deleted, and why.
    pub(super) failures: Vec<String>,
    /// How many objects remain, by `resource.group`.
    pub(super) remaining: BTreeMap<String, usize>,
    /// How many of them have each finalizer.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// How many pods are waited for before anything else is deleted.
    pub(super) pods_remaining: usize,
    /// In how many seconds all of it may be gone.
    pub(super) seconds_left: u64,
}

struct Kind {
    type_: &'static str,
    ok: (&'static str, &'static str),
    /// Reason and message where something is in the way.
    problem: fn(&Findings) -> Option<(&'static str, String)>,
}

const KINDS: [Kind; 5] = [
    Kind {
        type_: "NamespaceDeletionDiscoveryFailure",
        ok: ("ResourcesDiscovered", "All resources successfully discovered"),
        problem: |findings| Some(("DiscoveryFailed", findings.discovery_failure.clone()?)),
    },
    Kind {
        type_: "NamespaceDeletionGroupVersionParsingFailure",
        ok: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        problem: |_| None,
    },
    Kind {
        type_: "NamespaceDeletionContentFailure",
        ok: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        problem: content_failure,
    },
    Kind {
        type_: "NamespaceContentRemaining",
        ok: ("ContentRemoved", "All content successfully removed"),
        problem: content_remaining,
    },
    Kind {
        type_: "NamespaceFinalizersRemaining",
        ok: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        problem: finalizers_remaining,
    },
];

impl Findings {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.remaining.is_empty() && self.pods_remaining == 0
    }

    /// What went wrong, as one sentence.
    pub(super) fn error(&self) -> Option<String> {
        let all: Vec<&str> =
            self.discovery_failure.iter().chain(&self.failures).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// Brings the conditions in line with what was found; whether that changed any of them.
pub(super) fn update(findings: &Findings, now: Timestamp, namespace: &mut Namespace) -> bool {
    let conditions = namespace.status.get_or_insert_default().conditions.get_or_insert_default();
    let changed = KINDS.iter().filter(|kind| condition::set(conditions, told(kind, findings), now));
    changed.count() > 0
}

fn told(kind: &Kind, findings: &Findings) -> NamespaceCondition {
    let problem = (kind.problem)(findings);
    let status = if problem.is_some() { "True" } else { "False" };
    let (reason, message) = problem.unwrap_or_else(|| (kind.ok.0, kind.ok.1.to_owned()));
    NamespaceCondition {
        type_: kind.type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: None,
    }
}

fn content_failure(findings: &Findings) -> Option<(&'static str, String)> {
    let mut failures = findings.failures.clone();
    failures.sort();
    let (count, list) = (failures.len(), failures.join(", "));
    let message = format!("Failed to delete all resource types, {count} remaining: {list}");
    (count > 0).then_some(("ContentDeletionFailed", message))
}

fn content_remaining(findings: &Findings) -> Option<(&'static str, String)> {
    let list =
        listed(&findings.remaining, |resource, count| format!("{resource} has {count} resource instances"))?;
    Some(("SomeResourcesRemain", format!("Some resources are remaining: {list}")))
}

fn finalizers_remaining(findings: &Findings) -> Option<(&'static str, String)> {
    let list = listed(&findings.finalizers, |name, count| format!("{name} in {count} resource instances"))?;
    Some(("SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {list}")))
}

/// The entries in words, in the order of the words; `None` if there are none.
fn listed(counts: &BTreeMap<String, usize>, words: fn(&str, usize) -> String) -> Option<String> {
    let mut all: Vec<String> = counts.iter().map(|(name, count)| words(name, *count)).collect();
    all.sort();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(findings: &Findings) -> Vec<String> {
        let mut namespace = Namespace::default();
        assert!(update(findings, Timestamp::UNIX_EPOCH, &mut namespace));
        assert!(!update(findings, Timestamp::MAX, &mut namespace), "the same findings change nothing");
        let conditions = namespace.status.unwrap().conditions.unwrap();
        let tell = |one: NamespaceCondition| {
            format!("{} {}: {}", one.status, one.reason.unwrap(), one.message.unwrap())
        };
        conditions.into_iter().map(tell).collect()
    }

    #[test]
    fn an_empty_namespace_has_nothing_to_complain_about() {
        assert_eq!(
            words(&Findings::default()),
            [
                "False ResourcesDiscovered: All resources successfully discovered",
                "False ParsedGroupVersions: All legacy kube types successfully parsed",
                "False ContentDeleted: All content successfully deleted, may be waiting on finalization",
                "False ContentRemoved: All content successfully removed",
                "False ContentHasNoFinalizers: All content-preserving finalizers finished",
            ]
        );
    }

    #[test]
    fn what_remains_is_counted_by_resource_and_finalizer() {
        let findings = Findings {
            remaining: [("secrets.".to_owned(), 1), ("configmaps.".to_owned(), 2)].into(),
            finalizers: [("y.example.com/g".to_owned(), 1), ("x.example.com/f".to_owned(), 3)].into(),
            ..Findings::default()
        };
        assert_eq!(
            words(&findings)[3..],
            [
                "True SomeResourcesRemain: Some resources are remaining: configmaps. has 2 resource instances, \
                 secrets. has 1 resource instances",
                "True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: x.example.com/f \
                 in 3 resource instances, y.example.com/g in 1 resource instances",
            ]
        );
    }

    #[test]
    fn a_failure_is_told_and_later_taken_back() {
        let failed = Findings { failures: vec!["b".to_owned(), "a".to_owned()], ..Findings::default() };
        let message = "True ContentDeletionFailed: Failed to delete all resource types, 2 remaining: a, b";
        assert_eq!(words(&failed)[2], message);
        let mut namespace = Namespace::default();
        update(&failed, Timestamp::UNIX_EPOCH, &mut namespace);
        assert!(update(&Findings::default(), Timestamp::UNIX_EPOCH, &mut namespace));
    }
}
