//! Whether a webhook is asked about a write, and how the write is shown to it.

use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::hook::Hook;
use crate::admission::Attributes;
use crate::admission::policy::{Evaluation, Namespace, Scope, Seen};
use crate::admission::rules::Version;
use crate::admission::shown::Shown;

impl Hook {
    /// How the write is shown to the webhook; `None` if it is not asked.
    ///
    /// # Errors
    /// The webhook is about such writes, and what else it asks for cannot be found out.
    pub(super) async fn is_about(&self, write: &Attributes<'_>) -> Result<Option<Shown>> {
        let in_namespace = self.selectors.select_namespace(write);
        if matches!(in_namespace, Ok(false)) || !self.selectors.select_object(write) {
            return Ok(None);
        }
        let Some(version) = Version::named(&self.rules, self.is_equivalent, write)? else { return Ok(None) };
        in_namespace?;
        let shown = Shown::of(write, version).await?;
        Ok(if self.meets_conditions(write, &shown).await? { Some(shown) } else { None })
    }

    async fn meets_conditions(&self, write: &Attributes<'_>, shown: &Shown) -> Result<bool> {
        if self.preamble.is_unconditional() {
            return Ok(true);
        }
        let namespace = Namespace::default();
        let seen = Seen::of(write, shown, write.resource, namespace.of(write)?);
        let mut answers = Seen::answers(write);
        let scope = Scope { preamble: &self.preamble, params: &Value::Null };
        match Evaluation::new(write, &seen, &mut answers).applies(scope).await {
            Ok(applies) => Ok(applies),
            Err(why) if self.preamble.fails => {
                Err(Error::forbidden(&write.resource.group_resource(), write.name_told(), why))
            }
            Err(_) => Ok(false),
        }
    }
}
