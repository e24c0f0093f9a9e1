//! Tells what came of a pod: its PodScheduled condition, events, and the removal of pods that make room for it.

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions, Time};
use serde_json::{Value, json};
use steersman_core::api::Patch;
use steersman_core::events::{EventType, Recorder, reference_to};
use steersman_core::{Client, Env, Result};

use crate::decision::Nomination;
use crate::engine::Failure;
use crate::pod::PodInfo;

/// Longer messages are cut, as upstream cuts them (bytes).
const LONGEST_NOTE: usize = 1024;

/// Tells that a pod has no node.
pub(crate) async fn failure(env: Env, client: Client, recorder: Recorder, failure: Failure) {
    let pod = &failure.pod;
    recorder.event(
        &reference_to(&**pod.pod()),
        EventType::Warning,
        "FailedScheduling",
        shortened(&failure.message),
    );
    let reason = if failure.is_error { "SchedulerError" } else { "Unschedulable" };
    let condition = condition(&env, pod, "PodScheduled", "False", reason, &failure.message);
    let nomination = failure.no_fit.as_ref().and_then(|no_fit| no_fit.nomination.as_ref());
    let withdraw = failure.no_fit.as_ref().is_some_and(|no_fit| no_fit.withdraw);
    let nominated = match nomination {
        Some(nomination) => Some(json!(&*nomination.node)),
        None => (withdraw && pod.nominated_node_name().is_some()).then_some(Value::Null),
    };
    if let Some(nomination) = nomination {
        make_room(&env, &client, &recorder, pod, nomination).await;
    }
    let told = patch_status(&client, pod, condition, nominated).await;
    log(pod, "its condition could not be written", told);
}

/// Tells that a pod is bound.
pub(crate) fn bound(recorder: &Recorder, pod: &PodInfo, node: &str) {
    let message = format!("Successfully assigned {} to {node}", pod.key());
    recorder.event(&reference_to(&**pod.pod()), EventType::Normal, "Scheduled", message);
}

/// Removes the victims, and has displaced pods wait for their node no more.
async fn make_room(env: &Env, client: &Client, recorder: &Recorder, pod: &PodInfo, nomination: &Nomination) {
    for victim in nomination.victims.iter().filter(|victim| !victim.is_terminating()) {
        log(victim, "it could not be preempted", preempt(env, client, pod, victim).await);
        let message = format!("Preempted by pod {} on node {}", pod.uid(), nomination.node);
        recorder.event(&reference_to(&**victim.pod()), EventType::Normal, "Preempted", message);
    }
    for displaced in &nomination.displaced {
        let told = patch_status(client, displaced, None, Some(Value::Null)).await;
        log(displaced, "its nomination could not be cleared", told);
    }
}

async fn preempt(env: &Env, client: &Client, pod: &PodInfo, victim: &PodInfo) -> Result<()> {
    let message = format!("{}: preempting to accommodate a higher priority pod", pod.scheduler_name());
    let condition = condition(env, victim, "DisruptionTarget", "True", "PreemptionByScheduler", &message);
    patch_status(client, victim, condition, None).await?;
    let uid = Some(victim.uid().to_owned()).filter(|uid| !uid.is_empty());
    let preconditions = Some(Preconditions { uid, ..Preconditions::default() });
    let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
    client.namespaced::<Pod>(victim.namespace()).delete_with(victim.name(), &options).await.map(drop)
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
    let mut status = serde_json::Map::new();
    status.extend(condition.map(|condition| ("conditions".to_owned(), json!([condition]))));
    status.extend(nominated.map(|nominated| ("nominatedNodeName".to_owned(), nominated)));
    if status.is_empty() {
        return Ok(());
    }
    let pods = client.namespaced::<Pod>(pod.namespace());
    pods.patch_status(pod.name(), Patch::Strategic(json!({"status": status}))).await.map(drop)
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
