//! Time and tasks from a tokio runtime.
#![expect(clippy::disallowed_methods, reason = "this is the door that everything else goes through")]

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Clock, Env, Spawn};

struct Runtime {
    handle: Handle,
    started: Instant,
    started_at: Timestamp,
}

impl Env {
    /// Time and tasks from the tokio runtime this is called in; the random stream starts from the clock.
    ///
    /// The wall clock is read once and then follows tokio's clock, so that a paused tokio clock pauses everything.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as tokio's own functions do.
    pub fn tokio() -> Self {
        let started_at = Timestamp::now();
        let seed = started_at.as_nanosecond() as u64;
        let runtime = Arc::new(Runtime { handle: Handle::current(), started: Instant::now(), started_at });
        Env::new(runtime.clone(), runtime, seed)
    }
}

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        self.started_at.saturating_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.started + deadline))
    }
}

impl Spawn for Runtime {
    fn spawn(&self, _name: &str, task: BoxFuture<'static, ()>) {
        drop(self.handle.spawn(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_tasks_come_from_the_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let env = Env::tokio();
            let before = (env.now(), env.elapsed());
            let task = env.spawn("sleeps", {
                let env = env.clone();
                async move { env.sleep(Duration::from_millis(5)).await }
            });
            task.await.unwrap();
            assert!(env.elapsed() >= before.1 + Duration::from_millis(5));
            assert!(env.now() >= before.0 + Duration::from_millis(5));
        });
    }
}
