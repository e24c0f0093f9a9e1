//! The one door to the world: time, timers, tasks and randomness.
//!
//! Components never read a clock, start a task or draw a random number but through an [`Env`]. That makes the same
//! code run on tokio, in the simulator with virtual time, or on an executor of one's own
//! (`examples/custom_executor.rs`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{AbortHandle, Abortable, BoxFuture, Either, select};
use jiff::Timestamp;

use crate::Fingerprint;

#[cfg(feature = "tokio")]
mod tokio;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall-clock time.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment; never goes back.
    fn elapsed(&self) -> Duration;

    /// Completes once [`Clock::elapsed`] has reached `deadline`; at once if it already has.
    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()>;
}

/// Where tasks run.
pub trait Spawn: Send + Sync + 'static {
    /// Runs `task` to its end. The name is for people who look at what is running. Must not block.
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>);
}

/// A handle to time, timers, tasks and randomness. Cloning shares; [`Env::child`] derives.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    spawn: Arc<dyn Spawn>,
    seed: u64,
    name: Arc<str>,
    random: Arc<Mutex<fastrand::Rng>>,
}

/// A running task. Dropping it stops the task; awaiting it gives what the task returned.
#[must_use = "dropping a task stops it"]
pub struct Task<T> {
    result: oneshot::Receiver<T>,
    abort: AbortHandle,
}

/// The task was stopped, or panicked, before it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task was stopped before it returned")]
pub struct Stopped;

/// The time limit passed before the future completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time limit has passed")]
pub struct Elapsed;

impl Env {
    /// An environment of one's own parts; `seed` starts its random stream.
    pub fn new(clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>, seed: u64) -> Self {
        Self::named(clock, spawn, seed, "")
    }

    fn named(clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>, seed: u64, name: &str) -> Self {
        // Equal names under equal seeds draw from equal streams on every machine.
        let stream = Fingerprint::seeded(seed).with(name.as_bytes()).value();
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(stream)));
        Env { clock, spawn, seed, name: name.into(), random }
    }

    /// The same time and tasks with a random stream derived from the seed and the full name, so that a new draw in
    /// one place changes no other.
    pub fn child(&self, name: &str) -> Self {
        let full = if self.name.is_empty() { name.to_owned() } else { format!("{}/{name}", self.name) };
        Self::named(self.clock.clone(), self.spawn.clone(), self.seed, &full)
    }

    /// The names on the way from the root to here, joined by `/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The wall-clock time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time since some fixed moment; never goes back.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Waits for `duration`.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(self.elapsed().saturating_add(duration))
    }

    /// Waits until [`Env::elapsed`] has reached `deadline`.
    pub fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(deadline)
    }

    /// Waits for `future`, at most for `limit`; the future is dropped when the limit passes.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Elapsed> {
        let future = std::pin::pin!(future);
        match select(future, self.sleep(limit)).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(Elapsed),
        }
    }

    /// Starts a task. It stops when the returned handle is dropped.
    pub fn spawn<F>(&self, name: &str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let (abort, registration) = AbortHandle::new_pair();
        // No blocks of `async`: each would have room for the future twice.
        let run = future.map(|output| {
            // Nobody waiting for the result is an ordinary case: the owner may only care for the task to run.
            let _ = sender.send(output);
        });
        let run = Abortable::new(run, registration).map(drop);
        let full = if self.name.is_empty() { name.to_owned() } else { [&*self.name, "/", name].concat() };
        self.spawn.spawn(&full, Box::pin(run));
        Task { result, abort }
    }

    /// A random number below `bound`; 0 if `bound` is 0.
    pub fn random_below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw(|random| random.u64(0..bound)) }
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        self.draw(|random| random.u64(..))
    }

    /// A random number in `0.0..1.0`.
    pub fn random_f64(&self) -> f64 {
        self.draw(fastrand::Rng::f64)
    }

    /// `duration` lengthened by a random part of at most `factor` times itself; upstream's `wait.Jitter`.
    pub fn jitter(&self, duration: Duration, factor: f64) -> Duration {
        duration.mul_f64(1.0 + self.random_f64() * factor.max(0.0))
    }

    /// A random (version 4) UUID in its usual printed form.
    pub fn uuid(&self) -> String {
        let (high, low) = self.draw(|random| (random.u64(..), random.u64(..)));
        let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | (0b10 << 62));
        printed_uuid(u128::from(high) << 64 | u128::from(low))
    }

    /// Random letters and digits for a generated name, from the alphabet that upstream uses: no vowels and nothing
    /// easily mistaken.
    pub fn name_suffix(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.draw(|random| {
            (0..length).map(|_| char::from(ALPHABET[random.usize(0..ALPHABET.len())])).collect()
        })
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn printed_uuid(uuid: u128) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' - 10 + value });
    let mut text = String::with_capacity(36);
    for (at, byte) in uuid.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("name", &self.name).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(cx).map(|result| result.map_err(|_| Stopped))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    #[test]
    fn children_draw_from_streams_of_their_own() {
        let draws = |env: &Env| (0..4).map(|_| env.random_u64()).collect::<Vec<_>>();
        let (first, second) = (Lab::new().env(), Lab::new().env());
        first.random_u64();
        draws(&first.child("other"));
        assert_eq!(draws(&first.child("a")), draws(&second.child("a")), "no draw elsewhere changes a stream");
        assert_ne!(draws(&first.child("a")), draws(&first.child("b")));
        assert_eq!(draws(&first.child("a").child("b")), draws(&first.child("a/b")));
    }

    #[test]
    fn what_takes_too_long_is_dropped() {
        let lab = Lab::new();
        let env = lab.env();
        let second = Duration::from_secs(1);
        assert_eq!(lab.run(env.timeout(second, env.sleep(2 * second))), Err(Elapsed));
        assert_eq!(env.elapsed(), second);
        assert_eq!(lab.run(env.timeout(second, async { 5 })), Ok(5));
    }

    #[test]
    fn dropping_a_task_stops_it() {
        let lab = Lab::new();
        let env = lab.env();
        let (sender, stopped) = oneshot::channel::<()>();
        let task = env.spawn("waits", async move {
            let _held = sender;
            std::future::pending::<()>().await;
        });
        lab.run(env.sleep(Duration::from_secs(1)));
        drop(task);
        assert!(lab.run(stopped).is_err(), "all that it held is dropped");
    }

    #[test]
    fn a_task_gives_what_it_returned() {
        let lab = Lab::new();
        let task = lab.env().spawn("answers", async { 42 });
        assert_eq!(lab.run(task), Ok(42));
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let uuid = Lab::new().env().uuid();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"));
        let printed = printed_uuid(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);
        assert_eq!(printed, "01234567-89ab-4cde-8f01-23456789abcd");
    }
}
