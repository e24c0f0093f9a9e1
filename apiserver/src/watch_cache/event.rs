//! One change of a collection, and what it means to a watcher that sees only a part of the collection.

use std::sync::OnceLock;

use steersman_core::api::WatchEvent;
use steersman_core::store::Revision;
use steersman_core::{Error, Object};

use super::selection::{BareVersion, Selection, Version};
use crate::encode;

/// A change of one object.
pub(crate) struct Event {
    revision: Revision,
    before: Option<Version>,
    now: Option<Version>,
    /// The state before at the version of this change, made when the first watcher needs it.
    last: OnceLock<Result<Object, Error>>,
}

/// The same for watchers that come later: what was decoded of the objects goes with those who are told at once.
pub(crate) struct BareEvent {
    revision: Revision,
    before: Option<BareVersion>,
    now: Option<BareVersion>,
}

impl BareEvent {
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn event(&self) -> Event {
        let version = |bare: &Option<BareVersion>| bare.as_ref().map(BareVersion::version);
        Event::new(self.revision, version(&self.before), version(&self.now))
    }
}

impl Event {
    pub(crate) fn new(revision: Revision, before: Option<Version>, now: Option<Version>) -> Self {
        Event { revision, before, now, last: OnceLock::new() }
    }

    pub(crate) fn bare(&self) -> BareEvent {
        let bare = |version: &Option<Version>| version.as_ref().map(Version::bare);
        BareEvent { revision: self.revision, before: bare(&self.before), now: bare(&self.now) }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The states before and after, those that there are.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.before.iter().chain(&self.now)
    }

    /// What a watcher of `selection` is told, if anything: an object that begins to match is added, one that ceases
    /// to match is deleted.
    pub(crate) fn seen_by(&self, selection: &Selection) -> Option<WatchEvent> {
        let before = self.before.as_ref().is_some_and(|version| selection.matches(version));
        let now = self.now.as_ref().filter(|version| selection.matches(version));
        match (before, now) {
            (false, None) => None,
            (false, Some(now)) => Some(WatchEvent::Added(now.object.clone())),
            (true, Some(now)) => Some(WatchEvent::Modified(now.object.clone())),
            (true, None) => Some(self.last_state()),
        }
    }

    fn last_state(&self) -> WatchEvent {
        let last = self.last.get_or_init(|| match &self.before {
            Some(before) => encode::at_version(&before.object, self.revision),
            None => Err(Error::internal("an object was deleted that had not been there")),
        });
        match last {
            Ok(object) => WatchEvent::Deleted(object.clone()),
            Err(error) => WatchEvent::Error(error.clone()),
        }
    }
}
