//! One change of a collection, and what it means to a watcher that sees only a part of the collection.

use std::sync::{Arc, OnceLock};

use steersman_core::api::WatchEvent;
use steersman_core::store::Revision;
use steersman_core::{Error, Object};

use super::selection::{Selection, Version};
use crate::{encode, known};

/// A change of one object. Cloning shares.
#[derive(Clone)]
pub(crate) struct Event(Arc<Inner>);

struct Inner {
    revision: Revision,
    before: Option<Version>,
    now: Option<Version>,
    /// The state before at the version of this change, made when the first watcher needs it.
    last: OnceLock<Result<Object, Error>>,
}

impl Event {
    pub(crate) fn new(revision: Revision, before: Option<Version>, now: Option<Version>) -> Self {
        Event(Arc::new(Inner { revision, before, now, last: OnceLock::new() }))
    }

    /// The same for watchers that come later: what was decoded of the objects goes with those who are told now.
    pub(crate) fn bare(&self) -> Self {
        let bare = |version: &Option<Version>| version.as_ref().map(Version::bare);
        Event::new(self.0.revision, bare(&self.0.before), bare(&self.0.now))
    }

    pub(crate) fn revision(&self) -> Revision {
        self.0.revision
    }

    /// The states before and after, those that there are.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.0.before.iter().chain(&self.0.now)
    }

    /// What a watcher of `selection` is told, if anything: an object that begins to match is added, one that ceases
    /// to match is deleted.
    pub(crate) fn seen_by(&self, selection: &Selection) -> Option<WatchEvent> {
        let before = self.0.before.as_ref().is_some_and(|version| selection.matches(version));
        let now = self.0.now.as_ref().filter(|version| selection.matches(version));
        match (before, now) {
            (false, None) => None,
            (false, Some(now)) => Some(WatchEvent::Added(now.object.clone())),
            (true, Some(now)) => Some(WatchEvent::Modified(now.object.clone())),
            (true, None) => Some(self.last_state()),
        }
    }

    fn last_state(&self) -> WatchEvent {
        let last = self.0.last.get_or_init(|| match &self.0.before {
            Some(before) => encode::at_version(&before.object, self.0.revision)
                .inspect(|last| known::tell_version(&before.object, last)),
            None => Err(Error::internal("an object was deleted that had not been there")),
        });
        match last {
            Ok(object) => WatchEvent::Deleted(object.clone()),
            Err(error) => WatchEvent::Error(error.clone()),
        }
    }
}
