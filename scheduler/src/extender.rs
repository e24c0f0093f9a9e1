//! Extenders: others, outside of the scheduler, who have a say in where pods go.
//!
//! <https://kubernetes.io/docs/concepts/extend-kubernetes/#scheduling-extensions>. Each question has a time limit, and
//! what is answered is checked: an extender that hangs, fails or lies ends in a message on the pod, or is passed over if
//! it may be. While one is asked, no other pod is decided on, as upstream has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;

use crate::decision::Candidate;
use crate::pod::PodInfo;

mod answer;
mod bind;
mod consult;
mod http;
#[cfg(feature = "http")]
mod http_client;
mod preempt;

pub(crate) use bind::bind;
pub(crate) use consult::Consultation;
pub use http::{HttpExtender, Post};
#[cfg(feature = "http")]
pub use http_client::PlainHttp;

/// The name that stands for all extenders among the plugins that rejected a pod.
pub(crate) const NAME: &str = "extender";

/// One who has a say in where pods go. What it does not take part in is never asked of it. Every method may wait, may be
/// repeated, and is given up after [`Extender::limit`].
#[async_trait]
pub trait Extender: Send + Sync + 'static {
    /// The name, for messages.
    fn name(&self) -> &str;

    /// What it takes part in.
    fn part(&self) -> Part;

    /// Whether it has a say in a pod.
    fn is_interested(&self, pod: &PodInfo) -> bool {
        let _ = pod;
        true
    }

    /// Whether pods are placed without it when it fails.
    fn is_ignorable(&self) -> bool {
        false
    }

    /// How long an answer may take.
    fn limit(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Which of the nodes will do.
    ///
    /// # Errors
    /// It could not be found out; the words are told.
    async fn filter(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Result<Filtered, String> {
        let _ = (pod, nodes);
        Err("does not filter".to_owned())
    }

    /// The scores of nodes, from 0 to 10.
    ///
    /// # Errors
    /// It could not be found out; the pod is placed without.
    async fn prioritize(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Result<BTreeMap<String, i64>, String> {
        let _ = (pod, nodes);
        Err("does not prioritize".to_owned())
    }

    /// Those of the candidates for preemption that it agrees with, perhaps with other victims of the same node.
    ///
    /// # Errors
    /// It could not be found out; the words are told.
    async fn preempt(&self, pod: &PodInfo, candidates: &[Arc<Candidate>]) -> Result<Vec<Victims>, String> {
        let _ = (pod, candidates);
        Err("does not preempt".to_owned())
    }

    /// Tells the API server where the pod is to run.
    ///
    /// # Errors
    /// The pod is not bound; the words are told.
    async fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String> {
        let _ = (pod, node);
        Err("does not bind".to_owned())
    }
}

/// What an extender takes part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// It filters nodes.
    pub filters: bool,
    /// It scores nodes, and its scores count so many times.
    pub prioritizes: Option<i64>,
    /// It looks over candidates for preemption.
    pub preempts: bool,
    /// It binds.
    pub binds: bool,
}

/// Which nodes will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// The names of those that will.
    pub nodes: Vec<String>,
    /// Why others will not, by name; removing pods may help.
    pub failed: BTreeMap<String, String>,
    /// Why others will not, by name; removing pods does not help.
    pub failed_and_unresolvable: BTreeMap<String, String>,
}

/// The pods to remove from a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Victims {
    /// The name of the node.
    pub node: String,
    /// The uids of the pods.
    pub pods: Vec<String>,
    /// How many of them a disruption budget would rather keep.
    pub budgets_violated: usize,
}

/// The extenders of a scheduler, in the order they are asked.
pub(crate) type Extenders = Arc<[Arc<dyn Extender>]>;

/// Asks one, and no longer than it may take.
async fn within<T>(
    env: &steersman_core::Env,
    extender: &dyn Extender,
    answer: impl Future<Output = Result<T, String>> + Send,
) -> Result<T, String> {
    let limit = extender.limit();
    match env.timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("extender {:?} did not answer within {limit:?}", extender.name())),
    }
}
