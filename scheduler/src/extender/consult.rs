//! Decides where a pod goes that extenders have a say in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Node;
use steersman_core::Env;

use super::bind::passed_over;
use super::{Extender, Filtered, NAME, preempt, within};
use crate::decision::{Choice, Decision};
use crate::evaluation::Evaluation;
use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Code, Refusal, Rejection};

/// What an extender's best score is worth: a plugin's is 100.
const SCALE: i64 = 10;

/// A pod, the cluster as it is decided in, and who has a say.
pub(crate) struct Consultation {
    pub(crate) pod: Arc<PodInfo>,
    pub(crate) profile: Profile,
    pub(crate) snapshot: Snapshot,
    pub(crate) extenders: Vec<Arc<dyn Extender>>,
    pub(crate) tie: u64,
}

/// Nodes that will do, by name.
type Nodes = BTreeMap<String, (NodeIndex, Arc<Node>)>;

/// Why nodes will not do, as extenders say.
type Said = BTreeMap<NodeIndex, Rejection>;

impl Consultation {
    /// Decides, asking the extenders one after the other.
    pub(crate) async fn decide(self, env: &Env) -> Decision {
        let Consultation { pod, profile, snapshot, extenders, tie } = &self;
        let decision = match Evaluation::new(profile, pod, snapshot, *tie) {
            Err(ended) => profile.give_up(ended, pod, snapshot, *tie),
            Ok(evaluation) => match self.ask(env, evaluation).await {
                Ok(decision) => decision,
                Err(why) => Decision::Error(why),
            },
        };
        match decision {
            Decision::NoFit(no_fit) => {
                Decision::NoFit(preempt::look_over(env, extenders, pod, snapshot, no_fit).await)
            }
            other => other,
        }
    }

    /// The node on which room was made for the pod earlier comes first; if extenders will not have it, or fail, the others
    /// come into question.
    async fn ask(&self, env: &Env, mut evaluation: Evaluation) -> Result<Decision, String> {
        let mut said = Said::new();
        if let Some(kept) = evaluation.kept(&self.snapshot).and_then(|kept| self.snapshot.node(kept)) {
            let mut nodes = self.nodes([kept.index()]);
            match self.filter(env, &mut nodes, &mut said).await {
                Ok(()) if !nodes.is_empty() => return Ok(chosen(kept, 1, 1)),
                Ok(()) => {}
                Err(why) => {
                    tracing::warn!(pod = %self.pod.key(), why, "an extender could not look at the pod's node")
                }
            }
        }
        evaluation.error()?;
        let mut nodes = self.nodes(evaluation.all_feasible().iter());
        let evaluated = self.snapshot.len();
        self.filter(env, &mut nodes, &mut said).await?;
        self.narrow(&mut evaluation, &nodes, said);
        if nodes.len() < 2 {
            return Ok(self.profile.decide(&mut evaluation, &self.pod, &self.snapshot, self.tie));
        }
        let mut totals = evaluation.totals(&self.profile, &self.snapshot)?;
        drop(evaluation);
        for (name, more) in self.scores(env, &nodes).await {
            let Some((index, _)) = nodes.get(&name) else { continue };
            if let Some(total) = totals.get_mut(index) {
                *total = total.saturating_add(more);
            }
        }
        Ok(self.best(&totals, evaluated))
    }

    fn nodes(&self, indexes: impl IntoIterator<Item = NodeIndex>) -> Nodes {
        let views = indexes.into_iter().filter_map(|index| self.snapshot.node(index));
        views.map(|node| (node.name().to_string(), (node.index(), node.node().clone()))).collect()
    }

    /// Leaves the nodes that all extenders will have, and notes what they say of nodes.
    async fn filter(&self, env: &Env, nodes: &mut Nodes, said: &mut Said) -> Result<(), String> {
        for extender in self.extenders.iter().filter(|extender| extender.part().filters) {
            if nodes.is_empty() {
                break;
            }
            let offered: Vec<Arc<Node>> = nodes.values().map(|(_, node)| node.clone()).collect();
            let answer = within(env, &**extender, extender.filter(&self.pod, &offered)).await;
            match answer.and_then(|filtered| checked(&**extender, filtered, nodes)) {
                Ok(filtered) => self.note(filtered, nodes, said),
                Err(why) if extender.is_ignorable() => passed_over(&**extender, &why),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// What is said of a node counts, whoever ruled it out before; of a node that is said to be hopeless, only that does.
    fn note(&self, filtered: Filtered, nodes: &mut Nodes, said: &mut Said) {
        let Filtered { nodes: kept, failed, failed_and_unresolvable } = filtered;
        let kept: BTreeSet<String> = kept.into_iter().collect();
        nodes.retain(|name, _| kept.contains(name));
        let failed = failed.into_iter().map(|(name, why)| (name, Rejection::unschedulable(why)));
        let hopeless =
            failed_and_unresolvable.into_iter().map(|(name, why)| (name, Rejection::unresolvable(why)));
        for (name, rejection) in failed.chain(hopeless) {
            if let Some(node) = self.snapshot.node_named(&name) {
                said.insert(node.index(), rejection);
            }
        }
    }

    /// Rules out the nodes that are left no more. Of one that was taken without a word nothing is told, and removing pods
    /// from it is no help.
    fn narrow(&self, evaluation: &mut Evaluation, nodes: &Nodes, mut said: Said) {
        let left: BTreeSet<NodeIndex> = nodes.values().map(|(index, _)| *index).collect();
        let silent = || Rejection::because(Code::UnschedulableAndUnresolvable, Vec::new());
        for gone in evaluation.all_feasible().iter().filter(|index| !left.contains(index)) {
            said.entry(gone).or_insert_with(silent);
        }
        said.retain(|index, _| !left.contains(index));
        let refused = said.into_iter().map(|(index, rejection)| (index, Refusal { plugin: NAME, rejection }));
        evaluation.narrow(left, refused);
    }

    /// What the extenders add to the totals, by the name of the node: they are asked at once, and one that fails adds
    /// nothing.
    async fn scores(&self, env: &Env, nodes: &Nodes) -> BTreeMap<String, i64> {
        let offered: Vec<Arc<Node>> = nodes.values().map(|(_, node)| node.clone()).collect();
        let asked =
            self.extenders.iter().filter_map(|extender| Some((extender, extender.part().prioritizes?)));
        let answers = asked.map(|(extender, weight)| {
            let answer = within(env, &**extender, extender.prioritize(&self.pod, &offered));
            async move { (extender, weight, answer.await) }
        });
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (extender, weight, answer) in join_all(answers).await {
            match answer {
                Ok(scores) => {
                    for (name, score) in scores {
                        let sum = sums.entry(name).or_default();
                        *sum = sum.saturating_add(score.saturating_mul(weight).saturating_mul(SCALE));
                    }
                }
                Err(why) => passed_over(&**extender, &why),
            }
        }
        sums
    }

    /// The best node; of several, the one that the tie falls on.
    fn best(&self, totals: &BTreeMap<NodeIndex, i64>, evaluated: usize) -> Decision {
        let highest = totals.values().max().copied().unwrap_or_default();
        let best: Vec<NodeIndex> =
            totals.iter().filter(|(_, total)| **total == highest).map(|(index, _)| *index).collect();
        let index = best.get((self.tie % best.len().max(1) as u64) as usize);
        match index.and_then(|index| self.snapshot.node(*index)) {
            None => Decision::Error("the chosen node is not in the snapshot".to_owned()),
            Some(node) => chosen(node, evaluated, totals.len()),
        }
    }
}

fn chosen(node: NodeView<'_>, evaluated: usize, feasible: usize) -> Decision {
    Decision::Node(Choice { index: node.index(), node: node.name().clone(), evaluated, feasible })
}

fn checked(extender: &dyn Extender, filtered: Filtered, nodes: &Nodes) -> Result<Filtered, String> {
    match filtered.nodes.iter().find(|name| !nodes.contains_key(*name)) {
        None => Ok(filtered),
        Some(stranger) => Err(format!(
            "extender {:?} claims a filtered node {stranger:?} which is not found in the input node list",
            extender.name()
        )),
    }
}
