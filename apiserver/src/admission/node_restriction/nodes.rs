//! What a node may write of nodes: itself, without the taints and labels that would draw work to it.

use std::collections::BTreeSet;

use steersman_core::Result;
use steersman_core::tree::Value;

use crate::admission::{Attributes, Operation};
use crate::tree::{Read, is_zero};

/// The labels of Kubernetes' own domains that kubelets set.
const LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// The domains in which kubelets may set any label.
const DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// The domain of labels that are kept from kubelets.
const RESTRICTED: &str = "node-restriction.kubernetes.io";

pub(super) fn restrict(write: &Attributes<'_>, node: &str) -> Result<()> {
    let name = write.name_told();
    if name != node {
        return Err(write.forbidden(format!("node {node:?} is not allowed to modify node {name:?}")));
    }
    match write.operation {
        Operation::Create => restrict_new(write, node),
        Operation::Update => restrict_changed(write, node),
        Operation::Delete | Operation::Connect => Ok(()),
    }
}

fn restrict_new(write: &Attributes<'_>, node: &str) -> Result<()> {
    if write.object.at("spec").has("configSource") {
        let why = "is not allowed to create pods with a non-nil configSource";
        return Err(write.forbidden(format!("node {node:?} {why}")));
    }
    let forbidden = forbidden(&Value::Null, write.object);
    if forbidden.is_empty() {
        return Ok(());
    }
    let why = format!("node {node:?} is not allowed to set the following labels: {}", forbidden.join(", "));
    Err(write.forbidden(why))
}

fn restrict_changed(write: &Attributes<'_>, node: &str) -> Result<()> {
    let refuse = |why: &str| Err(write.forbidden(format!("node {node:?} is not allowed to {why}")));
    let (old, new) = (write.old.unwrap_or(&Value::Null), &*write.object);
    let source = |node: &Value| node.at("spec").at("configSource").clone();
    if !source(new).is_null() && source(new) != source(old) {
        return refuse("update configSource to a new non-nil configSource");
    }
    if !is_same(new.at("spec").at("taints"), old.at("spec").at("taints")) {
        return refuse("modify taints");
    }
    let owners = |node: &Value| node.at("metadata").at("ownerReferences").clone();
    if !is_same(&owners(new), &owners(old)) {
        return refuse("modify ownerReferences");
    }
    let forbidden = forbidden(old, new);
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(write.forbidden(format!("is not allowed to modify labels: {}", forbidden.join(", "))))
}

/// An empty list is as good as none.
fn is_same(a: &Value, b: &Value) -> bool {
    a == b || (is_zero(a) && is_zero(b))
}

/// The labels that differ, and are not the node's to set.
fn forbidden<'a>(old: &'a Value, new: &'a Value) -> Vec<&'a str> {
    let label = |node: &'a Value, key: &str| node.at("metadata").at("labels").at(key);
    let both = [old, new].into_iter().flat_map(|node| node.at("metadata").entries("labels"));
    let keys: BTreeSet<&str> = both.map(|(key, _)| key).collect();
    let is_changed = |key: &&str| label(old, key) != label(new, key);
    keys.into_iter().filter(is_changed).filter(|key| is_forbidden(key)).collect()
}

fn is_forbidden(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let is_within =
        |wider: &str| domain.strip_suffix(wider).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let is_kubelets = || LABELS.contains(&label) || DOMAINS.into_iter().any(is_within);
    is_within(RESTRICTED) || ((is_within("kubernetes.io") || is_within("k8s.io")) && !is_kubelets())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_kubernetes_domains_are_not_a_nodes_to_set() {
        let cases = [
            ("own", false),
            ("example.com/x", false),
            ("xkubernetes.io/x", false),
            ("kubernetes.io/hostname", false),
            ("topology.kubernetes.io/zone", false),
            ("a.node.kubernetes.io/x", false),
            ("kubernetes.io/x", true),
            ("a.k8s.io/x", true),
            ("node-role.kubernetes.io/control-plane", true),
            ("node-restriction.kubernetes.io/x", true),
            ("a.node-restriction.kubernetes.io/x", true),
        ];
        for (label, expected) in cases {
            assert_eq!(is_forbidden(label), expected, "{label}");
        }
    }
}
