//! Records what happened to objects as core/v1 Events, without ever making the caller wait.
//!
//! Upstream's `EventRecorder` and its correlator: equal events are counted in one object, more than ten similar
//! ones in ten minutes are combined, and a source that says too much about one object is silenced for a while.
//! See <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>.

mod about;
mod correlator;
mod recent;
mod saying;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Event;

use crate::api::{Patch, Target, WriteOptions};
use crate::client::Client;
use crate::env::{Env, Task};
use crate::error::Result;
use crate::resource::GroupVersionResource;
use crate::tree::Text;

use correlator::{Correlator, Verdict};
use saying::{Saying, Source};

pub use about::About;

/// How many events wait to be taken over by the sender at most, and how many it takes over at a time; further ones
/// are dropped, and the log says so. Upstream's bound is a tenth of it; here a scheduler binds more pods than that
/// within one lull.
const BUFFER: usize = 10_000;

/// How long an event waits for others, so that a burst of events does not get in the way of the work it tells of.
const LULL: Duration = Duration::from_millis(100);

/// How often an event is sent to a server that does not answer, and how long to wait in between.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(10);

/// Whether an event tells of something that went as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// Nothing is wrong.
    Normal,
    /// Something may be wrong.
    Warning,
}

/// Records events in the name of one component. Cloning shares; what was not sent yet is lost when the last clone
/// is dropped.
#[derive(Clone)]
pub struct Recorder {
    env: Env,
    source: Arc<Source>,
    buffer: Arc<Mutex<mpsc::Sender<Saying>>>,
    _sender: Arc<Task<()>>,
}

impl EventType {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        }
    }
}

impl Recorder {
    /// Records in the name of `component`.
    pub fn start(env: &Env, client: &Client, component: &str) -> Self {
        let source = Arc::new(Source { component: component.into(), host: Text::default() });
        let env = env.child("events");
        let (buffer, events) = mpsc::channel(BUFFER);
        let sender = Sender { env: env.clone(), client: client.clone(), correlator: Correlator::default() };
        let task = env.spawn("sender", sender.run(events));
        Recorder { env, source, buffer: Arc::new(Mutex::new(buffer)), _sender: Arc::new(task) }
    }

    /// The same recorder, recording in the name of the same component on the node `host`.
    #[must_use]
    pub fn for_host(&self, host: &str) -> Self {
        let source = Source { host: host.into(), ..Source::clone(&self.source) };
        Recorder { source: Arc::new(source), ..self.clone() }
    }

    /// Notes that `reason` (one CamelCase word) happened to `regarding`. Returns at once.
    pub fn event(
        &self,
        regarding: impl Into<About>,
        kind: EventType,
        reason: impl Into<Text>,
        message: impl Into<String>,
    ) {
        let event = self.say(regarding.into(), kind, reason.into(), message.into());
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(full) = buffer.try_send(event) {
            tracing::warn!(event = ?full.into_inner().message, "too many events wait to be sent: dropped");
        }
    }

    fn say(&self, regarding: About, kind: EventType, reason: Text, message: String) -> Saying {
        let now = self.env.now();
        let (stamp, source) = (stamp(&self.env), self.source.clone());
        Saying { stamp, source, regarding, kind, reason, message, first: now, last: now, count: 1 }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("source", &self.source).finish_non_exhaustive()
    }
}

/// What tells the names of Events about one object: nanoseconds. Unlike upstream's, up to a millisecond is added at random:
/// in virtual time many events happen in one nanosecond.
fn stamp(env: &Env) -> i128 {
    env.now().as_nanosecond() + i128::from(env.random_below(1_000_000))
}

struct Sender {
    env: Env,
    client: Client,
    correlator: Correlator,
}

impl Sender {
    async fn run(mut self, mut events: mpsc::Receiver<Saying>) {
        while let Some(first) = events.next().await {
            self.env.sleep(LULL).await;
            self.pass_on(first).await;
            for _ in 0..BUFFER {
                let Some(event) = events.next().now_or_never().flatten() else { break };
                self.pass_on(event).await;
            }
        }
    }

    async fn pass_on(&mut self, event: Saying) {
        match self.correlator.judge(&self.env, event) {
            Verdict::Drop => {}
            Verdict::Create(event) => self.insist(&event, false).await,
            Verdict::Count(event) => self.insist(&event, true).await,
        }
    }

    /// Sends an event, again and again where the server does not answer, but not for ever.
    async fn insist(&self, event: &Saying, counted: bool) {
        for attempt in 1..=TRIES {
            match self.send(event, counted).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() && !error.is_conflict() && attempt < TRIES => {
                    tracing::debug!(%error, attempt, "an event could not be sent and will be tried again");
                    // The first pause is a random part of the others, so that many senders spread.
                    let pause = if attempt == 1 { PAUSE.mul_f64(self.env.random_f64()) } else { PAUSE };
                    self.env.sleep(pause).await;
                }
                Err(error) => return tracing::debug!(%error, "an event was refused"),
            }
        }
    }

    /// Nobody reads the answers, so that they are not decoded.
    async fn send(&self, event: &Saying, counted: bool) -> Result<()> {
        let events = Target::all(GroupVersionResource::of::<Event>()).in_namespace(event.namespace());
        let (api, options) = (self.client.api(), WriteOptions::default());
        if counted {
            let patch = Patch::Strategic(event.change());
            match api.patch(&events.clone().named(event.name()), patch, &options).await {
                Ok(_) => return Ok(()),
                // It has expired meanwhile: it is created anew, with the count so far.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        api.create(&events, event.object(), &options).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;
    use crate::api::ListOptions;
    use crate::error::{Error, Reason};
    use crate::testing::{Lab, MemoryApi};

    fn pod(name: &str) -> ObjectReference {
        ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: Some("n".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(name.to_owned()),
            ..ObjectReference::default()
        }
    }

    async fn all(client: &Client) -> Vec<(String, i32)> {
        let events = client.all::<Event>().list(&ListOptions::default()).await.unwrap();
        let mut all: Vec<_> =
            events.iter().map(|event| (event.message.clone().unwrap(), event.count.unwrap())).collect();
        all.sort();
        all
    }

    #[test]
    fn equal_events_are_counted_in_one_object() {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        let recorder = Recorder::start(&env, &client, "tester");
        lab.run(async {
            for _ in 0..3 {
                recorder.event(pod("a"), EventType::Normal, "Started", "it runs");
                env.sleep(Duration::from_secs(1)).await;
            }
            assert_eq!(all(&client).await, [("it runs".to_owned(), 3)]);
            let events = client.all::<Event>().list(&ListOptions::default()).await.unwrap();
            let event = &events[0];
            assert_eq!(event.reporting_component.as_deref(), Some("tester"));
            assert!(event.first_timestamp < event.last_timestamp);
            assert!(event.metadata.name.as_deref().unwrap().starts_with("a."));
        });
    }

    #[test]
    fn events_about_cluster_scoped_objects_go_to_the_default_namespace() {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        let recorder = Recorder::start(&env, &client, "kubelet").for_host("node-1");
        lab.run(async {
            let node = ObjectReference { namespace: None, ..pod("node-1") };
            recorder.event(node, EventType::Warning, "Bad", "very");
            env.sleep(Duration::from_secs(1)).await;
        });
        assert!(api.calls()[0].starts_with("create events/default/"));
    }

    #[test]
    fn a_server_that_does_not_answer_is_asked_again_and_a_refusal_is_final() {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        let recorder = Recorder::start(&env, &client, "tester");
        api.fail("create", Error::new(Reason::ServiceUnavailable, "not now"));
        api.fail("create", Error::new(Reason::ServiceUnavailable, "not now"));
        api.fail("create", Error::new(Reason::Forbidden, "never"));
        lab.run(async {
            for name in ["a", "b", "c"] {
                recorder.event(pod(name), EventType::Normal, "Started", name);
            }
            env.sleep(Duration::from_secs(60)).await;
            assert_eq!(all(&client).await, [("b".to_owned(), 1), ("c".to_owned(), 1)]);
        });
    }

    #[test]
    fn a_caller_never_waits_and_the_buffer_is_bounded() {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        let recorder = Recorder::start(&env, &client, "tester");
        for n in 0..2 * BUFFER {
            recorder.event(pod(&n.to_string()), EventType::Normal, "Started", "it runs");
        }
        lab.run(env.sleep(Duration::from_secs(1)));
        let sent = all(&client).now_or_never().unwrap().len();
        assert!((BUFFER..=BUFFER + 1).contains(&sent), "{sent}");
    }
}
