//! Spreads pods over zones, hosts and other domains of nodes.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, ReplicationController, Service, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::labels;
use steersman_core::resource::GroupVersionResource;

use super::Configured;
use super::spread_constraints::{Action, Constraint};
use super::spread_counts::{Before, Count, Counts};
use super::spread_score;
use crate::change::{Change, Reach};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Filter, NodeFilter, Plugin, Prepared, Score, Scoring};
use crate::pod::PodInfo;
use crate::signature::{Part, Signature};
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};
use crate::verdict::{Rejection, Verdict};

/// Rules out and ranks nodes by how evenly pods would be spread.
#[derive(Debug)]
pub struct PodTopologySpread {
    defaults: Vec<TopologySpreadConstraint>,
    /// Whether the defaults are upstream's, for which nodes need not be in a domain of each.
    system_defaults: bool,
}

/// Upstream's `PodTopologySpreadArgs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PodTopologySpreadArgs {
    /// The constraints of pods that have none; with [`DefaultingType::List`] only.
    pub default_constraints: Vec<TopologySpreadConstraint>,
    /// Where the constraints of pods that have none come from.
    pub defaulting_type: DefaultingType,
}

/// Where the constraints of pods that have none come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum DefaultingType {
    /// From Kubernetes: over hosts and zones, as far as possible.
    #[default]
    System,
    /// From the arguments.
    List,
    /// There is no such way.
    #[serde(untagged)]
    Unknown(String),
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(_) | Event::NodeDeleted(_) | Event::PodUpdated { .. } => true,
            Event::NodeUpdated { old, new } => places(old) != places(new),
            Event::AssignedPodAdded(other) => counts(pod, other),
            Event::AssignedPodDeleted(other) => selects(pod, other),
            Event::AssignedPodUpdated { old, new } => counts(pod, old) != counts(pod, new),
            Event::Related { .. } | Event::PendingPodAdded(_) => false,
        })
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![
            GroupVersionResource::of::<Service>(),
            GroupVersionResource::of::<ReplicationController>(),
            GroupVersionResource::of::<ReplicaSet>(),
            GroupVersionResource::of::<StatefulSet>(),
        ]
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        let spec = pod.spec();
        signature.add_part(Part::Namespace, pod);
        signature.add_part(Part::Labels, pod);
        signature.add(&controller(pod).map(|owner| (&owner.api_version, &owner.kind, &owner.name)));
        signature.add(&spec.and_then(|spec| spec.topology_spread_constraints.as_ref()));
        signature.add_part(Part::NodeSelector, pod);
        signature.add_part(Part::NodeAffinity, pod);
        signature.add_part(Part::Tolerations, pod);
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

/// What of a node decides which domains it is in.
fn places(node: &Node) -> impl PartialEq {
    let spec = node.spec.as_ref();
    (node.metadata.labels.clone(), spec.and_then(|spec| spec.taints.clone()))
}

/// Whether another pod may count in a constraint of the pod.
fn counts(pod: &PodInfo, other: &PodInfo) -> bool {
    !other.is_terminating() && selects(pod, other)
}

/// Whether a constraint of the pod may select another, which may be on its way out.
fn selects(pod: &PodInfo, other: &PodInfo) -> bool {
    let constraints =
        pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref()).unwrap_or_default();
    let selects = |constraint: &TopologySpreadConstraint| {
        let selector = constraint.label_selector.as_ref();
        let parsed = steersman_core::selector::LabelSelector::from_object(selector);
        parsed.map_or(true, |selector| selector.matches(other.labels()))
    };
    other.namespace() == pod.namespace() && (constraints.is_empty() || constraints.iter().any(selects))
}

impl Filter for PodTopologySpread {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        match Constraint::of(pod, nodes, &self.defaults, Action::DoNotSchedule) {
            Ok(constraints) if constraints.is_empty() => Prepared::Skip,
            Ok(constraints) => {
                Prepared::PerNode(Box::new(Spread(Counts::new(pod, constraints, true, nodes))))
            }
            Err(why) => Prepared::Reject(Rejection::error(format!("get constraints from pod: {why}"))),
        }
    }
}

impl Score for PodTopologySpread {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, feasible: &[NodeIndex]) -> Scoring {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref());
        let needs_all = !self.system_defaults || own.is_some_and(|own| !own.is_empty());
        match Constraint::of(pod, nodes, &self.defaults, Action::ScheduleAnyway) {
            Ok(constraints) if constraints.is_empty() => Scoring::Skip,
            Ok(constraints) => spread_score::prepare(pod, constraints, needs_all, nodes, feasible),
            Err(why) => Scoring::Fail(Rejection::error(format!("calculating preScoreState: {why}"))),
        }
    }
}

/// A filter over how the pods that count are spread now.
struct Spread(Counts);

impl NodeFilter for Spread {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        self.0.each.iter().try_for_each(|count| check(count, count.domains.domain(node.index())))
    }

    fn check_domain(&self, domains: &Arc<Domains>, domain: usize) -> Option<Verdict> {
        match self.0.each.as_slice() {
            [count] if Arc::ptr_eq(&count.domains, domains) => Some(check(count, domain)),
            _ => None,
        }
    }

    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let mut before: Vec<Before> = self.0.each.iter().map(Count::before).collect();
        for change in changes {
            self.0.change(*change, false, |_, at, domain, pods| {
                before[at].pods.entry(domain).or_insert(pods);
            });
        }
        let counts = self.0.each.iter().zip(&before);
        counts.map(|(count, before)| count.reach(before)).fold(Reach::Node, Reach::and)
    }

    fn suppose(&mut self, change: Change<'_>) {
        self.0.change(change, true, |_, _, _, _| {});
    }
}

/// What a constraint says of the nodes of one of its domains.
fn check(count: &Count, domain: usize) -> Verdict {
    if domain == 0 {
        return Err(Rejection::unresolvable(
            "node(s) didn't match pod topology spread constraints (missing required label)",
        ));
    }
    match count.exceeds(count.at(domain), count.least()) {
        true => Err(Rejection::unschedulable("node(s) didn't match pod topology spread constraints")),
        false => Ok(()),
    }
}

fn controller(pod: &PodInfo) -> Option<&OwnerReference> {
    pod.pod().metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

impl Configured for PodTopologySpread {
    type Args = PodTopologySpreadArgs;

    fn check(args: &PodTopologySpreadArgs, at: &Path<'_>) -> Faults {
        let (path, mut errors) = (at.child("defaultingType"), Faults::default());
        match &args.defaulting_type {
            DefaultingType::Unknown(name) => {
                errors.push(field::Error::not_supported(&path, name, &["System", "List"]));
            }
            DefaultingType::System if !args.default_constraints.is_empty() => {
                let why = "when .defaultConstraints are not empty";
                errors.push(field::Error::invalid(&path, "System", why));
            }
            DefaultingType::System | DefaultingType::List => {}
        }
        errors
            .extend(faults_of_constraints(&args.default_constraints, &at.child("defaultConstraints")).iter());
        errors
    }

    fn configured(args: PodTopologySpreadArgs) -> Self {
        let system_defaults = args.defaulting_type == DefaultingType::System;
        let upstream = || vec![softly("kubernetes.io/hostname", 3), softly("topology.kubernetes.io/zone", 5)];
        let defaults = if system_defaults { upstream() } else { args.default_constraints };
        PodTopologySpread { defaults, system_defaults }
    }
}

fn faults_of_constraints(constraints: &[TopologySpreadConstraint], at: &Path<'_>) -> Faults {
    let mut errors = Faults::default();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = at.index(index);
        errors.extend(faults_of_constraint(constraint, &path).iter());
        let alike = |other: &TopologySpreadConstraint| {
            other.topology_key == constraint.topology_key
                && other.when_unsatisfiable == constraint.when_unsatisfiable
        };
        if constraints[..index].iter().any(alike) {
            let pair = format!("{{{}, {}}}", constraint.topology_key, constraint.when_unsatisfiable);
            errors.push(field::Error::duplicate(&path, pair));
        }
    }
    errors
}

fn faults_of_constraint(constraint: &TopologySpreadConstraint, at: &Path<'_>) -> Faults {
    let (mut errors, empty) = (Faults::default(), "can not be empty");
    if constraint.max_skew <= 0 {
        let (path, skew) = (at.child("maxSkew"), constraint.max_skew);
        errors.push(field::Error::invalid(&path, skew, "not in valid range (0, inf)"));
    }
    let (path, key) = (at.child("topologyKey"), constraint.topology_key.as_str());
    match key {
        "" => errors.push(field::Error::required(&path, empty)),
        key => {
            let faults = labels::qualified_name(key).into_iter();
            errors.extend(faults.map(|why| field::Error::invalid(&path, key, why)));
        }
    }
    let path = at.child("whenUnsatisfiable");
    match constraint.when_unsatisfiable.as_str() {
        "" => errors.push(field::Error::required(&path, empty)),
        "DoNotSchedule" | "ScheduleAnyway" => {}
        other => {
            let supported = ["DoNotSchedule", "ScheduleAnyway"];
            errors.push(field::Error::not_supported(&path, other, &supported));
        }
    }
    if constraint.label_selector.is_some() {
        let why = "constraint must not define a selector, as they deduced for each pod";
        errors.push(field::Error::forbidden(&at.child("labelSelector"), why));
    }
    errors
}

fn softly(topology_key: &str, max_skew: i32) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        topology_key: topology_key.to_owned(),
        max_skew,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    }
}
