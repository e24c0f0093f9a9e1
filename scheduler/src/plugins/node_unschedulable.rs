//! Rules out cordoned nodes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};

use super::{Configured, NoArgs, tolerations};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::{Part, Signature};
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

/// Rules out nodes with `spec.unschedulable`, unless the pod tolerates the taint that goes with it.
#[derive(Debug, Default)]
pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn heeds(&self, event: &Event) -> bool {
        event.node().is_some()
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(node) => !is_closed(node),
            Event::NodeUpdated { old, new } => is_closed(old) && !is_closed(new),
            Event::PodUpdated { .. } => tolerates(pod),
            _ => false,
        })
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add_part(Part::Tolerations, pod);
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeUnschedulable {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        if tolerates(pod) {
            return Prepared::Skip;
        }
        Prepared::per_bare_node(|node| match node.is_unschedulable() {
            true => Err(Rejection::unresolvable("node(s) were unschedulable")),
            false => Ok(()),
        })
    }
}

impl Configured for NodeUnschedulable {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodeUnschedulable
    }
}

fn is_closed(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true)
}

fn tolerates(pod: &PodInfo) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    tolerations::tolerates_any(tolerations::of(pod), &taint)
}
