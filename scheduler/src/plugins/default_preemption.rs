//! Makes room for a pod by removing less important ones, where that helps.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionResource;

use super::Configured;
use super::victims::{Budgets, is_preemptible, select};
use crate::attempt::{Attempt, Filters};
use crate::decision::{Candidate, Diagnosis, Nomination};
use crate::dry_runs::{DryRun, Harm, Ranked};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{NoRemedy, Plugin, PostFilter};
use crate::pod::PodInfo;
use crate::refusals::Refusals;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Code, Refusal, Rejection};

/// Makes room for a pod by removing less important ones.
#[derive(Debug)]
pub struct DefaultPreemption {
    args: DefaultPreemptionArgs,
}

/// Upstream's `DefaultPreemptionArgs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DefaultPreemptionArgs {
    /// At least this share of the nodes is looked at for candidates, in percent.
    pub min_candidate_nodes_percentage: i64,
    /// At least this many nodes are looked at for candidates.
    pub min_candidate_nodes_absolute: i64,
}

impl Default for DefaultPreemptionArgs {
    fn default() -> Self {
        DefaultPreemptionArgs { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
}

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        "DefaultPreemption"
    }

    /// It never rejects a pod: the filters that did know what may help.
    fn wakes(&self, _: &PodInfo, _: &Event) -> Wake {
        Wake::Skip
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        vec![GroupVersionResource::of::<PodDisruptionBudget>()]
    }

    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }
}

impl PostFilter for DefaultPreemption {
    fn remedy(&self, attempt: &mut Attempt<'_>) -> Result<Nomination, NoRemedy> {
        let told = |code, why: String| Rejection::because(code, vec![format!("preemption: {why}").into()]);
        if let Some(why) = ineligible(attempt) {
            let rejection = told(Code::Unschedulable, why.to_owned());
            return Err(NoRemedy::because(rejection));
        }
        match self.candidates(attempt) {
            Ok((best, all)) => Ok(nominate(attempt.snapshot, attempt.pod, &best, all)),
            Err(Unhelpful::Broken(why)) => Err(NoRemedy::because(told(Code::Error, why))),
            Err(Unhelpful::Refused(diagnosis)) => {
                let rejection = told(Code::Unschedulable, diagnosis.to_string());
                Err(NoRemedy { withdraw: true, ..NoRemedy::because(rejection) })
            }
        }
    }
}

/// Why there is no candidate.
enum Unhelpful {
    Refused(Box<Diagnosis>),
    Broken(String),
}

/// The best candidate, and all that were found.
type Found = (Arc<Candidate>, Vec<Arc<Candidate>>);

impl DefaultPreemption {
    /// Looks at the nodes that removing pods may help on, from a random one on, until enough candidates are found.
    fn candidates(&self, attempt: &mut Attempt<'_>) -> Result<Found, Unhelpful> {
        let (snapshot, diagnosis) = (attempt.snapshot, attempt.diagnosis);
        let budgets = Budgets::of(snapshot);
        let enough = self.enough(diagnosis.resolvable());
        let (mut found, mut refused, mut broken): (Vec<_>, Vec<_>, _) = (vec![], vec![], None);
        let (mut best, mut is_harmless): (Option<(Harm, usize)>, _) = (None, false);
        for node in potential(diagnosis, snapshot, attempt.tie) {
            let run = dry_run(attempt, node, &budgets);
            match &*run {
                Ok(ranked) => {
                    is_harmless |= ranked.candidate.budgets_violated == 0;
                    // Of equals, the first: they are in random order.
                    if best.is_none_or(|(harm, _)| ranked.harm < harm) {
                        best = Some((ranked.harm, found.len()));
                    }
                    found.push(ranked.candidate.clone());
                }
                Err(Refusal { rejection, .. }) if !rejection.is_rejection() => {
                    broken.get_or_insert(rejection.to_string());
                }
                // Those matter only if there is no candidate.
                Err(refusal) if found.is_empty() => refused.push((node, refusal.clone())),
                Err(_) => {}
            }
            if is_harmless && found.len() >= enough {
                break;
            }
        }
        match (best, broken) {
            (Some((_, best)), _) => Ok((found[best].clone(), found)),
            (None, Some(why)) => Err(Unhelpful::Broken(why)),
            (None, None) => Err(Unhelpful::Refused(unhelpful(snapshot, refused))),
        }
    }

    fn enough(&self, nodes: usize) -> usize {
        // Neither is negative once it was checked.
        let count = |number: i64| usize::try_from(number).unwrap_or_default();
        let share = nodes * count(self.args.min_candidate_nodes_percentage) / 100;
        share.max(count(self.args.min_candidate_nodes_absolute)).min(nodes)
    }
}

/// Why the pod may not have others removed.
fn ineligible(attempt: &Attempt<'_>) -> Option<&'static str> {
    let pod = attempt.pod;
    if pod.spec().and_then(|spec| spec.preemption_policy.as_deref()) == Some("Never") {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let node = attempt.snapshot.node_named(pod.nominated_node_name()?)?;
    let rejection = attempt.diagnosis.rejection(node.index());
    if rejection.is_some_and(|rejection| rejection.code == Code::UnschedulableAndUnresolvable) {
        return None;
    }
    let leaving = |victim: &Arc<PodInfo>| is_preemptible(victim, pod) && is_preempted(victim);
    let any = node.pods().iter().any(leaving);
    any.then_some("not eligible due to a terminating pod on the nominated node.")
}

fn is_preempted(pod: &PodInfo) -> bool {
    let conditions = pod.pod().status.as_ref().and_then(|status| status.conditions.as_ref());
    let target = conditions.into_iter().flatten().find(|condition| condition.type_ == "DisruptionTarget");
    pod.is_terminating()
        && target.is_some_and(|target| {
            target.status == "True" && target.reason.as_deref() == Some("PreemptionByScheduler")
        })
}

/// The nodes that removing pods may help on, from a random one on.
fn potential(diagnosis: &Diagnosis, snapshot: &Snapshot, tie: u64) -> impl Iterator<Item = NodeIndex> {
    let rows = snapshot.rows();
    let start = (tie % rows.max(1) as u64) as usize;
    let nodes = (start..rows).chain(0..start).map(NodeIndex::at);
    let nodes = nodes.filter(|node| snapshot.node(*node).is_some());
    nodes.filter(|node| diagnosis.rejection(*node).is_some_and(Rejection::is_resolvable))
}

/// What came of removing pods from a node, perhaps for another pod of the same kind: where the pods of other nodes and
/// disruption budgets have no say, and the pod itself does not wait for the node, that depends on the node alone, and on
/// the pods that wait for it.
fn dry_run(attempt: &mut Attempt<'_>, index: NodeIndex, budgets: &Budgets) -> DryRun {
    let snapshot = attempt.snapshot;
    let waits = |node: &NodeView<'_>| node.waiting().iter().any(|other| other.is(attempt.pod));
    let node = snapshot.node(index).filter(|node| budgets.is_empty() && !waits(node));
    let node = node.filter(|_| attempt.filters.as_ref().is_some_and(|filters| filters.are_local()));
    let runs = attempt.filters.as_deref_mut().map(Filters::dry_runs);
    if let (Some(node), Some(runs)) = (node, runs)
        && let Some(known) = runs.get(node)
    {
        return known.clone();
    }
    let ranked = |candidate: Candidate| Ranked { harm: harm(&candidate), candidate: Arc::new(candidate) };
    let run = Arc::new(select(attempt, index, budgets).map(ranked));
    if let (Some(node), Some(filters)) = (node, attempt.filters.as_deref_mut()) {
        filters.dry_runs().set(node, &run);
    }
    run
}

fn unhelpful(snapshot: &Snapshot, refused: Vec<(NodeIndex, Refusal)>) -> Box<Diagnosis> {
    let mut refusals = Refusals::default();
    refused.into_iter().for_each(|(node, refusal)| refusals.set(node, refusal));
    let others = Some(Rejection::unresolvable("Preemption is not helpful for scheduling"));
    let (nodes, refusals) = (snapshot.len(), Arc::new(refusals));
    Box::new(Diagnosis { nodes, refusals, others, ..Diagnosis::default() })
}

fn nominate(
    snapshot: &Snapshot,
    pod: &PodInfo,
    best: &Candidate,
    candidates: Vec<Arc<Candidate>>,
) -> Nomination {
    let displaced = displaced(snapshot, &best.node, pod);
    Nomination { node: best.node.clone(), victims: best.victims.clone(), displaced, candidates }
}

/// Chooses among candidates; of equals, the first.
pub(crate) fn renominate(
    snapshot: &Snapshot,
    pod: &PodInfo,
    candidates: Vec<Arc<Candidate>>,
) -> Option<Nomination> {
    let best = candidates.iter().min_by_key(|candidate| harm(candidate)).cloned()?;
    Some(nominate(snapshot, pod, &best, candidates))
}

/// How much harm a candidate does.
fn harm(candidate: &Candidate) -> Harm {
    let priorities = || candidate.victims.iter().map(|victim| victim.priority());
    let highest = priorities().max().unwrap_or(i32::MIN);
    // Shifted to be positive, so that few pods of negative priority are less than many.
    let sum = priorities().map(|priority| i64::from(priority) + i64::from(i32::MAX) + 1).sum();
    let most_important = candidate.victims.iter().filter(|victim| victim.priority() == highest);
    let earliest = most_important.map(|victim| started(victim)).min().unwrap_or(Timestamp::MAX);
    (candidate.budgets_violated, highest, sum, candidate.victims.len(), std::cmp::Reverse(earliest))
}

/// A pod that was not started counts as starting now.
fn started(pod: &PodInfo) -> Timestamp {
    pod.start_time().unwrap_or(Timestamp::MAX)
}

/// Less important pods that wait for room on the node.
fn displaced(snapshot: &Snapshot, node: &str, pod: &PodInfo) -> Vec<Arc<PodInfo>> {
    let waiting = snapshot.nominated().on(node).iter();
    waiting.filter(|other| other.priority() < pod.priority()).cloned().collect()
}

impl Configured for DefaultPreemption {
    type Args = DefaultPreemptionArgs;

    fn check(args: &DefaultPreemptionArgs, at: &Path<'_>) -> Faults {
        let (share, number) =
            (at.child("minCandidateNodesPercentage"), at.child("minCandidateNodesAbsolute"));
        let (percentage, absolute) = (args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute);
        let mut errors = Faults::default();
        if !(0..=100).contains(&percentage) {
            errors.push(field::Error::invalid(&share, percentage, "not in valid range [0, 100]"));
        }
        if absolute < 0 {
            errors.push(field::Error::invalid(&number, absolute, "not in valid range [0, inf)"));
        }
        if percentage == 0 && absolute == 0 {
            let together = |other| format!("cannot be zero at the same time as {other}");
            errors.push(field::Error::invalid(&share, percentage, together("minCandidateNodesAbsolute")));
            errors.push(field::Error::invalid(&number, absolute, together("minCandidateNodesPercentage")));
        }
        errors
    }

    fn configured(args: DefaultPreemptionArgs) -> Self {
        DefaultPreemption { args }
    }
}
