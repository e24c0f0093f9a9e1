//! Decides where a pod goes that extenders have a say in.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use steersman_core::Env;

use super::bind::passed_over;
use super::{Extender, Filtered, NAME, preempt, within};
use crate::decision::{Choice, Decision};
use crate::evaluation::Evaluation;
use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::snapshot::{NodeIndex, Snapshot};
use crate::verdict::{Refusal, Rejection};

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
                match preempt::look_over(env, extenders, pod, snapshot, no_fit).await {
                    Ok(no_fit) => Decision::NoFit(no_fit),
                    Err(why) => Decision::Error(why),
                }
            }
            other => other,
        }
    }

    async fn ask(&self, env: &Env, mut evaluation: Evaluation) -> Result<Decision, String> {
        evaluation.error()?;
        let mut nodes = self.feasible(&evaluation);
        let evaluated = self.snapshot.len();
        let mut refusals = Vec::new();
        for extender in self.extenders.iter().filter(|extender| extender.part().filters) {
            if nodes.is_empty() {
                break;
            }
            let offered: Vec<Arc<Node>> = nodes.values().map(|(_, node)| node.clone()).collect();
            let answer = within(env, &**extender, extender.filter(&self.pod, &offered)).await;
            match answer.and_then(|filtered| checked(&**extender, filtered, &nodes)) {
                Ok(filtered) => refusals.extend(narrow(&mut nodes, filtered)),
                Err(why) if extender.is_ignorable() => passed_over(&**extender, &why),
                Err(why) => return Err(why),
            }
        }
        evaluation.narrow(nodes.values().map(|(index, _)| *index), refusals);
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

    fn feasible(&self, evaluation: &Evaluation) -> Nodes {
        let feasible = evaluation.feasible(&self.snapshot);
        let views = feasible.iter().filter_map(|index| self.snapshot.node(index));
        views.map(|node| (node.name().to_string(), (node.index(), node.node().clone()))).collect()
    }

    /// What the extenders add to the totals, by the name of the node. One that fails adds nothing.
    async fn scores(&self, env: &Env, nodes: &Nodes) -> BTreeMap<String, i64> {
        let offered: Vec<Arc<Node>> = nodes.values().map(|(_, node)| node.clone()).collect();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for extender in self.extenders.iter() {
            let Some(weight) = extender.part().prioritizes else { continue };
            match within(env, &**extender, extender.prioritize(&self.pod, &offered)).await {
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
            Some(node) => {
                let (index, node) = (node.index(), node.name().clone());
                Decision::Node(Choice { index, node, evaluated, feasible: totals.len() })
            }
        }
    }
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

/// Leaves the nodes that will do, and says why others will not. One without a reason has none told.
fn narrow(nodes: &mut Nodes, filtered: Filtered) -> Vec<(NodeIndex, Refusal)> {
    let Filtered { nodes: kept, failed, failed_and_unresolvable } = filtered;
    let gone: Vec<String> = nodes.keys().filter(|name| !kept.contains(name)).cloned().collect();
    let mut refusals = Vec::new();
    for name in gone {
        let Some((index, _)) = nodes.remove(&name) else { continue };
        let rejection = match (failed_and_unresolvable.get(&name), failed.get(&name)) {
            (Some(why), _) => Rejection::unresolvable(why.clone()),
            (None, Some(why)) => Rejection::unschedulable(why.clone()),
            (None, None) => Rejection::because(crate::verdict::Code::Unschedulable, Vec::new()),
        };
        refusals.push((index, Refusal { plugin: NAME, rejection }));
    }
    refusals
}
