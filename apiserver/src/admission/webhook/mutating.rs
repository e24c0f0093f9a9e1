//! Lets the webhooks of mutating configurations change or refuse writes, one after the other.

use async_trait::async_trait;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::ask::Refusal;
use super::configurations::Configurations;
use super::hook::Hook;
use crate::admission::shown::Shown;
use crate::admission::{Admission, Attributes, Part, Reinvoked};
use crate::patch::{self, Misfit};
use crate::schema::explain_json;

pub(in crate::admission) struct MutatingAdmissionWebhook(pub(in crate::admission) Configurations);

#[async_trait]
impl Admission for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "MutatingAdmissionWebhook"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        !self.0.hooks(write).is_empty()
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let hooks = self.0.hooks(write);
        write.reinvocation.resume(Reinvoked::Webhooks, write.object);
        for hook in &*hooks {
            self.invoke(hook, write).await?;
        }
        write.reinvocation.pause(Reinvoked::Webhooks, write.object);
        Ok(())
    }
}

impl MutatingAdmissionWebhook {
    async fn invoke(&self, hook: &Hook, write: &mut Attributes<'_>) -> Result<()> {
        let Some(shown) = hook.is_about(write).await? else { return Ok(()) };
        if !write.reinvocation.invokes(Reinvoked::Webhooks, hook.key()) {
            return Ok(());
        }
        let (is_changed, outcome) = match self.change(hook, write, shown).await {
            Ok(is_changed) => (is_changed, Ok(())),
            Err(refusal) => (false, hook.settle(refusal)),
        };
        write.reinvocation.invoked(Reinvoked::Webhooks, hook.key(), hook.is_reinvocable, is_changed);
        outcome
    }

    /// Asks the webhook, and does what it says. Whether that changed the object.
    async fn change(&self, hook: &Hook, write: &mut Attributes<'_>, shown: Shown) -> Result<bool, Refusal> {
        let verdict = hook.ask(&self.0.caller, write, &shown, true).await?;
        let Some((patch, kind)) = verdict.patch else { return Ok(false) };
        let operations: Value = serde_json::from_slice(&patch).map_err(|why| {
            let why = explain_json(&patch).unwrap_or_else(|| why.to_string());
            Refusal::Silence(format!("received undecodable patch in webhook response: {why}"))
        })?;
        if operations.as_array().is_none_or(|list| list.is_empty()) {
            return Ok(false);
        }
        if shown.object.is_null() {
            let name = &hook.name;
            let why = "attempted to modify the object, which is not supported for this operation";
            return Err(Refusal::Final(Error::internal(format!("admission webhook {name:?} {why}"))));
        }
        if kind != "JSONPatch" {
            return Err(Refusal::Silence(format!("unsupported patch type {kind:?}")));
        }
        let patched = patch::perform(&operations, &shown.object).map_err(|misfit| {
            let (Misfit::Test(why) | Misfit::Other(why)) = misfit;
            Refusal::Final(Error::internal(why))
        })?;
        shown.replace(write, patched).await.map_err(|why| Refusal::Final(Error::internal(why)))
    }
}
