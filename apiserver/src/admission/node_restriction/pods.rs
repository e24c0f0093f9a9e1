//! What a node may do with pods: make and delete mirror pods of its own, write the status of its pods, and evict them.

use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::references;
use crate::admission::{Attributes, Operation};
use crate::tree::Read;

const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn restrict(write: &Attributes<'_>, node: &str) -> Result<()> {
    match write.subresource {
        "" => restrict_pod(write, node),
        "status" => restrict_status(write, node),
        "eviction" => restrict_eviction(write, node),
        other => Err(write.forbidden(format!(
            "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
        ))),
    }
}

fn restrict_pod(write: &Attributes<'_>, node: &str) -> Result<()> {
    match write.operation {
        Operation::Create => restrict_new(write, node),
        Operation::Delete if is_on(&found(write, write.name)?, node) => Ok(()),
        Operation::Delete => {
            let why = format!("node {node:?} can only delete pods with spec.nodeName set to itself");
            Err(write.forbidden(why))
        }
        Operation::Update | Operation::Connect => Err(write.forbidden(format!(
            "unexpected operation {:?}, node {node:?} can only create and delete mirror pods",
            write.operation.word()
        ))),
    }
}

fn restrict_new(write: &Attributes<'_>, node: &str) -> Result<()> {
    let refuse = |why: String| Err(write.forbidden(why));
    let pod = &*write.object;
    if !pod.at("metadata").at("annotations").has(MIRROR) {
        return refuse(format!(
            "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
        ));
    }
    if !is_on(pod, node) {
        return refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    check_owner(write, node)?;
    match references::first(pod.at("spec")) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => refuse(format!("node {node:?} can not create pods that reference {what}")),
        Err(why) => refuse(format!("error checking mirror pod for API references: {why}")),
    }
}

/// The one owner is the node.
fn check_owner(write: &Attributes<'_>, node: &str) -> Result<()> {
    let refuse = |why: &str| Err(write.forbidden(format!("node {node:?} {why}")));
    let owner = match write.object.at("metadata").items("ownerReferences") {
        [owner] => owner,
        [] => return refuse("can only create pods with an owner reference set to itself"),
        _ => return refuse("can only create pods with a single owner reference set to itself"),
    };
    if (owner.text("apiVersion"), owner.text("kind"), owner.text("name")) != ("v1", "Node", node) {
        return refuse("can only create pods with an owner reference set to itself");
    }
    if !owner.flag("controller") {
        return refuse("can only create pods with a controller owner reference set to itself");
    }
    if owner.flag("blockOwnerDeletion") {
        return refuse("must not set blockOwnerDeletion on an owner reference");
    }
    let nodes = GroupResource::new("", "nodes");
    let found = write.cluster.get(&nodes, "", node);
    let found = found.ok_or_else(|| Error::not_found(&GroupResource::new("", "node"), node))?;
    if found.uid() != owner.text("uid") {
        let (claimed, uid) = (owner.text("uid"), found.uid());
        return Err(write.forbidden(format!("node {node} UID mismatch: expected {claimed} got {uid}")));
    }
    Ok(())
}

fn restrict_status(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.operation != Operation::Update {
        return Err(write.forbidden(format!("unexpected operation {:?}", write.operation.word())));
    }
    let refuse = |why: &str| Err(write.forbidden(format!("node {node:?} {why}")));
    let (old, new) = (write.old.unwrap_or(&Value::Null), &*write.object);
    if !is_on(old, node) {
        return refuse("can only update pod status for pods with spec.nodeName set to itself");
    }
    let labels = |pod: &Value| -> Vec<(String, Value)> {
        let labels = pod.at("metadata").entries("labels");
        labels.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    };
    if labels(old) != labels(new) {
        return refuse("cannot update labels through pod status");
    }
    let claims = |pod: &Value| pod.at("status").items("resourceClaimStatuses").to_vec();
    if claims(old) != claims(new) {
        return refuse("cannot update resource claim statues");
    }
    let extended = |pod: &Value| pod.at("status").at("extendedResourceClaimStatus").clone();
    if extended(old) != extended(new) {
        return refuse("cannot update extended resource claim status");
    }
    Ok(())
}

fn restrict_eviction(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.operation != Operation::Create {
        return Err(write.forbidden(format!("unexpected operation {}", write.operation.word())));
    }
    let name = write.name_told();
    if name.is_empty() {
        return Err(write.forbidden("could not determine pod from request data"));
    }
    if is_on(&found(write, name)?, node) {
        return Ok(());
    }
    Err(write.forbidden(format!("node {node} can only evict pods with spec.nodeName set to itself")))
}

/// A pod; 404 if it is not there.
pub(super) fn found(write: &Attributes<'_>, name: &str) -> Result<Value> {
    let pod = write.cluster.get(&GroupResource::new("", "pods"), write.namespace, name);
    pod.ok_or_else(|| Error::not_found(&GroupResource::new("", "pod"), name))?.to_value()
}

pub(super) fn is_on(pod: &Value, node: &str) -> bool {
    pod.at("spec").text("nodeName") == node
}
