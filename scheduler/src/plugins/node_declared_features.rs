//! Rules out nodes whose kubelet does not declare a feature that the pod needs.
//!
//! KEP-5328. In 1.36 two features are told from the pod: host networking together with a user namespace of its own, and
//! rules that restart all containers when one exits.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Node};

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Filter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

const USER_NAMESPACES_HOST_NETWORK: &str = "UserNamespacesHostNetworkSupport";
const RESTART_ALL_CONTAINERS: &str = "RestartAllContainersOnContainerExits";

/// Rules out nodes that do not declare a feature that the pod needs.
#[derive(Debug, Default)]
pub struct NodeDeclaredFeatures;

impl Plugin for NodeDeclaredFeatures {
    fn name(&self) -> &'static str {
        "NodeDeclaredFeatures"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::PodUpdated { old, .. } => needed(old) != needed(pod),
            Event::NodeUpdated { old, new } => declared(old) != declared(new),
            Event::NodeAdded(_) => true,
            _ => false,
        })
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(&needed(pod));
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeDeclaredFeatures {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        let needed = needed(pod);
        if needed.is_empty() {
            return Prepared::Skip;
        }
        Prepared::per_bare_node(move |node| match declares_all(node.node(), &needed) {
            true => Ok(()),
            false => Err(Rejection::unresolvable("node(s) didn't match Pod's required features")),
        })
    }
}

/// The features that the pod needs.
fn needed(pod: &PodInfo) -> Vec<&'static str> {
    let has_namespace =
        pod.spec().is_some_and(|spec| spec.host_network == Some(true) && spec.host_users == Some(false));
    let restarts_all = pod.all_containers().any(restarts_all);
    let features = [(restarts_all, RESTART_ALL_CONTAINERS), (has_namespace, USER_NAMESPACES_HOST_NETWORK)];
    features.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, feature)| feature).collect()
}

// The field is in the API since 1.34.
k8s_openapi::k8s_if_ge_1_34! {
    fn restarts_all(container: &Container) -> bool {
        let rules = container.restart_policy_rules.iter().flatten();
        rules.into_iter().any(|rule| rule.action == "RestartAllContainers")
    }
}
k8s_openapi::k8s_if_le_1_33! {
    fn restarts_all(_: &Container) -> bool {
        false
    }
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

fn declares_all(node: &Node, needed: &[&str]) -> bool {
    let declared = declared(node).map_or(&[][..], Vec::as_slice);
    needed.iter().all(|feature| declared.iter().any(|have| have == feature))
}

impl Configured for NodeDeclaredFeatures {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        NodeDeclaredFeatures
    }
}
