//! The contracts of the API, over a whole server: a store of a hundred lines, an executor that runs in the test.

mod access;
mod allocations;
mod conversions;
mod custom;
mod forms;
mod hooks;
mod hostile;
mod nodes;
mod objects;
mod policies;
mod reads;
mod store;
mod versions;
mod webhooks;
mod writes;

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::LocalPool;
use futures::future::BoxFuture;
use futures::task::{LocalSpawnExt, noop_waker};
use jiff::{SignedDuration, Timestamp};
use steersman_core::api::{
    Api, Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchEvent, WatchOptions, WatchStream,
    WriteOptions,
};
use steersman_core::env::{Clock, Spawn};
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, json};
use steersman_core::{Env, Object, Result};

use crate::{Builder, Server, User};

/// A server, and the executor that it runs on.
struct World {
    pool: RefCell<LocalPool>,
    tasks: Arc<Tasks>,
    clock: Arc<Still>,
    store: Arc<store::List>,
    server: Server,
    api: Arc<dyn Api>,
}

/// A clock that moves when the test says so, or when nothing else can.
#[derive(Default)]
struct Still {
    elapsed: Mutex<Duration>,
    sleepers: Mutex<Vec<(Duration, oneshot::Sender<()>)>>,
}

/// Tasks that wait to be taken over by the pool.
#[derive(Default)]
struct Tasks(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        start + SignedDuration::try_from(self.elapsed()).unwrap()
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        let (sender, receiver) = oneshot::channel();
        self.sleepers.lock().unwrap().push((deadline, sender));
        self.advance(Duration::ZERO);
        receiver.map(drop).boxed()
    }
}

impl Still {
    /// Moves on, and wakes who has slept long enough.
    fn advance(&self, by: Duration) {
        let now = {
            let mut elapsed = self.elapsed.lock().unwrap();
            *elapsed += by;
            *elapsed
        };
        let mut sleepers = self.sleepers.lock().unwrap();
        for (_, sender) in sleepers.extract_if(.., |(deadline, _)| *deadline <= now) {
            let _ = sender.send(());
        }
    }

    /// Moves on to when the next sleeper wakes.
    fn next(&self) {
        let next = self.sleepers.lock().unwrap().iter().map(|(deadline, _)| *deadline).min();
        self.advance(next.expect("somebody sleeps").saturating_sub(self.elapsed()));
    }
}

impl Spawn for Tasks {
    fn spawn(&self, _: &str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(task);
    }
}

impl World {
    fn new() -> Self {
        Self::with(|builder| builder.without_admission("ServiceAccount"))
    }

    fn with(assemble: impl FnOnce(Builder) -> Builder) -> Self {
        Self::within(|_, builder| assemble(builder))
    }

    fn within(assemble: impl FnOnce(&Env, Builder) -> Builder) -> Self {
        let store = Arc::new(store::List::default());
        let (clock, tasks) = (Arc::new(Still::default()), Arc::new(Tasks::default()));
        let env = Env::new(clock.clone(), tasks.clone(), 1);
        let mut pool = LocalPool::new();
        let builder = assemble(&env, Server::builder(store.clone()));
        let server = pool.run_until(builder.start(&env)).unwrap();
        let api = server.api_as(User::admin(), "test");
        World { pool: RefCell::new(pool), tasks, clock, store, server, api }
    }

    /// Another server over the same store.
    fn another(&self) -> Server {
        let env = Env::new(self.clock.clone(), self.tasks.clone(), 2);
        self.run(Server::builder(self.store.clone()).start(&env)).unwrap()
    }

    /// Runs a future to its end, and everything that was spawned as far as it goes. Time passes only if the future
    /// waits for it.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            if let Some(output) = future.as_mut().now_or_never() {
                self.settle();
                return output;
            }
            self.settle();
            if let Some(output) = future.as_mut().now_or_never() {
                return output;
            }
            self.clock.next();
        }
    }

    fn settle(&self) {
        let mut pool = self.pool.borrow_mut();
        for task in self.tasks.0.lock().unwrap().drain(..) {
            pool.spawner().spawn_local(task).unwrap();
        }
        pool.run_until_stalled();
    }

    fn create(&self, target: &Target, body: Value) -> Result<Object> {
        self.run(self.api.create(target, body, &WriteOptions::default()))
    }

    fn get(&self, target: &Target) -> Result<Object> {
        self.run(self.api.get(target, &GetOptions::default()))
    }

    fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList> {
        self.run(self.api.list(target, options))
    }

    fn update(&self, target: &Target, body: Value) -> Result<Object> {
        self.run(self.api.update(target, body, &WriteOptions::default()))
    }

    fn merge(&self, target: &Target, patch: Value) -> Result<Object> {
        self.run(self.api.patch(target, Patch::Merge(patch), &WriteOptions::default()))
    }

    fn delete(&self, target: &Target) -> Result<Deletion> {
        self.run(self.api.delete(target, &Default::default()))
    }

    fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        self.run(self.api.watch(target, options))
    }
}

impl World {
    /// Writes a map of one name, whether it is there or not.
    fn update_or_create(&self, value: &str) {
        let named = maps().named("busy");
        if let Err(error) =
            futures::executor::block_on(self.api.update(&named, map("busy", value), &WriteOptions::default()))
        {
            assert!(error.is_not_found());
            self.create(&maps(), map("busy", value)).unwrap();
        }
    }
}

fn pod(name: &str, node: &str) -> Value {
    let container = json!({"name": "c", "image": "i"});
    json!({"metadata": {"name": name}, "spec": {"containers": [container], "nodeName": node}})
}

fn core(resource: &'static str) -> Target {
    Target::all(GroupVersionResource::new("", "v1", resource))
}

fn maps() -> Target {
    core("configmaps").in_namespace("default")
}

fn map(name: &str, value: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"key": value}})
}

/// What a watch has to tell by now: `ADDED a`, `MODIFIED a`, …
fn told(stream: &mut WatchStream) -> Vec<String> {
    let waker = noop_waker();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut events = Vec::new();
    while let std::task::Poll::Ready(Some(event)) = futures::StreamExt::poll_next_unpin(stream, &mut cx) {
        events.push(match event {
            WatchEvent::Added(object) => format!("ADDED {}", object.name()),
            WatchEvent::Modified(object) => format!("MODIFIED {}", object.name()),
            WatchEvent::Deleted(object) => format!("DELETED {}", object.name()),
            WatchEvent::Bookmark { initial_events_end: true, .. } => "END".to_owned(),
            WatchEvent::Bookmark { .. } => "BOOKMARK".to_owned(),
            WatchEvent::Error(error) => format!("ERROR {}", error.message()),
            _ => "?".to_owned(),
        });
    }
    events
}
