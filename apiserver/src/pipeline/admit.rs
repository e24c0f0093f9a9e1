//! Sends a write through the admission chain: first what changes it, later what only checks it.

use std::sync::{Mutex, PoisonError};

use steersman_core::Result;
use steersman_core::tree::Value;

use super::Core;
use super::commit::Current;
use super::request::{Passage, Request};
use crate::admission::{Attributes, Operation, Owned, Reinvocation};
use crate::ownership::Owners;

impl Request<'_> {
    /// Lets every plugin change or refuse the write, in chain order; all of them once more if a policy has changed what
    /// others had seen. They see the object in the version that it is based on, as far as its client has said.
    pub(super) async fn mutate(
        &mut self,
        operation: Operation,
        object: &mut Value,
        owners: &mut Owners,
        old: Option<&Current>,
        version: &str,
    ) -> Result<()> {
        let core = self.core;
        let whole = Whole::show(core, object, owners, old);
        let (warnings, mut runs) = (self.taken_warnings(), Reinvocation::default());
        let mut write = self.attributes(operation, object, whole.old(old), &warnings, &mut runs);
        (write.version, write.old_version) = (version, old.map_or("", Current::version));
        write.owners = whole.beside(owners, old);
        let mut outcome = admit(core, &mut write).await;
        if outcome.is_ok() && write.reinvocation.restart() {
            outcome = admit(core, &mut write).await;
        }
        self.give_back(warnings);
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
        let (warnings, mut runs) = (self.taken_warnings(), Reinvocation::default());
        let mut write = self.attributes(operation, object, whole.old(old), &warnings, &mut runs);
        // What is stored replaces what is there, whatever its client has said.
        let version = old.map_or("", Current::version);
        (write.version, write.old_version) = (version, version);
        write.owners = whole.beside(owners, old);
        let mut outcome = Ok(());
        for plugin in core.chain.validating.iter().filter(|plugin| plugin.handles(&write)) {
            outcome = plugin.validate(&write).await;
            if outcome.is_err() {
                break;
            }
        }
        self.give_back(warnings);
        whole.hide(object, owners);
        outcome
    }

    fn taken_warnings(&mut self) -> Mutex<Vec<String>> {
        Mutex::new(std::mem::take(&mut self.warnings))
    }

    fn give_back(&mut self, warnings: Mutex<Vec<String>>) {
        self.warnings = warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    fn attributes<'b>(
        &'b self,
        operation: Operation,
        object: &'b mut Value,
        old: Option<&'b Value>,
        warnings: &'b Mutex<Vec<String>>,
        reinvocation: &'b mut Reinvocation,
    ) -> Attributes<'b> {
        Attributes {
            operation,
            resource: &self.target.resource,
            kind: self.row.subresource(&self.target.subresource).map_or(&self.row.kind, |door| &door.kind),
            namespace: &self.target.namespace,
            name: if self.passage == Passage::Nameless { "" } else { &self.target.name },
            subresource: &self.target.subresource,
            object,
            old,
            user: &self.caller.user,
            dry_run: self.dry_run,
            cluster: self.core,
            warnings,
            reinvocation,
            version: "",
            old_version: "",
            owners: None,
            options: self.options.of(operation),
        }
    }
}

async fn admit(core: &Core, write: &mut Attributes<'_>) -> Result<()> {
    for plugin in &core.chain.admitting {
        if plugin.handles(write) {
            plugin.admit(write).await?;
        }
    }
    Ok(())
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
            let mut tree = old.tree.clone();
            old.owners.put(&mut tree);
            tree
        });
        Whole { shown, old }
    }

    /// The old object as plugins see it.
    fn old<'b>(&'b self, old: Option<&'b Current>) -> Option<&'b Value> {
        self.old.as_ref().or(old.map(|old| &old.tree))
    }

    /// The owners, unless plugins see them in the objects.
    fn beside<'b>(&self, new: &'b mut Owners, old: Option<&'b Current>) -> Option<Owned<'b>> {
        (!self.shown).then(|| Owned { new, old: old.map(|old| &old.owners) })
    }

    fn hide(self, object: &mut Value, owners: &mut Owners) {
        if self.shown {
            *owners = Owners::take(object);
        }
    }
}
