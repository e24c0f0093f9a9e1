//! The objects of one resource in memory: the newest version of each, and a window of recent changes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steersman_core::api::{Bookmarks, WatchEvent};
use steersman_core::store::Revision;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::audience::Audience;
use super::event::Event;
use super::selection::{Selection, Version};
use super::watcher::{Subscription, Watcher};
use super::window::Window;
use crate::strategy::Strategy;

/// The objects of one resource, as of some revision.
pub(crate) struct Collection {
    prefix: String,
    strategy: Arc<dyn Strategy>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Box<str>, Version>,
    /// Recent changes, with the changed object's state before and after.
    window: Window,
    /// A watch can start after this revision or a later one.
    since: Revision,
    /// The revision of the newest change.
    changed: Revision,
    audience: Audience,
    /// Changes that came while the first load was under way.
    loading: Option<Vec<(Arrival, String, Option<Version>)>>,
}

/// The revision of a change, and when it came by the environment's clock.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) revision: Revision,
    pub(crate) at: Duration,
}

/// Some objects of a collection.
pub(crate) struct Slice {
    pub(crate) objects: Vec<Object>,
    /// The key of the last one, if there are more.
    pub(crate) last: Option<String>,
    /// How many objects are behind the last one, matching or not.
    pub(crate) behind: usize,
}

/// What has happened in a collection since somebody looked.
pub(crate) enum Changes {
    /// Nothing.
    None,
    /// These changes, up to a revision.
    Some(Vec<WatchEvent>, Revision),
    /// More than is known: everything there is now, as of a revision.
    All(Vec<Object>, Revision),
}

/// Where a watch starts.
pub(crate) enum Start {
    /// With all there is, and an end mark if one is wanted.
    Everything {
        /// Whether a bookmark tells that the initial events are complete.
        end_mark: bool,
    },
    /// With what comes next.
    Now,
    /// Behind a revision.
    After(Revision),
}

impl Collection {
    /// An empty collection of what is stored under `prefix`.
    pub(crate) fn new(prefix: String, strategy: Arc<dyn Strategy>) -> Self {
        Collection { prefix, strategy, state: Mutex::default() }
    }

    /// What the keys of its objects begin with in the store.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The rules of its kind, which tell the selectable fields.
    pub(crate) fn strategy(&self) -> &Arc<dyn Strategy> {
        &self.strategy
    }

    /// The version that an object is which was just written; `tree` is what is stored of it.
    pub(crate) fn written(&self, object: Object, tree: &Value) -> Version {
        let version = Version::new(object, &self.strategy);
        if self.lock().audience.asks_for_fields() {
            version.tell(tree);
        }
        version
    }

    /// The newest version of an object.
    pub(crate) fn get(&self, key: &str) -> Option<Object> {
        self.lock().objects.get(key).map(|version| version.object.clone())
    }

    /// The newest version of an object, with its selectable fields.
    pub(crate) fn version(&self, key: &str) -> Option<Version> {
        self.lock().objects.get(key).cloned()
    }

    /// Whether there are no objects.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().objects.is_empty()
    }

    /// Whether nothing has changed after `revision`, so that what is here is what was there.
    pub(crate) fn unchanged_since(&self, revision: Revision) -> bool {
        let state = self.lock();
        state.changed <= revision && state.since <= revision
    }

    /// The objects of a selection behind the key `after`, at most `limit` (0 is all), in key order.
    pub(crate) fn list(&self, selection: &Selection, after: Option<&str>, limit: usize) -> Slice {
        let state = self.lock();
        let mut slice = Slice { objects: Vec::new(), last: None, behind: 0 };
        if state.objects.is_empty() {
            return slice;
        }
        let mut last = "";
        for (key, version) in state.range(&selection.namespace, after) {
            if limit > 0 && slice.objects.len() == limit {
                slice.behind += 1;
                slice.last = Some(last.to_owned());
                if selection.is_selective() {
                    break;
                }
            } else if selection.matches(version) {
                slice.objects.push(version.object.clone());
                last = key;
            }
        }
        slice
    }

    /// What has happened since somebody saw everything up to a revision, or nothing yet.
    pub(crate) fn changes(&self, seen: Option<Revision>) -> Changes {
        let state = self.lock();
        let changed = state.changed;
        let events = match seen {
            Some(seen) if seen == changed => return Changes::None,
            Some(seen) => state.after(&Selection::default(), seen, changed).ok(),
            None => None,
        };
        match events {
            Some(events) => Changes::Some(events, changed),
            None => Changes::All(state.objects.values().map(|one| one.object.clone()).collect(), changed),
        }
    }

    /// Starts a watch. `current` is the revision that the whole cache has reached. 410 if what came after the start
    /// is no longer known.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        selection: Selection,
        bookmarks: Bookmarks,
        start: Start,
        current: Revision,
    ) -> Result<Subscription> {
        let mut state = self.lock();
        let initial = match start {
            Start::Everything { end_mark } => state.everything(&selection, end_mark, current),
            Start::Now => Vec::new(),
            Start::After(revision) => state.after(&selection, revision, current)?,
        };
        let after = if let Start::After(revision) = start { revision.max(current) } else { current };
        let watcher = Arc::new(Watcher::new(selection, bookmarks, initial, after));
        let id = state.audience.join(watcher.clone());
        Ok(Subscription { watcher, id, collection: Arc::downgrade(self) })
    }

    pub(super) fn unsubscribe(&self, id: u64, watcher: &Watcher) {
        self.lock().audience.leave(id, &watcher.selection);
    }

    /// Puts all objects in at once, as of `revision`, and forgets the past. Running watches are told to list again.
    pub(crate) fn fill(&self, objects: BTreeMap<Box<str>, Version>, revision: Revision) {
        let mut state = self.lock();
        for watcher in state.audience.all() {
            watcher.fail(too_old(revision, revision));
        }
        let pending = state.loading.take().unwrap_or_default();
        state.objects = objects;
        state.window.clear();
        (state.since, state.changed) = (revision, revision);
        for (arrival, key, now) in pending {
            state.change(arrival, &key, now);
        }
    }

    /// Keeps changes back until [`Collection::fill`].
    pub(crate) fn begin_load(&self) {
        self.lock().loading = Some(Vec::new());
    }

    /// Carries out a change and tells the watchers.
    pub(crate) fn apply(&self, arrival: Arrival, key: &str, now: Option<Version>) {
        let mut state = self.lock();
        match &mut state.loading {
            Some(pending) => pending.push((arrival, key.to_owned(), now)),
            None => state.change(arrival, key, now),
        }
    }

    /// Tells the watchers that want to know that everything up to `revision` was delivered.
    pub(crate) fn bookmark(&self, revision: Revision) {
        self.lock().audience.all().for_each(|watcher| watcher.bookmark(revision));
    }

    /// Ends all watches: the resource is no longer served.
    pub(crate) fn close(&self) {
        self.lock().audience.all().for_each(|watcher| watcher.close());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn range<'a>(
        &'a self,
        namespace: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Version)> {
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let start = match after {
            Some(after) if after >= prefix.as_str() => Bound::Excluded(after.to_owned()),
            _ => Bound::Included(prefix.clone()),
        };
        let range = self.objects.range::<str, _>((start.as_ref().map(String::as_str), Bound::Unbounded));
        range.map(|(key, version)| (&**key, version)).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    fn everything(&self, selection: &Selection, end_mark: bool, current: Revision) -> Vec<WatchEvent> {
        let matching = self.range(&selection.namespace, None).filter(|(_, one)| selection.matches(one));
        let mut events: Vec<_> = matching.map(|(_, one)| WatchEvent::Added(one.object.clone())).collect();
        if end_mark {
            let resource_version = current.to_string();
            events.push(WatchEvent::Bookmark { resource_version, initial_events_end: true });
        }
        events
    }

    fn after(&self, selection: &Selection, start: Revision, current: Revision) -> Result<Vec<WatchEvent>> {
        if start < self.since {
            return Err(too_old(start, current));
        }
        Ok(self.window.after(start).filter_map(|event| event.seen_by(selection)).collect())
    }

    fn change(&mut self, arrival: Arrival, key: &str, now: Option<Version>) {
        let Arrival { revision, at } = arrival;
        if revision <= self.since {
            return;
        }
        let before = match (&now, self.objects.get_mut(key)) {
            (Some(now), Some(there)) => Some(std::mem::replace(there, now.clone())),
            (Some(now), None) => self.objects.insert(key.into(), now.clone()),
            (None, _) => self.objects.remove(key),
        };
        if before.is_none() && now.is_none() {
            return;
        }
        self.changed = revision;
        let event = Event::new(revision, before, now);
        self.audience.tell(&event);
        if let Some(gone) = self.window.push(event.bare(), at) {
            self.since = gone;
        }
    }
}

fn too_old(asked: Revision, current: Revision) -> Error {
    Error::expired(format!("too old resource version: {asked} ({current})"))
}
