//! Reads collections from the store: all of them at the start, one when a resource is added later.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use steersman_core::Result;
use steersman_core::store::{Entry, Range};

use super::collection::Collection;
use super::selection::Version;
use super::{WatchCache, feed};
use crate::{encode, fault};

impl WatchCache {
    /// Takes a collection in without reading it: [`WatchCache::load`] will.
    pub(crate) fn add(&self, collection: Arc<Collection>) {
        self.lock().add(collection);
    }

    /// Reads everything and follows the store from there on. Running watches are told to list again.
    pub(crate) async fn load(&self) -> Result<()> {
        let all = Range { prefix: Self::registry(), ..Range::default() };
        let page = self.store.range(all).await.map_err(fault::store)?;
        let watch = self.store.watch(Self::registry(), page.revision).await.map_err(fault::store)?;
        {
            let mut feed = self.lock();
            let mut contents = sort(&feed, &page.entries);
            for collection in feed.collections() {
                let objects = contents.remove(collection.prefix()).unwrap_or_default();
                collection.fill(objects, page.revision);
            }
            feed.follow(watch, page.revision);
        }
        self.pump();
        Ok(())
    }

    /// Takes a collection in and reads it; it is current with the others when this returns.
    pub(crate) async fn add_loaded(&self, collection: Arc<Collection>) -> Result<()> {
        collection.begin_load();
        self.add(collection.clone());
        let prefix = Bytes::copy_from_slice(collection.prefix().as_bytes());
        let range = Range { prefix, ..Range::default() };
        let page = self.store.range(range).await.map_err(fault::store)?;
        let objects = page.entries.iter().filter_map(|entry| {
            let key = std::str::from_utf8(&entry.key).ok()?.strip_prefix(collection.prefix())?;
            Some((key.into(), read(entry, &collection)?))
        });
        collection.fill(objects.collect(), page.revision);
        self.reach(page.revision).await?;
        Ok(())
    }

    /// Forgets a collection and ends its watches.
    pub(crate) fn remove(&self, prefix: &str) {
        self.lock().remove(prefix);
    }
}

type Contents = BTreeMap<String, BTreeMap<Box<str>, Version>>;

fn sort(feed: &feed::Feed, entries: &[Entry]) -> Contents {
    let mut contents = Contents::new();
    for entry in entries {
        let place = std::str::from_utf8(&entry.key).ok().and_then(|key| feed.locate(key));
        if let Some((collection, key)) = place
            && let Some(version) = read(entry, collection)
        {
            contents.entry(collection.prefix().to_owned()).or_default().insert(key.into(), version);
        }
    }
    contents
}

fn read(entry: &Entry, collection: &Collection) -> Option<Version> {
    let object = encode::read(&entry.value, entry.modified);
    match object.and_then(|object| Version::read(object, collection.strategy())) {
        Ok(version) => Some(version),
        Err(error) => {
            let key = String::from_utf8_lossy(&entry.key).into_owned();
            tracing::error!(key, %error, "the store holds an object that cannot be read");
            None
        }
    }
}
