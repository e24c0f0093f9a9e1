//! API faults at random: errors before a write, and lost answers after it.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{
    Api, Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchOptions, WatchStream,
    WriteOptions,
};
use steersman_core::error::{Error, Reason, Result};
use steersman_core::resource::ApiResource;
use steersman_core::tree::Value;
use steersman_core::{Env, Object};

/// An [`Api`] that fails now and then, by the seed of its [`Env`].
///
/// A read fails with 500; a write fails before it is carried out, with 500 or with a conflict, or is carried out and
/// its answer is lost (504). Whoever calls must live with all three.
pub struct ApiFaults {
    inner: Arc<dyn Api>,
    env: Env,
    one_in: u64,
}

impl ApiFaults {
    /// One request in `one_in` fails; 0 means none.
    pub fn new(inner: Arc<dyn Api>, env: Env, one_in: u64) -> Self {
        ApiFaults { inner, env, one_in }
    }

    fn strikes(&self) -> bool {
        self.one_in > 0 && self.env.random_below(self.one_in) == 0
    }

    fn read(&self) -> Result<()> {
        if self.strikes() { Err(Error::internal("injected fault")) } else { Ok(()) }
    }

    async fn write<T>(&self, target: &Target, outcome: impl Future<Output = Result<T>>) -> Result<T> {
        if !self.strikes() {
            return outcome.await;
        }
        match self.env.random_below(3) {
            0 => Err(Error::internal("injected fault")),
            1 => {
                let resource = target.resource.group_resource();
                Err(Error::conflict(&resource, &target.name, "injected fault"))
            }
            _ => {
                outcome.await?;
                Err(Error::new(Reason::Timeout, "Timeout: injected fault: the answer was lost"))
            }
        }
    }
}

#[async_trait]
impl Api for ApiFaults {
    async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object> {
        self.read()?;
        self.inner.get(target, options).await
    }

    async fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList> {
        self.read()?;
        self.inner.list(target, options).await
    }

    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        self.read()?;
        self.inner.watch(target, options).await
    }

    async fn create(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.write(target, self.inner.create(target, body, options)).await
    }

    async fn update(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.write(target, self.inner.update(target, body, options)).await
    }

    async fn patch(&self, target: &Target, patch: Patch, options: &WriteOptions) -> Result<Object> {
        self.write(target, self.inner.patch(target, patch, options)).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion> {
        self.write(target, self.inner.delete(target, options)).await
    }

    async fn delete_collection(
        &self,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList> {
        self.write(target, self.inner.delete_collection(target, options, list)).await
    }

    async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        self.read()?;
        self.inner.discover().await
    }

    async fn discovery_changed(&self, known: &Arc<[ApiResource]>) {
        self.inner.discovery_changed(known).await;
    }
}
