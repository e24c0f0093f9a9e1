//! The topology spread constraints of a pod, its own or the profile's, and which nodes and pods count in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{ReplicationController, Service, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as ApiSelector, OwnerReference};
use steersman_core::selector::{LabelSelector, Operator, Requirement};
use steersman_core::versions::optional;

use super::node_affinity::Required;
use super::tolerations;
use crate::pod::PodInfo;
use crate::snapshot::{NodeView, Snapshot};

/// What to do about nodes that would violate a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    DoNotSchedule,
    ScheduleAnyway,
}

/// A constraint, with its selector parsed and its defaults filled in.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) topology_key: String,
    pub(super) max_skew: i64,
    pub(super) min_domains: i64,
    pub(super) selector: LabelSelector,
    honors_affinity: bool,
    honors_taints: bool,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Action::DoNotSchedule => "DoNotSchedule",
            Action::ScheduleAnyway => "ScheduleAnyway",
        }
    }

    /// What constraints of the action are called in errors.
    fn strictness(self) -> &'static str {
        match self {
            Action::DoNotSchedule => "hard",
            Action::ScheduleAnyway => "soft",
        }
    }
}

impl Constraint {
    /// The pod's own constraints of an action, or the defaults if it has none of either; what is malformed is told.
    pub(super) fn of(
        pod: &PodInfo,
        nodes: &Snapshot,
        defaults: &[TopologySpreadConstraint],
        action: Action,
    ) -> Result<Vec<Self>, String> {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref()).unwrap_or_default();
        if !own.is_empty() {
            return Self::parse_all(own, pod, action).map_err(|why| {
                format!("obtaining pod's {} topology spread constraints: {why}", action.strictness())
            });
        }
        let mut constraints = Self::parse_all(defaults, pod, action).map_err(|why| {
            format!("setting default {} topology spread constraints: {why}", action.strictness())
        })?;
        if constraints.is_empty() {
            return Ok(constraints);
        }
        let selector = default_selector(pod, nodes);
        if selector.is_everything() {
            return Ok(Vec::new());
        }
        for constraint in &mut constraints {
            constraint.selector = selector.clone();
        }
        Ok(constraints)
    }

    fn parse_all(
        constraints: &[TopologySpreadConstraint],
        pod: &PodInfo,
        action: Action,
    ) -> Result<Vec<Self>, String> {
        let wanted = constraints.iter().filter(|constraint| constraint.when_unsatisfiable == action.as_str());
        wanted.map(|constraint| Self::parse(constraint, pod)).collect()
    }

    fn parse(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> Result<Self, String> {
        let selector = LabelSelector::from_object(constraint.label_selector.as_ref());
        let selector = selector.map_err(|malformed| malformed.to_string())?;
        let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
        Ok(Constraint {
            topology_key: constraint.topology_key.clone(),
            max_skew: constraint.max_skew.into(),
            min_domains: constraint.min_domains.map_or(1, i64::from),
            selector: with_own_labels(selector, keys, pod),
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        })
    }

    /// Whether the node is a place of the constraint at all.
    pub(super) fn includes(&self, pod: &PodInfo, required: &Required, node: NodeView<'_>) -> bool {
        let untolerated = || tolerations::first_untolerated(tolerations::of(pod), node.taints());
        (!self.honors_affinity || required.check(node.node()).is_ok())
            && (!self.honors_taints || untolerated().is_none())
    }

    /// How many pods on the node count: of the pod's namespace, selected, and not on their way out.
    pub(super) fn count(&self, pod: &PodInfo, node: NodeView<'_>) -> i64 {
        let counts = |other: &&Arc<PodInfo>| {
            !other.is_terminating() && other.namespace() == pod.namespace() && self.selects(other)
        };
        i64::try_from(node.pods().iter().filter(counts).count()).unwrap_or(i64::MAX)
    }

    /// Whether a pod is meant, wherever it is. An empty selector means none.
    pub(super) fn selects(&self, pod: &PodInfo) -> bool {
        !self.selector.is_everything() && self.selector.matches(pod.labels())
    }
}

/// Pods that match the selector, and agree with the pod in the labels of these keys; none where that selects nothing.
fn with_own_labels(selector: LabelSelector, keys: &[String], pod: &PodInfo) -> LabelSelector {
    let own = keys.iter().filter_map(|key| {
        let value = pod.labels().get(key)?;
        Requirement::new(key, Operator::Equals, [value.as_str()]).ok()
    });
    let own: Vec<Requirement> = own.collect();
    match selector.requirements() {
        Some(selected) if !own.is_empty() => {
            LabelSelector::new(own.into_iter().chain(selected.iter().cloned()))
        }
        _ => selector,
    }
}

/// The pods that belong together with the pod: those of its services and of its controller.
fn default_selector(pod: &PodInfo, nodes: &Snapshot) -> LabelSelector {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for service in nodes.related().all::<Service>() {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        if let Some(selector) = selector
            && service.metadata.namespace.as_deref() == Some(pod.namespace())
            && LabelSelector::from_labels(selector).matches(pod.labels())
        {
            labels.extend(selector.clone());
        }
    }
    let owners = pod.pod().metadata.owner_references.iter().flatten();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true));
    let mut requirements = Vec::new();
    match owner.map(|owner| (owner, owner.api_version.as_str(), owner.kind.as_str())) {
        Some((owner, "v1", "ReplicationController")) => {
            let controller = nodes.related().get::<ReplicationController>(pod.namespace(), &owner.name);
            let spec = controller.as_ref().and_then(|controller| controller.spec.as_ref());
            labels.extend(spec.and_then(|spec| spec.selector.clone()).unwrap_or_default());
        }
        Some((owner, "apps/v1", kind)) => requirements = of_owner(owner, kind, pod, nodes),
        _ => {}
    }
    let labels = LabelSelector::from_labels(&labels);
    requirements.extend(labels.requirements().unwrap_or_default().iter().cloned());
    LabelSelector::new(requirements)
}

fn of_owner(owner: &OwnerReference, kind: &str, pod: &PodInfo, nodes: &Snapshot) -> Vec<Requirement> {
    let selector: Option<ApiSelector> = match kind {
        "ReplicaSet" => nodes
            .related()
            .get::<ReplicaSet>(pod.namespace(), &owner.name)
            .and_then(|set| Some(optional::<&ReplicaSetSpec>(&set.spec)?.selector.clone())),
        "StatefulSet" => nodes
            .related()
            .get::<StatefulSet>(pod.namespace(), &owner.name)
            .and_then(|set| Some(optional::<&StatefulSetSpec>(&set.spec)?.selector.clone())),
        _ => None,
    };
    let parsed = selector.and_then(|selector| LabelSelector::from_object(Some(&selector)).ok());
    parsed.and_then(|parsed| Some(parsed.requirements()?.to_vec())).unwrap_or_default()
}
