//! Counts for every PodDisruptionBudget how many of its pods may be disrupted now.
//!
//! <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>. How many pods there should be is asked of the
//! pods' controllers: from the caches for the built-in workloads, through the subresource `scale` for all others.
//! Whether a single pod may be evicted, `unhealthyPodEvictionPolicy` included, is for the API server to say.

mod budget;
mod overlap;
mod scale;
mod stale;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use steersman_core::cache::Change;
use steersman_core::events::EventType;
use steersman_core::selector::LabelSelector;
use steersman_core::{Client, Result};

use crate::{Actor, Key, Outcome, Sources, View};

use budget::Expected;

pub use stale::StalePodDisruptions;

/// Keeps the status of PodDisruptionBudgets.
#[derive(Clone, Debug)]
pub struct Disruption {
    client: Client,
}

impl Disruption {
    /// Asks `client` for the scale of pods' controllers that are no built-in workload.
    pub fn new(client: &Client) -> Self {
        Disruption { client: client.clone() }
    }
}

#[async_trait]
impl Actor for Disruption {
    type Object = PodDisruptionBudget;

    const NAME: &'static str = "disruption";

    fn component(&self) -> String {
        "controllermanager".to_owned()
    }

    fn sources(&self) -> Sources {
        Sources::new()
            .watches::<Pod>(budgets_of)
            .reads::<ReplicationController>()
            .reads::<ReplicaSet>()
            .reads::<Deployment>()
            .reads::<StatefulSet>()
    }

    async fn act(&self, view: &View, budget: &PodDisruptionBudget) -> Result<Outcome> {
        let mut outcome = Outcome::done();
        let pods = pods_of(view, budget);
        if pods.is_empty() {
            outcome.event(EventType::Normal, "NoPods", "No matching pods found");
        }
        match self.expected(view, budget, &pods).await {
            Ok(expected) => {
                warn_of_unmanaged(budget, &expected, &mut outcome);
                budget::settle(view.now(), budget, &pods, &expected, &mut outcome);
            }
            Err(message) => {
                let event = format!("Failed to calculate the number of expected pods: {message}");
                outcome.event(EventType::Warning, "CalculateExpectedPodCountFailed", event);
                budget::fail_safe(view.now(), budget, &message, &mut outcome);
            }
        }
        Ok(outcome)
    }
}

impl Disruption {
    /// How many pods there should be, and how many of them healthy; or why that is not known.
    async fn expected(
        &self,
        view: &View,
        budget: &PodDisruptionBudget,
        pods: &[Arc<Pod>],
    ) -> Result<Expected, String> {
        let Some(spec) = &budget.spec else { return Ok(Expected::default()) };
        if !budget::needs_scale(spec) {
            return budget::expected(spec, pods.len(), 0, Vec::new());
        }
        let (mut scales, mut unmanaged) = (BTreeMap::new(), Vec::new());
        for pod in pods {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            let Some(owner) = scale::controller(&pod.metadata) else {
                unmanaged.push(name.to_owned());
                continue;
            };
            if scales.contains_key(&owner.uid) {
                continue;
            }
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let scale = scale::find(view, &self.client, owner, namespace).await?;
            let (uid, replicas) = scale.ok_or_else(|| format!("found no controllers for pod {name:?}"))?;
            scales.insert(uid, replicas);
        }
        budget::expected(spec, pods.len(), scales.values().sum(), unmanaged)
    }
}

fn pods_of(view: &View, budget: &PodDisruptionBudget) -> Vec<Arc<Pod>> {
    let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
    selector(budget).map(|selector| view.selected(namespace, &selector)).unwrap_or_default()
}

/// The budgets that cover a pod as it is. Upstream, too, lets a budget that no longer does so wait for the next change.
fn budgets_of(view: &View, change: &Change) -> Vec<Key> {
    let pod = change.object();
    covering(view, pod.namespace(), &pod.metadata().labels)
        .iter()
        .map(|budget| Key::of_typed(&**budget))
        .collect()
}

/// The budgets of a namespace that cover a pod with these labels.
fn covering(
    view: &View,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<Arc<PodDisruptionBudget>> {
    let mut budgets = view.in_namespace::<PodDisruptionBudget>(namespace);
    budgets.retain(|budget| selector(budget).is_some_and(|selector| selector.matches(labels)));
    budgets
}

/// The pods that a budget covers; an empty selector covers all of the namespace, none covers none.
fn selector(budget: &PodDisruptionBudget) -> Option<LabelSelector> {
    LabelSelector::from_object(budget.spec.as_ref()?.selector.as_ref()).ok()
}

fn warn_of_unmanaged(budget: &PodDisruptionBudget, expected: &Expected, outcome: &mut Outcome) {
    if expected.unmanaged.is_empty() {
        return;
    }
    let selector = budget::printed_selector(budget);
    let message = format!(
        "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, \
         the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account \
         for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
    );
    outcome.event(EventType::Warning, "UnmanagedPods", message);
}
