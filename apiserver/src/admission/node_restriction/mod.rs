//! Holds nodes to what is theirs: their own node, the pods that are bound to them, and what goes with these.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>. Where upstream shows
//! how a claim differs from what it was, nothing is shown; volumes of before CSI are not taken for those of their drivers.

mod nodes;
mod pods;
mod references;
mod tokens;

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::tree::Value;

use super::certificates::common_name;
use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields, is_zero};

/// The group of all nodes, and what their names as users begin with.
const GROUP: &str = "system:nodes";
const PREFIX: &str = "system:node:";

/// Where nodes say that they are alive.
const LEASES: &str = "kube-node-lease";

/// Those who sign certificates of nodes.
const SIGNERS: [&str; 2] = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

/// What the status of a claim says that nodes may change.
const CLAIM_STATUS: [&str; 4] = ["allocatedResourceStatuses", "allocatedResources", "capacity", "conditions"];

pub(super) struct NodeRestriction;

#[async_trait]
impl Admission for NodeRestriction {
    fn name(&self) -> &'static str {
        super::NODE_RESTRICTION
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.operation != Operation::Connect
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let Some(node) = node(write) else { return Ok(()) };
        if node.is_empty() {
            let name = &write.user.name;
            return Err(write.forbidden(format!("could not determine node from user {name:?}")));
        }
        restrict(write, node).await
    }
}

/// The name of the node that writes; empty if it has none, `None` if no node does.
fn node<'a>(write: &Attributes<'a>) -> Option<&'a str> {
    let user = write.user;
    user.name.strip_prefix(PREFIX).filter(|_| user.groups.iter().any(|group| group == GROUP))
}

async fn restrict(write: &Attributes<'_>, node: &str) -> Result<()> {
    match (&*write.resource.group, &*write.resource.resource) {
        ("", "pods") => pods::restrict(write, node),
        ("", "nodes") => nodes::restrict(write, node),
        ("", "persistentvolumeclaims") => claim(write, node),
        ("", "serviceaccounts") => tokens::restrict(write, node).await,
        ("coordination.k8s.io", "leases") => lease(write, node),
        ("storage.k8s.io", "csinodes") => own(write, node, "CSINode"),
        ("resource.k8s.io", "resourceslices") => slice(write, node),
        ("certificates.k8s.io", "certificatesigningrequests") => certificate(write, node),
        _ => Ok(()),
    }
}

fn claim(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.subresource != "status" {
        return Err(write.forbidden("may only update PVC status"));
    }
    if write.operation != Operation::Update {
        return Err(write.forbidden(format!("unexpected operation {:?}", write.operation.word())));
    }
    if kept(write.object) != kept(write.old.unwrap_or(&Value::Null)) {
        let why = "is not allowed to update fields other than status.quantity and status.conditions";
        return Err(write.forbidden(format!("node {node:?} {why}")));
    }
    Ok(())
}

/// What of a claim nodes may not change.
fn kept(claim: &Value) -> Value {
    let mut claim = claim.clone();
    let all = fields(&mut claim);
    let status = all.object("status");
    CLAIM_STATUS.iter().for_each(|field| status.drop_field(field));
    let metadata = all.object("metadata");
    ["managedFields", "resourceVersion"].iter().for_each(|field| metadata.drop_field(field));
    all.retain(|_, value| !is_zero(value));
    claim
}

fn lease(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.namespace != LEASES {
        return Err(write.forbidden(format!("can only access leases in the {LEASES:?} system namespace")));
    }
    own(write, node, "node lease")
}

/// Refuses what does not have the node's name.
fn own(write: &Attributes<'_>, node: &str, kind: &str) -> Result<()> {
    if write.name_told() == node {
        return Ok(());
    }
    Err(write.forbidden(format!("can only access {kind} with the same name as the requesting node")))
}

fn slice(write: &Attributes<'_>, node: &str) -> Result<()> {
    let (slice, verb) = match write.operation {
        Operation::Create => (&*write.object, "create"),
        Operation::Delete => (write.old.unwrap_or(&Value::Null), "delete"),
        Operation::Update | Operation::Connect => return Ok(()),
    };
    if slice.at("spec").text("nodeName") == node {
        return Ok(());
    }
    let why = format!("can only {verb} ResourceSlice with the same NodeName as the requesting node");
    Err(write.forbidden(why))
}

fn certificate(write: &Attributes<'_>, node: &str) -> Result<()> {
    let spec = write.object.at("spec");
    if write.operation != Operation::Create || !SIGNERS.contains(&spec.text("signerName")) {
        return Ok(());
    }
    let name = common_name(spec.text("request"))
        .map_err(|why| write.forbidden(format!("unable to parse csr: {why}")))?;
    if name == format!("{PREFIX}{node}") {
        return Ok(());
    }
    Err(write.forbidden(format!("can only create a node CSR with CN={PREFIX}{node}")))
}
