//! Reads collections, whole or page by page.

use std::ops::Bound;

use steersman_core::api::{ListOptions, ObjectList, Target};
use steersman_core::selector::FieldSelector;
use steersman_core::store::{Range, Revision, StoreError};
use steersman_core::{Error, Object, Result};

use super::continue_token::{self, Token};
use super::request::Request;
use super::versions::{self, Wanted};
use super::{Caller, Core};
use crate::watch_cache::{Collection, Selection, Slice, Version};
use crate::{encode, fault};

/// How many keys of an older version are read from the store at a time.
const PAGE: usize = 500;

impl Core {
    /// Reads the objects of a collection that match.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        target: &Target,
        options: &ListOptions,
    ) -> Result<ObjectList> {
        let request = self.open(caller, target, "list")?;
        request.list(options).await
    }
}

impl Request<'_> {
    /// What a list or a watch is about.
    pub(super) fn selection(
        &self,
        labels: &steersman_core::selector::LabelSelector,
        fields: &FieldSelector,
    ) -> Result<Selection> {
        Selection::new(self.target, &self.row, labels, fields)
    }

    pub(super) async fn list(&self, options: &ListOptions) -> Result<ObjectList> {
        let selection = self.selection(&options.labels, &options.fields)?;
        let token = continue_token::read(&options.continue_token)?;
        let wanted = versions::of_list(options)?;
        // A list of whatever is at hand is whole, upstream's older rule; and so is one of the object of a name.
        let is_whole = options.resource_version == "0" || token.is_none() && self.names_one(&options.fields);
        let limit = if is_whole { 0 } else { options.limit };
        let collection = self.row.stored("list")?.clone();
        let (wanted, after) = match &token {
            Some(token) => (token.wanted(), Some(token.start.as_str())),
            None => (wanted, None),
        };
        let newest = match wanted {
            Wanted::Newest => self.core.cache.current().await?,
            Wanted::Any => self.core.cache.revision(),
            Wanted::NotOlderThan(revision) | Wanted::Exactly(revision) => {
                self.core.cache.reach(revision).await?
            }
        };
        match wanted {
            Wanted::Exactly(revision) if !collection.unchanged_since(revision) => {
                self.list_past(&collection, &selection, revision, after, limit).await
            }
            Wanted::Exactly(revision) => {
                self.page(collection.list(&selection, after, limit), &selection, revision).await
            }
            _ => self.page(collection.list(&selection, after, limit), &selection, newest).await,
        }
    }

    /// Whether a selector leaves no more than one object, in a namespace that is known.
    fn names_one(&self, fields: &FieldSelector) -> bool {
        let requires = |field: &str| fields.requires(field).is_some_and(|value| !value.is_empty());
        let is_placed = !self.row.is_namespaced() || !self.target.namespace.is_empty();
        requires("metadata.name") && (is_placed || requires("metadata.namespace"))
    }

    async fn page(&self, slice: Slice, selection: &Selection, revision: Revision) -> Result<ObjectList> {
        let items: Vec<Object> = self.core.all_shown(&self.row, slice.objects).await?;
        let more = slice.last.is_some();
        Ok(ObjectList {
            items,
            resource_version: revision.to_string(),
            continue_token: slice
                .last
                .map_or_else(String::new, |last| continue_token::write(revision, &last)),
            remaining: (more && !selection.is_selective()).then_some(slice.behind as i64),
        })
    }

    /// A list of a version that the cache no longer has: the store may.
    async fn list_past(
        &self,
        collection: &Collection,
        selection: &Selection,
        revision: Revision,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ObjectList> {
        let mut slice = Slice { objects: Vec::new(), last: None, behind: 0 };
        let mut at = after.map(str::to_owned);
        loop {
            let page = self.read_past(collection, selection, revision, at.as_deref()).await?;
            for entry in &page.entries {
                let Some(key) = own_key(&entry.key, collection) else { continue };
                if limit > 0 && slice.objects.len() == limit {
                    slice.last.clone_from(&at);
                    slice.behind += 1;
                    continue;
                }
                let object = encode::read(&entry.value, entry.modified)?;
                let version = Version::read(object, collection.strategy())?;
                at = Some(key.to_owned());
                if selection.matches(&version) {
                    slice.objects.push(version.object);
                }
            }
            if slice.last.is_some() || page.remaining == 0 {
                slice.behind += page.remaining;
                return self.page(slice, selection, revision).await;
            }
        }
    }

    async fn read_past(
        &self,
        collection: &Collection,
        selection: &Selection,
        revision: Revision,
        after: Option<&str>,
    ) -> Result<steersman_core::store::Page> {
        let namespace =
            if selection.namespace.is_empty() { "" } else { &format!("{}/", selection.namespace) };
        let start = after.map(|after| Bound::Excluded(format!("{}{after}", collection.prefix()).into()));
        let prefix = format!("{}{namespace}", collection.prefix()).into();
        let range = Range { prefix, start, limit: PAGE, at: Some(revision) };
        match self.core.store.range(range).await {
            Ok(page) => Ok(page),
            Err(StoreError::Compacted { .. }) => Err(self.snapshot_gone(after)),
            Err(error) => Err(fault::store(error)),
        }
    }

    /// 410. A list that was under way may go on from where it is, at the newest version.
    fn snapshot_gone(&self, after: Option<&str>) -> Error {
        match after {
            None => Error::expired("The resourceVersion for the provided list is too old."),
            Some(after) => {
                let error = Error::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start \
                     a new list without the continue parameter, or use the continue token in this response to \
                     retrieve the remainder of the results. Continuing with the provided token results in an \
                     inconsistent list - objects that were created, modified, or deleted between the time the \
                     first chunk was returned and now may show up in the list.",
                );
                let mut status = error.status().clone();
                status.metadata.continue_ = Some(continue_token::write_inconsistent(after));
                Error::from_status(status)
            }
        }
    }
}

fn own_key<'k>(key: &'k [u8], collection: &Collection) -> Option<&'k str> {
    std::str::from_utf8(key).ok()?.strip_prefix(collection.prefix())
}

impl Token {
    fn wanted(&self) -> Wanted {
        self.revision.map_or(Wanted::Newest, Wanted::Exactly)
    }
}
