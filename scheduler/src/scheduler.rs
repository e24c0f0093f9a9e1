//! Drives an API server: watches pods and nodes, decides, binds, and tells.

use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::future::select;
use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::cache::Caches;
use steersman_core::events::Recorder;
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Client, Env};

use crate::binding::Binder;
use crate::config::Configuration;
use crate::engine::{Engine, Options, Outcome, Step};
use crate::extender::{Extender, HttpExtender, Post};
use crate::inbox::{Inbox, Kind, News, decoded};
use crate::profiles::Profiles;
use crate::queue::Backoff;
use crate::report::Teller;
use crate::snapshot::Snapshot;
use crate::under_way::UnderWay;
use crate::waiting::Waiting;

/// How many decisions are made before others get a turn, and carried out as one batch.
const AT_ONCE: usize = 32;

/// The scheduler as a component.
pub struct Scheduler {
    env: Env,
    client: Client,
    caches: Caches,
    profiles: Arc<Profiles>,
    waiting: Waiting,
    options: Options,
    engine: Arc<Mutex<Engine>>,
}

impl Scheduler {
    /// A scheduler for the pods that name one of the profiles. It does nothing until [`Scheduler::run`].
    pub fn new(env: &Env, client: &Client, profiles: impl Into<Profiles>) -> Self {
        let env = env.child("scheduler");
        let caches = Caches::new(&env, client);
        Self::with_caches(&env, client, caches, profiles)
    }

    /// A scheduler as a configuration has it, with its extenders, which are reached through `post`.
    pub fn configured(
        env: &Env,
        client: &Client,
        configuration: Configuration,
        post: impl Post + Clone,
    ) -> Self {
        let Configuration { profiles, backoff, extenders } = configuration;
        let scheduler = Self::new(env, client, profiles).backoff(backoff);
        let add = |scheduler: Self, extender| scheduler.extender(HttpExtender::new(extender, post.clone()));
        extenders.into_iter().fold(scheduler, add)
    }

    /// The same over caches that other components share.
    pub fn with_caches(env: &Env, client: &Client, caches: Caches, profiles: impl Into<Profiles>) -> Self {
        let (profiles, waiting) = (Arc::new(profiles.into()), Waiting::default());
        let options = Options::default();
        let engine = Engine::new(profiles.clone(), &options, waiting.clone());
        let (env, client) = (env.clone(), client.clone());
        Scheduler { env, client, caches, profiles, waiting, options, engine: Arc::new(Mutex::new(engine)) }
    }

    /// Takes back the room of a pod that was bound and is not seen on its node within `expiry`. By default, as upstream
    /// has it, bindings are trusted.
    #[must_use]
    pub fn assumed_pods_expire_after(mut self, expiry: Duration) -> Self {
        self.options.expiry = Some(expiry);
        self
    }

    /// Adds an extender, which is asked after those added before. One binds at most.
    #[must_use]
    pub fn extender(mut self, extender: impl Extender) -> Self {
        let more: Arc<dyn Extender> = Arc::new(extender);
        self.options.extenders = self.options.extenders.iter().cloned().chain([more]).collect();
        self
    }

    /// Lets rejected pods wait for other times than upstream's default.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// The pods that wait for a permit plugin.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// The cluster as the scheduler believes it to be at this moment: to explain, or to ask what if.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.engine).cache().snapshot().clone()
    }

    /// Schedules until it is dropped. Everything it does starts from what the API server says, so it may be stopped at
    /// any point and run again.
    pub async fn run(&self) {
        let mut under_way = UnderWay::new(&self.env, self.binder());
        let mut inbox = Inbox::follow(&self.caches, self.related());
        self.caches.synced().await;
        *lock(&self.engine) = Engine::new(self.profiles.clone(), &self.options, self.waiting.clone());
        loop {
            let told = self.note(under_way.take());
            under_way.begin(told);
            self.take_in(&mut inbox);
            if self.decide(&mut under_way).await {
                turn().await;
            } else {
                self.pause(&inbox, &mut under_way).await;
            }
        }
    }

    /// The resources that plugins read, each once.
    fn related(&self) -> Vec<GroupVersionResource> {
        let plugins = self.profiles.iter().flat_map(|profile| profile.plugins());
        let mut related: Vec<GroupVersionResource> = plugins.flat_map(|plugin| plugin.reads()).collect();
        related.sort();
        related.dedup();
        related
    }

    fn take_in(&self, inbox: &mut Inbox) {
        let now = self.env.elapsed();
        let mut engine = lock(&self.engine);
        engine.set_now(self.env.now());
        let mut key = String::new();
        for News { kind, object, gone, .. } in inbox.take() {
            match (kind, gone) {
                (Kind::Node, true) => engine.node(object.name(), None, now),
                (Kind::Node, false) => {
                    if let Some(node) = decoded::<Node>(&object) {
                        engine.node(object.name(), Some(node), now);
                    }
                }
                (Kind::Related, gone) => engine.related(&object, (!gone).then(|| object.clone()), now),
                (Kind::Pod, gone) => {
                    key.clear();
                    key.extend([object.namespace(), "/", object.name()]);
                    engine.pod(&key, if gone { None } else { decoded::<Pod>(&object) }, now);
                }
            }
        }
        engine.expire(now);
    }

    /// Notes what came of steps; what is to be told of that is a step again.
    fn note(&self, outcomes: Vec<Outcome>) -> Vec<Step> {
        let now = self.env.elapsed();
        let mut engine = lock(&self.engine);
        outcomes.into_iter().filter_map(|outcome| engine.note(outcome, now)).collect()
    }

    /// Decides on a batch of pods, and has that carried out. `false` if there is nothing to decide.
    async fn decide(&self, under_way: &mut UnderWay) -> bool {
        let mut steps = Vec::new();
        while steps.len() < AT_ONCE && under_way.has_room(steps.len()) {
            match self.decide_one() {
                Some(Step::Consult(queued, question)) => {
                    // What was decided before does not wait for the answer.
                    under_way.begin(std::mem::take(&mut steps));
                    let decision = question.decide(&self.env).await;
                    steps.push(lock(&self.engine).consulted(queued, decision, self.env.elapsed()));
                    break;
                }
                Some(Step::ConsultGroup(group, question)) => {
                    under_way.begin(std::mem::take(&mut steps));
                    let decision = question.decide(&self.env).await;
                    lock(&self.engine).group_consulted(group, decision, self.env.elapsed());
                }
                Some(step) => steps.push(step),
                None => break,
            }
        }
        let decided = !steps.is_empty();
        under_way.begin(steps);
        decided
    }

    fn decide_one(&self) -> Option<Step> {
        let mut engine = lock(&self.engine);
        let now = self.env.elapsed();
        // Nothing random is drawn where there is nothing to decide.
        if engine.is_ready(now) { engine.next(now, self.env.random_u64()) } else { None }
    }

    fn binder(&self) -> Binder {
        let teller = Teller {
            env: self.env.clone(),
            client: self.client.clone(),
            recorder: Recorder::start(&self.env, &self.client, "default-scheduler"),
            waiting: self.waiting.clone(),
        };
        Binder { teller, profiles: self.profiles.clone(), extenders: self.options.extenders.clone() }
    }

    /// Waits until something changed, a step was carried out, or a pod's time has come.
    async fn pause(&self, inbox: &Inbox, under_way: &mut UnderWay) {
        // Where there is no room for more, time alone changes nothing.
        let due = if under_way.has_room(0) { lock(&self.engine).next_due() } else { None };
        let time = async {
            match due {
                Some(due) => self.env.sleep_until(due).await,
                None => pending().await,
            }
        };
        let (arrived, changed, time) = (pin!(under_way.arrive()), pin!(inbox.changed()), pin!(time));
        select(select(arrived, changed), time).await;
    }
}

/// Lets other tasks have a turn.
async fn turn() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("profiles", &self.profiles).finish_non_exhaustive()
    }
}
