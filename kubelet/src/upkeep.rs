//! Keeps a node in the API: its registration, its status, its lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, NodeStatus, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use steersman_core::api::{Patch, WriteOptions};
use steersman_core::cache::Typed;
use steersman_core::events::{About, EventType, Recorder};
use steersman_core::object::to_value;
use steersman_core::tree::{Text, Value};
use steersman_core::{Client, Env, Error, Result, Runtime};

use crate::node::{STARTED, node, status, status_patch};
use crate::options::KubeletOptions;

/// Where the leases of nodes are.
const LEASES: &str = "kube-node-lease";

/// The first and the longest wait before something that failed is tried again; upstream's.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(7));

/// What it takes to keep one node.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub(crate) env: Env,
    pub(crate) client: Client,
    pub(crate) nodes: Typed<Node>,
    pub(crate) recorder: Recorder,
    pub(crate) name: String,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) options: Arc<KubeletOptions>,
}

impl Upkeep {
    /// Registers the node, and then keeps its status true, for as long as it is polled.
    pub(crate) async fn keep_status(self) {
        let registered = self.register().await;
        self.nodes.seen(registered.metadata.resource_version.as_deref().unwrap_or_default()).await;
        self.announce();
        // What a kubelet sees of its node stays, but for the times.
        let wanted = Box::new(status(&self.name, &self.options, &*self.runtime, self.env.now()));
        let mut reported = self.env.elapsed();
        loop {
            self.env.sleep(self.options.status_period).await;
            let due = self.env.elapsed().saturating_sub(reported) >= self.options.report_period;
            // A node that was deleted is not registered again: only a new kubelet does that.
            let Some(current) = self.nodes.get("", &self.name) else { continue };
            match self.write_status(&current, &wanted, due).await {
                Ok(true) => reported = self.env.elapsed(),
                Ok(false) => {}
                Err(error) => tracing::warn!(node = self.name, %error, "the node's status was not written"),
            }
        }
    }

    /// Whether there was something to write.
    async fn write_status(&self, current: &Node, wanted: &NodeStatus, heartbeat: bool) -> Result<bool> {
        let Some(patch) = status_patch(current, wanted, heartbeat, self.env.now()) else { return Ok(false) };
        // Nobody reads the answer, so that it is not decoded.
        let target = self.client.all::<Node>().target(&self.name).subresource("status");
        self.client.api().patch(&target, Patch::Strategic(patch), &WriteOptions::default()).await?;
        Ok(true)
    }

    async fn register(&self) -> Arc<Node> {
        let mut wait = RETRY.0;
        loop {
            match self.try_register().await {
                Ok(node) => return node,
                Err(error) => tracing::warn!(node = self.name, %error, "the node was not registered"),
            }
            self.env.sleep(wait).await;
            wait = wait.saturating_mul(2).min(RETRY.1);
        }
    }

    async fn try_register(&self) -> Result<Arc<Node>> {
        let nodes = self.client.all::<Node>();
        let wanted = node(&self.name, &self.options, &*self.runtime, self.env.now());
        let current = match nodes.create(&wanted).await {
            Err(error) if error.is_already_exists() => nodes.get(&self.name).await?,
            created => created?,
        };
        // Whoever creates a node may not be let to write its status at once, and an old one tells of an old life.
        self.write_status(&current, &wanted.status.unwrap_or_default(), false).await?;
        Ok(current)
    }

    fn announce(&self) {
        let node = About::from(ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(self.name.clone()),
            uid: Some(self.name.clone()),
            ..ObjectReference::default()
        });
        self.recorder.event(node.clone(), EventType::Normal, "Starting", "Starting kubelet.");
        for reason in STARTED {
            let message = format!("Node {} status is now: {reason}", self.name);
            self.recorder.event(node.clone(), EventType::Normal, reason, message);
        }
    }

    /// Renews the node's lease, for as long as it is polled.
    pub(crate) async fn keep_lease(self) {
        let mut last = None;
        let mut wait = RETRY.0;
        loop {
            match self.renew(last.take()).await {
                Ok(lease) => {
                    last = Some(lease);
                    wait = RETRY.0;
                    self.env.sleep(self.options.lease_duration / 4).await;
                }
                Err(error) => {
                    tracing::debug!(node = self.name, %error, "the node's lease was not renewed");
                    self.env.sleep(wait).await;
                    wait = wait.saturating_mul(2).min(RETRY.1);
                }
            }
        }
    }

    /// Writes the lease anew, and returns what is to be written next time, but for the time.
    async fn renew(&self, last: Option<Value>) -> Result<Value> {
        let leases = self.client.namespaced::<Lease>(LEASES);
        let mut lease = match last {
            Some(last) => last,
            None => match leases.get_opt(&self.name).await? {
                Some(current) => to_value(&self.renewed((*current).clone()))?,
                None => {
                    let created = leases.create(&self.renewed(self.new_lease()?)).await?;
                    return to_value(&self.renewed((*created).clone()));
                }
            },
        };
        lease["spec"]["renewTime"] = Text::of(&format_args!("{:.6}", self.env.now())).into();
        // There are many: what is known of the answer is not read.
        let (target, options) = (leases.target(&self.name), WriteOptions::default());
        let written = self.client.api().update(&target, lease.clone(), &options).await?;
        lease["metadata"]["resourceVersion"] = written.resource_version().into();
        Ok(lease)
    }

    fn renewed(&self, mut lease: Lease) -> Lease {
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.name.clone());
        spec.lease_duration_seconds = i32::try_from(self.options.lease_duration.as_secs()).ok();
        spec.renew_time = Some(MicroTime(self.env.now()));
        // The owners of its fields are the server's to keep.
        lease.metadata.managed_fields = None;
        lease
    }

    /// A lease that goes when its node goes; an error as long as the node is not there.
    fn new_lease(&self) -> Result<Lease> {
        let absent = || Error::internal(format!("node {:?} is not registered yet", self.name));
        let node = self.nodes.get("", &self.name).ok_or_else(absent)?;
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.name.clone(),
            uid: node.metadata.uid.clone().unwrap_or_default(),
            ..OwnerReference::default()
        };
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(LEASES.to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        };
        Ok(Lease { metadata, spec: Some(LeaseSpec::default()) })
    }
}
