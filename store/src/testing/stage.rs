//! An [`Env`] whose clock is moved by hand and whose tasks run only while it is.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::task::noop_waker;
use jiff::Timestamp;
use steersman_core::env::{Clock, Env, Spawn};

/// A clock that stands still, and tasks that run only during [`Stage::advance`]: nothing depends on real time.
pub struct Stage {
    world: World,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
}

/// Cloning shares.
#[derive(Clone, Default)]
struct World(Arc<State>);

#[derive(Default)]
struct State {
    elapsed: Mutex<Duration>,
    sleepers: Mutex<Vec<(Duration, Waker)>>,
    spawned: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl Stage {
    /// A stage at the beginning of time, with no tasks.
    pub fn new() -> Self {
        Stage { world: World::default(), tasks: FuturesUnordered::new() }
    }

    /// The environment of the stage.
    pub fn env(&self) -> Env {
        Env::new(Arc::new(self.world.clone()), Arc::new(self.world.clone()), 0)
    }

    /// Adds a task of the test's own.
    pub fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        self.tasks.push(task);
    }

    /// Lets time pass, and all that is due in it happen, each at its own moment.
    pub fn advance(&mut self, duration: Duration) {
        let target = *lock(&self.world.0.elapsed) + duration;
        self.run_until_stalled();
        while let Some(next) = self.world.next_deadline().filter(|next| *next <= target) {
            self.world.set(next);
            self.run_until_stalled();
        }
        self.world.set(target);
        self.run_until_stalled();
    }

    fn run_until_stalled(&mut self) {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        loop {
            self.tasks.extend(lock(&self.world.0.spawned).drain(..));
            let ran_to_its_end = matches!(self.tasks.poll_next_unpin(&mut cx), Poll::Ready(Some(())));
            if !ran_to_its_end && lock(&self.world.0.spawned).is_empty() {
                return;
            }
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    fn next_deadline(&self) -> Option<Duration> {
        lock(&self.0.sleepers).iter().map(|(deadline, _)| *deadline).min()
    }

    /// Sets the clock and wakes whom it is time for.
    fn set(&self, elapsed: Duration) {
        *lock(&self.0.elapsed) = elapsed;
        let due: Vec<_> =
            lock(&self.0.sleepers).extract_if(.., |(deadline, _)| *deadline <= elapsed).collect();
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        *lock(&self.0.elapsed)
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        let world = self.clone();
        Box::pin(poll_fn(move |cx| {
            if world.elapsed() >= deadline {
                return Poll::Ready(());
            }
            lock(&world.0.sleepers).push((deadline, cx.waker().clone()));
            Poll::Pending
        }))
    }
}

impl Spawn for World {
    fn spawn(&self, _name: &str, task: BoxFuture<'static, ()>) {
        lock(&self.0.spawned).push(task);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
