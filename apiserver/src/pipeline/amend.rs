//! Changes an object for the server's own sake: neither admission nor the kind's strategy sees it.

use std::sync::Arc;

use steersman_core::api::Target;
use steersman_core::error::STALE;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::commit::{Current, Draft, Outcome};
use super::{Core, metadata};
use crate::encode;
use crate::ownership::Owners;
use crate::registry::Served;
use crate::subresource::Change;

/// How often a change starts again because others were faster; upstream's `GuaranteedUpdate` never gives up.
pub(super) const ROUNDS: usize = 100;

impl Core {
    /// Changes the newest version of an object; `own` says who owns what changed.
    pub(super) async fn amend(
        &self,
        row: &Arc<Served>,
        target: &Target,
        dry_run: bool,
        change: &Change<'_>,
        own: impl Fn(&Current, &Value) -> Result<Owners> + Send + Sync,
    ) -> Result<Object> {
        let (collection, key) = (row.stored("update")?, row.key(&target.namespace, &target.name));
        let mut current = self.newest(collection, &key).await?;
        for _ in 0..ROUNDS {
            let old = current.ok_or_else(|| Error::not_found(&row.group_resource(), &target.name))?;
            // The change may look at the version, which is no part of what is stored.
            let mut tree = old.tree.clone();
            let version = old.object.resource_version();
            metadata::of(&mut tree).insert("resourceVersion", version.into());
            change(&mut tree)?;
            metadata::take_version(&mut tree);
            if tree == old.tree {
                return Ok(old.object);
            }
            let owners = own(&old, &tree)?;
            if dry_run {
                return encode::stamped(&encode::unstored(&tree, &owners)?, old.revision);
            }
            let draft = Draft::new(tree, owners)?;
            match self.put_over(row, collection, draft, &old).await? {
                Outcome::Stored(object) => return Ok(object),
                Outcome::Lost(newer) => current = newer,
            }
        }
        Err(Error::conflict(&row.group_resource(), &target.name, STALE))
    }

    /// The same for the status of an object, which the server itself owns then.
    pub(super) async fn amend_status(
        &self,
        row: &Arc<Served>,
        target: &Target,
        dry_run: bool,
        change: &Change<'_>,
    ) -> Result<Object> {
        let own = |old: &Current, new: &Value| self.own_status(row).track(Some(old), new, &Owners::default());
        self.amend(row, target, dry_run, change, own).await
    }
}
