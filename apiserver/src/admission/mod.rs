//! The ordered chain that may change or refuse a write after it was decoded and before it is stored.
//!
//! One file per plugin, one line per plugin in the list below.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use steersman_core::Result;
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};

use crate::reader::Reader;
use crate::user::User;

/// What is being done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is created.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A connection is opened to it.
    Connect,
}

/// A write on its way through admission; upstream's `admission.Attributes`.
#[non_exhaustive]
pub struct Attributes<'a> {
    /// What is being done.
    pub operation: Operation,
    /// The resource written to.
    pub resource: &'a GroupVersionResource,
    /// The kind of the body.
    pub kind: &'a GroupVersionKind,
    /// The namespace; empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// The name; empty while it is still to be generated, and for collections.
    pub name: &'a str,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// The object as it would be stored, or the body of a subresource; `Null` on delete.
    pub object: &'a mut Value,
    /// The object as it is stored; `None` on create.
    pub old: Option<&'a Value>,
    /// Who writes.
    pub user: &'a User,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// The rest of the cluster.
    pub cluster: &'a dyn Reader,
    /// Warnings for whoever writes.
    pub warnings: &'a mut Vec<String>,
}

/// A link of the chain. Both methods may be repeated for one write (a patch is retried on conflict).
#[async_trait]
pub trait Admission: Send + Sync {
    /// The name by which it is switched on and off: `NamespaceLifecycle`.
    fn name(&self) -> &'static str;

    /// Changes or refuses the write. Runs in chain order, before any `validate`.
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let _ = write;
        Ok(())
    }

    /// Refuses the write. Runs in chain order, after every `admit` and after the kind's own validation.
    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let _ = write;
        Ok(())
    }
}

/// The built-in chain, in order.
pub(crate) fn builtin() -> Vec<Arc<dyn Admission>> {
    vec![]
}
