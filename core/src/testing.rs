//! A laboratory for tests of components: an executor with virtual time, and an API in memory.

mod api;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::env::{Clock, Env, Spawn};

pub use api::MemoryApi;

/// Runs tasks in one thread, in the order they were started; time passes only when nothing else can be done.
#[derive(Clone, Default)]
pub struct Lab(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Duration,
    timers: BTreeMap<(Duration, u64), Waker>,
    sleeps: u64,
    tasks: Vec<Running<BoxFuture<'static, ()>>>,
}

struct Running<F> {
    future: F,
    woken: Arc<Flag>,
}

struct Flag(AtomicBool);

struct Sleep {
    lab: Lab,
    place: (Duration, u64),
}

impl Lab {
    /// A laboratory in which no time has passed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its time and tasks; always of the same seed.
    pub fn env(&self) -> Env {
        Env::new(Arc::new(self.clone()), Arc::new(self.clone()), 7)
    }

    /// Runs until `main` is done.
    ///
    /// # Panics
    /// If nothing is left that could wake it.
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        let main = pin!(main);
        let mut main = Running::new(main);
        loop {
            let mut idle = !main.is_woken();
            if let Poll::Ready(output) = main.poll() {
                return output;
            }
            // The tasks are taken out for as long as they run, because they may start others.
            let mut tasks = std::mem::take(&mut self.state().tasks);
            tasks.retain_mut(|task| {
                idle &= !task.is_woken();
                task.poll().is_pending()
            });
            let started = std::mem::replace(&mut self.state().tasks, tasks);
            idle &= started.is_empty();
            self.state().tasks.extend(started);
            if idle && !main.is_woken() {
                self.pass_time();
            }
        }
    }

    fn pass_time(&self) {
        let mut state = self.state();
        let ((at, _), waker) = state.timers.pop_first().expect("nothing is left that could happen");
        state.now = state.now.max(at);
        drop(state);
        waker.wake();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future + Unpin> Running<F> {
    fn new(future: F) -> Self {
        Running { future, woken: Arc::new(Flag(AtomicBool::new(true))) }
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }

    fn poll(&mut self) -> Poll<F::Output> {
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(self.woken.clone());
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Clock for Lab {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.state().now
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.state();
        state.sleeps += 1;
        Box::pin(Sleep { lab: self.clone(), place: (deadline, state.sleeps) })
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lab.state();
        if state.now >= self.place.0 {
            return Poll::Ready(());
        }
        state.timers.insert(self.place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.lab.state().timers.remove(&self.place);
    }
}

impl Spawn for Lab {
    fn spawn(&self, _name: &str, task: BoxFuture<'static, ()>) {
        self.state().tasks.push(Running::new(task));
    }
}
