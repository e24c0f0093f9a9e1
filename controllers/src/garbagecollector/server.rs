//! Reads and changes objects by what references say of them: kind, namespace, name and uid.

use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, OwnerReference, Preconditions};
use steersman_core::api::{GetOptions, Patch, Target, WriteOptions};
use steersman_core::resource::{ApiResource, GroupVersionKind, Scope};
use steersman_core::tree::{Value, json};
use steersman_core::{Client, Error, Object, Result};

use super::graph::Identity;

/// How often the removal of a finalizer is tried where the object changes meanwhile.
const FINALIZER_TRIES: usize = 5;

/// The API server, addressed by kind.
pub(super) struct Server {
    client: Client,
    /// What discovery last told.
    resources: Mutex<Arc<[ApiResource]>>,
}

impl Server {
    pub(super) fn new(client: &Client) -> Self {
        Server { client: client.clone(), resources: Mutex::new(Arc::new([])) }
    }

    /// Reads anew which resources there are.
    pub(super) async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        let resources = self.client.api().discover().await?;
        *self.resources.lock().unwrap_or_else(PoisonError::into_inner) = resources.clone();
        Ok(resources)
    }

    /// Whether objects of a kind live in namespaces; an error if there is no such kind.
    pub(super) fn scope(&self, api_version: &str, kind: &str) -> Result<Scope> {
        self.resource(api_version, kind).map(|resource| resource.scope)
    }

    pub(super) async fn get(&self, identity: &Identity) -> Result<Object> {
        self.client.api().get(&self.target(identity)?, &GetOptions::default()).await
    }

    /// Deletes an object in the way of `policy`, if it still is as it was seen, or at least has the owners that it
    /// was seen with.
    pub(super) async fn delete(&self, seen: &Object, policy: &str) -> Result<()> {
        let identity = Identity::of(seen);
        let target = self.target(&identity)?;
        let strictly = delete_options(seen.uid(), Some(seen.resource_version()), policy);
        match self.client.api().delete(&target, &strictly).await {
            Err(error) if error.is_conflict() => {}
            outcome => return outcome.map(drop),
        }
        let live = match self.client.api().get(&target, &GetOptions::default()).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        if live.uid() != seen.uid() {
            return Ok(());
        }
        if live.metadata().owner_references != seen.metadata().owner_references {
            return Err(Error::internal("the owners of the object have changed meanwhile"));
        }
        self.client.api().delete(&target, &delete_options(seen.uid(), None, policy)).await.map(drop)
    }

    /// Lets an object forget some owners. It may be gone.
    pub(super) async fn remove_owners(&self, identity: &Identity, owners: &[String]) -> Result<()> {
        self.change_owners(identity, |references| references.retain(|one| !owners.contains(&one.uid))).await
    }

    /// Lets an object keep none of its owners from going. It may be gone.
    pub(super) async fn unblock_owners(&self, identity: &Identity) -> Result<()> {
        let unblock = |one: &mut OwnerReference| one.block_owner_deletion = Some(false);
        self.change_owners(identity, |references| references.iter_mut().for_each(unblock)).await
    }

    async fn change_owners(
        &self,
        identity: &Identity,
        change: impl FnOnce(&mut Vec<OwnerReference>),
    ) -> Result<()> {
        let Some(live) = self.live(identity).await? else { return Ok(()) };
        let mut references = live.metadata().owner_references.clone();
        change(&mut references);
        if references == live.metadata().owner_references {
            return Ok(());
        }
        self.patch(identity, &live, json!({ "ownerReferences": references })).await
    }

    /// Takes away a finalizer. The object may be gone.
    pub(super) async fn remove_finalizer(&self, identity: &Identity, finalizer: &str) -> Result<()> {
        for _ in 1..FINALIZER_TRIES {
            match self.try_remove_finalizer(identity, finalizer).await {
                Err(error) if error.is_conflict() => {}
                outcome => return outcome,
            }
        }
        self.try_remove_finalizer(identity, finalizer).await
    }

    async fn try_remove_finalizer(&self, identity: &Identity, finalizer: &str) -> Result<()> {
        let Some(live) = self.live(identity).await? else { return Ok(()) };
        let mut finalizers = live.metadata().finalizers.clone();
        finalizers.retain(|one| one != finalizer);
        if finalizers.len() == live.metadata().finalizers.len() {
            return Ok(());
        }
        self.patch(identity, &live, json!({ "finalizers": finalizers })).await
    }

    /// The very object that is meant, if it is there.
    async fn live(&self, identity: &Identity) -> Result<Option<Object>> {
        match self.get(identity).await {
            Ok(live) => Ok((live.uid() == &*identity.uid).then_some(live)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes metadata of the version that was read.
    async fn patch(&self, identity: &Identity, live: &Object, mut metadata: Value) -> Result<()> {
        metadata["uid"] = live.uid().into();
        metadata["resourceVersion"] = live.resource_version().into();
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match self.client.api().patch(&self.target(identity)?, patch, &WriteOptions::default()).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn target(&self, identity: &Identity) -> Result<Target> {
        let resource = self.resource(&identity.api_version, &identity.kind)?;
        let namespace = if resource.scope == Scope::Namespaced { identity.namespace.as_str() } else { "" };
        Ok(Target::all(resource.resource).in_namespace(namespace).named(identity.name.as_str()))
    }

    fn resource(&self, api_version: &str, kind: &str) -> Result<ApiResource> {
        let wanted = GroupVersionKind::from_api_version(api_version, kind);
        let resources = self.resources.lock().unwrap_or_else(PoisonError::into_inner);
        let found = resources.iter().find(|resource| resource.gvk() == wanted);
        found.cloned().ok_or_else(|| {
            Error::internal(format!("no matches for kind {kind:?} in version {api_version:?}"))
        })
    }
}

fn delete_options(uid: &str, resource_version: Option<&str>, policy: &str) -> DeleteOptions {
    let preconditions = Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: resource_version.map(ToOwned::to_owned),
    };
    DeleteOptions {
        preconditions: Some(preconditions),
        propagation_policy: Some(policy.to_owned()),
        ..DeleteOptions::default()
    }
}
