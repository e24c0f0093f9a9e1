//! Asks whether a user may, before anything else is done for him.

use steersman_core::Result;
use steersman_core::api::Target;
use steersman_core::selector::FieldSelector;

use super::Core;
use crate::authorize::{Access, Asked, Decision, ResourceAccess, refusal};
use crate::user::User;

impl Core {
    /// What the authorisers decide.
    pub(crate) async fn decide(&self, user: &User, verb: &str, asked: Asked<'_>) -> Decision {
        self.authorization.decide(&Access { user, verb, asked, cluster: self }).await
    }

    /// 403 unless the user may.
    pub(crate) async fn authorize(&self, user: &User, verb: &str, asked: Asked<'_>) -> Result<()> {
        match self.decide(user, verb, asked).await {
            Decision::Allow { .. } => Ok(()),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => {
                Err(refusal(&Access { user, verb, asked, cluster: self }, &reason))
            }
        }
    }

    /// 403 unless the user may do this to the target; `fields` selects the objects of a list or watch.
    pub(crate) async fn authorize_target(
        &self,
        user: &User,
        verb: &str,
        target: &Target,
        fields: Option<&FieldSelector>,
    ) -> Result<()> {
        self.authorize(user, verb, Asked::Resource(ResourceAccess::of(target, fields))).await
    }

    /// Whether the user may.
    pub(crate) async fn may(&self, user: &User, verb: &str, asked: ResourceAccess<'_>) -> bool {
        matches!(self.decide(user, verb, Asked::Resource(asked)).await, Decision::Allow { .. })
    }
}
