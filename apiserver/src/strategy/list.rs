//! Which strategy a kind has: one line per kind.

use std::sync::Arc;

use steersman_core::resource::GroupVersionKind;

use super::Strategy;
use super::config_map::ConfigMaps;
use super::disruption_budget::DisruptionBudgets;
use super::endpoint_slice::EndpointSlices;
use super::endpoints::EndpointsObjects;
use super::event::Events;
use super::lease::Leases;
use super::namespace::Namespaces;
use super::node::Nodes;
use super::pod::Pods;
use super::priority_class::PriorityClasses;
use super::secret::Secrets;
use super::service::{Reach, ServiceRanges, Services};
use super::volume_claim::VolumeClaims;
use super::workload::{
    CronJobs, DaemonSets, Deployments, Jobs, PodTemplates, ReplicaSets, ReplicationControllers, StatefulSets,
};
use crate::crd::CustomResourceDefinitions;

/// The strategies of all built-in kinds, with the allocators that some of them hold. One server has one.
pub struct Strategies {
    rows: Vec<Row>,
    plain: Arc<dyn Strategy>,
}

/// A group, a kind of it, and its strategy.
type Row = (&'static str, &'static str, Arc<dyn Strategy>);

/// A kind without rules of its own.
struct Plain;

impl Strategy for Plain {}

/// A kind without rules, whose changes are not counted.
struct Unversioned;

impl Strategy for Unversioned {
    fn counts_generation(&self) -> bool {
        false
    }
}

impl Strategies {
    /// The strategies of a server that hands out addresses and ports of `ranges`.
    pub fn new(ranges: &ServiceRanges) -> Self {
        let reach = Reach::of(ranges);
        let rows: Vec<Row> = vec![
            ("", "ConfigMap", Arc::new(ConfigMaps)),
            ("", "Endpoints", Arc::new(EndpointsObjects { reach })),
            ("", "Event", Arc::new(Events::CORE)),
            ("", "Namespace", Arc::new(Namespaces)),
            ("", "Node", Arc::new(Nodes)),
            ("", "PersistentVolumeClaim", Arc::new(VolumeClaims)),
            ("", "Pod", Arc::new(Pods)),
            ("", "PodTemplate", Arc::new(PodTemplates)),
            ("", "ReplicationController", Arc::new(ReplicationControllers)),
            ("", "Secret", Arc::new(Secrets)),
            ("", "Service", Arc::new(Services::new(ranges))),
            ("", "ServiceAccount", Arc::new(Unversioned)),
            ("apiextensions.k8s.io", "CustomResourceDefinition", Arc::new(CustomResourceDefinitions)),
            ("apps", "DaemonSet", Arc::new(DaemonSets)),
            ("apps", "Deployment", Arc::new(Deployments)),
            ("apps", "ReplicaSet", Arc::new(ReplicaSets)),
            ("apps", "StatefulSet", Arc::new(StatefulSets)),
            ("batch", "CronJob", Arc::new(CronJobs)),
            ("batch", "Job", Arc::new(Jobs)),
            ("coordination.k8s.io", "Lease", Arc::new(Leases)),
            ("discovery.k8s.io", "EndpointSlice", Arc::new(EndpointSlices { reach })),
            ("events.k8s.io", "Event", Arc::new(Events::NEW)),
            ("policy", "PodDisruptionBudget", Arc::new(DisruptionBudgets)),
            ("scheduling.k8s.io", "PriorityClass", Arc::new(PriorityClasses)),
        ];
        Strategies { rows, plain: Arc::new(Plain) }
    }

    /// The strategy of a kind; one without rules where there is none. Meant to be looked up once, when a resource is
    /// registered.
    pub fn of(&self, kind: &GroupVersionKind) -> &Arc<dyn Strategy> {
        let row = self.rows.iter().find(|(group, name, _)| *group == kind.group && *name == kind.kind);
        row.map_or(&self.plain, |(_, _, strategy)| strategy)
    }
}
