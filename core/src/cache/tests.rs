//! The promises of a cache, over an API in memory.

use std::sync::{Arc, Mutex};

use crate::tree::{from_value, json};
use k8s_openapi::api::core::v1::ConfigMap;

use super::*;
use crate::api::Patch;
use crate::error::{Error, Reason};
use crate::testing::{Lab, MemoryApi};

fn config(name: &str, owner: &str) -> ConfigMap {
    let object = json!({"metadata": {"name": name, "namespace": "n", "ownerReferences": [
        {"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner, "controller": true}
    ]}});
    from_value(object).unwrap()
}

fn names(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(Object::name).collect()
}

struct Story {
    lab: Lab,
    api: MemoryApi,
    client: Client,
    caches: Caches,
    told: Arc<Mutex<Vec<String>>>,
}

impl Story {
    fn new() -> Self {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let client = api.client();
        let caches = Caches::new(&lab.env(), &client);
        Story { lab, api, client, caches, told: Arc::default() }
    }

    fn subscribe(&self) -> Subscription {
        let told = self.told.clone();
        self.caches.of::<ConfigMap>().subscribe(move |change| {
            let verb = match change {
                Change::Added(_) => "+",
                Change::Modified { .. } => "~",
                Change::Deleted(_) => "-",
            };
            told.lock().unwrap().push(format!("{verb}{}", change.object().name()));
        })
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    async fn create(&self, name: &str, owner: &str) -> String {
        let created = self.client.all::<ConfigMap>().create(&config(name, owner)).await.unwrap();
        created.metadata.resource_version.clone().unwrap()
    }

    async fn touch(&self, name: &str) -> String {
        let patch = Patch::Merge(json!({"data": {"touched": "yes"}}));
        let patched = self.client.namespaced::<ConfigMap>("n").patch(name, patch).await.unwrap();
        patched.metadata.resource_version.clone().unwrap()
    }

    async fn delete(&self, name: &str) {
        self.client.namespaced::<ConfigMap>("n").delete(name).await.unwrap();
    }
}

#[test]
fn a_cache_lists_and_then_follows() {
    let story = Story::new();
    story.lab.run(async {
        story.create("b", "x").await;
        let cache = story.caches.of::<ConfigMap>();
        let _told = story.subscribe();
        cache.synced().await;
        story.create("a", "y").await;
        let version = story.touch("b").await;
        cache.seen(&version).await;
        assert_eq!(names(&cache.cache().list()), ["a", "b"]);
        assert_eq!(names(&cache.cache().by(&Index::CONTROLLER, "x")), ["b"]);
        assert!(cache.get("n", "b").unwrap().data.is_some());
        story.delete("a").await;
        cache.seen(&story.create("c", "x").await).await;
        assert_eq!(names(&cache.cache().by(&Index::CONTROLLER, "x")), ["b", "c"]);
        assert!(cache.cache().by(&Index::CONTROLLER, "y").is_empty());
        let but_b = cache.cache().by_where(&Index::CONTROLLER, "x", |object| object.name() != "b");
        assert_eq!(names(&but_b), ["c"]);
    });
    assert_eq!(story.told(), ["+b", "+a", "~b", "-a", "+c"]);
}

#[test]
fn what_is_gone_is_told_of_as_the_cache_held_it() {
    let story = Story::new();
    let gone: Arc<Mutex<Vec<Object>>> = Arc::default();
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        let told = gone.clone();
        let _told = cache.subscribe(move |change| {
            told.lock()
                .unwrap()
                .extend(matches!(change, Change::Deleted(_)).then(|| change.object().clone()));
        });
        cache.seen(&story.create("a", "x").await).await;
        let held = cache.cache().get("n", "a").unwrap();
        story.delete("a").await;
        cache.seen(&story.create("b", "x").await).await;
        assert!(matches!(&gone.lock().unwrap()[..], [last] if last.is_same(&held)));
    });
}

#[test]
fn one_cache_serves_everybody() {
    let story = Story::new();
    story.lab.run(async {
        story.create("a", "x").await;
        let first = story.caches.of::<ConfigMap>();
        let second = story.caches.resource(&GroupVersionResource::of::<ConfigMap>());
        story.caches.synced().await;
        let decoded: Arc<ConfigMap> = second.get("n", "a").unwrap().lean().unwrap();
        assert!(Arc::ptr_eq(&decoded, &first.get("n", "a").unwrap()));
    });
    assert_eq!(story.api.calls().iter().filter(|call| call.starts_with("list")).count(), 1);
}

#[test]
fn a_watch_that_breaks_is_resumed() {
    let story = Story::new();
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        let _told = story.subscribe();
        cache.seen(&story.create("a", "x").await).await;
        story.api.fail("watch", Error::new(Reason::ServiceUnavailable, "not now"));
        story.api.end_watches(Error::new(Reason::InternalError, "broken"));
        story.delete("a").await;
        cache.seen(&story.create("b", "x").await).await;
    });
    assert_eq!(story.told(), ["+a", "-a", "+b"]);
    assert_eq!(story.api.calls().iter().filter(|call| call.starts_with("list")).count(), 1);
}

#[test]
fn lost_history_is_made_up_for_by_a_new_list_that_tells_the_differences() {
    let story = Story::new();
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        let _told = story.subscribe();
        for name in ["gone", "kept", "replaced", "touched"] {
            cache.seen(&story.create(name, "x").await).await;
        }
        story.told();
        story.api.end_watches(Error::expired("too old"));
        story.delete("gone").await;
        story.delete("replaced").await;
        story.create("replaced", "y").await;
        story.touch("touched").await;
        let version = story.create("new", "x").await;
        story.api.forget_history();
        cache.seen(&version).await;
    });
    assert_eq!(story.told(), ["-gone", "+new", "-replaced", "+replaced", "~touched"]);
}

#[test]
fn a_list_that_fails_is_tried_again() {
    let story = Story::new();
    for _ in 0..3 {
        story.api.fail("list", Error::new(Reason::ServiceUnavailable, "not now"));
    }
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        assert!(!cache.is_synced());
        cache.synced().await;
    });
    assert!(story.lab.env().elapsed() >= std::time::Duration::from_millis(800 + 1600 + 3200));
}

#[test]
fn a_late_subscriber_is_told_what_there_is_and_a_dropped_one_nothing() {
    let story = Story::new();
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        cache.seen(&story.create("a", "x").await).await;
        let subscription = story.subscribe();
        assert_eq!(story.told(), ["+a"]);
        drop(subscription);
        cache.seen(&story.touch("a").await).await;
    });
    assert!(story.told().is_empty());
}

#[test]
fn a_deletion_can_be_waited_for() {
    let story = Story::new();
    story.lab.run(async {
        let cache = story.caches.of::<ConfigMap>();
        cache.seen(&story.create("a", "x").await).await;
        let uid = cache.get("n", "a").unwrap().metadata.uid.clone().unwrap();
        story.delete("a").await;
        story.create("a", "x").await;
        cache.gone("n", "a", &uid).await;
        assert!(cache.get("n", "a").is_none_or(|object| object.metadata.uid.as_ref() != Some(&uid)));
    });
}

#[test]
fn a_fixed_cache_holds_what_it_was_given() {
    let object = Object::from_typed(&config("a", "x")).unwrap();
    let cache = Cache::fixed(GroupVersionResource::of::<ConfigMap>(), vec![object]);
    assert!(cache.is_synced());
    assert_eq!(names(&cache.by(&Index::OWNERS, "x")), ["a"]);
}
