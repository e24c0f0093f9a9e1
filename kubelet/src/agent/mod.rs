//! Drives the pods of one node or of many: machines, runtimes and API brought together in one task.
//!
//! The agent is a single future. Every turn takes in all that has happened; when nothing more is at hand, it writes
//! what has changed, so that a pod which starts at once costs one status write.

mod errands;
mod inbox;
mod probing;
mod turn;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, join, join_all};
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use steersman_core::cache::{Cache, Typed};
use steersman_core::events::Recorder;
use steersman_core::runtime::PodSandbox;
use steersman_core::{Client, Env, Runtime};

use crate::options::KubeletOptions;
use crate::pod::PodSettings;
use crate::upkeep::Upkeep;

use errands::Done;
use inbox::Inbox;
use worker::Worker;

/// A pod's uid, which is noted in many places.
type Uid = Arc<str>;

/// A node that is to be driven.
#[derive(Clone)]
pub(crate) struct NodeConfig {
    pub(crate) name: String,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) options: KubeletOptions,
}

/// What an agent reads. The caches may hold more than the agent's own nodes.
#[derive(Clone)]
pub(crate) struct Views {
    pub(crate) pods: Cache,
    pub(crate) nodes: Typed<Node>,
    pub(crate) services: Typed<Service>,
}

struct Agent {
    env: Env,
    client: Client,
    services: Typed<Service>,
    nodes: Vec<AgentNode>,
    by_name: Arc<BTreeMap<String, usize>>,
    inbox: Arc<Inbox>,
    workers: BTreeMap<Uid, Box<Worker>>,
    /// Pods whose status may have changed.
    dirty: BTreeSet<Uid>,
    errands: FuturesUnordered<BoxFuture<'static, Done>>,
    events: SelectAll<BoxStream<'static, Arc<PodSandbox>>>,
    timers: BTreeSet<(Timestamp, Timer)>,
    sleep: Option<(Timestamp, BoxFuture<'static, ()>)>,
}

struct AgentNode {
    runtime: Arc<dyn Runtime>,
    settings: Arc<PodSettings>,
    options: Arc<KubeletOptions>,
    recorder: Recorder,
    /// What the runtime had before this agent came, as [`newest`] gives it.
    found: Vec<Arc<PodSandbox>>,
    pods: BTreeSet<Uid>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Pod(Uid),
    Relist(usize),
}

/// Drives `configs` for as long as it is polled.
pub(crate) async fn run(env: Env, client: Client, configs: Vec<NodeConfig>, views: Views) {
    let recorder = Recorder::start(&env, &client, "kubelet");
    let upkeep = configs.iter().map(|config| Upkeep {
        env: env.child(&config.name),
        client: client.clone(),
        nodes: views.nodes.clone(),
        recorder: recorder.for_host(&config.name),
        name: config.name.clone(),
        runtime: config.runtime.clone(),
        options: Arc::new(config.options.clone()),
    });
    let kept: FuturesUnordered<BoxFuture<'static, ()>> = upkeep
        .flat_map(|node| {
            let (status, lease) = (node.clone().keep_status(), node.keep_lease());
            [Box::pin(status) as BoxFuture<'static, ()>, Box::pin(lease)]
        })
        .collect();
    join(kept.collect::<()>(), drive(env, client, configs, views, recorder)).await;
}

async fn drive(env: Env, client: Client, configs: Vec<NodeConfig>, views: Views, recorder: Recorder) {
    let nodes = join_all(configs.iter().map(|config| node(&env, config, &recorder))).await;
    let events = configs.iter().map(|config| config.runtime.events());
    let by_name = configs.iter().enumerate().map(|(index, config)| (config.name.clone(), index));
    let (by_name, inbox) = (Arc::new(by_name.collect::<BTreeMap<_, _>>()), Arc::new(Inbox::default()));
    let now = env.now();
    let mut agent = Agent {
        timers: (0..nodes.len()).map(|index| (now, Timer::Relist(index))).collect(),
        events: events.collect(),
        services: views.services.clone(),
        nodes,
        by_name: by_name.clone(),
        inbox: inbox.clone(),
        workers: BTreeMap::new(),
        dirty: BTreeSet::new(),
        errands: FuturesUnordered::new(),
        sleep: None,
        env,
        client,
    };
    join(views.pods.synced(), views.services.synced()).await;
    let is_ours = move |pod: &Pod| node_name(pod).is_some_and(|name| by_name.contains_key(name));
    let _subscription = views.pods.subscribe(move |change| inbox.note(change, &is_ours));
    poll_fn(|cx| agent.turn(cx)).await;
}

/// A node, with what its runtime has; asked again until it answers.
async fn node(env: &Env, config: &NodeConfig, recorder: &Recorder) -> AgentNode {
    let mut wait = Duration::from_millis(100);
    let found = loop {
        match config.runtime.pods().await {
            Ok(found) => break found,
            Err(error) => tracing::warn!(node = config.name, %error, "the runtime does not answer"),
        }
        env.sleep(wait).await;
        wait = wait.saturating_mul(2).min(Duration::from_secs(7));
    };
    AgentNode {
        runtime: config.runtime.clone(),
        settings: Arc::new(settings(config)),
        options: Arc::new(config.options.clone()),
        recorder: recorder.for_host(&config.name),
        found: newest(found),
        pods: BTreeSet::new(),
    }
}

fn settings(config: &NodeConfig) -> PodSettings {
    let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    PodSettings {
        runtime: config.runtime.name().to_owned(),
        host_ips: config.options.addresses.clone(),
        isolates: config.runtime.isolates(),
        backoff: signed(config.options.backoff),
        longest_backoff: signed(config.options.longest_backoff),
    }
}

/// The newest sandbox of each pod, in the order of their uids.
fn newest(mut sandboxes: Vec<Arc<PodSandbox>>) -> Vec<Arc<PodSandbox>> {
    sandboxes.sort_by(|one, other| (&one.uid, other.attempt).cmp(&(&other.uid, one.attempt)));
    sandboxes.dedup_by(|older, newer| older.uid == newer.uid);
    sandboxes
}

/// Where a pod's sandbox is among those that [`newest`] gives.
fn place(sandboxes: &[Arc<PodSandbox>], uid: &str) -> Option<usize> {
    sandboxes.binary_search_by(|sandbox| sandbox.uid.as_str().cmp(uid)).ok()
}

fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}
