//! The typed face of [`Api`]: `client.all::<Pod>().namespace("default").get("web")`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::tree::Value;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;

use crate::api::{
    Api, Deletion, GetOptions, ListOptions, Patch, Target, WatchOptions, WatchStream, WriteOptions,
};
use crate::error::Result;
use crate::object::{Object, to_value};
use crate::resource::{GroupVersionResource, Resource, Scope, scope_of};

/// A connection to the API server as some user. Cloning shares.
#[derive(Clone)]
pub struct Client(Arc<dyn Api>);

impl Client {
    /// A client of any [`Api`].
    pub fn new(api: Arc<dyn Api>) -> Self {
        Client(api)
    }

    /// The untyped face: every verb on every resource.
    pub fn api(&self) -> &dyn Api {
        &*self.0
    }

    /// The objects of a Rust type, over all namespaces.
    pub fn all<K: Resource>(&self) -> Objects<K> {
        Objects {
            client: self.clone(),
            target: Target::all(GroupVersionResource::of::<K>()),
            kind: PhantomData,
        }
    }

    /// The objects of a Rust type in one namespace.
    pub fn namespaced<K: Resource>(&self, namespace: &str) -> Objects<K> {
        self.all().namespace(namespace)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A collection of objects of one Rust type.
#[derive(Clone, Debug)]
pub struct Objects<K> {
    client: Client,
    target: Target,
    kind: PhantomData<fn() -> K>,
}

impl<K: Resource> Objects<K> {
    /// Only those in `namespace`.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.target = self.target.in_namespace(namespace);
        self
    }

    /// Where an object of the collection is, for what only the [untyped face](Client::api) does.
    pub fn target(&self, name: &str) -> Target {
        self.target.clone().named(name)
    }

    /// Reads an object; 404 if there is none.
    pub async fn get(&self, name: &str) -> Result<Arc<K>> {
        self.client.api().get(&self.target(name), &GetOptions::default()).await?.decode()
    }

    /// Reads an object; `None` if there is none.
    pub async fn get_opt(&self, name: &str) -> Result<Option<Arc<K>>> {
        match self.get(name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all objects that match.
    pub async fn list(&self, options: &ListOptions) -> Result<Vec<Arc<K>>> {
        let list = self.client.api().list(&self.target, options).await?;
        list.items.iter().map(Object::decode).collect()
    }

    /// Follows the collection.
    pub async fn watch(&self, options: &WatchOptions) -> Result<WatchStream> {
        self.client.api().watch(&self.target, options).await
    }

    /// Creates an object, in its own namespace where the collection has none.
    pub async fn create(&self, object: &K) -> Result<Arc<K>> {
        let mut target = self.target.clone();
        self.fill_namespace(&mut target, object);
        self.client.api().create(&target, to_value(object)?, &WriteOptions::default()).await?.answer()
    }

    /// Replaces an object; 409 if it has changed since `object` was read.
    pub async fn update(&self, object: &K) -> Result<Arc<K>> {
        self.replace(object, "").await
    }

    /// Replaces the status of an object; 409 if it has changed since `object` was read.
    pub async fn update_status(&self, object: &K) -> Result<Arc<K>> {
        self.replace(object, "status").await
    }

    /// Changes an object.
    pub async fn patch(&self, name: &str, patch: Patch) -> Result<Arc<K>> {
        self.client.api().patch(&self.target(name), patch, &WriteOptions::default()).await?.answer()
    }

    /// Changes the status of an object.
    pub async fn patch_status(&self, name: &str, patch: Patch) -> Result<Arc<K>> {
        let target = self.target(name).subresource("status");
        self.client.api().patch(&target, patch, &WriteOptions::default()).await?.answer()
    }

    /// Deletes an object with the defaults of its kind.
    pub async fn delete(&self, name: &str) -> Result<Deletion> {
        self.delete_with(name, &DeleteOptions::default()).await
    }

    /// Deletes an object.
    pub async fn delete_with(&self, name: &str, options: &DeleteOptions) -> Result<Deletion> {
        self.client.api().delete(&self.target(name), options).await
    }

    /// Posts to a subresource of an object, such as `eviction` or `binding`.
    pub async fn post(&self, name: &str, subresource: &'static str, body: Value) -> Result<Object> {
        let target = self.target(name).subresource(subresource);
        self.client.api().create(&target, body, &WriteOptions::default()).await
    }

    fn fill_namespace(&self, target: &mut Target, object: &K) {
        if target.namespace.is_empty() && scope_of::<K>() == Scope::Namespaced {
            target.namespace = object.metadata().namespace.clone().unwrap_or_else(|| "default".to_owned());
        }
    }

    async fn replace(&self, object: &K, subresource: &'static str) -> Result<Arc<K>> {
        let name = object.metadata().name.as_deref().unwrap_or_default();
        let mut target = self.target(name).subresource(subresource);
        self.fill_namespace(&mut target, object);
        self.client.api().update(&target, to_value(object)?, &WriteOptions::default()).await?.answer()
    }
}
