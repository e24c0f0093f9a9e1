//! Drives an API server: watches pods and nodes, decides, binds, and tells.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::cache::Caches;
use steersman_core::events::Recorder;
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Client, Env};

use crate::config::Configuration;
use crate::decision::Decision;
use crate::engine::{Engine, Failure, Options, Permitting, Placement, Step};
use crate::extender::{self, Consultation, Extender, Extenders, HttpExtender, Post};
use crate::inbox::{Inbox, Kind, News, decoded};
use crate::plugin::{Binding, Plugin, PreBind};
use crate::pod::PodInfo;
use crate::points::Point;
use crate::profile::Profile;
use crate::profiles::Profiles;
use crate::queue::Backoff;
use crate::report::Teller;
use crate::snapshot::Snapshot;
use crate::verdict::{Refusal, Rejection};
use crate::waiting::Waiting;

/// How many bindings and reports may be under way at most; deciding pauses until there are fewer.
const UNDER_WAY: usize = 500;
/// How many decisions are made before others get a turn.
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

/// Binding or telling, and then noting what came of it.
type Work = BoxFuture<'static, ()>;

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
        let teller = Arc::new(self.teller());
        let mut inbox = Inbox::follow(&self.caches, self.related());
        self.caches.synced().await;
        *lock(&self.engine) = Engine::new(self.profiles.clone(), &self.options, self.waiting.clone());
        let mut work = FuturesUnordered::new();
        loop {
            self.take_in(&inbox);
            for _ in 0..AT_ONCE {
                match self.decide(work.len()) {
                    Some(Step::Consult(queued, question)) => {
                        let decision = self.consult(*question, &mut work).await;
                        let step = lock(&self.engine).consulted(queued, decision, self.env.elapsed());
                        work.push(self.act(step, &teller));
                    }
                    Some(step) => work.push(self.act(step, &teller)),
                    None => break,
                }
            }
            if self.is_ready(work.len()) {
                turn(&mut work).await;
            } else {
                self.pause(&mut inbox, &mut work).await;
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

    fn take_in(&self, inbox: &Inbox) {
        let now = self.env.elapsed();
        let mut engine = lock(&self.engine);
        engine.set_now(self.env.now());
        for News { kind, key, object, gone } in inbox.take() {
            match (kind, gone) {
                (Kind::Node, true) => engine.node(&key, None, now),
                (Kind::Node, false) => {
                    if let Some(node) = decoded::<Node>(&object) {
                        engine.node(&key, Some(node), now);
                    }
                }
                (Kind::Related, gone) => engine.related(&object, (!gone).then(|| object.clone()), now),
                (Kind::Pod, true) => engine.pod(&key, None, now),
                (Kind::Pod, false) => {
                    let pod = decoded::<Pod>(&object).map(|pod| Arc::new(engine.info(&key, pod)));
                    engine.pod(&key, pod, now);
                }
            }
        }
        engine.expire(now);
    }

    fn is_ready(&self, under_way: usize) -> bool {
        under_way < UNDER_WAY && lock(&self.engine).is_ready(self.env.elapsed())
    }

    fn decide(&self, under_way: usize) -> Option<Step> {
        if !self.is_ready(under_way) {
            return None;
        }
        let tie = self.env.random_u64();
        lock(&self.engine).next(self.env.elapsed(), tie)
    }

    /// Asks the extenders; meanwhile, what is under way goes on.
    async fn consult(&self, question: Consultation, work: &mut FuturesUnordered<Work>) -> Decision {
        let mut answer = pin!(question.decide(&self.env));
        loop {
            let finished = async {
                match work.next().await {
                    Some(()) => {}
                    None => futures::future::pending().await,
                }
            };
            match select(answer.as_mut(), pin!(finished)).await {
                Either::Left((decision, _)) => return decision,
                Either::Right(((), _)) => {}
            }
        }
    }

    fn teller(&self) -> Teller {
        Teller {
            env: self.env.clone(),
            client: self.client.clone(),
            recorder: Recorder::start(&self.env, &self.client, "default-scheduler"),
            waiting: self.waiting.clone(),
        }
    }

    fn act(&self, step: Step, teller: &Arc<Teller>) -> Work {
        let (teller, engine) = (teller.clone(), self.engine.clone());
        match step {
            Step::Tell(failure) => tell(teller, engine, failure).boxed(),
            Step::TellGroup(outcome) => async move { teller.group(&outcome).await }.boxed(),
            Step::Bind(placement) => {
                let binders =
                    Binders { profiles: self.profiles.clone(), extenders: self.options.extenders.clone() };
                bind(teller, binders, engine, placement).boxed()
            }
            // Those are answered where they are asked.
            Step::Consult(..) => std::future::ready(()).boxed(),
        }
    }

    /// Waits until something changed, work was finished, or a pod's time has come.
    async fn pause(&self, inbox: &mut Inbox, work: &mut FuturesUnordered<Work>) {
        let due = lock(&self.engine).next_due();
        let finished = async {
            match work.next().await {
                Some(()) => {}
                None => futures::future::pending().await,
            }
        };
        let time = async {
            match due {
                Some(due) => self.env.sleep_until(due).await,
                None => futures::future::pending().await,
            }
        };
        let (finished, time) = (pin!(finished), pin!(time));
        let happened = select(finished, inbox.rings().next());
        select(happened, time).await;
    }
}

/// Who binds pods.
struct Binders {
    profiles: Arc<Profiles>,
    extenders: Extenders,
}

/// Waits for permission, binds, and notes what came of it.
async fn bind(teller: Arc<Teller>, binders: Binders, engine: Arc<Mutex<Engine>>, mut placement: Placement) {
    let pod = placement.queued.pod().clone();
    let Teller { env, client, recorder, .. } = &*teller;
    let outcome = match permitted(env, &mut placement).await {
        Ok(()) => {
            let binding = Binding { env, client, recorder, pod: &pod, node: &placement.node };
            write(&binders, &binding, &pod).await
        }
        Err(refusal) => Err(("Permit", refusal)),
    };
    let now = teller.env.elapsed();
    match outcome {
        Ok(()) => {
            lock(&engine).bound(&placement, now);
            teller.bound(&pod, &placement.node);
        }
        Err((point, refusal)) => {
            let failure = lock(&engine).refused(placement.queued, &placement.node, point, refusal, now);
            // Rare, and large: most bindings need no room for it.
            teller.failure(&failure).boxed().await;
        }
    }
}

/// Tells why a pod has no node, and makes room for it if that was decided.
async fn tell(teller: Arc<Teller>, engine: Arc<Mutex<Engine>>, mut failure: Failure) {
    teller.failure(&failure).await;
    if let Some((queued, plugins)) = failure.back.take() {
        lock(&engine).room_made(queued, &plugins, teller.env.elapsed());
    }
}

async fn permitted(env: &Env, placement: &mut Placement) -> Result<(), Refusal> {
    let Some(permission) = placement.permission.take() else { return Ok(()) };
    let Permitting { plugin, limit, answer } = permission;
    let refuse = |reason: String| Err(Refusal { plugin, rejection: Rejection::unschedulable(reason) });
    match env.timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => refuse("the pod is gone".to_owned()),
        Err(_) => refuse(format!("rejected due to timeout after waiting {limit:?} at plugin {plugin}")),
    }
}

/// Runs the plugins that write; where one of them fails, those that came before binding take back what they wrote.
async fn write(
    binders: &Binders,
    binding: &Binding<'_>,
    pod: &Arc<PodInfo>,
) -> Result<(), (&'static str, Refusal)> {
    let Some(profile) = binders.profiles.of(pod) else { return Ok(()) };
    let written = try_write(binders, profile, binding, pod).await;
    if written.is_err() {
        let mut before: Vec<&dyn PreBind> = profile.at(Point::PreBind).filter_map(Plugin::pre_bind).collect();
        before.reverse();
        for plugin in before {
            plugin.undo(binding).await;
        }
    }
    written
}

/// The first that binds, an extender or a plugin, is the only one.
async fn try_write(
    binders: &Binders,
    profile: &Profile,
    binding: &Binding<'_>,
    pod: &Arc<PodInfo>,
) -> Result<(), (&'static str, Refusal)> {
    for plugin in profile.at(Point::PreBind) {
        if let Some(before) = plugin.pre_bind() {
            let refuse = |rejection| ("PreBind", Refusal { plugin: plugin.name(), rejection });
            before.pre_bind(binding).await.map_err(refuse)?;
        }
    }
    let Binding { env, client, node, .. } = *binding;
    if let Some(bound) = extender::bind(env, &binders.extenders, pod, node).await {
        return bound.map_err(|refusal| ("Bind", refusal));
    }
    for plugin in profile.at(Point::Bind) {
        if let Some(binder) = plugin.bind().filter(|binder| binder.binds(pod)) {
            let refuse = |rejection| ("Bind", Refusal { plugin: plugin.name(), rejection });
            return binder.bind(client, pod, node).await.map_err(refuse);
        }
    }
    let rejection = Rejection::error("no plugin of the profile binds the pod");
    Err(("Bind", Refusal { plugin: "", rejection }))
}

/// Lets work that is under way, and other tasks, have a turn.
async fn turn(work: &mut FuturesUnordered<Work>) {
    while work.next().now_or_never().flatten().is_some() {}
    let mut waited = false;
    std::future::poll_fn(|cx| {
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
