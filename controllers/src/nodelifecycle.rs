//! Notices nodes that have fallen silent or are not ready, and taints them so that their pods move away.
//!
//! <https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller>. A node whose lease and status have not
//! been renewed for the grace period is set to `Unknown`; its pods are set to not ready; and it is tainted with
//! `NoExecute`, at the rate that the state of its zone allows. Who evicts is [`tainteviction`](crate::tainteviction).
//! The taints with `NoSchedule` that mirror conditions are kept by [`NodeTaints`].

mod health;
mod pods;
mod taints;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, join_all, select};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod};
use steersman_core::cache::Typed;
use steersman_core::events::EventType;
use steersman_core::tree::Text;
use steersman_core::{Client, Env, Queue, Recorder, Result};

use crate::Key;
use crate::rhythm::next_beat;
use crate::runner::Context;

use health::{Examined, Health};
use pods::Pods;
use taints::Tainting;
use zones::{Direction, Seen, Zones};

pub use taints::NodeTaints;

const LEASES: &str = "kube-node-lease";

/// How often the update of a node is tried in one round.
const TRIES: usize = 5;

/// When nodes count as lost, and how fast they are then tainted. The names are those of upstream's flags.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeLifecycleOptions {
    /// How often nodes are looked at.
    pub node_monitor_period: Duration,
    /// How long a node may be silent.
    pub node_monitor_grace_period: Duration,
    /// How long a node may be silent that has never posted its status.
    pub node_startup_grace_period: Duration,
    /// How many nodes of a zone are tainted in a second.
    pub node_eviction_rate: f64,
    /// The same in a large zone of which too many nodes are not ready; small ones are then left alone.
    pub secondary_node_eviction_rate: f64,
    /// From how many nodes on a zone is large (exclusive).
    pub large_cluster_size_threshold: usize,
    /// Which part of a zone's nodes is too many.
    pub unhealthy_zone_threshold: f64,
}

impl Default for NodeLifecycleOptions {
    fn default() -> Self {
        NodeLifecycleOptions {
            node_monitor_period: Duration::from_secs(5),
            node_monitor_grace_period: Duration::from_secs(50),
            node_startup_grace_period: Duration::from_secs(60),
            node_eviction_rate: 0.1,
            secondary_node_eviction_rate: 0.01,
            large_cluster_size_threshold: 50,
            unhealthy_zone_threshold: 0.55,
        }
    }
}

/// Watches over nodes until it is dropped; for [`Controllers::task`](crate::Controllers::task).
pub async fn run(context: Context, options: NodeLifecycleOptions) {
    let Context { env, client, caches } = context;
    let (nodes, leases) = (caches.of::<Node>(), caches.of::<Lease>());
    let pods = Pods::new(&client, caches.of::<Pod>());
    pods.synced().await;
    nodes.synced().await;
    leases.synced().await;
    let (bound, came) = (Queue::new(&env), Queue::new(&env));
    let _told = pods.tell_of_bound(&bound);
    let _told_of_nodes = nodes.cache().subscribe({
        let came = came.clone();
        move |_| came.add(())
    });
    let recorder = Recorder::start(&env, &client, "node-controller");
    let zones = Zones::new(&options);
    let mut monitor = Monitor {
        env,
        client,
        recorder,
        nodes,
        leases,
        pods,
        options,
        known: BTreeMap::new(),
        health: BTreeMap::new(),
        retry: BTreeSet::new(),
        zones,
    };
    monitor.watch_over(&bound, &came).await;
}

struct Monitor {
    env: Env,
    client: Client,
    recorder: Recorder,
    nodes: Typed<Node>,
    leases: Typed<Lease>,
    pods: Pods,
    options: NodeLifecycleOptions,
    /// The uid of every node that was announced, by name.
    known: BTreeMap<String, String>,
    health: BTreeMap<String, Health>,
    /// The nodes whose pods could not all be set to not ready.
    retry: BTreeSet<String>,
    zones: Zones,
}

impl Monitor {
    /// Looks at all nodes once a period; taints, and looks at newly bound pods, in between. Rounds without nodes are left
    /// out, and the rhythm stays.
    async fn watch_over(&mut self, bound: &Queue<Key>, came: &Queue<()>) {
        let mut next_round = self.env.elapsed();
        loop {
            if self.env.elapsed() >= next_round {
                next_round = self.env.elapsed() + self.options.node_monitor_period;
                self.round().await;
            }
            self.taint_due().await;
            while let Some(key) = bound.try_next() {
                self.look_at_pod(bound, &key).await;
            }
            let deadline = self.zones.next_due().map_or(next_round, |due| due.min(next_round));
            let is_idle = self.known.is_empty() && self.nodes.cache().is_empty();
            let claim = {
                let rest = async {
                    if is_idle {
                        drop(came.next().await);
                    } else {
                        self.env.sleep_until(deadline).await;
                    }
                };
                match select(pin!(bound.next()), pin!(rest)).await {
                    Either::Left((claim, _)) => Some(claim),
                    Either::Right(_) => None,
                }
            };
            if let Some(key) = claim {
                self.look_at_pod(bound, &key).await;
            }
            if is_idle {
                next_round = next_beat(next_round, self.options.node_monitor_period, self.env.elapsed());
            }
        }
    }

    async fn round(&mut self) {
        let nodes = self.nodes.list();
        nodes.iter().for_each(|node| self.zones.add(&zones::zone_of(node)));
        self.announce(&nodes).await;
        let mut seen: BTreeMap<Text, Seen> = BTreeMap::new();
        for node in &nodes {
            let name = name_of(node);
            match self.look_at_node(name).await {
                Ok(Some(ready)) if !zones::is_excluded(node) => {
                    seen.entry(zones::zone_of(node)).or_default().count(ready);
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%name, %error, "a node's health could not be updated"),
            }
        }
        match self.zones.assess(&seen) {
            Direction::AllLost => {
                join_all(nodes.iter().map(|node| self.reachable(node))).await;
            }
            Direction::AllBack => {
                // What was not heard while all were silent says nothing about a single node.
                self.health.values_mut().for_each(|health| health.begin_anew(self.env.elapsed()));
            }
            Direction::Usual => {}
        }
    }

    /// Tells of nodes that have come and gone.
    async fn announce(&mut self, nodes: &[Arc<Node>]) {
        for node in nodes {
            let name = name_of(node);
            if !self.known.contains_key(name) {
                self.known.insert(name.to_owned(), uid_of(node).to_owned());
                let message = format!("Node {name} event: Registered Node {name} in Controller");
                self.tell(name, uid_of(node), "RegisteredNode", message);
                self.reachable(node).await;
            }
        }
        // All that are there are known by now.
        if self.known.len() == nodes.len() {
            return;
        }
        let present: BTreeSet<&str> = nodes.iter().map(|node| name_of(node)).collect();
        let gone: Vec<String> =
            self.known.keys().filter(|name| !present.contains(name.as_str())).cloned().collect();
        for name in gone {
            let uid = self.known.remove(&name).unwrap_or_default();
            self.health.remove(&name);
            self.retry.remove(&name);
            self.zones.forget(&name);
            let message = format!("Node {name} event: Removing Node {name} from Controller");
            self.tell(&name, &uid, "RemovingNode", message);
        }
    }

    /// Whether the node is ready; `None` if it is gone.
    async fn look_at_node(&mut self, name: &str) -> Result<Option<bool>> {
        let Some((node, examined)) = self.update_health(name).await? else { return Ok(None) };
        let Some(is) = &examined.is else {
            self.retry.remove(name);
            return Ok(Some(false));
        };
        let ready = is == "True";
        self.plan_taint(&node, is).await;
        let lost = !ready && examined.was == "True";
        if lost {
            let message = format!("Node {name} status is now: NodeNotReady");
            self.tell(name, uid_of(&node), "NodeNotReady", message);
        }
        if lost || (self.retry.contains(name) && !ready) {
            match self.pods.mark_not_ready(name, &self.recorder, self.env.now()).await {
                Ok(()) => self.retry.remove(name),
                Err(_) => self.retry.insert(name.to_owned()),
            };
        }
        Ok(Some(ready))
    }

    /// Examines the node, and writes down that it is silent where it is.
    async fn update_health(&mut self, name: &str) -> Result<Option<(Arc<Node>, Examined)>> {
        let mut node = self.nodes.get("", name);
        for tries in 1..=TRIES {
            let Some(seen) = node else { return Ok(None) };
            let lease = self.leases.get(LEASES, name);
            let (now, elapsed) = (self.env.now(), self.env.elapsed());
            let mut health = self.health.get(name).copied();
            let examined = health::examine(&mut health, &seen, lease.as_deref(), now, elapsed, &self.options);
            let Some(silent) = &examined.update else {
                self.remember(name, health);
                return Ok(Some((seen, examined)));
            };
            match self.client.all::<Node>().update_status(silent).await {
                Ok(updated) => {
                    self.remember(name, health);
                    return Ok(Some((updated, examined)));
                }
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => node = self.client.all::<Node>().get_opt(name).await?,
            }
        }
        Ok(None)
    }

    fn remember(&mut self, name: &str, health: Option<Health>) {
        match (self.health.get_mut(name), health) {
            (Some(known), Some(health)) => *known = health,
            (None, Some(health)) => drop(self.health.insert(name.to_owned(), health)),
            (_, None) => {}
        }
    }

    /// Swaps the taint of a node that has one already; lets others wait for their turn.
    async fn plan_taint(&mut self, node: &Arc<Node>, ready: &str) {
        let Some(taint) = Tainting::for_ready(ready) else {
            if self.zones.is_waiting(name_of(node)) {
                self.zones.remove(&zones::zone_of(node), name_of(node));
            }
            self.reachable(node).await;
            return;
        };
        if taints::has_no_execute(node, taint.opposite) {
            if let Err(error) = self.swap(node, taint).await {
                tracing::debug!(name = name_of(node), %error, "a taint could not be swapped");
            }
        } else if !taints::has_no_execute(node, taint.add) {
            self.zones.enqueue(&zones::zone_of(node), name_of(node), self.env.elapsed());
        }
    }

    /// Taints the nodes whose turn it is.
    async fn taint_due(&mut self) {
        while let Some((zone, name)) = self.zones.take_due(self.env.elapsed()) {
            let Some(node) = self.nodes.get("", &name) else { continue };
            let Some(taint) = health::ready(&node).and_then(|ready| Tainting::for_ready(&ready.status))
            else {
                continue;
            };
            if let Err(error) = self.swap(&node, taint).await {
                tracing::debug!(%name, %error, "a node could not be tainted and will be tried again");
                self.zones.enqueue(&zone, &name, self.env.elapsed());
            }
        }
    }

    async fn swap(&self, node: &Arc<Node>, taint: Tainting) -> Result<()> {
        taints::change(&self.client, node, self.env.now(), Some(taint.add), &[taint.opposite]).await
    }

    /// Takes the taints away from a node that answers.
    async fn reachable(&self, node: &Arc<Node>) {
        let both = [taints::UNREACHABLE, taints::NOT_READY];
        if let Err(error) = taints::change(&self.client, node, self.env.now(), None, &both).await {
            tracing::debug!(name = name_of(node), %error, "taints could not be removed");
        }
    }

    /// A pod that is bound to a node which is known not to be ready is not ready either.
    async fn look_at_pod(&self, bound: &Queue<Key>, key: &Key) {
        let Some(pod) = self.pods.get(key) else { return bound.forget(key) };
        let known = self.health.get(crate::pod_disruption::node_name(&pod));
        if known.is_some_and(Health::is_not_ready)
            && self.pods.mark(&pod, &self.recorder, self.env.now()).await.is_err()
        {
            bound.add_failed(key.clone());
        } else {
            bound.forget(key);
        }
    }

    fn tell(&self, name: &str, uid: &str, reason: &str, message: String) {
        let node = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        self.recorder.event(node, EventType::Normal, reason, message);
    }
}

fn name_of(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

fn uid_of(node: &Node) -> &str {
    node.metadata.uid.as_deref().unwrap_or_default()
}
