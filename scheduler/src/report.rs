//! Tells what came of a pod: its PodScheduled condition, events, and the removal of pods that make room for it.

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions, Time};
use steersman_core::api::{GetOptions, Patch, Target, WriteOptions};
use steersman_core::events::{About, EventType, Recorder};
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Client, Env, Result};

use crate::decision::Nomination;
use crate::engine::{Failure, GroupOutcome};
use crate::plugins::{self, GangScheduling};
use crate::pod::PodInfo;
use crate::verdict::Rejection;
use crate::waiting::Waiting;

/// Longer messages are cut, as upstream cuts them (bytes).
const LONGEST_NOTE: usize = 1024;

/// Tells what came of pods.
pub(crate) struct Teller {
    pub(crate) env: Env,
    pub(crate) client: Client,
    pub(crate) recorder: Recorder,
    pub(crate) waiting: Waiting,
}

impl Teller {
    /// Tells that a pod is bound.
    pub(crate) fn bound(&self, pod: &PodInfo, node: &str) {
        self.event(
            pod,
            EventType::Normal,
            "Scheduled",
            format!("Successfully assigned {} to {node}", pod.key()),
        );
    }

    /// Tells which node a pod is about to be bound to.
    pub(crate) async fn announce(&self, pod: &PodInfo, node: &str) {
        if pod.nominated_node_name() != Some(node) {
            let told = patch_status(&self.client, pod, None, Some(json!(node))).await;
            log(pod, "its node could not be announced", told);
        }
    }

    /// Tells that a pod is not tried, as it is being deleted.
    pub(crate) fn leaving(&self, pod: &PodInfo) {
        let message = format!("skip schedule deleting pod: {}", pod.key());
        self.event(pod, EventType::Warning, "FailedScheduling", message);
    }

    /// Makes room for a pod if that was decided, and tells why it has no node.
    pub(crate) async fn failure(&self, failure: &Failure) {
        let pod = &failure.pod;
        self.event(pod, EventType::Warning, "FailedScheduling", shortened(&failure.message));
        let reason = if failure.is_error { "SchedulerError" } else { "Unschedulable" };
        let condition = condition(&self.env, pod, "PodScheduled", "False", reason, &failure.message);
        let nomination = failure.no_fit.as_ref().and_then(|no_fit| no_fit.nomination.as_ref());
        let nominated = match nomination {
            Some(nomination) => Some(json!(&*nomination.node)),
            None => {
                let is_told = failure.was_announced || pod.nominated_node_name().is_some();
                (failure.withdraws && is_told).then_some(Value::Null)
            }
        };
        if let Some(nomination) = nomination {
            self.make_room(pod, nomination).await;
        }
        if let Some(claim) = failure.no_fit.as_ref().and_then(|no_fit| no_fit.deallocate.as_deref()) {
            let done = plugins::deallocate(&self.client, pod, claim).await;
            log(pod, "a resource claim could not be deallocated", done);
        }
        let told = patch_status(&self.client, pod, condition, nominated).await;
        log(pod, "its condition could not be written", told);
    }

    /// Writes down what came of a pod group. One that was scheduled once stays so.
    pub(crate) async fn group(&self, outcome: &GroupOutcome) {
        if let Err(error) = self.tell_group(outcome).await
            && !error.is_not_found()
        {
            let GroupOutcome { namespace, name, .. } = outcome;
            tracing::warn!(%namespace, %name, %error, "the condition of a pod group could not be written");
        }
    }

    async fn tell_group(&self, outcome: &GroupOutcome) -> Result<()> {
        let target = Target::all(GangScheduling::pod_groups());
        let target = target.in_namespace(&outcome.namespace).named(&outcome.name);
        let group = self.client.api().get(&target, &GetOptions::default()).await?;
        let current = group.to_value()?;
        let conditions = current["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let have = conditions.iter().find(|condition| condition["type"] == "PodGroupScheduled");
        let status = if outcome.reason == "Scheduled" { "True" } else { "False" };
        let had = have.map(|have| have["status"].as_str().unwrap_or_default());
        let is_told = have.is_some_and(|have| {
            have["reason"] == outcome.reason
                && have["message"] == outcome.message
                && have["observedGeneration"] == group.metadata().generation
        });
        if is_told || had == Some("True") && status == "False" {
            return Ok(());
        }
        let since = have.filter(|_| had == Some(status)).map(|have| have["lastTransitionTime"].clone());
        let mut conditions: Vec<Value> =
            conditions.iter().filter(|one| one["type"] != "PodGroupScheduled").cloned().collect();
        conditions.push(json!({
            "type": "PodGroupScheduled",
            "status": status,
            "reason": outcome.reason,
            "message": outcome.message,
            "observedGeneration": group.metadata().generation,
            "lastTransitionTime": since.unwrap_or_else(|| json!(Time(self.env.now()))),
        }));
        let metadata = json!({"resourceVersion": group.resource_version()});
        let patch = Patch::Merge(json!({"metadata": metadata, "status": {"conditions": conditions}}));
        let target = target.subresource("status");
        self.client.api().patch(&target, patch, &WriteOptions::default()).await.map(drop)
    }

    /// Has displaced pods wait for their node no more, and removes the victims.
    async fn make_room(&self, pod: &PodInfo, nomination: &Nomination) {
        for displaced in &nomination.displaced {
            let told = patch_status(&self.client, displaced, None, Some(Value::Null)).await;
            log(displaced, "its nomination could not be cleared", told);
        }
        for victim in nomination.victims.iter().filter(|victim| !victim.is_terminating()) {
            let mut message = format!("Preempted by pod {} on node {}", pod.uid(), nomination.node);
            if self.call_back(victim) {
                message.push_str(" (in kube-scheduler memory).");
            } else if let Err(error) = self.preempt(pod, victim).await {
                log(victim, "it could not be preempted", Err(error));
                continue;
            }
            self.event(victim, EventType::Normal, "Preempted", message);
        }
    }

    /// A victim that is not bound yet only has its permission refused, or what plugins prepare for it called off.
    fn call_back(&self, victim: &PodInfo) -> bool {
        let preempted = Rejection::unschedulable("preempted");
        self.waiting.reject(victim.key(), "DefaultPreemption", preempted)
            || self.waiting.call_off(victim.key())
    }

    async fn preempt(&self, pod: &PodInfo, victim: &PodInfo) -> Result<()> {
        let message = format!("{}: preempting to accommodate a higher priority pod", pod.scheduler_name());
        let condition =
            condition(&self.env, victim, "DisruptionTarget", "True", "PreemptionByScheduler", &message);
        patch_status(&self.client, victim, condition, None).await?;
        let uid = Some(victim.uid().to_owned()).filter(|uid| !uid.is_empty());
        let preconditions = Some(Preconditions { uid, ..Preconditions::default() });
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        self.client.namespaced::<Pod>(victim.namespace()).delete_with(victim.name(), &options).await.map(drop)
    }

    fn event(&self, pod: &PodInfo, kind: EventType, reason: &str, message: String) {
        self.recorder.event(About::of_typed(&**pod.pod()), kind, reason, message);
    }
}

/// The condition, unless the pod has it already.
fn condition(
    env: &Env,
    pod: &PodInfo,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
) -> Option<Value> {
    let conditions = pod.pod().status.as_ref().and_then(|status| status.conditions.as_ref());
    let have = conditions.into_iter().flatten().find(|condition| condition.type_ == kind);
    let same = |have: &PodCondition| {
        have.status == status
            && have.reason.as_deref() == Some(reason)
            && have.message.as_deref() == Some(message)
            && have.observed_generation == pod.pod().metadata.generation
    };
    if have.is_some_and(same) {
        return None;
    }
    let since = have.filter(|have| have.status == status).and_then(|have| have.last_transition_time.clone());
    Some(json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": pod.pod().metadata.generation,
        "lastProbeTime": null,
        "lastTransitionTime": since.unwrap_or_else(|| Time(env.now())),
    }))
}

async fn patch_status(
    client: &Client,
    pod: &PodInfo,
    condition: Option<Value>,
    nominated: Option<Value>,
) -> Result<()> {
    let mut status = Map::new();
    status.extend(condition.map(|condition| ("conditions".to_owned(), json!([condition]))));
    status.extend(nominated.map(|nominated| ("nominatedNodeName".to_owned(), nominated)));
    if status.is_empty() {
        return Ok(());
    }
    // Nobody reads the answer.
    let target = client.namespaced::<Pod>(pod.namespace()).target(pod.name()).subresource("status");
    let patch = Patch::Strategic(json!({"status": status}));
    client.api().patch(&target, patch, &WriteOptions::default()).await.map(drop)
}

/// A pod that is gone needs no telling; other failures are told by the next attempt.
fn log(pod: &PodInfo, what: &str, outcome: Result<()>) {
    if let Err(error) = outcome
        && !error.is_not_found()
    {
        tracing::warn!(pod = %pod.key(), %error, "{what}");
    }
}

fn shortened(message: &str) -> String {
    if message.len() <= LONGEST_NOTE {
        return message.to_owned();
    }
    const MARK: &str = " ...";
    let end =
        (0..=LONGEST_NOTE - MARK.len()).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
    format!("{}{MARK}", &message[..end])
}
