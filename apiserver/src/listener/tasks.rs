//! Gives hyper time and tasks from an [`Env`].

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use steersman_core::Env;
use steersman_core::env::Task;

/// Starts the tasks of one connection.
#[derive(Clone)]
pub(super) struct Tasks {
    env: Env,
    running: Weak<Mutex<Running>>,
}

/// Owns the tasks of one connection: they stop when it is dropped.
pub(super) struct Owned {
    _running: Arc<Mutex<Running>>,
}

/// The tasks that run, by the number of each: no more than the connection has streams, which hyper bounds.
#[derive(Default)]
struct Running {
    next: u64,
    tasks: BTreeMap<u64, Task<()>>,
}

impl Tasks {
    pub(super) fn new(env: Env) -> (Self, Owned) {
        let running = Arc::default();
        (Tasks { env, running: Arc::downgrade(&running) }, Owned { _running: running })
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        // If the connection is gone, so is whoever would have had the answer.
        let Some(running) = self.running.upgrade() else { return };
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.next += 1;
        let (number, own) = (running.next, self.running.clone());
        let task = self.env.spawn("stream", async move {
            future.await;
            if let Some(running) = own.upgrade() {
                running.lock().unwrap_or_else(PoisonError::into_inner).tasks.remove(&number);
            }
        });
        // Whatever has ended already waits for the lock to be forgotten.
        running.tasks.insert(number, task);
    }
}

/// Time for hyper, whose deadlines are [`Instant`]s: they count from one taken when the timer was made.
#[derive(Clone)]
pub(super) struct Timer {
    env: Env,
    /// An instant, and what [`Env::elapsed`] said then.
    start: (Instant, Duration),
}

impl Timer {
    #[expect(
        clippy::disallowed_methods,
        reason = "only a fixed point to count from; time passes as the Env says"
    )]
    pub(super) fn new(env: Env) -> Self {
        let start = (Instant::now(), env.elapsed());
        Timer { env, start }
    }
}

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(self.env.sleep(duration).into()))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let after = deadline.saturating_duration_since(self.start.0);
        Box::pin(Sleep(self.env.sleep_until(self.start.1 + after).into()))
    }

    fn now(&self) -> Instant {
        self.start.0 + self.env.elapsed().saturating_sub(self.start.1)
    }
}

/// A sleep of the [`Env`]; hyper wants to share it, though it polls from one task at a time.
struct Sleep(futures::lock::Mutex<BoxFuture<'static, ()>>);

impl hyper::rt::Sleep for Sleep {}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().as_mut().poll(cx)
    }
}
