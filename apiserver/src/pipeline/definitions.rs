//! Serves what the CustomResourceDefinitions say: establishes them, adds and removes their rows, and empties those
//! that are being deleted.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{Target, WatchEvent, WatchOptions};
use steersman_core::resource::{GroupResource, GroupVersionResource};
use steersman_core::store::Revision;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result};

use super::commit::{Draft, Outcome};
use super::{Caller, Core};
use crate::crd::{self, ConversionWebhook, Convert};
use crate::ownership::Owners;
use crate::registry::{self, Served};
use crate::user::User;
use crate::watch_cache::Collection;

/// How long the definitions are not followed after that has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often one definition is written again because others were faster.
const ROUNDS: usize = 16;

impl Core {
    /// Brings what is served in line with the definitions. Called after every write to one of them, before the writer
    /// is answered, so a definition takes effect at once.
    pub(crate) async fn sync_definitions(&self) -> Result<()> {
        let mut in_effect = self.syncing.lock().await;
        let Some(row) = self.registry.rows().preferred(&definitions()).cloned() else { return Ok(()) };
        let collection = row.stored("list")?;
        let all = self.definitions(collection).await?;
        for definition in &all {
            self.establish(&row, collection, definition).await?;
        }
        let newest = self.cache.current().await?;
        let all = self.definitions(collection).await?;
        for definition in &all {
            self.serve(definition).await?;
        }
        self.forget_all_but(&all);
        for definition in all.iter().filter(|one| !one["metadata"]["deletionTimestamp"].is_null()) {
            self.empty(&row, collection, definition).await?;
        }
        *in_effect = newest;
        Ok(())
    }

    /// Puts definitions into effect that other servers write to the same store, for as long as it is polled. What
    /// this server wrote itself is in effect already.
    pub(crate) async fn follow_definitions(&self) {
        let caller = Caller { user: User::admin(), user_agent: "kube-apiserver".to_owned(), warnings: None };
        let target =
            Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"));
        loop {
            if let Err(error) = self.follow(&caller, &target).await {
                tracing::debug!(%error, "the definitions of custom resources are followed anew");
            }
            self.env.sleep(PAUSE).await;
        }
    }

    async fn follow(&self, caller: &Caller, target: &Target) -> Result<()> {
        let mut events = self.watch(caller, target, &WatchOptions::default()).await?;
        while let Some(event) = events.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object)) =
                event
            else {
                return Ok(());
            };
            let written = Revision(object.resource_version().parse().unwrap_or_default());
            let is_news = written > *self.syncing.lock().await;
            if is_news {
                self.sync_definitions().await?;
            }
        }
        Ok(())
    }

    async fn definitions(&self, collection: &Collection) -> Result<Vec<Value>> {
        self.cache.current().await?;
        let all = collection.list(&Default::default(), None, 0);
        all.objects.iter().map(Object::to_value).collect()
    }

    async fn establish(&self, row: &Arc<Served>, collection: &Collection, definition: &Value) -> Result<()> {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        self.rewrite(row, collection, name, |tree, all| {
            if let Some(status) = crd::establish(tree, all.iter(), self.env.now()) {
                tree["status"] = status;
            }
        })
        .await
    }

    /// Changes a definition as the server itself does, past strategies and admission.
    async fn rewrite(
        &self,
        row: &Arc<Served>,
        collection: &Collection,
        name: &str,
        change: impl Fn(&mut Value, &[Value]),
    ) -> Result<()> {
        let mut current = self.newest(collection, name).await?;
        for _ in 0..ROUNDS {
            let Some(old) = current else { return Ok(()) };
            let all = self.definitions(collection).await?;
            let mut tree = old.tree.clone();
            change(&mut tree, &all);
            if tree == old.tree {
                return Ok(());
            }
            let owners = self.own_status(row).track(Some(&old), &tree, &Owners::default())?;
            let outcome = if is_released(&tree) {
                self.remove(&old).await?
            } else {
                self.put_over(row, collection, Draft::new(tree, owners)?, &old).await?
            };
            match outcome {
                Outcome::Stored(_) => return Ok(()),
                Outcome::Lost(newer) => current = newer,
            }
        }
        Err(Error::internal(format!("the definition {name} is written too often by others")))
    }

    /// Serves the versions of a definition, over the collection that it already has or a new one. What is served
    /// already stays as it is: schemas and rules are compiled once.
    pub(crate) async fn serve(&self, definition: &Value) -> Result<()> {
        let resource = resource_of(definition);
        let what = what_is_served(definition);
        let is_served = self.registry.rows().preferred(&resource).is_some();
        if is_served && self.compiled().get(&resource) == Some(&what) {
            return Ok(());
        }
        let versions = crd::compile(&self.tables, definition);
        if versions.is_empty() {
            self.registry.set(&resource, Vec::new());
            return Ok(());
        }
        let strategy = registry::strategy(&versions);
        let served = self.registry.rows().preferred(&resource).and_then(|row| row.collection.clone());
        // Objects are held with the values that they are selected by: other fields make another collection.
        let fits = |one: &Arc<Collection>| one.strategy().selectable_paths() == strategy.selectable_paths();
        let collection = match served.filter(fits) {
            Some(collection) => collection,
            None => {
                let prefix = registry::prefix(&resource.group, &resource.resource);
                self.cache.remove(&prefix);
                let new = Arc::new(Collection::new(prefix, strategy));
                self.cache.add_loaded(new.clone()).await?;
                new
            }
        };
        self.registry.set(
            &resource,
            registry::custom(versions, self.converter(&resource, definition).as_ref(), &collection),
        );
        self.compiled().insert(resource, what);
        Ok(())
    }

    /// Who converts the objects of a definition, if its strategy is that somebody does: whoever was given for it, else
    /// the webhook that it names.
    fn converter(&self, resource: &GroupResource, definition: &Value) -> Option<Convert> {
        let webhook = ConversionWebhook::of(definition)?;
        let own = self.converters.get(resource).cloned();
        Some(own.map_or(Convert::Webhook(webhook), Convert::Own))
    }

    fn compiled(&self) -> MutexGuard<'_, BTreeMap<GroupResource, Value>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_all_but(&self, definitions: &[Value]) {
        let known: Vec<GroupResource> = definitions.iter().map(resource_of).collect();
        let rows = self.registry.rows();
        let gone = rows.all().filter(|row| row.custom && !self.typed.contains(&row.group_resource()));
        for row in gone.filter(|row| !known.contains(&row.group_resource())) {
            self.registry.set(&row.group_resource(), Vec::new());
            if let Some(collection) = &row.collection {
                self.cache.remove(collection.prefix());
            }
        }
    }

    /// Deletes the objects of a definition that is to go, and lets it go once there are none.
    async fn empty(&self, row: &Arc<Served>, collection: &Collection, definition: &Value) -> Result<()> {
        let resource = resource_of(definition);
        let own = match self.registry.rows().preferred(&resource).cloned() {
            Some(own) => Some(own),
            None => self.unserved(&resource, definition).await?,
        };
        let left = match own {
            Some(own) => self.delete_all(&own).await?,
            None => 0,
        };
        if left > 0 {
            return Ok(());
        }
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        self.rewrite(row, collection, name, |tree, _| {
            if let Some(finalizers) = tree["metadata"]["finalizers"].as_array_mut() {
                finalizers.retain(|finalizer| finalizer != crd::FINALIZER);
            }
        })
        .await?;
        if collection.get(name).is_none() {
            self.registry.set(&resource, Vec::new());
            self.cache.remove(&registry::prefix(&resource.group, &resource.resource));
        }
        Ok(())
    }

    /// The row of a definition that no client is served: its objects are there all the same.
    async fn unserved(&self, resource: &GroupResource, definition: &Value) -> Result<Option<Arc<Served>>> {
        let mut served = definition.clone();
        for version in served["spec"]["versions"].as_array_mut().into_iter().flatten() {
            version["served"] = true.into();
        }
        let versions = crd::compile(&self.tables, &served);
        if versions.is_empty() {
            return Ok(None);
        }
        let prefix = registry::prefix(&resource.group, &resource.resource);
        self.cache.remove(&prefix);
        let collection = Arc::new(Collection::new(prefix, registry::strategy(&versions)));
        self.cache.add_loaded(collection.clone()).await?;
        let rows = registry::custom(versions, self.converter(resource, definition).as_ref(), &collection);
        Ok(rows.into_iter().next())
    }

    /// Deletes every object of a row; how many remain, because something holds them.
    async fn delete_all(&self, row: &Arc<Served>) -> Result<usize> {
        let caller = Caller { user: User::admin(), user_agent: "kube-apiserver".to_owned(), warnings: None };
        let collection = row.stored("delete")?;
        for object in collection.list(&Default::default(), None, 0).objects {
            let target =
                Target::all(row.resource().clone()).in_namespace(object.namespace()).named(object.name());
            let mut request = self.within(&caller, &target, row.clone());
            match request.delete(&DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(collection.list(&Default::default(), None, 0).objects.len())
    }
}

/// All of a definition that decides what is served.
fn what_is_served(definition: &Value) -> Value {
    let status = &definition["status"];
    json!([definition["spec"], status["acceptedNames"], status["conditions"], status["storedVersions"]])
}

/// The resource of the definitions themselves.
pub(super) fn definitions() -> GroupResource {
    GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions")
}

/// The resource that a definition is about.
pub(crate) fn resource_of(definition: &Value) -> GroupResource {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spec = &definition["spec"];
    GroupResource::new(text(&spec["group"]), text(&spec["names"]["plural"]))
}

fn is_released(tree: &Value) -> bool {
    let metadata = &tree["metadata"];
    let held = metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    !metadata["deletionTimestamp"].is_null() && !held
}
