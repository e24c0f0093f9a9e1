//! Sends a write through the admission chain: first what changes it, later what only checks it.

use serde_json::Value;
use steersman_core::Result;

use super::request::Request;
use crate::admission::{Attributes, Operation};
use crate::reader::Reader;

impl Request<'_> {
    /// Lets every plugin change or refuse the write, in chain order.
    pub(super) async fn mutate(
        &mut self,
        operation: Operation,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<()> {
        let core = self.core;
        let mut warnings = std::mem::take(&mut self.warnings);
        let mut write = self.attributes(operation, object, old, &mut warnings);
        let mut outcome = Ok(());
        for plugin in &core.chain {
            outcome = plugin.admit(&mut write).await;
            if outcome.is_err() {
                break;
            }
        }
        self.warnings = warnings;
        outcome
    }

    /// Lets every plugin refuse the write, in chain order.
    pub(super) async fn check(
        &mut self,
        operation: Operation,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<()> {
        let core = self.core;
        let mut warnings = std::mem::take(&mut self.warnings);
        let write = self.attributes(operation, object, old, &mut warnings);
        let mut outcome = Ok(());
        for plugin in &core.chain {
            outcome = plugin.validate(&write).await;
            if outcome.is_err() {
                break;
            }
        }
        self.warnings = warnings;
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
