//! A running cluster, and what one does with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::apps::v1::Deployment;
use steersman_apiserver::{Server, User};
use steersman_controllers::runner::Running;
use steersman_core::client::Objects;
use steersman_core::env::Task;
use steersman_core::{Client, Env, Object, Resource, Result, Store};

use crate::builder::Builder;
use crate::manifest::Conflicts;
use crate::node::Node;
use crate::{manifest, rollback, settle};

/// A running cluster. Dropping it stops everything it started.
pub struct Cluster(Parts);

/// What a cluster consists of; dropped in this order.
pub(crate) struct Parts {
    #[cfg(feature = "tls")]
    pub(crate) door: Option<crate::listen::Door>,
    pub(crate) running: Running,
    pub(crate) nodes: Mutex<BTreeMap<String, Node>>,
    pub(crate) tasks: Vec<Task<()>>,
    pub(crate) client: Client,
    pub(crate) server: Arc<Server>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
}

impl Cluster {
    /// A cluster yet to be started: a memory store, the built-in controllers, the default scheduler, and no nodes.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Cluster(parts)
    }

    /// A client that may do everything.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// A client that acts as `user`.
    pub fn client_as(&self, user: User) -> Client {
        self.0.server.client_as(user, "steersman")
    }

    /// The objects of a Rust type.
    pub fn api<K: Resource>(&self) -> Objects<K> {
        self.0.client.all()
    }

    /// The API server, to be shared with whoever [serves](steersman_apiserver::http) it.
    pub fn server(&self) -> &Arc<Server> {
        &self.0.server
    }

    /// Where the API server listens; `None` if it was not [told to](Builder::listen).
    #[cfg(feature = "tls")]
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.0.door.as_ref().map(crate::listen::Door::address)
    }

    /// A kubeconfig for the administrator; `None` if the API server was not told to [listen](Builder::listen).
    #[cfg(feature = "tls")]
    pub fn kubeconfig(&self) -> Option<&str> {
        self.0.door.as_ref().map(crate::listen::Door::kubeconfig)
    }

    /// The store, as the API server sees it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Time, tasks and randomness of this cluster.
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// Applies every object of a YAML text, in order, as `kubectl apply --server-side` does: what is missing is
    /// created, fields that an earlier manifest set and this one leaves out are removed, and everything that others
    /// have set stays. Objects without a namespace go to `default`. The field manager is `steersman`.
    /// See <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.
    ///
    /// # Errors
    /// The first refusal; what came before it stays. 409 where somebody else has set a field to another value: see
    /// [`Cluster::apply_forced`].
    pub async fn apply(&self, manifests: &str) -> Result<Vec<Object>> {
        self.apply_all(manifests, Conflicts::Refuse).await
    }

    /// The same, but takes over the fields that others have set, as `--force-conflicts` does.
    ///
    /// # Errors
    /// The first refusal; what came before it stays.
    pub async fn apply_forced(&self, manifests: &str) -> Result<Vec<Object>> {
        self.apply_all(manifests, Conflicts::TakeOver).await
    }

    async fn apply_all(&self, manifests: &str, conflicts: Conflicts) -> Result<Vec<Object>> {
        let mut applied = Vec::new();
        for object in manifest::objects(manifests)? {
            applied.push(manifest::apply(&self.0.client, object, conflicts).await?);
        }
        Ok(applied)
    }

    /// Takes a Deployment back to its previous revision, as `kubectl rollout undo` does.
    ///
    /// # Errors
    /// 404 if there is no such Deployment, 400 if it has no earlier revision.
    pub async fn undo(&self, namespace: &str, deployment: &str) -> Result<Arc<Deployment>> {
        rollback::undo(&self.0.client, namespace, deployment).await
    }

    /// Waits until nothing but heartbeats was written for two seconds.
    ///
    /// # Errors
    /// 504 if the cluster still changes after ten minutes.
    pub async fn settle(&self) -> Result<()> {
        settle::settle(&self.0.env, &self.0.store).await
    }

    /// A node dies: its kubelet stops and its containers are gone. Returns whether there is such a node.
    pub fn fail_node(&self, name: &str) -> bool {
        self.on_node(name, Node::fail)
    }

    /// A node that died starts again, empty. Returns whether there is such a node.
    pub fn recover_node(&self, name: &str) -> bool {
        self.on_node(name, Node::recover)
    }

    /// Stops everything in good order: what the nodes run first, the store last.
    pub async fn stop(self) {
        #[cfg(feature = "tls")]
        if let Some(door) = self.0.door {
            door.close(&self.0.env).await;
        }
        let Parts { running, nodes, tasks, .. } = self.0;
        drop(running);
        let nodes = nodes.into_inner().unwrap_or_else(PoisonError::into_inner);
        drop(nodes);
        drop(tasks);
    }

    fn on_node(&self, name: &str, act: impl FnOnce(&mut Node)) -> bool {
        let mut nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get_mut(name).map(act).is_some()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("env", &self.0.env).finish_non_exhaustive()
    }
}
