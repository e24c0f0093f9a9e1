//! Rules out nodes whose kubelet does not declare a feature that the pod needs.
//!
//! KEP-5328. In 1.36 one feature is told from the pod: host networking together with a user namespace of its own.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

const USER_NAMESPACES_HOST_NETWORK: &str = "UserNamespacesHostNetworkSupport";

/// Rules out nodes that do not declare a feature that the pod needs.
#[derive(Debug, Default)]
pub struct NodeDeclaredFeatures;

impl Plugin for NodeDeclaredFeatures {
    fn name(&self) -> &'static str {
        "NodeDeclaredFeatures"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(!needs_feature(pod) || event.node().is_some_and(|node| declares_feature(node)))
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(&needs_feature(pod));
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeDeclaredFeatures {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        if !needs_feature(pod) {
            return Prepared::Skip;
        }
        Prepared::per_bare_node(|node| match declares_feature(node.node()) {
            true => Ok(()),
            false => Err(Rejection::unresolvable("node(s) didn't match Pod's required features")),
        })
    }
}

fn needs_feature(pod: &PodInfo) -> bool {
    pod.spec().is_some_and(|spec| spec.host_network == Some(true) && spec.host_users == Some(false))
}

// The field is in the API since 1.35; before, no node declares anything.
k8s_openapi::k8s_if_ge_1_35! {
    fn declared(node: &Node) -> Option<&Vec<String>> {
        node.status.as_ref()?.declared_features.as_ref()
    }
}
k8s_openapi::k8s_if_le_1_34! {
    fn declared(_: &Node) -> Option<&Vec<String>> {
        None
    }
}

fn declares_feature(node: &Node) -> bool {
    declared(node)
        .is_some_and(|declared| declared.iter().any(|feature| feature == USER_NAMESPACES_HOST_NETWORK))
}

impl Configured for NodeDeclaredFeatures {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodeDeclaredFeatures
    }
}
