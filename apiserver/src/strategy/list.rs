//! Which strategy a kind has: one line per kind.

use std::sync::Arc;

use steersman_core::resource::GroupVersionKind;

use super::Strategy;
use super::namespace::Namespaces;
use super::node::Nodes;
use super::pod::Pods;
use super::service::{ServiceRanges, Services};
use super::workload::{Deployments, ReplicaSets};
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

impl Strategies {
    /// The strategies of a server that hands out addresses and ports of `ranges`.
    pub fn new(ranges: &ServiceRanges) -> Self {
        let rows: Vec<Row> = vec![
            ("", "Namespace", Arc::new(Namespaces)),
            ("", "Node", Arc::new(Nodes)),
            ("", "Pod", Arc::new(Pods)),
            ("", "Service", Arc::new(Services::new(ranges))),
            ("apiextensions.k8s.io", "CustomResourceDefinition", Arc::new(CustomResourceDefinitions)),
            ("apps", "Deployment", Arc::new(Deployments)),
            ("apps", "ReplicaSet", Arc::new(ReplicaSets)),
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
