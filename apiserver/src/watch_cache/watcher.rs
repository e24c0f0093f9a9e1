//! One running watch: its bounded buffer, filled by the collection and emptied by whoever watches.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::{FutureExt, Stream, StreamExt, stream};
use steersman_core::Error;
use steersman_core::api::{Bookmarks, WatchEvent};
use steersman_core::store::Revision;

use super::collection::Collection;
use super::event::Event;
use super::selection::Selection;

/// How many events wait for a slow watcher before it is cut off. An event is a pointer to a shared object, so a full
/// buffer weighs about a megabyte; a controller that handles one burst of ten thousand changes keeps its watch.
const BUFFER: usize = 16_384;

/// What a collection knows of a watcher.
pub(crate) struct Watcher {
    pub(crate) selection: Selection,
    pub(crate) bookmarks: Bookmarks,
    /// Changes up to this revision are not told: a watch may start in the future.
    after: Revision,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    events: VecDeque<WatchEvent>,
    seen: Revision,
    closed: bool,
    waker: Option<Waker>,
}

impl Watcher {
    /// A watcher that is to be told `initial` first, and then what comes after `after`.
    pub(crate) fn new(
        selection: Selection,
        bookmarks: Bookmarks,
        initial: Vec<WatchEvent>,
        after: Revision,
    ) -> Self {
        let buffer = Buffer { events: initial.into(), seen: after, ..Buffer::default() };
        Watcher { selection, bookmarks, after, buffer: Mutex::new(buffer) }
    }

    /// Tells the watcher of a change, if it is meant by it.
    pub(crate) fn tell(&self, event: &Event) {
        if event.revision() > self.after
            && let Some(seen) = event.seen_by(&self.selection)
        {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = &seen {
                object.set_followed();
            }
            self.push(seen, event.revision());
        }
    }

    /// Tells a watcher that wants to know it every minute that everything up to `revision` was delivered.
    pub(crate) fn bookmark(&self, revision: Revision) {
        if self.bookmarks == Bookmarks::EveryMinute {
            self.mark(revision);
        }
    }

    /// Ends the watch at its time limit: everything up to `revision` was delivered.
    fn finish(&self, revision: Revision) {
        if self.bookmarks == Bookmarks::AtEnd {
            self.mark(revision);
        }
        self.close();
    }

    fn mark(&self, revision: Revision) {
        if self.lock().seen < revision {
            let resource_version = revision.to_string();
            self.push(WatchEvent::Bookmark { resource_version, initial_events_end: false }, revision);
        }
    }

    /// Ends the watch with an error.
    pub(crate) fn fail(&self, error: Error) {
        let mut buffer = self.lock();
        if !buffer.closed {
            buffer.closed = true;
            buffer.events.push_back(WatchEvent::Error(error));
        }
        wake(buffer);
    }

    /// Ends the watch after what was delivered.
    pub(crate) fn close(&self) {
        let mut buffer = self.lock();
        buffer.closed = true;
        wake(buffer);
    }

    fn push(&self, event: WatchEvent, revision: Revision) {
        let mut buffer = self.lock();
        if buffer.closed {
            return;
        }
        if buffer.events.len() >= BUFFER {
            buffer.closed = true;
            buffer.events.clear();
            buffer.events.push_back(WatchEvent::Error(too_slow()));
        } else {
            buffer.seen = revision;
            buffer.events.push_back(event);
        }
        wake(buffer);
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut buffer: MutexGuard<'_, Buffer>) {
    let waker = buffer.waker.take();
    drop(buffer);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn too_slow() -> Error {
    Error::expired("the watcher was too slow and has been cut off; list again")
}

/// The events of a watch. Dropping it ends the watch.
pub(crate) struct Subscription {
    pub(super) watcher: Arc<Watcher>,
    pub(super) id: u64,
    pub(super) collection: Weak<Collection>,
}

impl Subscription {
    /// The same events until `end` completes, with the revision up to which everything was delivered by then.
    pub(crate) fn until(
        mut self,
        end: impl Future<Output = Revision> + Unpin,
    ) -> impl Stream<Item = WatchEvent> {
        let mut end = end.fuse();
        stream::poll_fn(move |cx| {
            if let Poll::Ready(revision) = end.poll_unpin(cx) {
                self.watcher.finish(revision);
            }
            self.poll_next_unpin(cx)
        })
    }
}

impl Stream for Subscription {
    type Item = WatchEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        let mut buffer = self.watcher.lock();
        match buffer.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if buffer.closed => Poll::Ready(None),
            None => {
                buffer.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(collection) = self.collection.upgrade() {
            collection.unsubscribe(self.id, &self.watcher);
        }
    }
}
