//! An extender behind upstream's web interface (`k8s.io/kube-scheduler/extender/v1`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use k8s_openapi::api::core::v1::{Container, Node};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use steersman_core::tree::{Map, Value, json};

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

    async fn send<T: DeserializeOwned>(&self, verb: &str, body: Value) -> Result<T, String> {
        let url = format!("{}/{verb}", self.configuration.url_prefix.trim_end_matches('/'));
        let (code, answer) = self.post.post(&url, Bytes::from(body.to_string())).await?;
        if code != 200 {
            return Err(format!("failed {verb} with extender at URL {url}, code {code}"));
        }
        serde_json::from_slice(&answer).map_err(|error| error.to_string())
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

/// Go writes field names with capitals, and reads them however they are written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FilterResult {
    #[serde(alias = "nodes")]
    nodes: Option<NodeList>,
    #[serde(alias = "nodeNames", alias = "nodenames")]
    node_names: Option<Vec<String>>,
    #[serde(alias = "failedNodes", alias = "failednodes")]
    failed_nodes: Option<BTreeMap<String, String>>,
    #[serde(alias = "failedAndUnresolvableNodes")]
    failed_and_unresolvable_nodes: Option<BTreeMap<String, String>>,
    #[serde(alias = "error")]
    error: String,
}

#[derive(Deserialize)]
struct NodeList {
    #[serde(default)]
    items: Option<Vec<Node>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostPriority {
    #[serde(alias = "host")]
    host: String,
    #[serde(alias = "score", default)]
    score: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PreemptionResult {
    #[serde(alias = "nodeNameToMetaVictims")]
    node_name_to_meta_victims: Option<BTreeMap<String, Option<MetaVictims>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MetaVictims {
    #[serde(alias = "pods")]
    pods: Option<Vec<MetaPod>>,
    #[serde(rename = "NumPDBViolations", alias = "numPDBViolations")]
    budgets_violated: usize,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MetaPod {
    #[serde(rename = "UID", alias = "uid")]
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BindingResult {
    #[serde(alias = "error")]
    error: String,
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
        let verb = &self.configuration.filter_verb;
        let result: FilterResult = self.send(verb, self.args(pod, nodes)).await?;
        if !result.error.is_empty() {
            return Err(result.error);
        }
        let names = match (result.node_names.filter(|_| self.configuration.node_cache_capable), result.nodes)
        {
            (Some(names), _) => names,
            (None, nodes) => {
                let items = nodes.and_then(|nodes| nodes.items).unwrap_or_default();
                items.into_iter().filter_map(|node| node.metadata.name).collect()
            }
        };
        Ok(Filtered {
            nodes: names,
            failed: result.failed_nodes.unwrap_or_default(),
            failed_and_unresolvable: result.failed_and_unresolvable_nodes.unwrap_or_default(),
        })
    }

    async fn prioritize(&self, pod: &PodInfo, nodes: &[Arc<Node>]) -> Result<BTreeMap<String, i64>, String> {
        let verb = &self.configuration.prioritize_verb;
        let list: Vec<HostPriority> = self.send(verb, self.args(pod, nodes)).await?;
        Ok(list.into_iter().map(|one| (one.host, one.score)).collect())
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
        let field = if is_capable { "NodeNameToMetaVictims" } else { "NodeNameToVictims" };
        let body = json!({"Pod": pod.pod(), field: by_node});
        let result: PreemptionResult = self.send(&self.configuration.preempt_verb, body).await?;
        let each = result.node_name_to_meta_victims.unwrap_or_default().into_iter();
        Ok(each
            .map(|(node, victims)| {
                let MetaVictims { pods, budgets_violated } = victims.unwrap_or_default();
                let pods = pods.unwrap_or_default().into_iter().map(|pod| pod.uid).collect();
                Victims { node, pods, budgets_violated }
            })
            .collect())
    }

    async fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String> {
        let body = json!({
            "PodName": pod.name(), "PodNamespace": pod.namespace(), "PodUID": pod.uid(), "Node": node,
        });
        let result: BindingResult = self.send(&self.configuration.bind_verb, body).await?;
        if result.error.is_empty() { Ok(()) } else { Err(result.error) }
    }
}

impl std::fmt::Debug for HttpExtender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpExtender").field("configuration", &self.configuration).finish_non_exhaustive()
    }
}
