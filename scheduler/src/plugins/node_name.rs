//! Rules out every node but the one that the pod names.

use std::sync::Arc;

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

/// Rules out every node but the one in `spec.nodeName`.
#[derive(Debug, Default)]
pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn heeds(&self, event: &Event) -> bool {
        event.node().is_some()
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(event.node().is_some_and(|node| node.metadata.name.as_deref() == pod.node_name()))
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(&pod.node_name());
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeName {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        let Some(wanted) = pod.node_name().map(str::to_owned) else { return Prepared::Skip };
        Prepared::per_bare_node(move |node| match **node.name() == wanted {
            true => Ok(()),
            false => Err(Rejection::unresolvable("node(s) didn't match the requested node name")),
        })
    }
}

impl Configured for NodeName {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodeName
    }
}
