//! The API server as one user in this process sees it.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{
    Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchOptions, WatchStream, WriteOptions,
};
use steersman_core::resource::ApiResource;
use steersman_core::selector::FieldSelector;
use steersman_core::tree::Value;
use steersman_core::{Api, Object, Result};

use crate::pipeline::{Body, Caller, Core};

/// A handle with an identity.
pub(super) struct InProcess {
    core: Arc<Core>,
    caller: Caller,
}

impl InProcess {
    pub(super) fn new(core: Arc<Core>, caller: Caller) -> Self {
        InProcess { core, caller }
    }

    /// 403 unless the user may.
    async fn ask(&self, verb: &str, target: &Target, fields: Option<&FieldSelector>) -> Result<()> {
        self.core.authorize_target(&self.caller.user, verb, target, fields).await
    }
}

#[async_trait]
impl Api for InProcess {
    async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object> {
        self.ask("get", target, None).await?;
        self.core.get(&self.caller, target, options).await
    }

    async fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList> {
        self.ask("list", target, Some(&options.fields)).await?;
        self.core.list(&self.caller, target, options).await
    }

    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        self.ask("watch", target, Some(&options.fields)).await?;
        self.core.watch(&self.caller, target, options).await
    }

    async fn create(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.ask("create", target, None).await?;
        let written = self.core.create(&self.caller, target, Body::from(body), options).await?;
        Ok(written.object)
    }

    async fn update(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.ask("update", target, None).await?;
        let written = self.core.update(&self.caller, target, Body::from(body), options).await?;
        Ok(written.object)
    }

    async fn patch(&self, target: &Target, patch: Patch, options: &WriteOptions) -> Result<Object> {
        self.ask("patch", target, None).await?;
        Ok(self.core.patch(&self.caller, target, patch.into(), options).await?.object)
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion> {
        self.ask("delete", target, None).await?;
        Ok(self.core.delete(&self.caller, target, options).await?.into_deletion(target))
    }

    async fn delete_collection(
        &self,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList> {
        self.ask("deletecollection", target, None).await?;
        self.core.delete_collection(&self.caller, target, options, list).await
    }

    async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        Ok(self.core.registry.rows().discovered())
    }

    async fn discovery_changed(&self, known: &Arc<[ApiResource]>) {
        self.core.registry.changed(known).await;
    }
}
