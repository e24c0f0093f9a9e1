//! The promises of the runner, over an API in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::api::ListOptions;
use steersman_core::error::{Error, Reason};
use steersman_core::events::EventType;
use steersman_core::owner::controller_reference;
use steersman_core::testing::{Lab, MemoryApi};
use steersman_core::{Client, Result};

use super::*;

/// Every ConfigMap has a Secret of its name; what is seen is written down.
#[derive(Clone, Default)]
struct Copies {
    seen: Arc<Mutex<Vec<String>>>,
    /// Whether nothing is lost where a copy comes too late, and more follows.
    at_ease: bool,
}

impl Copies {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Controller for Copies {
    type Object = ConfigMap;
    const NAME: &'static str = "copies";

    fn sources(&self) -> Sources {
        Sources::new().owns::<Secret>()
    }

    fn reconcile(&self, view: &View, map: &ConfigMap) -> Outcome {
        let mut outcome = Outcome::done();
        let name = map.metadata.name.clone();
        let copies = view.owned::<Secret>(map.metadata.uid.as_deref().unwrap());
        self.note(format!("{} has {}", name.as_deref().unwrap(), copies.len()));
        if copies.is_empty() {
            let metadata = ObjectMeta {
                name,
                namespace: map.metadata.namespace.clone(),
                owner_references: Some(vec![controller_reference(map)]),
                ..ObjectMeta::default()
            };
            let copy = outcome
                .create(&Secret { metadata, ..Secret::default() })
                .on_success(EventType::Normal, "Copied", "made {name}")
                .on_failure(EventType::Warning, "NotCopied", "{name}: {error}");
            if self.at_ease {
                copy.may_be_too_late();
                outcome.event(EventType::Normal, "Looked", "looked");
            }
        }
        outcome
    }

    fn failed(&self, _: &View, _: &ConfigMap, failure: &Failure) -> Outcome {
        self.note(format!("failed: {}", failure.error));
        Outcome::done()
    }

    fn gone(&self, _: &View, key: &Key) -> Outcome {
        self.note(format!("{key} is gone"));
        Outcome::done()
    }
}

struct Story {
    lab: Lab,
    api: MemoryApi,
    client: Client,
    copies: Copies,
}

impl Story {
    fn new() -> Self {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let client = api.client();
        Story { lab, api, client, copies: Copies::default() }
    }

    fn start(&self) -> Running {
        Controllers::new(&self.lab.env(), &self.client).add(self.copies.clone()).start()
    }

    fn pass(&self, duration: Duration) {
        self.lab.run(self.lab.env().sleep(duration));
    }

    fn create(&self, name: &str) {
        let metadata =
            ObjectMeta { name: Some(name.into()), namespace: Some("n".into()), ..ObjectMeta::default() };
        let map = ConfigMap { metadata, ..ConfigMap::default() };
        self.lab.run(self.client.all::<ConfigMap>().create(&map)).unwrap();
    }

    fn events(&self) -> Vec<String> {
        let events = self.lab.run(self.client.all::<Event>().list(&ListOptions::default())).unwrap();
        events.iter().map(|event| event.message.clone().unwrap()).collect()
    }
}

#[test]
fn what_is_asked_for_is_done_once_and_told() {
    let story = Story::new();
    let _running = story.start();
    story.create("a");
    story.pass(Duration::from_secs(1));
    assert_eq!(story.copies.seen(), ["a has 0", "a has 1"], "the second look sees what the first has led to");
    assert_eq!(story.events(), ["made a"]);
}

#[test]
fn a_change_of_an_owned_object_leads_to_its_owner() {
    let story = Story::new();
    let _running = story.start();
    story.create("a");
    story.pass(Duration::from_secs(1));
    story.copies.seen();
    story.lab.run(story.client.namespaced::<Secret>("n").delete("a")).unwrap();
    story.pass(Duration::from_secs(1));
    assert_eq!(story.copies.seen(), ["a has 0", "a has 1"]);
}

#[test]
fn what_fails_is_told_written_down_and_tried_again_later() {
    let story = Story::new();
    story.create("a");
    story.api.fail("create", Error::new(Reason::Forbidden, "no"));
    let _running = story.start();
    story.pass(Duration::from_secs(1));
    assert_eq!(story.copies.seen(), ["a has 0", "failed: no", "a has 0", "a has 1"]);
    assert_eq!(story.events(), ["a: no", "made a"]);
}

#[test]
fn nothing_is_tried_again_in_a_namespace_that_is_going_away() {
    let story = Story::new();
    story.create("a");
    let terminating = Error::new(Reason::Forbidden, "no").with_cause("NamespaceTerminating", "", "");
    story.api.fail("create", terminating);
    let _running = story.start();
    story.pass(Duration::from_secs(1));
    assert_eq!(story.copies.seen(), ["a has 0"]);
    assert!(story.events().is_empty());
}

#[test]
fn what_may_be_too_late_keeps_nothing_else_from_being_done() {
    let mut story = Story::new();
    story.copies.at_ease = true;
    story.create("a");
    let terminating = Error::new(Reason::Forbidden, "no").with_cause("NamespaceTerminating", "", "");
    story.api.fail("create", terminating);
    let _running = story.start();
    story.pass(Duration::from_secs(1));
    assert_eq!((story.copies.seen(), story.events()), (vec!["a has 0".into()], vec!["looked".into()]));
}

#[test]
fn a_key_without_an_object_is_told() {
    let story = Story::new();
    let _running = story.start();
    story.create("a");
    story.pass(Duration::from_secs(1));
    story.copies.seen();
    story.lab.run(story.client.namespaced::<ConfigMap>("n").delete("a")).unwrap();
    story.pass(Duration::from_secs(1));
    assert_eq!(story.copies.seen(), ["n/a is gone"]);
}

#[test]
fn dropping_the_handle_stops_the_controllers() {
    let story = Story::new();
    let running = story.start();
    story.pass(Duration::from_secs(1));
    drop(running);
    story.create("a");
    story.pass(Duration::from_secs(1));
    assert!(story.copies.seen().is_empty());
}

/// Fails twice, then works.
struct Stubborn(Arc<Mutex<u32>>);

#[async_trait]
impl Actor for Stubborn {
    type Object = ConfigMap;
    const NAME: &'static str = "stubborn";

    async fn act(&self, _: &View, _: &ConfigMap) -> Result<Outcome> {
        let mut calls = self.0.lock().unwrap();
        *calls += 1;
        if *calls < 3 { Err(Error::internal("the cloud is away")) } else { Ok(Outcome::done()) }
    }
}

#[test]
fn a_call_outside_that_fails_is_tried_again() {
    let story = Story::new();
    story.create("a");
    let calls = Arc::default();
    let _running =
        Controllers::new(&story.lab.env(), &story.client).actor(Stubborn(Arc::clone(&calls))).start();
    story.pass(Duration::from_secs(1));
    assert_eq!(*calls.lock().unwrap(), 3);
}

/// Counts its sweeps.
struct Counts(Arc<Mutex<Vec<usize>>>);

impl Sweep for Counts {
    const NAME: &'static str = "counts";

    fn every(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn sources(&self) -> Sources {
        Sources::new().reads::<ConfigMap>()
    }

    fn sweep(&self, view: &View) -> Outcome {
        self.0.lock().unwrap().push(view.list::<ConfigMap>().len());
        Outcome::done()
    }
}

#[test]
fn a_sweep_comes_at_regular_times() {
    let story = Story::new();
    let counts = Arc::default();
    let _running =
        Controllers::new(&story.lab.env(), &story.client).sweep(Counts(Arc::clone(&counts))).start();
    story.pass(Duration::from_secs(5));
    story.create("a");
    story.pass(Duration::from_secs(20));
    assert_eq!(*counts.lock().unwrap(), [0, 1, 1]);
}
