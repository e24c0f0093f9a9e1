//! An extender behind upstream's web interface (`k8s.io/kube-scheduler/extender/v1`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use k8s_openapi::api::core::v1::{Container, Node};
use steersman_core::tree::{Map, Value, json};

use super::answer::Answer;
use super::{Extender, Filtered, Part, Victims};
use crate::config::ExtenderConfiguration;
use crate::decision::Candidate;
use crate::pod::PodInfo;

/// How requests are sent. With the feature `http`, `PlainHttp` does, without TLS.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Posts JSON, and reads the answer to its end: its status code and its body. Bounds what it reads; the time is
    /// bounded by the caller.
    ///
    /// # Errors
    /// There is no answer.
    async fn post(&self, url: &str, body: Bytes) -> Result<(u16, Bytes), String>;
}

/// An extender that is asked over HTTP, as a `KubeSchedulerConfiguration` describes it.
pub struct HttpExtender {
    configuration: ExtenderConfiguration,
    post: Arc<dyn Post>,
}

impl HttpExtender {
    /// An extender as configured.
    pub fn new(configuration: ExtenderConfiguration, post: impl Post) -> Self {
        HttpExtender { configuration, post: Arc::new(post) }
    }

    async fn send(&self, verb: &str, body: Value) -> Result<Answer, String> {
        let url = format!("{}/{verb}", self.configuration.url_prefix.trim_end_matches('/'));
        let (code, answer) = self.post.post(&url, Bytes::from(body.to_string())).await?;
        if code != 200 {
            return Err(format!("failed {verb} with extender at URL {url}, code {code}"));
        }
        Answer::read(&answer)
    }

    /// Pod and nodes, these by name if that is enough.
    fn args(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Value {
        let names = || nodes.iter().map(|node| node.metadata.name.as_deref().unwrap_or_default());
        let (list, names) = match self.configuration.node_cache_capable {
            true => (Value::Null, names().collect()),
            false => (json!({"metadata": {}, "items": nodes}), Value::Null),
        };
        json!({"Pod": pod.pod(), "Nodes": list, "NodeNames": names})
    }

    fn manages(&self, container: &Container) -> bool {
        let resources = container.resources.as_ref();
        let lists = resources.into_iter().flat_map(|resources| [&resources.requests, &resources.limits]);
        let mut names = lists.flatten().flat_map(|list| list.keys());
        names.any(|name| self.configuration.managed_resources.iter().any(|managed| managed.name == *name))
    }
}

#[async_trait]
impl Extender for HttpExtender {
    fn name(&self) -> &str {
        &self.configuration.url_prefix
    }

    fn part(&self) -> Part {
        let ExtenderConfiguration { filter_verb, prioritize_verb, preempt_verb, bind_verb, weight, .. } =
            &self.configuration;
        Part {
            filters: !filter_verb.is_empty(),
            prioritizes: Some(*weight).filter(|_| !prioritize_verb.is_empty()),
            preempts: !preempt_verb.is_empty(),
            binds: !bind_verb.is_empty(),
        }
    }

    fn is_interested(&self, pod: &PodInfo) -> bool {
        self.configuration.managed_resources.is_empty()
            || pod.all_containers().any(|container| self.manages(container))
    }

    fn is_ignorable(&self) -> bool {
        self.configuration.ignorable
    }

    fn limit(&self) -> Duration {
        self.configuration.http_timeout.filter(|limit| !limit.is_zero()).unwrap_or(Duration::from_secs(5))
    }

    async fn filter(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Result<Filtered, String> {
        let answer = self.send(&self.configuration.filter_verb, self.args(pod, nodes)).await?;
        let error: String = answer.get("Error")?;
        if !error.is_empty() {
            return Err(error);
        }
        let names: Option<Vec<String>> = answer.get("NodeNames")?;
        let nodes = match names.filter(|_| self.configuration.node_cache_capable) {
            Some(names) => names,
            None => names_of(&Answer::from(answer.get::<Value>("Nodes")?))?,
        };
        Ok(Filtered {
            nodes,
            failed: answer.get("FailedNodes")?,
            failed_and_unresolvable: answer.get("FailedAndUnresolvableNodes")?,
        })
    }

    /// What is said of one node several times counts together.
    async fn prioritize(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Result<BTreeMap<String, i64>, String> {
        let answer = self.send(&self.configuration.prioritize_verb, self.args(pod, nodes)).await?;
        let mut scores: BTreeMap<String, i64> = BTreeMap::new();
        for one in answer.all::<Vec<Value>>()?.into_iter().map(Answer::from) {
            let score = scores.entry(one.get("Host")?).or_default();
            *score = score.saturating_add(one.get("Score")?);
        }
        Ok(scores)
    }

    async fn preempt(&self, pod: &PodInfo, candidates: &[Arc<Candidate>]) -> Result<Vec<Victims>, String> {
        let is_capable = self.configuration.node_cache_capable;
        let victim = |victim: &Arc<PodInfo>| match is_capable {
            true => json!({"UID": victim.uid()}),
            false => json!(victim.pod()),
        };
        let victims = |candidate: &Arc<Candidate>| {
            let pods: Vec<Value> = candidate.victims.iter().map(victim).collect();
            json!({"Pods": pods, "NumPDBViolations": candidate.budgets_violated})
        };
        let by_node: Map =
            candidates.iter().map(|candidate| (candidate.node.to_string(), victims(candidate))).collect();
        let (whole, meta) =
            if is_capable { (Value::Null, by_node.into()) } else { (by_node.into(), Value::Null) };
        let body = json!({"Pod": pod.pod(), "NodeNameToVictims": whole, "NodeNameToMetaVictims": meta});
        let answer = self.send(&self.configuration.preempt_verb, body).await?;
        let by_node: BTreeMap<String, Value> = answer.get("NodeNameToMetaVictims")?;
        by_node.into_iter().map(|(node, victims)| victims_of(node, &Answer::from(victims))).collect()
    }

    async fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String> {
        let body = json!({
            "PodName": pod.name(), "PodNamespace": pod.namespace(), "PodUID": pod.uid(), "Node": node,
        });
        let error: String = self.send(&self.configuration.bind_verb, body).await?.get("Error")?;
        if error.is_empty() { Ok(()) } else { Err(error) }
    }
}

/// The names of the nodes in a list.
fn names_of(list: &Answer) -> Result<Vec<String>, String> {
    let items: Vec<Value> = list.get("items")?;
    let name = |item| Answer::from(Answer::from(item).get::<Value>("metadata")?).get("name");
    items.into_iter().map(name).collect()
}

fn victims_of(node: String, victims: &Answer) -> Result<Victims, String> {
    let pods: Vec<Value> = victims.get("Pods")?;
    let pods = pods.into_iter().map(|pod| Answer::from(pod).get("UID")).collect::<Result<_, _>>()?;
    Ok(Victims { node, pods, budgets_violated: victims.get("NumPDBViolations")? })
}

impl std::fmt::Debug for HttpExtender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpExtender").field("configuration", &self.configuration).finish_non_exhaustive()
    }
}
