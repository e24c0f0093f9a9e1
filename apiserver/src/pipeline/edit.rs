//! Stores an object that was changed in its text: neither its tree nor its owners are read.

use bytes::Bytes;
use steersman_core::api::Target;
use steersman_core::error::STALE;
use steersman_core::object::Metadata;
use steersman_core::store::{Commit, Entry, Write};
use steersman_core::tree::Text;
use steersman_core::{Error, Object, Result};

use super::Core;
use super::amend::ROUNDS;
use super::commit::{check_size, revision_of, store_key};
use crate::encode;
use crate::registry::Served;
use crate::strategy::Strategy;
use crate::subresource::{Edit, Edited};
use crate::watch_cache::{Collection, Version};

/// What became of a write.
enum Outcome {
    Stored(Object),
    /// Somebody was faster: what is there now.
    Lost(Option<Version>),
}

impl Core {
    /// Changes the newest version of an object with `edit`, again and again for as long as others are faster.
    pub(super) async fn edit(
        &self,
        row: &Served,
        target: &Target,
        edit: &Edit<'_>,
        dry_run: bool,
    ) -> Result<Object> {
        let (collection, key) = (row.stored("update")?, row.key(&target.namespace, &target.name));
        self.cache.current().await?;
        let mut current = collection.version(&key);
        for _ in 0..ROUNDS {
            let old = current.ok_or_else(|| Error::not_found(&row.group_resource(), &target.name))?;
            let edited = edit(&old.object)?;
            if dry_run {
                return encode::stamped(
                    &unstored(&old, edited.json, edited.metadata),
                    revision_of(&old.object),
                );
            }
            match self.put_edited(row, collection, &key, old, edited).await? {
                Outcome::Stored(object) => return Ok(object),
                Outcome::Lost(newer) => current = newer,
            }
        }
        Err(Error::conflict(&row.group_resource(), &target.name, STALE))
    }

    async fn put_edited(
        &self,
        row: &Served,
        collection: &Collection,
        key: &str,
        old: Version,
        edited: Edited,
    ) -> Result<Outcome> {
        let Edited { json, metadata, fields: changed, stored, tree } = edited;
        check_size(&json)?;
        let (from, size) = (revision_of(&old.object), json.len());
        let key = store_key(collection, key);
        let write = Write::Put { key: key.clone(), value: json.clone(), ttl: row.strategy.time_to_live() };
        match self.commit(key, write, Some(from)).await? {
            Commit::Done(revision) => {
                let object = encode::stamped(&unstored(&old, json, metadata), revision)?;
                stored(&object);
                self.recent.change((from, revision), size, tree);
                let next = old.changed(object.clone(), places(changed, &*row.strategy));
                self.cache.offer(revision, next);
                Ok(Outcome::Stored(object))
            }
            Commit::Refused(entries) => {
                let newer = entries.first().and_then(Option::as_ref);
                let read =
                    |entry: &Entry| Version::read(encode::read(&entry.value, entry.modified)?, &row.strategy);
                newer.map(read).transpose().map(Outcome::Lost)
            }
        }
    }
}

fn unstored(old: &Version, json: Bytes, metadata: Metadata) -> Object {
    Object::from_parts(json, old.object.api_version(), old.object.kind(), metadata)
}

/// The selectable fields that have changed, by their places.
fn places(changed: Vec<(&'static str, String)>, strategy: &dyn Strategy) -> Vec<(usize, Text)> {
    let place = |name| strategy.selectable_fields().iter().position(|field| *field == name);
    changed.into_iter().filter_map(|(name, value)| Some((place(name)?, value.into()))).collect()
}
