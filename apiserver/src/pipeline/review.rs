//! Answers what is only posted, and never stored: questions about users, tokens and rights.

use steersman_core::api::WriteOptions;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::request::Request;
use super::{Written, metadata};
use crate::admission::Operation;
use crate::ownership::Owners;
use crate::review::{Asking, Review};

impl Request<'_> {
    /// The answer to a question that has passed its schema.
    pub(super) async fn review(mut self, mut tree: Value, options: &WriteOptions) -> Result<Written> {
        let row = self.row.clone();
        let resource = row.resource();
        let is_meant = |one: &&dyn Review| one.resource() == (&*resource.group, &*resource.resource);
        let review = self.core.reviews.iter().map(|one| &**one).find(is_meant);
        let review = review.ok_or_else(|| Error::method_not_supported(&row.group_resource(), "create"))?;
        let given = Owners::take(&mut tree);
        let mut owners = self.owner(&options.field_manager).track(None, &tree, &given)?;
        metadata::place(&mut tree, &row, &self.target.namespace)?;
        self.mutate(Operation::Create, &mut tree, &mut owners, None, "").await?;
        self.check(Operation::Create, &mut tree, &mut owners, None).await?;
        self.core.cache.current().await?;
        let asking = Asking { core: self.core, user: &self.caller.user, now: self.now };
        let mut answer = review.answer(&asking, tree).await?;
        owners.put(&mut answer);
        Ok(Written { object: Object::from_value(&answer)?, created: true })
    }
}
