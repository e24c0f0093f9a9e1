//! The kubelet as a component: one node, or a fleet of nodes driven by one task.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use steersman_core::cache::{Cache, Caches, Selection};
use steersman_core::selector::FieldSelector;
use steersman_core::{Client, Env, Runtime};

use crate::agent::{self, NodeConfig, Views};
use crate::options::KubeletOptions;

/// Runs the pods that are bound to one node. See <https://kubernetes.io/docs/concepts/architecture/#kubelet>.
#[must_use = "a kubelet does nothing until it is run"]
pub struct Kubelet {
    env: Env,
    client: Client,
    node: NodeConfig,
}

impl Kubelet {
    /// A kubelet of the node `name`, whose pods run in `runtime`.
    pub fn new(
        env: &Env,
        client: &Client,
        name: &str,
        runtime: Arc<dyn Runtime>,
        options: KubeletOptions,
    ) -> Self {
        let node = NodeConfig { name: name.to_owned(), runtime, options };
        Kubelet { env: env.child(&format!("kubelet/{name}")), client: client.clone(), node }
    }

    /// Registers the node and runs its pods, for as long as it is polled. Dropping it leaves everything as it is: a
    /// new kubelet of the same node and runtime goes on from there.
    pub async fn run(self) {
        let Kubelet { env, client, node } = self;
        let bound = FieldSelector::equals("spec.nodeName", node.name.as_str());
        let own = FieldSelector::equals("metadata.name", node.name.as_str());
        let views = Views {
            pods: Cache::start(&env, &client, Selection::of::<Pod>().with_fields(bound)),
            nodes: Cache::start(&env, &client, Selection::of::<Node>().with_fields(own)).typed(),
            services: Cache::start(&env, &client, Selection::of::<Service>()).typed(),
        };
        agent::run(env, client, vec![node], views).await;
    }
}

impl fmt::Debug for Kubelet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubelet").field("node", &self.node.name).finish_non_exhaustive()
    }
}

/// The kubelets of many nodes in one task, over caches that they share with each other and with whoever else runs in
/// this process. For nodes by the thousand, with runtimes that need no task of their own, such as
/// [`Fake`](crate::Fake).
#[must_use = "a fleet does nothing until it is run"]
pub struct Fleet {
    env: Env,
    client: Client,
    caches: Caches,
    nodes: Vec<NodeConfig>,
}

impl Fleet {
    /// A fleet without nodes.
    pub fn new(env: &Env, client: &Client, caches: &Caches) -> Self {
        Fleet { env: env.child("kubelet"), client: client.clone(), caches: caches.clone(), nodes: Vec::new() }
    }

    /// The same, with one more node.
    pub fn node(mut self, name: &str, runtime: Arc<dyn Runtime>, options: KubeletOptions) -> Self {
        self.nodes.push(NodeConfig { name: name.to_owned(), runtime, options });
        self
    }

    /// Registers the nodes and runs their pods, for as long as it is polled.
    pub async fn run(self) {
        let Fleet { env, client, caches, nodes } = self;
        let pods = caches.of::<Pod>().cache().clone();
        let views = Views { pods, nodes: caches.of(), services: caches.of() };
        agent::run(env, client, nodes, views).await;
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        f.debug_struct("Fleet").field("nodes", &names).finish_non_exhaustive()
    }
}
