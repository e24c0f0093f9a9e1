//! Runs tasks one at a time in an order drawn from a seed, over virtual time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{BoxFuture, poll_fn};
use futures::task::{ArcWake, waker_ref};
use jiff::Timestamp;
use steersman_core::Env;
use steersman_core::env::{Clock, Spawn};

use crate::log::{self, Log};
use crate::timers::{Timer, Timers};

/// Every simulation starts at the same moment, 2026-01-01T00:00:00Z, in seconds since 1970.
const EPOCH: i64 = 1_767_225_600;

/// More polls than this without time moving is a livelock.
const MAX_POLLS_AT_ONE_INSTANT: u64 = 50_000_000;

/// Virtual time that a single [`Sim::block_on`] may take.
const MAX_VIRTUAL: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The main future's place among the tasks.
const MAIN: usize = 0;

/// A simulation: an executor with virtual time. Dropping it drops every task.
#[derive(Debug)]
pub struct Sim {
    world: Arc<World>,
    seed: u64,
}

struct World {
    /// The time, in nanoseconds. It is asked for all the time, and moves only while the state is locked.
    elapsed: AtomicU64,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    ready: Vec<usize>,
    /// Slot 0 stands for the main future, which lives on the stack of `block_on`.
    tasks: Vec<Slot>,
    free: Vec<usize>,
    timers: Timers,
    idle: Vec<Waker>,
    /// Room for those whose time has come.
    due: Vec<Waker>,
    log: Log,
}

#[derive(Default)]
struct Slot {
    name: String,
    name_hash: u64,
    future: Option<BoxFuture<'static, ()>>,
    wake: Option<Arc<Wake>>,
}

struct Wake {
    world: Arc<World>,
    task: usize,
    queued: AtomicBool,
}

impl ArcWake for Wake {
    fn wake_by_ref(wake: &Arc<Self>) {
        if !wake.queued.swap(true, Ordering::Relaxed) {
            wake.world.lock().ready.push(wake.task);
        }
    }
}

impl State {
    /// Empties a task's slot for the next tenant, whom no wake-up of the old one may reach.
    fn vacate(&mut self, task: usize) -> Slot {
        let slot = std::mem::take(&mut self.tasks[task]);
        if let Some(wake) = &slot.wake {
            wake.queued.store(true, Ordering::Relaxed);
        }
        self.ready.retain(|ready| *ready != task);
        self.free.push(task);
        slot
    }
}

impl World {
    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl Sim {
    /// A world of its own, in which chance is drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        let main = Slot { name: "main".to_owned(), ..Slot::default() };
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            ready: Vec::new(),
            tasks: vec![main],
            free: Vec::new(),
            timers: Timers::default(),
            idle: Vec::new(),
            due: Vec::new(),
            log: Log::new(),
        };
        Sim { world: Arc::new(World { elapsed: AtomicU64::new(0), state: Mutex::new(state) }), seed }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Time, tasks and randomness of this world.
    pub fn env(&self) -> Env {
        let handle = Arc::new(Handle(self.world.clone()));
        Env::new(handle.clone(), handle, self.seed)
    }

    /// Runs `main`, and every task meanwhile, until `main` completes.
    ///
    /// # Panics
    /// If `main` can never complete: nothing can run and no timer is set, or tasks wake each other without end. The
    /// message names the tasks.
    pub fn block_on<F: Future>(&self, main: F) -> F::Output {
        let mut main = pin!(main);
        let wake = self.adopt_main();
        let waker = waker_ref(&wake);
        let mut polls: u64 = 0;
        loop {
            let Some(task) = self.next_ready() else {
                polls = 0;
                self.pass_time();
                continue;
            };
            polls += 1;
            assert!(polls < MAX_POLLS_AT_ONE_INSTANT, "livelock: {}", self.waiting());
            if task != MAIN {
                self.poll_task(task);
                continue;
            }
            wake.queued.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
        }
    }

    /// Lets everything happen that can happen without time passing.
    pub async fn settle(&self) {
        let mut waited = false;
        poll_fn(|cx| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            self.world.lock().idle.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Lets `duration` pass, and everything happen that happens meanwhile.
    pub async fn advance(&self, duration: Duration) {
        self.env().sleep(duration).await;
        self.settle().await;
    }

    /// Drops every task with `part` in its name (`"node-1"` stops `kubelet/node-1` and all its children), as a crash
    /// would: no code of theirs runs any more. Returns how many there were.
    pub fn crash(&self, part: &str) -> usize {
        let mut state = self.world.lock();
        let dying = |slot: &Slot| slot.future.is_some() && slot.name.split('/').any(|name| name == part);
        let tasks: Vec<usize> = (1..state.tasks.len()).filter(|task| dying(&state.tasks[*task])).collect();
        let gone: Vec<Slot> = tasks.iter().map(|task| state.vacate(*task)).collect();
        drop(state);
        self.record(&format!("crash {part} ({} tasks)", gone.len()));
        gone.len()
    }

    /// Writes a line into the event log.
    pub fn record(&self, line: &str) {
        self.recorder().record(|to| to.push_str(line));
    }

    pub(crate) fn recorder(&self) -> Recorder {
        Recorder(self.world.clone())
    }

    /// The hash of everything that happened: which task ran when, and every recorded line.
    pub fn log_hash(&self) -> u64 {
        self.world.lock().log.hash()
    }

    /// The last lines that were recorded.
    pub fn recent(&self) -> Vec<String> {
        self.world.lock().log.recent()
    }

    fn adopt_main(&self) -> Arc<Wake> {
        let wake = Arc::new(Wake { world: self.world.clone(), task: MAIN, queued: AtomicBool::new(true) });
        let mut state = self.world.lock();
        state.ready.retain(|task| *task != MAIN);
        state.ready.push(MAIN);
        wake
    }

    fn next_ready(&self) -> Option<usize> {
        let mut state = self.world.lock();
        let State { random, ready, .. } = &mut *state;
        (!ready.is_empty()).then(|| ready.swap_remove(random.usize(0..ready.len())))
    }

    fn poll_task(&self, task: usize) {
        let (mut future, wake) = {
            let mut state = self.world.lock();
            let State { tasks, log, .. } = &mut *state;
            let slot = &mut tasks[task];
            let (Some(future), Some(wake)) = (slot.future.take(), slot.wake.clone()) else { return };
            log.ran(self.world.elapsed(), slot.name_hash);
            (future, wake)
        };
        wake.queued.store(false, Ordering::Relaxed);
        let waker = waker_ref(&wake);
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = self.world.lock();
        if done {
            let slot = state.vacate(task);
            drop(state);
            drop((slot, future));
        } else {
            state.tasks[task].future = Some(future);
        }
    }

    /// Nothing can run: wakes those who wait for just that, or else moves time to the next timer.
    fn pass_time(&self) {
        let mut state = self.world.lock();
        let mut due = std::mem::take(&mut state.due);
        due.append(&mut state.idle);
        if due.is_empty() {
            let Some(deadline) = state.timers.next() else {
                drop(state);
                panic!("stall: nothing can run and no timer is set; waiting: {}", self.waiting());
            };
            assert!(deadline < nanoseconds(MAX_VIRTUAL), "virtual time has run away");
            self.world.elapsed.fetch_max(deadline, Ordering::Relaxed);
            due.extend(std::iter::from_fn(|| state.timers.ring(deadline)));
        }
        drop(state);
        due.drain(..).for_each(Waker::wake);
        self.world.lock().due = due;
    }

    fn waiting(&self) -> String {
        let state = self.world.lock();
        let names = state.tasks.iter().filter(|slot| slot.future.is_some()).map(|slot| slot.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Drop for Sim {
    /// Tasks hold the world and the world holds the tasks: this cuts the ring.
    fn drop(&mut self) {
        loop {
            let (tasks, timers) = {
                let mut state = self.world.lock();
                let count = state.tasks.len();
                (state.tasks.split_off(count.min(1)), state.timers.clear())
            };
            if tasks.is_empty() && timers.is_empty() {
                return;
            }
        }
    }
}

/// A time in nanoseconds; what is later than they can tell is never.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes into the event log from inside the world.
pub(crate) struct Recorder(Arc<World>);

impl Recorder {
    /// The line is what `write` writes, which must not touch the world.
    pub(crate) fn record(&self, write: impl FnOnce(&mut String)) {
        self.0.lock().log.record(self.0.elapsed(), write);
    }
}

/// What an [`Env`] of this world holds.
struct Handle(Arc<World>);

impl Clock for Handle {
    fn now(&self) -> Timestamp {
        let elapsed = self.elapsed();
        Timestamp::new(EPOCH + elapsed.as_secs() as i64, elapsed.subsec_nanos() as i32)
            .expect("a simulation ends centuries before the calendar")
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { world: self.0.clone(), deadline: nanoseconds(deadline), timer: None })
    }
}

impl Spawn for Handle {
    fn spawn(&self, name: &str, future: BoxFuture<'static, ()>) {
        let mut state = self.0.lock();
        let task = state.free.pop().unwrap_or(state.tasks.len());
        let wake = Arc::new(Wake { world: self.0.clone(), task, queued: AtomicBool::new(true) });
        let name_hash = log::hash(name.as_bytes());
        let slot = Slot { name: name.to_owned(), name_hash, future: Some(future), wake: Some(wake) };
        if task == state.tasks.len() {
            state.tasks.push(slot);
        } else {
            state.tasks[task] = slot;
        }
        state.ready.push(task);
    }
}

struct Sleep {
    world: Arc<World>,
    /// In nanoseconds, as time is looked at more often than it is told.
    deadline: u64,
    /// The timer that was set, and whom it wakes.
    timer: Option<(Timer, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Sleep { world, deadline, timer } = self.get_mut();
        if world.elapsed.load(Ordering::Relaxed) >= *deadline {
            // It has rung.
            *timer = None;
            return Poll::Ready(());
        }
        if timer.as_ref().is_some_and(|(_, woken)| woken.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let mut state = world.lock();
        let set = match timer {
            None => state.timers.set(*deadline, cx.waker().clone()),
            Some((set, _)) => {
                let before = state.timers.replace(*set, cx.waker().clone());
                drop(state);
                drop(before);
                *set
            }
        };
        *timer = Some((set, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, _)) = self.timer {
            let waker = self.world.lock().timers.cancel(timer);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interleaving(seed: u64) -> (Vec<usize>, u64) {
        let sim = Sim::new(seed);
        let env = sim.env();
        let order = Arc::new(Mutex::new(Vec::new()));
        sim.block_on(async {
            let tasks = (0..8).map(|n| {
                let (env, order) = (env.clone(), order.clone());
                env.clone().spawn("worker", async move {
                    env.sleep(Duration::from_secs(1)).await;
                    order.lock().unwrap().push(n);
                })
            });
            let tasks: Vec<_> = tasks.collect();
            sim.advance(Duration::from_secs(1)).await;
            drop(tasks);
        });
        let order = order.lock().unwrap().clone();
        (order, sim.log_hash())
    }

    #[test]
    fn equal_seeds_give_equal_logs_and_some_seeds_differ() {
        assert_eq!(interleaving(1), interleaving(1));
        assert!((2..20).any(|seed| interleaving(seed).0 != interleaving(1).0));
    }

    #[test]
    fn a_crash_stops_a_part_and_nothing_else() {
        let sim = Sim::new(1);
        let env = sim.env();
        sim.block_on(async {
            let node = env.child("kubelet").child("node-1");
            let dying = node.spawn("pods", {
                let env = env.clone();
                async move { env.sleep(Duration::from_secs(9)).await }
            });
            let living = env.child("kubelet").child("node-10").spawn("pods", async { 7 });
            sim.settle().await;
            assert_eq!(sim.crash("node-1"), 1);
            assert!(dying.await.is_err());
            assert_eq!(living.await, Ok(7));
        });
    }

    #[test]
    #[should_panic(expected = "stall: nothing can run and no timer is set; waiting: stuck")]
    fn a_stall_names_who_waits() {
        let sim = Sim::new(1);
        let _stuck = sim.env().spawn("stuck", std::future::pending::<()>());
        sim.block_on(std::future::pending::<()>());
    }

    #[test]
    fn dropping_the_simulation_drops_its_tasks() {
        let held = Arc::new(());
        let sim = Sim::new(1);
        let inside = held.clone();
        let env = sim.env();
        let _task = env.clone().spawn("holder", async move {
            env.sleep(Duration::from_secs(1)).await;
            drop(inside);
        });
        sim.block_on(sim.settle());
        drop(sim);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
