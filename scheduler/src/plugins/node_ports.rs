//! Rules out nodes where a port that the pod wants of the node is taken.

use std::sync::Arc;

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::ports::HostPort;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

/// Rules out nodes where one of the pod's host ports is taken.
#[derive(Debug, Default)]
pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::NodeAdded(_) => true,
            Event::AssignedPodDeleted(gone) => conflict(pod.host_ports(), gone.host_ports()),
            _ => false,
        })
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(pod.host_ports());
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodePorts {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        if pod.host_ports().is_empty() {
            return Prepared::Skip;
        }
        let pod = pod.clone();
        Prepared::per_node(move |node| match conflict(pod.host_ports(), node.ports()) {
            true => {
                Err(Rejection::unschedulable("node(s) didn't have free ports for the requested pod ports"))
            }
            false => Ok(()),
        })
    }
}

impl Configured for NodePorts {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodePorts
    }
}

fn conflict(wanted: &[HostPort], taken: &[HostPort]) -> bool {
    wanted.iter().any(|port| taken.iter().any(|other| port.conflicts_with(other)))
}
