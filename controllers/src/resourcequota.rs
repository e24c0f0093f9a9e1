//! Counts for every ResourceQuota what its namespace uses.
//!
//! <https://kubernetes.io/docs/concepts/policy/resource-quotas/>. The API server charges a quota for what is made; here is
//! counted what was there before the quota, and what is given back. As upstream, a quota is counted anew when it is new or
//! limits something else, when something that it counts goes or costs less, and every five minutes.

mod amounts;
mod claims;
mod meter;
mod pods;
mod scope;

use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use steersman_core::cache::{Cache, Change, Subscription, Typed};
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Client, Env, Queue};

use crate::Key;
use crate::monitors::Monitors;
use crate::runner::Context;

use amounts::Amounts;
use meter::Meter;

/// How often is looked which resources there are.
const DISCOVERY_PERIOD: Duration = Duration::from_secs(30);

/// How often every quota is counted anew; upstream's `--resource-quota-sync-period`.
const SYNC_PERIOD: Duration = Duration::from_secs(300);

/// How long after something new a quota is counted: it was charged already, and a count that had not seen it yet is
/// put right.
const AFTER_CREATION: Duration = Duration::from_secs(1);

/// Counts until it is dropped; for [`Controllers::task`](crate::Controllers::task).
pub async fn run(context: Context) {
    let Context { env, client, caches } = context;
    let quotas = caches.of::<ResourceQuota>();
    quotas.synced().await;
    let (due, monitors) = (Queue::new(&env), Monitors::new(caches));
    let mut counter = Counter { env, client, quotas, due, monitors };
    counter.follow().await;
    let _told = counter.tell_of_quotas();
    counter.count_for_ever().await;
}

struct Counter {
    env: Env,
    client: Client,
    quotas: Typed<ResourceQuota>,
    due: Queue<Key>,
    monitors: Monitors,
}

impl Counter {
    async fn count_for_ever(&mut self) {
        let due = self.due.clone();
        let mut next = Box::pin(due.next());
        let mut sync = self.env.sleep(SYNC_PERIOD);
        let mut look = self.is_time_to_look(self.env.elapsed());
        loop {
            match select(select(&mut look, &mut sync), &mut next).await {
                Either::Left((Either::Left(_), _)) => {
                    let now = self.env.elapsed();
                    self.follow().await;
                    look = self.is_time_to_look(now);
                }
                Either::Left((Either::Right(_), _)) => {
                    sync = self.env.sleep(SYNC_PERIOD);
                    self.quotas.list().iter().for_each(|quota| self.due.add(Key::of_typed(&**quota)));
                }
                Either::Right((key, _)) => {
                    self.settle(&key).await;
                    drop(key);
                    next.set(due.next());
                }
            }
        }
    }

    fn is_time_to_look(&self, start: Duration) -> BoxFuture<'static, ()> {
        self.monitors.is_time_to_look(&self.env, &self.client, start, DISCOVERY_PERIOD)
    }

    /// Follows the resources that there are now, until all of them were seen, or for a period: one may be gone again.
    async fn follow(&mut self) {
        let resources = match self.client.api().discover().await {
            Ok(resources) => resources,
            Err(error) => return tracing::warn!(%error, "the resources there are could not be read"),
        };
        let (quotas, due, env) = (self.quotas.clone(), self.due.clone(), self.env.clone());
        let told = move |resource: &GroupVersionResource, change: &Change| {
            for key in concerned(&quotas, resource, change, env.now()) {
                match change {
                    Change::Added(_) => due.add_after(key, AFTER_CREATION),
                    Change::Modified { .. } | Change::Deleted(_) => due.add(key),
                }
            }
        };
        let is_news = self.monitors.follow(&resources, told);
        if is_news && self.env.timeout(DISCOVERY_PERIOD, self.monitors.synced()).await.is_err() {
            tracing::warn!("not all resources could be read in {DISCOVERY_PERIOD:?}");
        }
    }

    /// Only of quotas that are new or limit something else: who charges them has seen more than the caches may have.
    fn tell_of_quotas(&self) -> Subscription {
        let due = self.due.clone();
        self.quotas.subscribe(move |change| {
            let hard = |quota: &steersman_core::Object| {
                let quota = quota.lean::<ResourceQuota>().ok()?;
                quota.spec.as_ref().map(|spec| amounts::read(spec.hard.as_ref()))
            };
            let matters = match change {
                Change::Added(_) => true,
                Change::Modified { old, new } => hard(old) != hard(new),
                Change::Deleted(_) => false,
            };
            if matters {
                due.add(Key::of(change.object()));
            }
        })
    }

    async fn settle(&self, key: &Key) {
        let quota = self.quotas.get(&key.namespace, &key.name);
        let changed = quota.as_deref().and_then(|quota| {
            let status = status(quota, self.monitors.caches(), self.env.now())?;
            Some(ResourceQuota { status: Some(status), ..quota.clone() })
        });
        let Some(changed) = changed else { return self.due.forget(key) };
        let quotas = self.client.namespaced::<ResourceQuota>(&key.namespace);
        match quotas.update_status(&changed).await {
            Err(error) if !error.is_not_found() => {
                tracing::debug!(%key, %error, "will be counted again");
                self.due.add_failed(key.clone());
            }
            _ => self.due.forget(key),
        }
    }
}

/// The quotas that count what has changed.
fn concerned(
    quotas: &Typed<ResourceQuota>,
    resource: &GroupVersionResource,
    change: &Change,
    now: Timestamp,
) -> Vec<Key> {
    let found = quotas.in_namespace(change.object().namespace());
    if found.is_empty() {
        return Vec::new();
    }
    let meter = Meter::of(&resource.group_resource());
    if !meter.heeds(change, now) {
        return Vec::new();
    }
    let counts = |quota: &ResourceQuota| {
        let hard = quota.status.as_ref().and_then(|status| status.hard.as_ref());
        hard.is_some_and(|hard| hard.keys().any(|name| meter.counts(name)))
    };
    found.iter().filter(|quota| counts(quota)).map(|quota| Key::of_typed(&**quota)).collect()
}

/// The status that a quota should have; `None` if it has it.
fn status<'a>(
    quota: &ResourceQuota,
    caches: impl Iterator<Item = &'a Cache>,
    now: Timestamp,
) -> Option<ResourceQuotaStatus> {
    let spec = quota.spec.clone().unwrap_or_default();
    let hard = amounts::read(spec.hard.as_ref());
    let before = quota.status.clone().unwrap_or_default();
    let mut used = amounts::read(before.used.as_ref());
    used.retain(|name, _| hard.contains_key(name));
    let namespace = quota.metadata.namespace.as_deref().unwrap_or_default();
    for cache in caches {
        let meter = Meter::of(&cache.resource().group_resource());
        let counted: Amounts = hard
            .keys()
            .filter(|name| meter.counts(name))
            .map(|name| (name.clone(), amounts::count(0)))
            .collect();
        if counted.is_empty() {
            continue;
        }
        let mut sum = counted;
        for object in cache.in_namespace(namespace) {
            let mut usage = meter.usage(&object, &spec, now);
            usage.retain(|name, _| sum.contains_key(name));
            amounts::add(&mut sum, &usage);
        }
        used.extend(sum);
    }
    let is_right = before.hard.is_some()
        && before.used.is_some()
        && amounts::read(before.hard.as_ref()) == hard
        && amounts::read(before.used.as_ref()) == used;
    (!is_right)
        .then(|| ResourceQuotaStatus { hard: Some(amounts::write(&hard)), used: Some(amounts::write(&used)) })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
    use steersman_core::tree::{Value, from_value, json};
    use steersman_core::{Object, Resource};

    use super::*;

    fn cache<K: Resource>(objects: &[Value]) -> Cache {
        let encode = |object: &Value| {
            let mut object = object.clone();
            object["apiVersion"] = K::API_VERSION.into();
            object["kind"] = K::KIND.into();
            Object::from_value(&object).unwrap()
        };
        Cache::fixed(GroupVersionResource::of::<K>(), objects.iter().map(encode).collect())
    }

    fn counted(spec: &Value, before: &Value) -> Option<Value> {
        let metadata = |name: &str| json!({"name": name, "namespace": "n", "uid": name});
        let pod = |name: &str, cpu: &str| {
            let resources = json!({"requests": {"cpu": cpu}});
            json!({"metadata": metadata(name), "spec": {"containers": [{"name": "c", "resources": resources}]}})
        };
        let elsewhere = json!({"metadata": {"name": "x", "namespace": "other", "uid": "x"}});
        let caches = [
            cache::<Pod>(&[pod("a", "100m"), pod("b", "1500m")]),
            cache::<ConfigMap>(&[json!({"metadata": metadata("c")}), elsewhere]),
            cache::<Secret>(&[]),
        ];
        let quota = json!({"metadata": {"name": "q", "namespace": "n"}, "spec": spec, "status": before});
        let status = status(&from_value(quota).unwrap(), caches.iter(), Timestamp::UNIX_EPOCH);
        status.map(|status| steersman_core::tree::to_value(status).unwrap())
    }

    #[test]
    fn a_quota_says_what_its_namespace_uses_of_what_it_limits() {
        let cases = [
            (json!({"hard": {"pods": "5", "cpu": "4"}}), json!({"pods": "2", "cpu": "1600m"})),
            (
                json!({"hard": {"configmaps": "9", "secrets": "1"}}),
                json!({"configmaps": "1", "secrets": "0"}),
            ),
            (json!({"hard": {"count/configmaps": "9", "unknown": "1"}}), json!({"count/configmaps": "1"})),
            (json!({"hard": {"pods": "5"}, "scopes": ["BestEffort"]}), json!({"pods": "0"})),
        ];
        for (spec, used) in cases {
            let status = json!({"hard": spec["hard"], "used": used});
            assert_eq!(counted(&spec, &json!({})), Some(status.clone()), "{spec}");
            assert_eq!(counted(&spec, &status), None, "a quota that is right is left alone");
        }
    }

    #[test]
    fn what_is_no_longer_limited_is_no_longer_counted() {
        let before = json!({"hard": {"pods": "5", "cpu": "4"}, "used": {"pods": "2", "cpu": "1600m"}});
        let status = json!({"hard": {"pods": "9"}, "used": {"pods": "2"}});
        assert_eq!(counted(&json!({"hard": {"pods": "9"}}), &before), Some(status));
    }
}
