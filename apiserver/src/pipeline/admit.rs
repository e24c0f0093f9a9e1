//! Sends a write through the admission chain: first what changes it, later what only checks it.

use serde_json::Value;
use steersman_core::Result;

use super::Core;
use super::commit::Current;
use super::request::Request;
use crate::admission::{Attributes, Operation};
use crate::ownership::Owners;
use crate::reader::Reader;

impl Request<'_> {
    /// Lets every plugin change or refuse the write, in chain order.
    pub(super) async fn mutate(
        &mut self,
        operation: Operation,
        object: &mut Value,
        owners: &mut Owners,
        old: Option<&Current>,
    ) -> Result<()> {
        let core = self.core;
        let whole = Whole::show(core, object, owners, old);
        let mut warnings = std::mem::take(&mut self.warnings);
        let mut write = self.attributes(operation, object, whole.old(old), &mut warnings);
        let mut outcome = Ok(());
        for plugin in &core.chain {
            outcome = plugin.admit(&mut write).await;
            if outcome.is_err() {
                break;
            }
        }
        self.warnings = warnings;
        whole.hide(object, owners);
        outcome
    }

    /// Lets every plugin refuse the write, in chain order.
    pub(super) async fn check(
        &mut self,
        operation: Operation,
        object: &mut Value,
        owners: &mut Owners,
        old: Option<&Current>,
    ) -> Result<()> {
        let core = self.core;
        let whole = Whole::show(core, object, owners, old);
        let mut warnings = std::mem::take(&mut self.warnings);
        let write = self.attributes(operation, object, whole.old(old), &mut warnings);
        let mut outcome = Ok(());
        for plugin in &core.chain {
            outcome = plugin.validate(&write).await;
            if outcome.is_err() {
                break;
            }
        }
        self.warnings = warnings;
        whole.hide(object, owners);
        outcome
    }

    fn attributes<'b>(
        &'b self,
        operation: Operation,
        object: &'b mut Value,
        old: Option<&'b Value>,
        warnings: &'b mut Vec<String>,
    ) -> Attributes<'b> {
        Attributes {
            operation,
            resource: &self.target.resource,
            kind: &self.row.kind,
            namespace: &self.target.namespace,
            name: &self.target.name,
            subresource: &self.target.subresource,
            object,
            old,
            user: &self.caller.user,
            dry_run: self.dry_run,
            cluster: self.core as &dyn Reader,
            warnings,
        }
    }
}

/// The objects of a write with the owners of their fields, for a user's own plugins; the built-in ones look away.
struct Whole {
    shown: bool,
    old: Option<Value>,
}

impl Whole {
    fn show(core: &Core, object: &mut Value, owners: &Owners, old: Option<&Current>) -> Self {
        let shown = core.has_own_plugins;
        if !shown {
            return Whole { shown, old: None };
        }
        owners.put(object);
        let old = old.map(|old| {
            let mut tree = Value::clone(&old.tree);
            old.owners.put(&mut tree);
            tree
        });
        Whole { shown, old }
    }

    /// The old object as plugins see it.
    fn old<'b>(&'b self, old: Option<&'b Current>) -> Option<&'b Value> {
        self.old.as_ref().or(old.map(|old| &*old.tree))
    }

    fn hide(self, object: &mut Value, owners: &mut Owners) {
        if self.shown {
            *owners = Owners::take(object);
        }
    }
}
