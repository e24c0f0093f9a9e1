//! A store in memory: a persistent map of the newest entries, and a bounded history of how they came to be.

mod expiry;
mod history;
mod page;
mod wakers;
mod watchers;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::select;
use futures::task::AtomicWaker;
use steersman_core::env::Env;
use steersman_core::store::{
    Commit, Compare, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch, Write,
};

use expiry::Expiry;
use history::History;
use wakers::Wakers;
use watchers::{Follower, Watchers};

/// How many revisions are kept unless said otherwise.
const HISTORY: usize = 10_000;

/// How often every watch is told how far it is, even if nobody asks.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// How many keys one transaction expires at most.
const EXPIRE_AT_ONCE: usize = 1_000;

/// Keeps everything in this process, for as long as a handle to it lives. Cloning shares.
///
/// Reads take a snapshot in constant time and never hold up a writer. The last 10,000 revisions
/// ([`Memory::with_history`]) can be read and watched from; what is older is compacted by itself. A watch that falls
/// as far behind as the history reaches is cut off with [`StoreError::Lagged`].
///
/// [`Store::run`] deletes the keys whose time to live has passed and has every watch make a progress mark once a
/// minute. A time to live counts from when `run` sees it: while nobody runs the store, nothing expires.
///
/// ```
/// use steersman_core::store::{Compare, Store, Transaction, Write};
///
/// # futures::executor::block_on(async {
/// let store = steersman_store::Memory::new();
/// let put = Write::Put { key: "/a".into(), value: "1".into(), ttl: None };
/// store.commit(Transaction { compares: vec![Compare::Absent("/a".into())], writes: vec![put] }).await?;
/// assert_eq!(store.get(b"/a").await?.unwrap().value, "1");
/// # Ok::<(), steersman_core::store::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    state: RwLock<State>,
    /// Wakes `run` when there is a new time to live.
    alarm: AtomicWaker,
}

struct State {
    history: History,
    watchers: Watchers,
    expiry: Expiry,
}

impl Memory {
    /// An empty store that keeps the last 10,000 revisions.
    pub fn new() -> Self {
        Self::with_history(HISTORY)
    }

    /// An empty store that keeps the last `revisions` revisions; a watch may lag behind by as many.
    pub fn with_history(revisions: usize) -> Self {
        let state = State {
            history: History::new(revisions),
            watchers: Watchers::new(revisions.max(1)),
            expiry: Expiry::default(),
        };
        Memory(Arc::new(Shared { state: RwLock::new(state), alarm: AtomicWaker::new() }))
    }

    fn newest(&self) -> Revision {
        self.0.read().history.revision()
    }

    fn carry_out(&self, compares: &[Compare], writes: &[Write]) -> Result<Commit, StoreError> {
        check_each_key_once(writes)?;
        let mut wakers = Wakers::default();
        let (commit, deadlines) = {
            let mut state = self.0.write();
            let commit = state.commit(compares, writes, &mut wakers);
            (commit, state.expiry.has_unseen())
        };
        if deadlines {
            self.0.alarm.wake();
        }
        wakers.wake();
        Ok(commit)
    }

    /// Deletes what is due; tells when the next key is.
    fn expire(&self, now: Duration) -> Option<Duration> {
        loop {
            let mut wakers = Wakers::default();
            let next = self.0.write().expire(now, &mut wakers);
            wakers.wake();
            if next.is_none_or(|next| next > now) {
                return next;
            }
        }
    }

    /// Completes when a time to live was set that `run` has not seen.
    fn new_deadline(&self) -> impl Future<Output = ()> {
        poll_fn(|cx: &mut Context<'_>| {
            self.0.alarm.register(cx.waker());
            if self.0.read().expiry.has_unseen() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn mark_progress(&self) {
        let mut wakers = Wakers::default();
        self.0.write().mark_progress(&mut wakers);
        wakers.wake();
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.read().history.newest().get(key).cloned())
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        let view = self.0.read().history.view(range.at)?;
        Ok(page::read(&range, view))
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        self.carry_out(&transaction.compares, &transaction.writes)
    }

    fn commit_at_once(&self, compares: &[Compare], writes: &[Write]) -> Option<Result<Commit, StoreError>> {
        Some(self.carry_out(compares, writes))
    }

    async fn watch(&self, prefix: Bytes, after: Revision) -> Result<Watch, StoreError> {
        let mut state = self.0.write();
        let backlog = state.history.after(after, &prefix)?;
        let inbox = state.watchers.add(prefix, backlog.back().map_or(after, |batch| batch.revision));
        drop(state);
        Ok(Box::pin(Follower::new(backlog, inbox, Arc::downgrade(&self.0))))
    }

    async fn request_progress(&self) -> Result<(), StoreError> {
        self.mark_progress();
        Ok(())
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.newest())
    }

    fn revision_at_once(&self) -> Option<Revision> {
        Some(self.newest())
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.0.write().history.compact(revision)
    }

    async fn run(&self, env: Env) {
        let mut next_mark = env.elapsed() + PROGRESS_EVERY;
        loop {
            let next_expiry = self.expire(env.elapsed());
            if env.elapsed() >= next_mark {
                self.mark_progress();
                next_mark = env.elapsed() + PROGRESS_EVERY;
            }
            let deadline = next_expiry.map_or(next_mark, |expiry| expiry.min(next_mark));
            select(env.sleep_until(deadline), self.new_deadline()).await;
        }
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn commit(&mut self, compares: &[Compare], writes: &[Write], wakers: &mut Wakers) -> Commit {
        if !compares.iter().all(|compare| self.holds(compare)) {
            return Commit::Refused(compares.iter().map(|compare| self.current(compare).cloned()).collect());
        }
        for write in writes {
            self.expiry.written(write);
        }
        if let Some(batch) = self.history.apply(writes) {
            self.watchers.publish(&batch, wakers);
        }
        Commit::Done(self.history.revision())
    }

    fn current(&self, compare: &Compare) -> Option<&Entry> {
        let (Compare::Absent(key) | Compare::ModifiedAt(key, _)) = compare;
        self.history.newest().get(key)
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Absent(_) => self.current(compare).is_none(),
            Compare::ModifiedAt(_, at) => self.current(compare).is_some_and(|entry| entry.modified == *at),
        }
    }

    fn expire(&mut self, now: Duration, wakers: &mut Wakers) -> Option<Duration> {
        let due = self.expiry.take_due(now, EXPIRE_AT_ONCE);
        if !due.is_empty() {
            let writes: Vec<_> = due.into_iter().map(|key| Write::Delete { key }).collect();
            self.commit(&[], &writes, wakers);
        }
        self.expiry.next()
    }

    fn mark_progress(&mut self, wakers: &mut Wakers) {
        let revision = self.history.revision();
        self.watchers.mark_progress(revision, wakers);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.read();
        f.debug_struct("Memory")
            .field("revision", &state.history.revision())
            .field("keys", &state.history.newest().len())
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    /// Ends every watch.
    fn drop(&mut self) {
        let mut wakers = Wakers::default();
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).watchers.close(&mut wakers);
        wakers.wake();
    }
}

fn check_each_key_once(writes: &[Write]) -> Result<(), StoreError> {
    if writes.len() < 2 {
        return Ok(());
    }
    let mut keys: Vec<&Bytes> = writes.iter().map(key_of).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(StoreError::DuplicateKey(pair[0].clone())),
        None => Ok(()),
    }
}

fn key_of(write: &Write) -> &Bytes {
    let (Write::Put { key, .. } | Write::Delete { key }) = write;
    key
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::{FutureExt, StreamExt};

    use super::*;

    crate::store_contract!(Memory::new());

    fn put(key: &str) -> Transaction {
        let write = Write::Put { key: key.to_owned().into(), value: "v".into(), ttl: None };
        Transaction { compares: Vec::new(), writes: vec![write] }
    }

    #[test]
    fn history_compacts_itself_at_its_bound() {
        let store = Memory::with_history(300);
        for _ in 0..600 {
            block_on(store.commit(put("/a"))).unwrap();
        }
        let read = |at| block_on(store.range(Range { at: Some(Revision(at)), ..Range::default() }));
        assert_eq!(read(300).unwrap().entries[0].modified, Revision(300));
        let refused = StoreError::Compacted { asked: Revision(299), oldest: Revision(300) };
        assert_eq!(read(299).unwrap_err(), refused);
    }

    #[test]
    fn a_watch_ends_with_the_store() {
        let store = Memory::new();
        let mut watch = block_on(store.watch("/".into(), Revision(0))).unwrap();
        drop(store);
        assert_eq!(watch.next().now_or_never(), Some(None));
    }

    #[test]
    fn a_dropped_watch_leaves_nothing_behind() {
        let store = Memory::new();
        drop(block_on(store.watch("/".into(), Revision(0))).unwrap());
        assert!(store.0.read().watchers.is_empty());
    }
}
