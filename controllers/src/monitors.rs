//! Follows every resource whose objects can be collected, as resources come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use steersman_core::cache::{Cache, Change, Subscription};
use steersman_core::resource::{ApiResource, GroupVersionResource};
use steersman_core::{Caches, Client, Env};

use crate::rhythm::next_beat;

/// Caches of all resources whose objects can be collected, shared with whoever else looks at them.
pub(crate) struct Monitors {
    caches: Caches,
    /// The resources that `followed` is up to date with.
    known: Arc<[ApiResource]>,
    followed: BTreeMap<GroupVersionResource, (Cache, Subscription)>,
}

impl Monitors {
    pub(crate) fn new(caches: Caches) -> Self {
        Monitors { caches, known: Arc::default(), followed: BTreeMap::new() }
    }

    /// Tells of every object of these resources, and of every change from then on; no longer of resources that are
    /// gone. Whether there is anything new to be told.
    pub(crate) fn follow(
        &mut self,
        all: &Arc<[ApiResource]>,
        told: impl Fn(&GroupVersionResource, &Change) + Send + Sync + 'static,
    ) -> bool {
        // Most of the time nothing has changed, and a server in this process hands out the same list again.
        let before = std::mem::replace(&mut self.known, all.clone());
        if Arc::ptr_eq(&before, all) || before == *all {
            return false;
        }
        let wanted = collectable(all);
        let gone = self.followed.keys().filter(|resource| !wanted.contains(*resource));
        gone.for_each(|resource| self.caches.forget(resource));
        self.followed.retain(|resource, _| wanted.contains(resource));
        let told = Arc::new(told);
        for resource in wanted {
            self.followed.entry(resource).or_insert_with_key(|resource| {
                let (cache, told) = (self.caches.resource(resource), told.clone());
                let resource = resource.clone();
                let subscription = cache.subscribe(move |change| told(&resource, change));
                (cache, subscription)
            });
        }
        true
    }

    /// Completes when it is time to look again which resources there are: as one would who looks once a period from
    /// `start` on, but for those looks that would find nothing new.
    pub(crate) fn is_time_to_look(
        &self,
        env: &Env,
        client: &Client,
        start: Duration,
        period: Duration,
    ) -> BoxFuture<'static, ()> {
        let (env, client, known) = (env.clone(), client.clone(), self.known.clone());
        Box::pin(async move {
            client.api().discovery_changed(&known).await;
            env.sleep_until(next_beat(start + period, period, env.elapsed())).await;
        })
    }

    /// What is followed.
    pub(crate) fn caches(&self) -> impl Iterator<Item = &Cache> {
        self.followed.values().map(|(cache, _)| cache)
    }

    /// Completes once everything was told that there is.
    pub(crate) async fn synced(&self) {
        join_all(self.followed.values().map(|(cache, _)| cache.synced())).await;
    }
}

/// The resources whose objects can be listed, watched and deleted, each in its preferred version. Events come and go
/// by themselves, and nothing owns them.
fn collectable(all: &[ApiResource]) -> BTreeSet<GroupVersionResource> {
    let mut seen = BTreeSet::new();
    let usable = all.iter().filter(|one| ["delete", "list", "watch"].iter().all(|verb| one.serves(verb)));
    let wanted = usable.filter(|one| one.resource.resource != "events");
    wanted.filter(|one| seen.insert(one.resource.group_resource())).map(|one| one.resource.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use steersman_core::resource::Scope;
    use steersman_core::testing::{Lab, MemoryApi};

    use super::*;

    fn resource(
        group: &'static str,
        version: &'static str,
        name: &'static str,
        verbs: &[&'static str],
    ) -> ApiResource {
        ApiResource {
            resource: GroupVersionResource::new(group, version, name),
            kind: "Any".into(),
            scope: Scope::Namespaced,
            verbs: verbs.iter().map(|verb| Cow::Borrowed(*verb)).collect(),
            subresources: Cow::Borrowed(&[]),
        }
    }

    #[test]
    fn who_is_not_told_of_news_looks_once_a_period() {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        let monitors = Monitors::new(Caches::new(&env, &client));
        let period = Duration::from_secs(30);
        for (slept, looked) in [(0, 30), (70, 120)] {
            lab.run(async {
                let start = env.elapsed();
                env.sleep(Duration::from_secs(slept)).await;
                monitors.is_time_to_look(&env, &client, start, period).await;
            });
            assert_eq!(env.elapsed(), Duration::from_secs(looked));
        }
    }

    #[test]
    fn each_collectable_resource_is_followed_once_in_its_preferred_version() {
        let all = ["delete", "list", "watch", "get"];
        let found = collectable(&[
            resource("", "v1", "pods", &all),
            resource("", "v1", "bindings", &["create"]),
            resource("events.k8s.io", "v1", "events", &all),
            resource("x.example.com", "v2", "boats", &all),
            resource("x.example.com", "v1", "boats", &all),
        ]);
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["v1, Resource=pods", "x.example.com/v2, Resource=boats"]);
    }
}
