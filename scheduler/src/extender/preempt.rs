//! Has extenders look over the candidates for preemption.

use std::sync::Arc;

use steersman_core::Env;

use super::bind::passed_over;
use super::{Extender, Victims, within};
use crate::decision::{Candidate, NoFit};
use crate::plugins::renominate;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// Leaves the candidates that all extenders agree with, and chooses anew. Where one fails that may not, there is no room,
/// and what is told is that alone.
pub(super) async fn look_over(
    env: &Env,
    extenders: &[Arc<dyn Extender>],
    pod: &PodInfo,
    snapshot: &Snapshot,
    mut no_fit: Box<NoFit>,
) -> Box<NoFit> {
    let Some(nomination) = no_fit.nomination.take() else { return no_fit };
    match agreed_by_all(env, extenders, pod, snapshot, nomination.candidates).await {
        Ok(candidates) => no_fit.nomination = renominate(snapshot, pod, candidates),
        Err(why) => {
            no_fit.diagnosis.remedy = format!("preemption: {why}");
            return no_fit;
        }
    }
    if no_fit.nomination.is_none() {
        no_fit.said_before.push("preemption: no candidate node for preemption".to_owned());
        no_fit.diagnosis.remedy = no_fit.said_before.join(", ");
    }
    no_fit
}

async fn agreed_by_all(
    env: &Env,
    extenders: &[Arc<dyn Extender>],
    pod: &PodInfo,
    snapshot: &Snapshot,
    mut candidates: Vec<Arc<Candidate>>,
) -> Result<Vec<Arc<Candidate>>, String> {
    for extender in extenders.iter().filter(|extender| extender.part().preempts) {
        let answer = within(env, &**extender, extender.preempt(pod, &candidates)).await;
        match answer.and_then(|victims| agreed(&**extender, victims, snapshot)) {
            Ok(left) => candidates = left,
            Err(why) if extender.is_ignorable() => passed_over(&**extender, &why),
            Err(why) => return Err(why),
        }
        if candidates.is_empty() {
            break;
        }
    }
    Ok(candidates)
}

fn agreed(
    extender: &dyn Extender,
    victims: Vec<Victims>,
    snapshot: &Snapshot,
) -> Result<Vec<Arc<Candidate>>, String> {
    let mut agreed = Vec::new();
    for Victims { node, pods, budgets_violated } in victims {
        let view =
            snapshot.node_named(&node).ok_or_else(|| format!("nodeinfo not found for node name {node:?}"))?;
        if pods.is_empty() {
            if extender.is_ignorable() {
                continue;
            }
            return Err(format!("expected at least one victim pod on node {node:?}"));
        }
        let find = |uid: &String| {
            let found = view.pods().iter().find(|pod| pod.uid() == uid).cloned();
            found.ok_or_else(|| {
                format!(
                    "extender: {} claims to preempt pod (UID: &{{{uid}}}) on node: {node}, but the pod is not found on that node",
                    extender.name()
                )
            })
        };
        let victims = pods.iter().map(find).collect::<Result<_, _>>()?;
        agreed.push(Arc::new(Candidate { node: view.name().clone(), victims, budgets_violated }));
    }
    Ok(agreed)
}
