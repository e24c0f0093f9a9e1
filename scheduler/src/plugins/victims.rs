//! Chooses which pods of a node to remove so that another fits: as few and as unimportant as possible.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use steersman_core::selector::LabelSelector;
use steersman_core::versions::optional;

use crate::attempt::{Attempt, Filters};
use crate::change::Change;
use crate::decision::Candidate;
use crate::pod::PodInfo;
use crate::snapshot::{NodeEdit, NodeIndex, NodeView, Snapshot};
use crate::verdict::{Refusal, Rejection};

/// The disruption budgets of a cluster, with their selectors parsed.
pub(super) struct Budgets(Vec<(Arc<PodDisruptionBudget>, LabelSelector)>);

/// Whether a pod may be removed for another.
pub(super) fn is_preemptible(victim: &PodInfo, pod: &PodInfo) -> bool {
    victim.priority() < pod.priority()
}

/// Removes every pod that may be removed, sees whether the pod fits, and then lets as many stay as possible: the most
/// important first, and before all others those that a budget protects.
pub(super) fn select(
    attempt: &mut Attempt<'_>,
    index: NodeIndex,
    budgets: &Budgets,
) -> Result<Candidate, Refusal> {
    let (pod, snapshot) = (attempt.pod, attempt.snapshot);
    let refuse = |rejection| Refusal { plugin: "DefaultPreemption", rejection };
    let filters = attempt.filters.as_deref_mut();
    let (Some(node), Some(filters)) = (snapshot.node(index), filters) else {
        return Err(refuse(Rejection::error("the filters were not prepared")));
    };
    let preemptible = node.pods().iter().filter(|victim| is_preemptible(victim, pod));
    let mut preemptible: Vec<Arc<PodInfo>> = preemptible.cloned().collect();
    if preemptible.is_empty() {
        return Err(refuse(Rejection::unresolvable("No preemption victims found for incoming pod")));
    }
    preemptible.sort_by(importance);
    let (protected, unprotected) = budgets.divide(preemptible);
    let mut trial = Trial { filters, node, edited: node.edited(), removed: Vec::new() };
    let chosen = trial.choose(&protected, &unprotected);
    trial.undo();
    let (mut victims, budgets_violated) = chosen?;
    victims.sort_by(importance);
    if victims.is_empty() {
        let why = format!("expected at least one victim pod on node {:?}", node.name());
        return Err(refuse(Rejection::error(why)));
    }
    Ok(Candidate { node: node.name().clone(), victims, budgets_violated })
}

/// A node from which pods are removed for trial.
struct Trial<'a> {
    filters: &'a mut Filters,
    node: NodeView<'a>,
    edited: NodeEdit,
    removed: Vec<Arc<PodInfo>>,
}

impl Trial<'_> {
    /// The victims, and how many of them a budget protects.
    fn choose(
        &mut self,
        protected: &[Arc<PodInfo>],
        unprotected: &[Arc<PodInfo>],
    ) -> Result<(Vec<Arc<PodInfo>>, usize), Refusal> {
        for victim in protected.iter().chain(unprotected) {
            self.remove(victim);
        }
        self.check()?;
        for victim in protected {
            self.reprieve(victim);
        }
        let violated = self.removed.len() - unprotected.len();
        for victim in unprotected {
            self.reprieve(victim);
        }
        Ok((self.removed.clone(), violated))
    }

    fn check(&mut self) -> Result<(), Refusal> {
        self.filters.check_with_nominated(self.edited.view(self.node.snapshot()))
    }

    /// Lets the victim stay if the pod fits nevertheless.
    fn reprieve(&mut self, victim: &Arc<PodInfo>) {
        self.put_back(victim);
        if self.check().is_err() {
            self.remove(victim);
        }
    }

    fn remove(&mut self, victim: &Arc<PodInfo>) {
        self.edited.remove(victim);
        self.filters.suppose(Change { pod: victim, node: self.node, by: -1 });
        self.removed.push(victim.clone());
    }

    fn put_back(&mut self, victim: &Arc<PodInfo>) {
        self.edited.add(victim);
        self.filters.suppose(Change { pod: victim, node: self.node, by: 1 });
        self.removed.retain(|removed| !removed.is(victim));
    }

    /// Leaves the filters as they were.
    fn undo(mut self) {
        for victim in std::mem::take(&mut self.removed) {
            self.put_back(&victim);
        }
    }
}

impl Budgets {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let parse = |budget: Arc<PodDisruptionBudget>| {
            let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            // An empty selector selects nothing here, as upstream has it.
            let selector =
                LabelSelector::from_object(selector).ok().filter(|parsed| !parsed.is_everything())?;
            Some((budget, selector))
        };
        Budgets(snapshot.related().all().filter_map(parse).collect())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose removal a budget forbids, and the others, both in the order given.
    fn divide(&self, pods: Vec<Arc<PodInfo>>) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
        let mut left: BTreeMap<usize, i32> = BTreeMap::new();
        pods.into_iter().partition(|pod| {
            let mut violated = false;
            let protecting = self.0.iter().enumerate().filter(|(_, (budget, selector))| {
                budget.metadata.namespace.as_deref() == Some(pod.namespace())
                    && !pod.labels().is_empty()
                    && selector.matches(pod.labels())
                    && !is_disrupted(budget, pod)
            });
            for (at, (budget, _)) in protecting {
                let allowed =
                    budget.status.as_ref().and_then(|status| optional::<i32>(status.disruptions_allowed));
                let left = left.entry(at).or_insert(allowed.unwrap_or_default());
                *left = left.saturating_sub(1);
                violated |= *left < 0;
            }
            violated
        })
    }
}

/// Whether the budget has counted the pod out already.
fn is_disrupted(budget: &PodDisruptionBudget, pod: &PodInfo) -> bool {
    let disrupted = budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref());
    disrupted.is_some_and(|pods| pods.contains_key(pod.name()))
}

/// The more important first: by priority, then by how long it has been running.
fn importance(a: &Arc<PodInfo>, b: &Arc<PodInfo>) -> Ordering {
    let started = |pod: &PodInfo| pod.start_time().unwrap_or(Timestamp::MAX);
    b.priority().cmp(&a.priority()).then_with(|| started(a).cmp(&started(b)))
}
