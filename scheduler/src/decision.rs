//! What came of looking for a node: the node, or why there is none, in upstream's words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::pod::PodInfo;
use crate::refusals::Refusals;
use crate::snapshot::NodeIndex;
use crate::verdict::Rejection;

/// What came of looking for a node for a pod.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum Decision {
    /// There is one.
    Node(Choice),
    /// There is none.
    NoFit(Box<NoFit>),
    /// A plugin could not do its work; the words tell which and why.
    Error(String),
}

/// The node that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its number in the snapshot.
    pub index: NodeIndex,
    /// Its name.
    pub node: Arc<str>,
    /// How many nodes were looked at.
    pub evaluated: usize,
    /// How many of them would have done.
    pub feasible: usize,
}

/// Why no node will do, and what is done about it.
#[derive(Clone, Debug, Default)]
pub struct NoFit {
    /// Why each node was ruled out.
    pub diagnosis: Diagnosis,
    /// Room that is made for the pod by removing others.
    pub nomination: Option<Nomination>,
    /// Whether room that was made for the pod earlier is given up.
    pub withdraw: bool,
    /// A resource claim of the pod, by name, that is to give its devices back.
    pub deallocate: Option<String>,
    /// What those had to say who looked for room before the one that found it; told if that comes to nothing.
    pub(crate) said_before: Vec<String>,
}

/// Room for a pod on a node, made by removing other pods.
#[derive(Clone, Debug)]
pub struct Nomination {
    /// The node.
    pub node: Arc<str>,
    /// The pods to remove, the most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// Less important pods that waited for room on the node, and now wait for none.
    pub displaced: Vec<Arc<PodInfo>>,
    /// The nodes that were chosen from, this one among them.
    pub candidates: Vec<Arc<Candidate>>,
}

/// A node on which removing pods makes room.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: Arc<str>,
    /// The pods to remove, the most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// How many of them a disruption budget would rather keep.
    pub budgets_violated: usize,
}

/// Why each node was ruled out.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// How many nodes there are.
    pub nodes: usize,
    /// What ruled out all nodes at once.
    pub pod: Option<Rejection>,
    /// What ruled out each node that was looked at.
    pub refusals: Arc<Refusals>,
    /// What ruled out the nodes that were not.
    pub others: Option<Rejection>,
    /// The plugins that ruled out nodes: those whose word decides what wakes the pod.
    pub plugins: BTreeSet<&'static str>,
    /// What the search for a remedy has to say.
    pub remedy: String,
}

impl Diagnosis {
    /// What ruled out a node.
    pub fn rejection(&self, node: NodeIndex) -> Option<&Rejection> {
        let own = self.refusals.get(node).map(|refusal| &refusal.rejection);
        own.or(self.pod.as_ref()).or(self.others.as_ref())
    }

    /// Of a pod that has lost the one node that it had.
    pub(crate) fn of_one(rejection: &Rejection) -> Self {
        Diagnosis { nodes: 1, others: Some(rejection.clone()), ..Diagnosis::default() }
    }

    /// On how many nodes removing pods may help.
    pub(crate) fn resolvable(&self) -> usize {
        let own = self.refusals.counted().filter(|(refusal, _)| refusal.rejection.is_resolvable());
        let own: usize = own.map(|(_, nodes)| nodes).sum();
        let rest = self.nodes.saturating_sub(self.refusals.len());
        let rejection = self.pod.as_ref().or(self.others.as_ref());
        own + if rejection.is_some_and(Rejection::is_resolvable) { rest } else { 0 }
    }

    /// The rejections, each with the number of nodes it ruled out.
    fn counted(&self) -> impl Iterator<Item = (&Rejection, usize)> {
        let others = self.nodes.saturating_sub(self.refusals.len());
        let each = self.refusals.counted().map(|(refusal, nodes)| (&refusal.rejection, nodes));
        each.chain(self.others.iter().filter(move |_| others > 0).map(move |rejection| (rejection, others)))
    }
}

impl fmt::Display for Diagnosis {
    /// The message that stands in the event and in the PodScheduled condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        write!(f, "0/{} nodes are available:", self.nodes)?;
        match &self.pod {
            Some(rejection) => write!(f, " {rejection}.")?,
            None => write_reasons(f, self.counted())?,
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(f, " {}", self.remedy) }
    }
}

/// Writes ` 2 reason, 1 reason.`, ordered as text; nothing where there is none.
fn write_reasons<'a>(
    f: &mut fmt::Formatter<'_>,
    counted: impl Iterator<Item = (&'a Rejection, usize)>,
) -> fmt::Result {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (rejection, nodes) in counted {
        for reason in rejection.reasons() {
            *counts.entry(reason).or_default() += nodes;
        }
    }
    let mut reasons: Vec<String> = counts.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
    reasons.sort_unstable();
    if reasons.is_empty() { Ok(()) } else { write!(f, " {}.", reasons.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Refusal;

    #[test]
    fn reasons_are_counted_and_ordered_as_text() {
        let refuse = |rejection| Refusal { plugin: "P", rejection };
        let mut diagnosis = Diagnosis { nodes: 15, remedy: "preemption: no".into(), ..Diagnosis::default() };
        let mut snapshot = crate::Snapshot::new();
        for at in 0..12 {
            let mut node = k8s_openapi::api::core::v1::Node::default();
            node.metadata.name = Some(format!("n{at}"));
            let rejection = Rejection::unschedulable(if at < 10 { "b" } else { "a" });
            Arc::make_mut(&mut diagnosis.refusals).set(snapshot.set_node(node), refuse(rejection));
        }
        assert_eq!(diagnosis.to_string(), "0/15 nodes are available: 10 b, 2 a. preemption: no");
        diagnosis.others = Some(Rejection::unresolvable("c"));
        assert_eq!(diagnosis.to_string(), "0/15 nodes are available: 10 b, 2 a, 3 c. preemption: no");
        diagnosis.pod = Some(Rejection::unresolvable("pod affinity terms conflict"));
        diagnosis.remedy.clear();
        assert_eq!(diagnosis.to_string(), "0/15 nodes are available: pod affinity terms conflict.");
    }
}
