//! What a node may do: what nodes need anyway, and of secrets, volumes and accounts only what its own pods use;
//! upstream's mode `Node`.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/node/>. Which pods a node has is looked up at every question
//! that needs it, so such an answer costs as much as there are pods in the namespace it is about.

mod uses;

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::PolicyRule;
use steersman_core::field::quote;

use super::{Access, Asked, Decision, ResourceAccess, bootstrap, rbac};
use crate::user;
use uses::Uses;

const GROUP: &str = "system:nodes";

/// What every node may do.
#[derive(Clone)]
pub(crate) struct Nodes(Arc<[PolicyRule]>);

/// Whether a node may, or why not.
type Verdict = Result<(), String>;

impl Nodes {
    pub(crate) fn new() -> Self {
        Nodes(bootstrap::rules("system:node").into())
    }

    /// What to think of an access; nothing if it is not a node's.
    pub(super) fn decide(&self, access: &Access<'_>) -> Decision {
        if !access.user.groups.iter().any(|group| group == GROUP) {
            return Decision::no_opinion();
        }
        let Some(node) = user::as_node(&access.user.name) else {
            return Decision::NoOpinion {
                reason: format!("unknown node for user {}", quote(&access.user.name)),
            };
        };
        let asking = Asking { node, access };
        let verdict = match &access.asked {
            Asked::Resource(asked) => asking.about(asked),
            Asked::Path(_) => None,
        };
        match verdict {
            Some(Ok(())) => Decision::allow(),
            Some(Err(reason)) => Decision::NoOpinion { reason },
            None if rbac::allow(&self.0, access) => Decision::allow(),
            None => Decision::no_opinion(),
        }
    }
}

/// A node that asks.
struct Asking<'a> {
    node: &'a str,
    access: &'a Access<'a>,
}

impl Asking<'_> {
    /// What to think of resources that a node sees only a part of; `None` for all others.
    fn about(&self, asked: &ResourceAccess<'_>) -> Option<Verdict> {
        let verb = self.access.verb;
        Some(match (asked.group, asked.resource) {
            ("", "configmaps" | "secrets") => self.read(asked),
            ("", "persistentvolumeclaims") if asked.subresource == "status" => match verb {
                "update" | "patch" | "get" => self.used(asked),
                _ => refuse("can only get/update/patch this type"),
            },
            ("", "persistentvolumeclaims" | "persistentvolumes")
            | ("storage.k8s.io", "volumeattachments")
            | ("resource.k8s.io", "resourceclaims") => self.get(asked),
            ("", "serviceaccounts") => self.account(asked),
            ("", "nodes") => self.nodes(asked)?,
            ("", "pods") => self.pods(asked)?,
            ("coordination.k8s.io", "leases") => self.lease(asked),
            ("storage.k8s.io", "csinodes") => self.own(asked, "a CSINode", "CSINode"),
            _ => return None,
        })
    }

    fn read(&self, asked: &ResourceAccess<'_>) -> Verdict {
        match self.access.verb {
            "get" | "list" | "watch" if !asked.subresource.is_empty() => refuse("cannot read subresource"),
            "get" | "list" | "watch" if asked.namespace.is_empty() => {
                refuse("can only read namespaced object of this type")
            }
            "get" | "list" | "watch" => self.used(asked),
            _ => refuse("can only read resources of this type"),
        }
    }

    fn get(&self, asked: &ResourceAccess<'_>) -> Verdict {
        match (self.access.verb, asked.subresource) {
            ("get", "") => self.used(asked),
            ("get", _) => refuse("cannot get subresource"),
            _ => refuse("can only get individual resources of this type"),
        }
    }

    fn account(&self, asked: &ResourceAccess<'_>) -> Verdict {
        match (self.access.verb, asked.subresource) {
            ("create", "token") | ("get", "") => self.used(asked),
            ("create", _) => refuse("can only create token subresource of service account"),
            _ => refuse("can only create tokens for individual service accounts"),
        }
    }

    /// A node reads itself only; what it writes, admission limits.
    fn nodes(&self, asked: &ResourceAccess<'_>) -> Option<Verdict> {
        match (asked.subresource, self.access.verb) {
            ("", "get" | "list" | "watch") if asked.name == self.node => Some(Ok(())),
            ("", "get" | "list" | "watch") => {
                let (node, name) = (self.node, asked.name);
                Some(refuse(&format!("node '{node}' cannot read '{name}', only its own Node object")))
            }
            _ => None,
        }
    }

    /// A node reads its own pods only; what it writes, admission limits.
    fn pods(&self, asked: &ResourceAccess<'_>) -> Option<Verdict> {
        match (asked.subresource, self.access.verb) {
            ("", "get") => Some(self.used(asked)),
            ("", "list" | "watch") => {
                let selected = asked.fields.and_then(|fields| fields.requires("spec.nodeName"));
                Some(if selected == Some(self.node) {
                    Ok(())
                } else {
                    refuse("can only list/watch pods with spec.nodeName field selector")
                })
            }
            _ => None,
        }
    }

    fn lease(&self, asked: &ResourceAccess<'_>) -> Verdict {
        if asked.namespace != "kube-node-lease" {
            return refuse("can only access leases in the \"kube-node-lease\" system namespace");
        }
        self.own(asked, "a node lease", "node lease")
    }

    /// What has the name of its node.
    fn own(&self, asked: &ResourceAccess<'_>, one: &str, kind: &str) -> Verdict {
        match self.access.verb {
            "create" => Ok(()),
            "get" | "update" | "patch" | "delete" if asked.name == self.node => Ok(()),
            "get" | "update" | "patch" | "delete" => {
                refuse(&format!("can only access {kind} with the same name as the requesting node"))
            }
            _ => refuse(&format!("can only get, create, update, patch, or delete {one}")),
        }
    }

    /// What a pod of the node uses.
    fn used(&self, asked: &ResourceAccess<'_>) -> Verdict {
        if asked.name.is_empty() {
            return refuse("No Object name found");
        }
        if Uses::of(self.node, self.access.cluster).any(asked) {
            return Ok(());
        }
        refuse(&format!("no relationship found between node '{}' and this object", self.node))
    }
}

fn refuse(why: &str) -> Verdict {
    Err(why.to_owned())
}
