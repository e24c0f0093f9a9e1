//! Works on keys: looks, decides, acts, and holds a key back until its own writes are seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, Ready, join_all, ready};
use steersman_core::cache::{Cache, Subscription};
use steersman_core::env::Task;
use steersman_core::events::About;
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::{Env, Queue, Recorder, Result};

use super::apply::{Hands, Written};
use super::{Actor, Context, Controller, Failure, Key, Outcome, Sources, Sweep, View};

/// What a look at a key has led to: what to do, and which object that is about if there is anything to tell.
type Looked = Result<(Outcome, Option<About>)>;

/// The same, at once where nobody has to be waited for.
type Looking<'a> = Either<Ready<Looked>, BoxFuture<'a, Looked>>;

/// What the runner needs to know of a controller, whatever it is.
pub(super) trait Step: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn component(&self) -> String;
    fn workers(&self) -> usize;
    fn sources(&self) -> Sources;
    fn kind(&self) -> GroupVersionKind;
    /// The pause between two looks at a key that nothing has changed for.
    fn every(&self) -> Option<Duration> {
        None
    }
    fn step<'a>(&'a self, view: &'a View, key: &'a Key) -> Looking<'a>;
    /// What to do about an action that has failed, and which object that is about.
    fn failed(&self, view: &View, key: &Key, failure: &Failure) -> (Outcome, Option<About>);
}

pub(super) struct Reconciling<C>(pub(super) C);
pub(super) struct Acting<A>(pub(super) A);
pub(super) struct Sweeping<S>(pub(super) S);

impl<C: Controller> Step for Reconciling<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn component(&self) -> String {
        self.0.component()
    }

    fn workers(&self) -> usize {
        C::WORKERS
    }

    fn sources(&self) -> Sources {
        self.0.sources().itself::<C::Object>()
    }

    fn kind(&self) -> GroupVersionKind {
        kind_of::<C::Object>()
    }

    fn step<'a>(&'a self, view: &'a View, key: &'a Key) -> Looking<'a> {
        let looked = match view.get::<C::Object>(&key.namespace, &key.name) {
            Some(object) => {
                let outcome = self.0.reconcile(view, &object);
                let about = outcome.tells().then(|| About::of_typed(&*object));
                (outcome, about)
            }
            None => (self.0.gone(view, key), None),
        };
        Either::Left(ready(Ok(looked)))
    }

    fn failed(&self, view: &View, key: &Key, failure: &Failure) -> (Outcome, Option<About>) {
        let object = view.get::<C::Object>(&key.namespace, &key.name);
        let failed =
            object.map(|object| (self.0.failed(view, &object, failure), Some(About::of_typed(&*object))));
        failed.unwrap_or_default()
    }
}

impl<A: Actor> Step for Acting<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn component(&self) -> String {
        self.0.component()
    }

    fn workers(&self) -> usize {
        A::WORKERS
    }

    fn sources(&self) -> Sources {
        self.0.sources().itself::<A::Object>()
    }

    fn kind(&self) -> GroupVersionKind {
        kind_of::<A::Object>()
    }

    fn step<'a>(&'a self, view: &'a View, key: &'a Key) -> Looking<'a> {
        Either::Right(Box::pin(async move {
            Ok(match view.get::<A::Object>(&key.namespace, &key.name) {
                Some(object) => (self.0.act(view, &object).await?, Some(About::of_typed(&*object))),
                None => (self.0.gone(view, key).await?, None),
            })
        }))
    }

    fn failed(&self, _: &View, _: &Key, _: &Failure) -> (Outcome, Option<About>) {
        (Outcome::done(), None)
    }
}

impl<S: Sweep> Step for Sweeping<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn component(&self) -> String {
        self.0.component()
    }

    fn workers(&self) -> usize {
        1
    }

    fn sources(&self) -> Sources {
        self.0.sources()
    }

    fn kind(&self) -> GroupVersionKind {
        GroupVersionKind::new("", "", "")
    }

    fn every(&self) -> Option<Duration> {
        Some(self.0.every())
    }

    fn step<'a>(&'a self, view: &'a View, _: &'a Key) -> Looking<'a> {
        Either::Left(ready(Ok((self.0.sweep(view), None))))
    }

    fn failed(&self, _: &View, _: &Key, _: &Failure) -> (Outcome, Option<About>) {
        (Outcome::done(), None)
    }
}

fn kind_of<K: steersman_core::Resource>() -> GroupVersionKind {
    GroupVersionKind::new(K::GROUP, K::VERSION, K::KIND)
}

/// Runs a controller until it is dropped.
pub(super) async fn drive(context: Context, step: Arc<dyn Step>) {
    let env = context.env.child(&format!("controller/{}", step.name()));
    let sources = step.sources();
    let caches = Arc::new(open(&context, &sources));
    join_all(caches.values().map(Cache::synced)).await;
    let queue = Queue::new(&env);
    let recorder = Recorder::start(&env, &context.client, &step.component());
    let hands = Hands { client: context.client, recorder, caches: caches.clone() };
    let worker = Arc::new(Worker { env: env.clone(), queue, step, hands });
    let _told = worker.listen(&sources);
    if worker.step.every().is_some() {
        worker.queue.add(Key::default());
    }
    let workers: Vec<Task<()>> = (0..worker.step.workers().max(1))
        .map(|number| env.spawn(&format!("worker-{number}"), worker.clone().run()))
        .collect();
    join_all(workers).await;
}

fn open(context: &Context, sources: &Sources) -> BTreeMap<GroupVersionResource, Cache> {
    let mut caches = BTreeMap::new();
    for source in sources.iter() {
        let cache = context.caches.resource(&source.resource);
        source.indexes.iter().for_each(|index| cache.index(index));
        caches.insert(source.resource.clone(), cache);
    }
    caches
}

struct Worker {
    env: Env,
    queue: Queue<Key>,
    step: Arc<dyn Step>,
    hands: Hands,
}

impl Worker {
    /// Leads changes to keys; what there already is counts as added.
    fn listen(&self, sources: &Sources) -> Vec<Subscription> {
        let (kind, sweeps) = (self.step.kind(), self.step.every().is_some());
        let triggers = sources.iter().filter(|source| source.is_trigger()).cloned();
        let subscribe = |source: super::sources::Source| {
            let (env, queue, caches, kind) =
                (self.env.clone(), self.queue.clone(), self.hands.caches.clone(), kind.clone());
            let cache = caches.get(&source.resource).expect("a cache was opened for each source").clone();
            cache.subscribe(move |change| {
                let view = || View::new(env.now(), caches.clone());
                source.lead(&kind, view, change, |key| queue.add(if sweeps { Key::default() } else { key }));
            })
        };
        triggers.map(subscribe).collect()
    }

    async fn run(self: Arc<Self>) {
        let mut written = Written::default();
        loop {
            let key = self.queue.next().await;
            self.work(&key, &mut written).await;
        }
    }

    async fn work(&self, key: &Key, written: &mut Written) {
        match self.look_and_act(key, written).await {
            Ok(requeue) => {
                self.queue.forget(key);
                if let Some(delay) = requeue {
                    self.queue.add_after(key.clone(), delay);
                }
            }
            Err(error) => {
                tracing::debug!(controller = self.step.name(), %key, %error, "will be tried again");
                self.queue.add_failed(key.clone());
            }
        }
        self.hands.hold_back(&self.env, written).await;
    }

    /// When to look again, if not only after changes.
    async fn look_and_act(&self, key: &Key, written: &mut Written) -> Result<Option<Duration>> {
        let view = self.view();
        let (outcome, about) = self.step.step(&view, key).await?;
        let requeue = [outcome.requeue(), self.step.every()].into_iter().flatten().min();
        let Some(failure) = self.hands.apply(outcome, about.as_ref(), written).await else {
            return Ok(requeue);
        };
        if failure.is_in_terminating_namespace() {
            return Ok(requeue);
        }
        if !failure.error.is_conflict() {
            let (note, object) = self.step.failed(&view, key, &failure);
            self.hands.apply(note, about.or(object).as_ref(), written).await;
        }
        Err(failure.error)
    }

    fn view(&self) -> View {
        View::new(self.env.now(), self.hands.caches.clone())
    }
}
