//! Gives hyper time and tasks from an [`Env`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use steersman_core::Env;
use steersman_core::env::Task;

/// Starts the tasks of one connection.
#[derive(Clone)]
pub(super) struct Tasks {
    env: Env,
    /// Holds no more than the connection has streams, which hyper bounds.
    started: mpsc::UnboundedSender<Task<()>>,
}

/// Owns the tasks of one connection: they stop when it is dropped.
pub(super) struct Owned {
    started: mpsc::UnboundedReceiver<Task<()>>,
    running: FuturesUnordered<Task<()>>,
}

impl Tasks {
    pub(super) fn new(env: Env) -> (Self, Owned) {
        let (sender, started) = mpsc::unbounded();
        (Tasks { env, started: sender }, Owned { started, running: FuturesUnordered::new() })
    }
}

impl Owned {
    /// Takes over what was started, and forgets what has ended.
    pub(super) fn tend(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(task)) = self.started.poll_next_unpin(cx) {
            self.running.push(task);
        }
        while let Poll::Ready(Some(_)) = self.running.poll_next_unpin(cx) {}
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let task = self.env.spawn("stream", async move {
            future.await;
        });
        // If the connection is gone, so is whoever would have had the answer; the task is dropped, which stops it.
        let _ = self.started.unbounded_send(task);
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
