//! Explains a decision: each plugin's verdict and score for each node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::attempt::Ended;
use crate::evaluation::Evaluation;
use crate::plugin::Prepared;
use crate::pod::PodInfo;
use crate::points::Point;
use crate::profile::Profile;
use crate::ranking::{NodeSet, Ranking, Scored};
use crate::snapshot::Snapshot;
use crate::verdict::{Refusal, Rejection};

/// Each plugin's word on a pod.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Explanation {
    /// What holds the pod back before it is tried.
    pub held_back: Option<Refusal>,
    /// Plugins that rule out all nodes at once.
    pub pod: BTreeMap<&'static str, Rejection>,
    /// By node, what each plugin on its own has against it.
    pub filter: BTreeMap<Arc<str>, BTreeMap<&'static str, Rejection>>,
    /// The nodes that will do, pods that wait for room counted; room that was made for the pod goes first.
    pub feasible: Vec<Arc<str>>,
    /// By plugin and node, the scores of the nodes that will do.
    pub scores: BTreeMap<&'static str, BTreeMap<Arc<str>, Score>>,
    /// By node, the weighted sum.
    pub total: BTreeMap<Arc<str>, i64>,
    /// The plugin that could not do its work, and why.
    pub error: Option<String>,
}

/// A plugin's score of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// On the plugin's own scale.
    pub raw: i64,
    /// From 0 to 100.
    pub normalized: i64,
    /// How many times it counts.
    pub weight: i64,
}

impl Profile {
    /// Explains what [`Profile::pick`] decides. Pure; asks every plugin about every node, which `pick` does not.
    pub fn explain(&self, pod: &Arc<PodInfo>, snapshot: &Snapshot) -> Explanation {
        let mut explanation = Explanation { held_back: self.admit(pod).err(), ..Explanation::default() };
        self.explain_filters(pod, snapshot, &mut explanation);
        let evaluation = match Evaluation::new(self, pod, snapshot, 0) {
            Ok(evaluation) => evaluation,
            Err(Ended::Rejected(..)) => return explanation,
            Err(Ended::Error(why)) => return Explanation { error: Some(why), ..explanation },
        };
        let feasible = evaluation.feasible(snapshot);
        let name = |index| snapshot.node(index).map(|node| node.name().clone());
        explanation.feasible = feasible.iter().filter_map(name).collect();
        let ranking = evaluation.error().and_then(|()| Ranking::new(self, pod, snapshot, &feasible));
        match ranking {
            Ok(ranking) => explanation.explain_scores(snapshot, &feasible, &ranking),
            Err(why) => explanation.error = Some(why),
        }
        explanation
    }

    fn explain_filters(&self, pod: &Arc<PodInfo>, snapshot: &Snapshot, explanation: &mut Explanation) {
        for plugin in self.at(Point::Filter) {
            let check = match plugin.filter().map(|filter| filter.prepare(pod, snapshot)) {
                None | Some(Prepared::Skip) => continue,
                Some(Prepared::Reject(rejection)) => {
                    explanation.pod.insert(plugin.name(), rejection);
                    continue;
                }
                Some(Prepared::PerNode(check) | Prepared::Among(_, check)) => check,
            };
            for node in snapshot.nodes() {
                if let Err(rejection) = check.check(node) {
                    let verdicts = explanation.filter.entry(node.name().clone()).or_default();
                    verdicts.insert(plugin.name(), rejection);
                }
            }
        }
    }
}

impl Explanation {
    fn explain_scores(&mut self, snapshot: &Snapshot, feasible: &NodeSet, ranking: &Ranking) {
        for node in feasible.iter().filter_map(|index| snapshot.node(index)) {
            self.total.insert(node.name().clone(), ranking.total(node.index()));
            for Scored { plugin, weight, raw, normalized } in ranking.scores(node.index()) {
                let scores = self.scores.entry(plugin).or_default();
                scores.insert(node.name().clone(), Score { raw, normalized, weight });
            }
        }
    }
}

/// A table: a line a node, what each plugin gives it, or what stands against it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Refusal { plugin, rejection }) = &self.held_back {
            writeln!(f, "held back by {plugin}: {rejection}")?;
        }
        for (plugin, rejection) in &self.pod {
            writeln!(f, "no node will do for {plugin}: {rejection}")?;
        }
        if let Some(why) = &self.error {
            writeln!(f, "{why}")?;
        }
        self.write_scores(f)?;
        for (node, rejections) in &self.filter {
            for (plugin, rejection) in rejections {
                writeln!(f, "{node}: {rejection} ({plugin})")?;
            }
        }
        Ok(())
    }
}

impl Explanation {
    /// The nodes that will do, the best first, with the plugins' weighted scores.
    fn write_scores(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nodes: Vec<(&Arc<str>, i64)> =
            self.total.iter().map(|(node, total)| (node, *total)).collect();
        nodes.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
        for (node, total) in nodes {
            let of = |(plugin, nodes): (&&str, &BTreeMap<Arc<str>, Score>)| {
                let score = nodes.get(node)?;
                Some(format!("{plugin} {}", score.normalized * score.weight))
            };
            let scores: Vec<String> = self.scores.iter().filter_map(of).collect();
            writeln!(f, "{node}: {total} = {}", scores.join(" + "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Node, Pod};
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn an_explanation_reads_as_a_table() {
        let node = |name: &str, cpu: &str| {
            let status = json!({"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}});
            steersman_core::tree::from_value::<Node>(json!({"metadata": {"name": name}, "status": status}))
                .unwrap()
        };
        let mut snapshot = Snapshot::new();
        for (name, cpu) in [("large", "4"), ("small", "1")] {
            snapshot.set_node(node(name, cpu));
        }
        let container = json!({"name": "c", "resources": {"requests": {"cpu": "2", "memory": "512Mi"}}});
        let pod: Pod =
            steersman_core::tree::from_value(json!({"spec": {"containers": [container]}})).unwrap();
        let shown = Profile::default().explain(&Arc::new(PodInfo::new(pod)), &snapshot).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("large: ") && lines[0].contains("NodeResourcesFit 50"), "{shown}");
        assert_eq!(lines[1..], ["small: Insufficient cpu (NodeResourcesFit)"]);
    }
}
