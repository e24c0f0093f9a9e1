//! Decides which key is worked on next: each at most once at a time, none lost, failing ones ever later.
//!
//! The counterpart of upstream's `client-go/util/workqueue`. A key that is added twice before anybody takes it is
//! worked on once; a key that is added while it is being worked on comes back when that is over. The queue holds
//! each key at most once ready and once delayed, so it is bounded by the number of distinct keys.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::select;

use crate::backoff::Backoff;
use crate::env::Env;
use crate::waiters::Waiters;

/// What controllers back off with: 5 ms doubling to 1000 s, as upstream's, lengthened by up to a tenth.
pub const DEFAULT_BACKOFF: Backoff =
    Backoff::new(Duration::from_millis(5), Duration::from_secs(1000)).with_jitter(0.1);

/// A queue of keys. Cloning shares.
#[derive(Clone)]
pub struct Queue<T: Ord> {
    env: Env,
    backoff: Backoff,
    state: Arc<Mutex<State<T>>>,
}

/// A key that is being worked on; dropping it says that the work is over.
#[must_use = "dropping a claim says that its work is over"]
pub struct Claim<T: Ord + Clone> {
    key: T,
    queue: Queue<T>,
}

struct State<T: Ord> {
    /// The keys to be worked on next, in the order they were added.
    ready: VecDeque<T>,
    /// The keys that need work or are being worked on.
    stages: BTreeMap<T, Stage>,
    /// The keys that become ready later, by when and in which order they were added.
    delayed: BTreeMap<(Duration, u64), T>,
    /// Where each delayed key stands in `delayed`.
    due: BTreeMap<T, (Duration, u64)>,
    failures: BTreeMap<T, u32>,
    added: u64,
    waiting: Waiters<KeepsTime>,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is ready.
    Ready,
    /// It is being worked on.
    Claimed,
    /// It is being worked on, and was added meanwhile.
    Again,
}

/// Whether a task that waits for a key also waits for the time of the first delayed one: one task does for all of them.
type KeepsTime = bool;

/// What a task waits with. Dropped before the wait is over, it lets another task take its place.
struct Wait<'a, T: Ord + Clone> {
    queue: &'a Queue<T>,
    number: u64,
    deadline: Option<Duration>,
    is_over: bool,
}

impl<T: Ord + Clone> Queue<T> {
    /// An empty queue with [`DEFAULT_BACKOFF`].
    pub fn new(env: &Env) -> Self {
        Self::with_backoff(env, DEFAULT_BACKOFF)
    }

    /// An empty queue whose failing keys back off as told.
    pub fn with_backoff(env: &Env, backoff: Backoff) -> Self {
        Queue { env: env.clone(), backoff, state: Arc::new(Mutex::new(State::new())) }
    }

    /// Makes a key ready, once it is no longer being worked on. Adding a ready key changes nothing.
    pub fn add(&self, key: T) {
        self.state().add(key);
    }

    /// Makes a key ready after `delay`; if it already is to become ready later, the earlier time counts.
    pub fn add_after(&self, key: T, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let at = self.env.elapsed().saturating_add(delay);
        self.state().add_at(key, at);
    }

    /// Counts a failure and makes the key ready after the delay that its failures in a row ask for.
    pub fn add_failed(&self, key: T) {
        let failures = self.state().fail(&key);
        self.add_after(key, self.backoff.delay(&self.env, failures));
    }

    /// Forgets a key's failures.
    pub fn forget(&self, key: &T) {
        self.state().failures.remove(key);
    }

    /// How often a key has failed in a row.
    pub fn failures(&self, key: &T) -> u32 {
        self.state().failures.get(key).copied().unwrap_or_default()
    }

    /// How many keys are ready.
    pub fn len(&self) -> usize {
        self.state().ready.len()
    }

    /// Whether no key is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next key, as soon as there is one. Several tasks may wait; dropping the future loses nothing.
    pub async fn next(&self) -> Claim<T> {
        loop {
            let claimed = self.state().claim(self.env.elapsed());
            let (deadline, number) = match claimed {
                Ok(key) => return Claim { key, queue: self.clone() },
                Err(wait) => wait,
            };
            let mut wait = Wait { queue: self, number, deadline, is_over: false };
            match deadline {
                Some(deadline) => drop(select(&mut wait, self.env.sleep_until(deadline)).await),
                None => (&mut wait).await,
            }
            wait.is_over = true;
        }
    }

    /// The next key, if one is ready now.
    pub fn try_next(&self) -> Option<Claim<T>> {
        let key = self.state().take(self.env.elapsed())?;
        Some(Claim { key, queue: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Ord + Clone> State<T> {
    fn new() -> Self {
        State {
            ready: VecDeque::new(),
            stages: BTreeMap::new(),
            delayed: BTreeMap::new(),
            due: BTreeMap::new(),
            failures: BTreeMap::new(),
            added: 0,
            waiting: Waiters::new(),
        }
    }

    fn add(&mut self, key: T) {
        match self.stages.get_mut(&key) {
            Some(stage @ Stage::Claimed) => *stage = Stage::Again,
            Some(Stage::Ready | Stage::Again) => {}
            None => {
                self.stages.insert(key.clone(), Stage::Ready);
                self.ready.push_back(key);
                self.wake();
            }
        }
    }

    fn add_at(&mut self, key: T, at: Duration) {
        match self.due.get(&key) {
            Some(earlier) if earlier.0 <= at => return,
            Some(later) => drop(self.delayed.remove(later)),
            None => {}
        }
        self.added += 1;
        let place = (at, self.added);
        self.due.insert(key.clone(), place);
        self.delayed.insert(place, key);
        if self.delayed.first_key_value().is_some_and(|(first, _)| *first == place) {
            self.wake_timekeeper();
        }
    }

    fn fail(&mut self, key: &T) -> u32 {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    /// A ready key, or what to wait for: to be woken, and for one task also the first delayed key's time.
    fn claim(&mut self, now: Duration) -> Result<T, (Option<Duration>, u64)> {
        let taken = self.take(now);
        let first = self.delayed.keys().next().map(|place| place.0);
        let deadline = first.filter(|_| !self.waiting.any(|keeps_time| *keeps_time));
        if let Some(key) = taken {
            if deadline.is_some() {
                self.wake();
            }
            return Ok(key);
        }
        Err((deadline, self.waiting.enter(deadline.is_some())))
    }

    fn take(&mut self, now: Duration) -> Option<T> {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let key = first.remove();
            self.due.remove(&key);
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        if let Some(stage) = self.stages.get_mut(&key) {
            *stage = Stage::Claimed;
        }
        Some(key)
    }

    fn finish(&mut self, key: &T) {
        match self.stages.get_mut(key) {
            Some(stage @ Stage::Again) => {
                *stage = Stage::Ready;
                self.ready.push_back(key.clone());
                self.wake();
            }
            _ => drop(self.stages.remove(key)),
        }
    }

    /// Wakes one waiting task, the one that keeps the time last. Tasks that work look again by themselves.
    fn wake(&mut self) {
        if !self.waiting.wake_one(|keeps_time| !keeps_time) {
            self.waiting.wake_one(|_| true);
        }
    }

    /// Wakes the task that keeps the time, or lets a waiting one become it.
    fn wake_timekeeper(&mut self) {
        if !self.waiting.wake_one(|keeps_time| *keeps_time) {
            self.wake();
        }
    }
}

impl<T: Ord + Clone> Future for Wait<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.state().waiting.poll(self.number, cx)
    }
}

impl<T: Ord + Clone> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let was_woken = state.waiting.leave(self.number);
        if !self.is_over && (was_woken || self.deadline.is_some()) {
            state.wake();
        }
    }
}

impl<T: Ord + Clone> Deref for Claim<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.key
    }
}

impl<T: Ord + Clone> Drop for Claim<T> {
    fn drop(&mut self) {
        self.queue.state().finish(&self.key);
    }
}

impl<T: Ord + Clone + fmt::Debug> fmt::Debug for Claim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.key).finish()
    }
}

impl<T: Ord + Clone + fmt::Debug> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Queue")
            .field("ready", &state.ready)
            .field("delayed", &state.due)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::testing::Lab;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn keys_come_in_the_order_they_were_added_and_once() {
        let lab = Lab::new();
        let queue = Queue::new(&lab.env());
        for key in ["b", "a", "b", "c", "a"] {
            queue.add(key);
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.try_next().map(|claim| *claim)).collect();
        assert_eq!(taken, ["b", "a", "c"]);
    }

    #[test]
    fn a_key_added_while_it_is_worked_on_comes_back_afterwards() {
        let lab = Lab::new();
        let queue = Queue::new(&lab.env());
        queue.add("a");
        let claim = queue.try_next().unwrap();
        queue.add("a");
        queue.add("a");
        assert!(queue.try_next().is_none(), "nobody else may work on it meanwhile");
        drop(claim);
        assert_eq!(*queue.try_next().unwrap(), "a");
        assert!(queue.try_next().is_none());
    }

    #[test]
    fn the_earliest_time_wins() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::new(&env);
        queue.add_after("a", seconds(10));
        queue.add_after("a", seconds(4));
        queue.add_after("a", seconds(7));
        lab.run(async {
            assert_eq!(*queue.next().await, "a");
            assert_eq!(env.elapsed(), seconds(4));
            assert!(env.timeout(seconds(60), queue.next()).await.is_err(), "it comes once");
        });
    }

    #[test]
    fn an_earlier_add_wakes_a_waiting_task() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::new(&env);
        queue.add_after("late", seconds(100));
        let adder = {
            let (env, queue) = (env.clone(), queue.clone());
            env.clone().spawn("adder", async move {
                env.sleep(seconds(1)).await;
                queue.add_after("soon", seconds(1));
            })
        };
        lab.run(async {
            assert_eq!(*queue.next().await, "soon");
            assert_eq!(env.elapsed(), seconds(2));
        });
        drop(adder);
    }

    #[test]
    fn failures_in_a_row_wait_longer_and_are_forgotten() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::with_backoff(&env, Backoff::new(seconds(1), seconds(5)));
        lab.run(async {
            for expected in [1, 2, 4, 5, 5] {
                let before = env.elapsed();
                queue.add_failed("a");
                drop(queue.next().await);
                assert_eq!(env.elapsed() - before, seconds(expected));
            }
        });
        assert_eq!(queue.failures(&"a"), 5);
        queue.forget(&"a");
        assert_eq!(queue.failures(&"a"), 0);
    }

    #[test]
    fn several_tasks_share_the_keys() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::new(&env);
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                env.spawn("worker", async move { *queue.next().await })
            })
            .collect();
        for key in [1, 2, 3] {
            queue.add(key);
        }
        let mut taken = lab.run(futures::future::try_join_all(workers)).unwrap();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
    }

    #[test]
    fn a_wake_up_that_its_task_does_not_heed_reaches_another() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::new(&env);
        let mut first = Box::pin(queue.next());
        let mut second = Box::pin(queue.next());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        queue.add("a");
        drop(first);
        assert_eq!(lab.run(second).key, "a");
    }

    #[test]
    fn when_the_task_that_keeps_the_time_leaves_another_does() {
        let lab = Lab::new();
        let env = lab.env();
        let queue = Queue::new(&env);
        queue.add_after("a", seconds(5));
        queue.add_after("b", seconds(7));
        let worker = |_| {
            let queue = queue.clone();
            env.spawn("worker", async move { queue.next().await.key })
        };
        let mut keeper = Box::pin(queue.next());
        assert!(keeper.as_mut().now_or_never().is_none());
        let workers: Vec<_> = (0..2).map(worker).collect();
        lab.run(env.sleep(seconds(1)));
        drop(keeper);
        let taken = lab.run(futures::future::try_join_all(workers)).unwrap();
        assert_eq!((taken, env.elapsed()), (vec!["a", "b"], seconds(7)));
    }
}
