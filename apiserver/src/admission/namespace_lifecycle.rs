//! Keeps objects out of namespaces that do not exist or are going away, and the first namespaces from being deleted.

use async_trait::async_trait;
use steersman_core::resource::GroupResource;
use steersman_core::{Error, Result};

use super::{Admission, Attributes, Operation, Part};

/// The namespaces that cannot be deleted.
const IMMORTAL: &[&str] = &["default", "kube-public", "kube-system"];

pub(super) struct NamespaceLifecycle;

#[async_trait]
impl Admission for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    /// It has something to say where it refuses.
    fn handles(&self, write: &Attributes<'_>) -> bool {
        check(write).is_err()
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        check(write)
    }
}

fn check(write: &Attributes<'_>) -> Result<()> {
    if write.is(Operation::Delete, "", "namespaces") && IMMORTAL.contains(&write.name) {
        return Err(write.forbidden("this namespace may not be deleted"));
    }
    let inside = !write.namespace.is_empty() && write.kind.kind != "Namespace";
    // A review says who may do what; whether the namespace exists would be said to those who may not know.
    let review = write.resource.group == "authorization.k8s.io";
    let is_written = matches!(write.operation, Operation::Create | Operation::Update);
    if inside && !review && is_written { check_namespace(write) } else { Ok(()) }
}

fn check_namespace(write: &Attributes<'_>) -> Result<()> {
    let namespaces = GroupResource::new("", "namespaces");
    let namespace = write
        .cluster
        .get(&namespaces, "", write.namespace)
        .ok_or_else(|| Error::not_found(&namespaces, write.namespace))?;
    // A namespace is `Terminating` exactly from when its deletion was asked for.
    if write.operation != Operation::Create || !namespace.metadata().is_terminating() {
        return Ok(());
    }
    let name = write.namespace;
    let why = format!("unable to create new content in namespace {name} because it is being terminated");
    Err(write.forbidden(why).with_cause(
        "NamespaceTerminating",
        "metadata.namespace",
        format!("namespace {name} is being terminated"),
    ))
}
