//! A pod's affinity and anti-affinity to other pods, parsed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, Pod, PodAffinityTerm, WeightedPodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector;
use steersman_core::selector::{InvalidSelector, LabelSelector};

use crate::faults::Faults;
use crate::pod::{NO_LABELS, PodInfo};
use crate::snapshot::Snapshot;

/// The affinity terms of a pod. A pod without any costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Where it must be: near pods that match all of these.
    pub required_affinity: Vec<Term>,
    /// Where it must not be: near pods that match any of these.
    pub required_anti_affinity: Vec<Term>,
    /// Where it would rather be.
    pub preferred_affinity: Vec<WeightedTerm>,
    /// Where it would rather not be.
    pub preferred_anti_affinity: Vec<WeightedTerm>,
    /// What is wrong with selectors, by the list that they stand in. Terms of such a list are left out, and the pod
    /// itself is not placed.
    pub malformed: Faults,
}

/// Pods of some namespaces that match a selector, and the node label that says what being near them means.
#[derive(Clone, Debug)]
pub struct Term {
    /// The node label whose values are the domains.
    pub topology_key: String,
    /// Which pods.
    pub selector: LabelSelector,
    /// Of which namespaces, by name.
    pub namespaces: BTreeSet<String>,
    /// Of which namespaces besides, by their labels.
    pub namespace_selector: LabelSelector,
}

/// A term that is wished for, and how much.
#[derive(Clone, Debug)]
pub struct WeightedTerm {
    /// From 1 to 100.
    pub weight: i64,
    /// The term.
    pub term: Term,
}

impl Terms {
    /// The terms of a pod.
    pub fn of(pod: &Pod) -> Self {
        let Some(affinity) = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()) else {
            return Terms::default();
        };
        let own = pod.metadata.namespace.as_deref().unwrap_or_default();
        let (near, apart) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
        let must_near =
            near.and_then(|near| near.required_during_scheduling_ignored_during_execution.as_deref());
        let must_apart =
            apart.and_then(|apart| apart.required_during_scheduling_ignored_during_execution.as_deref());
        let near = near.and_then(|near| near.preferred_during_scheduling_ignored_during_execution.as_deref());
        let apart =
            apart.and_then(|apart| apart.preferred_during_scheduling_ignored_during_execution.as_deref());
        let mut malformed = Faults::default();
        Terms {
            required_affinity: keep("requiredAffinityTerms", required(own, must_near), &mut malformed),
            required_anti_affinity: keep(
                "requiredAntiAffinityTerms",
                required(own, must_apart),
                &mut malformed,
            ),
            preferred_affinity: keep("preferredAffinityTerms", preferred(own, near), &mut malformed),
            preferred_anti_affinity: keep(
                "preferredAntiAffinityTerms",
                preferred(own, apart),
                &mut malformed,
            ),
            malformed,
        }
    }

    /// Whether there is any term.
    pub fn any(&self) -> bool {
        !(self.required_affinity.is_empty()
            && self.preferred_affinity.is_empty()
            && self.required_anti_affinity.is_empty()
            && self.preferred_anti_affinity.is_empty())
    }
}

type Parsed<T> = Result<Vec<T>, InvalidSelector>;

fn required(own: &str, list: Option<&[PodAffinityTerm]>) -> Parsed<Term> {
    list.unwrap_or_default().iter().map(|term| Term::parse(own, term)).collect()
}

fn preferred(own: &str, list: Option<&[WeightedPodAffinityTerm]>) -> Parsed<WeightedTerm> {
    let parse = |wish: &WeightedPodAffinityTerm| {
        let term = Term::parse(own, &wish.pod_affinity_term)?;
        Ok(WeightedTerm { weight: wish.weight.into(), term })
    };
    list.unwrap_or_default().iter().map(parse).collect()
}

/// The terms of a list, or none of them and what is wrong.
fn keep<T>(list: &str, parsed: Parsed<T>, malformed: &mut Faults) -> Vec<T> {
    parsed.unwrap_or_else(|why| {
        malformed.push(format_args!("{list}: {why}"));
        Vec::new()
    })
}

impl Term {
    fn parse(own: &str, term: &PodAffinityTerm) -> Result<Self, InvalidSelector> {
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(own.to_owned());
        }
        let parse = |selector: &Option<ApiSelector>| LabelSelector::from_object(selector.as_ref());
        Ok(Term {
            topology_key: term.topology_key.clone(),
            selector: parse(&term.label_selector)?,
            namespace_selector: parse(&term.namespace_selector)?,
            namespaces,
        })
    }

    /// The same with the namespaces that are selected by labels named, besides. Upstream means to leave their selector
    /// behind then, and does not: one that a namespace without labels meets still selects every namespace.
    pub(crate) fn resolved(&self, nodes: &Snapshot) -> Term {
        let mut resolved = self.clone();
        if self.namespace_selector.is_everything() || self.namespace_selector.is_nothing() {
            return resolved;
        }
        for namespace in nodes.related().all::<Namespace>() {
            let labels = namespace.metadata.labels.as_ref().unwrap_or(NO_LABELS);
            if self.namespace_selector.matches(labels) {
                resolved.namespaces.extend(namespace.metadata.name.clone());
            }
        }
        resolved
    }

    /// Whether a pod is meant, whose namespace has these labels.
    pub fn matches(&self, pod: &PodInfo, namespace_labels: &BTreeMap<String, String>) -> bool {
        (self.namespaces.contains(pod.namespace()) || self.namespace_selector.matches(namespace_labels))
            && self.selector.matches(pod.labels())
    }
}
