//! Lets the webhooks of validating configurations refuse writes; all of them are asked at once.

use async_trait::async_trait;
use futures::future::join_all;
use steersman_core::Result;

use super::configurations::Configurations;
use crate::admission::{Admission, Attributes, Part};

pub(in crate::admission) struct ValidatingAdmissionWebhook(pub(in crate::admission) Configurations);

#[async_trait]
impl Admission for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        !self.0.hooks(write).is_empty()
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let hooks = self.0.hooks(write);
        let mut asked = Vec::new();
        for hook in &*hooks {
            if let Some(shown) = hook.is_about(write).await? {
                let ask = async move { hook.ask(&self.0.caller, write, &shown, false).await };
                asked.push(async move { ask.await.map(drop).or_else(|refusal| hook.settle(refusal)) });
            }
        }
        // Everybody is heard; of several refusals the first is told.
        join_all(asked).await.into_iter().collect()
    }
}
