//! Spreads pods over zones, hosts and other domains of nodes.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, ReplicationController, Service, TopologySpreadConstraint};
use serde::Deserialize;
use steersman_core::resource::GroupVersionResource;

use super::node_affinity::Required;
use super::spread_constraints::{Action, Constraint};
use super::spread_score;
use super::{Configured, InvalidArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, NodeFilter, Plugin, Prepared, Score, Scoring};
use crate::pod::PodInfo;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum DefaultingType {
    /// From Kubernetes: over hosts and zones, as far as possible.
    #[default]
    System,
    /// From the arguments.
    List,
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(_) | Event::NodeDeleted(_) | Event::PodUpdated { .. } => true,
            Event::NodeUpdated { old, new } => places(old) != places(new),
            Event::AssignedPodAdded(other) | Event::AssignedPodDeleted(other) => counts(pod, other),
            Event::AssignedPodUpdated { old, new } => counts(pod, old) != counts(pod, new),
            Event::Related { .. } => false,
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
    let constraints =
        pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref()).unwrap_or_default();
    let selects = |constraint: &TopologySpreadConstraint| {
        let selector = constraint.label_selector.as_ref();
        let parsed = steersman_core::selector::LabelSelector::from_object(selector);
        parsed.map_or(true, |selector| selector.matches(other.labels()))
    };
    !other.is_terminating()
        && other.namespace() == pod.namespace()
        && (constraints.is_empty() || constraints.iter().any(selects))
}

impl Filter for PodTopologySpread {
    fn prepare<'a>(&'a self, pod: &'a PodInfo, nodes: &'a Snapshot) -> Prepared<'a> {
        match Constraint::of(pod, nodes, &self.defaults, Action::DoNotSchedule) {
            Ok(constraints) if constraints.is_empty() => Prepared::Skip,
            Ok(constraints) => Prepared::PerNode(Box::new(Spread::count(pod, constraints, nodes))),
            Err(why) => Prepared::Reject(Rejection::error(why)),
        }
    }
}

impl Score for PodTopologySpread {
    fn prepare<'a>(
        &'a self,
        pod: &'a PodInfo,
        nodes: &'a Snapshot,
        feasible: &'a [NodeIndex],
    ) -> Scoring<'a> {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref());
        let needs_all = !self.system_defaults || own.is_some_and(|own| !own.is_empty());
        match Constraint::of(pod, nodes, &self.defaults, Action::ScheduleAnyway) {
            Ok(constraints) if constraints.is_empty() => Scoring::Skip,
            Ok(constraints) => spread_score::prepare(pod, constraints, needs_all, nodes, feasible),
            Err(why) => Scoring::Fail(Rejection::error(why)),
        }
    }
}

/// How the pods that count are spread now.
struct Spread<'a> {
    pod: &'a PodInfo,
    required: Required<'a>,
    constraints: Vec<(Constraint, Domains)>,
}

/// The domains of a constraint, with the number of pods that count in each.
#[derive(Default)]
struct Domains {
    pods: BTreeMap<String, i64>,
    /// How many domains have a number of pods.
    by_number: BTreeMap<i64, usize>,
}

impl Domains {
    fn add(&mut self, domain: &str, more: i64) {
        let before = self.pods.get(domain).copied();
        if let Some(before) = before
            && let Some(domains) = self.by_number.get_mut(&before)
        {
            *domains -= 1;
            if *domains == 0 {
                self.by_number.remove(&before);
            }
        }
        let now = before.unwrap_or_default() + more;
        self.pods.insert(domain.to_owned(), now);
        *self.by_number.entry(now).or_default() += 1;
    }

    /// The least number of pods in a domain; 0 if there are fewer domains than wanted.
    fn least(&self, min_domains: i64) -> i64 {
        let enough = i64::try_from(self.pods.len()).is_ok_and(|domains| domains >= min_domains);
        if enough { self.by_number.keys().next().copied().unwrap_or_default() } else { 0 }
    }
}

impl<'a> Spread<'a> {
    fn count(pod: &'a PodInfo, constraints: Vec<Constraint>, nodes: &Snapshot) -> Self {
        let constraints = constraints.into_iter().map(|constraint| (constraint, Domains::default()));
        let mut spread = Spread { pod, required: Required::of(pod), constraints: constraints.collect() };
        for node in nodes.nodes() {
            spread.each_place(node, |constraint| constraint.count(pod, node));
        }
        spread
    }

    /// Adds a number for the node to every constraint that it is a place of.
    fn each_place(&mut self, node: NodeView<'_>, number: impl Fn(&Constraint) -> i64) {
        let in_all = self.constraints.iter().all(|(constraint, _)| domain(constraint, node).is_some());
        for (constraint, domains) in &mut self.constraints {
            if let Some(domain) = domain(constraint, node).filter(|_| in_all)
                && constraint.includes(self.pod, &self.required, node)
            {
                domains.add(domain, number(constraint));
            }
        }
    }

    /// Counts a pod of its namespace in or out; upstream does so whether or not the pod is on its way out.
    fn change(&mut self, pod: &PodInfo, node: NodeView<'_>, by: i64) {
        if pod.namespace() == self.pod.namespace() {
            self.each_place(
                node,
                |constraint| if constraint.selector.matches(pod.labels()) { by } else { 0 },
            );
        }
    }
}

fn domain<'n>(constraint: &Constraint, node: NodeView<'n>) -> Option<&'n String> {
    node.labels().get(&constraint.topology_key)
}

impl NodeFilter for Spread<'_> {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        for (constraint, domains) in &self.constraints {
            let Some(domain) = domain(constraint, node) else {
                return Err(Rejection::unresolvable(
                    "node(s) didn't match pod topology spread constraints (missing required label)",
                ));
            };
            let there = domains.pods.get(domain).copied().unwrap_or_default();
            let itself = i64::from(constraint.selector.matches(self.pod.labels()));
            if there + itself - domains.least(constraint.min_domains) > constraint.max_skew {
                return Err(Rejection::unschedulable("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }

    fn pod_added(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.change(pod, node, 1);
    }

    fn pod_removed(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.change(pod, node, -1);
    }
}

impl Configured for PodTopologySpread {
    type Args = PodTopologySpreadArgs;

    fn configured(args: PodTopologySpreadArgs) -> Result<Self, InvalidArgs> {
        let system_defaults = args.defaulting_type == DefaultingType::System;
        if system_defaults && !args.default_constraints.is_empty() {
            return Err(InvalidArgs(
                "defaultingType: Invalid value: \"System\": when .defaultConstraints are not empty"
                    .to_owned(),
            ));
        }
        let upstream = || vec![softly("kubernetes.io/hostname", 3), softly("topology.kubernetes.io/zone", 5)];
        let defaults = if system_defaults { upstream() } else { args.default_constraints };
        Ok(PodTopologySpread { defaults, system_defaults })
    }
}

fn softly(topology_key: &str, max_skew: i32) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        topology_key: topology_key.to_owned(),
        max_skew,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    }
}
