//! Counts the pods of topology spread constraints by domain, and keeps the counts up to date as pods come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node_affinity::Required;
use super::spread_constraints::Constraint;
use crate::change::{Change, Reach};
use crate::pod::PodInfo;
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};

/// The pods that count in the constraints of a pod.
pub(super) struct Counts {
    pod: Arc<PodInfo>,
    required: Required,
    /// Whether a node counts only if it is in a domain of every constraint.
    needs_all: bool,
    pub(super) each: Vec<Count>,
}

/// The pods that count in one constraint.
pub(super) struct Count {
    pub(super) constraint: Constraint,
    pub(super) domains: Arc<Domains>,
    /// By domain; `None` where no node is a place of the constraint.
    pods: Vec<Option<i64>>,
    /// How many the pod itself will be.
    itself: i64,
    /// How many domains there are, the least number of pods in one, and in how many there are so few.
    places: usize,
    least: i64,
    at_least: usize,
}

/// What a count was before something changed.
pub(super) struct Before {
    least: i64,
    /// The pods in the domains that have changed.
    pub(super) pods: BTreeMap<usize, i64>,
}

impl Counts {
    pub(super) fn new(
        pod: &Arc<PodInfo>,
        constraints: Vec<Constraint>,
        needs_all: bool,
        snapshot: &Snapshot,
    ) -> Self {
        let each = constraints.into_iter().map(|constraint| Count::new(constraint, pod, snapshot)).collect();
        let mut counts = Counts { pod: pod.clone(), required: Required::of(pod), needs_all, each };
        for node in snapshot.nodes() {
            if !counts.considers(node.index()) {
                continue;
            }
            for count in counts.each.iter_mut().filter(|count| count.is_place(node, pod, &counts.required)) {
                let pods = count.constraint.count(pod, node);
                *count.pods[count.domains.domain(node.index())].get_or_insert(0) += pods;
            }
        }
        counts.each.iter_mut().for_each(Count::look_for_least);
        counts
    }

    /// Whether the node counts at all.
    pub(super) fn considers(&self, node: NodeIndex) -> bool {
        !self.needs_all || self.each.iter().all(|count| count.domains.domain(node) > 0)
    }

    /// Whether the pod of the change counts in a constraint; one on its way out does not.
    pub(super) fn counts(&self, count: &Count, pod: &PodInfo) -> bool {
        !pod.is_terminating() && pod.namespace() == self.pod.namespace() && count.constraint.selects(pod)
    }

    /// Counts a pod in or out, for trial even one on its way out, as upstream does. `told` learns of each count that
    /// changes: where it stands, the domain, and the pods there before.
    pub(super) fn change(
        &mut self,
        change: Change<'_>,
        for_trial: bool,
        mut told: impl FnMut(&Count, usize, usize, i64),
    ) {
        let is_other = change.pod.namespace() != self.pod.namespace();
        if is_other || (change.pod.is_terminating() && !for_trial) || !self.considers(change.node.index()) {
            return;
        }
        for at in 0..self.each.len() {
            let count = &self.each[at];
            // Upstream counts for trial what an empty selector selects, though otherwise it selects nothing.
            let is_selected = match for_trial {
                true => count.constraint.selector.matches(change.pod.labels()),
                false => count.constraint.selects(change.pod),
            };
            if is_selected && count.is_place(change.node, &self.pod, &self.required) {
                let count = &mut self.each[at];
                let domain = count.domains.domain(change.node.index());
                let before = count.at(domain);
                count.add(domain, change.by);
                told(count, at, domain, before);
            }
        }
    }
}

impl Count {
    fn new(constraint: Constraint, pod: &PodInfo, snapshot: &Snapshot) -> Self {
        let domains = snapshot.domains(&constraint.topology_key);
        let itself = i64::from(constraint.selector.matches(pod.labels()));
        Count {
            pods: vec![None; domains.end()],
            domains,
            constraint,
            itself,
            places: 0,
            least: 0,
            at_least: 0,
        }
    }

    fn is_place(&self, node: NodeView<'_>, pod: &PodInfo, required: &Required) -> bool {
        self.constraint.includes(pod, required, node)
    }

    /// The pods in a domain.
    pub(super) fn at(&self, domain: usize) -> i64 {
        self.pods.get(domain).copied().flatten().unwrap_or_default()
    }

    /// Whether the pod would make the spread too uneven, with so many pods in its domain and so few in the emptiest. With
    /// fewer domains than wanted, the emptiest is one that does not exist yet.
    pub(super) fn exceeds(&self, there: i64, least: i64) -> bool {
        let enough = i64::try_from(self.places).is_ok_and(|places| places >= self.constraint.min_domains);
        there + self.itself - if enough { least } else { 0 } > self.constraint.max_skew
    }

    /// What it is before something changes.
    pub(super) fn before(&self) -> Before {
        Before { least: self.least, pods: BTreeMap::new() }
    }

    /// Which nodes are judged otherwise now that the count is no longer what it was.
    pub(super) fn reach(&self, before: &Before) -> Reach {
        let turned = |domain: &usize| {
            let then = before.pods.get(domain).copied().unwrap_or_else(|| self.at(*domain));
            self.exceeds(then, before.least) != self.exceeds(self.at(*domain), self.least)
        };
        let of = |domain| (self.domains.clone(), domain);
        Reach::Domains(match self.least == before.least {
            true => before.pods.keys().copied().filter(turned).map(of).collect(),
            false => (1..self.domains.end()).filter(turned).map(of).collect(),
        })
    }

    /// The least number of pods in a domain.
    pub(super) fn least(&self) -> i64 {
        self.least
    }

    fn add(&mut self, domain: usize, more: i64) {
        let before = self.at(domain);
        self.pods[domain] = Some(before + more);
        if before == self.least {
            self.at_least -= 1;
        }
        if before + more == self.least {
            self.at_least += 1;
        }
        if self.at_least == 0 || before + more < self.least {
            self.look_for_least();
        }
    }

    fn look_for_least(&mut self) {
        let pods = || self.pods.iter().copied().flatten();
        let least = pods().min().unwrap_or_default();
        (self.places, self.at_least) = (pods().count(), pods().filter(|pods| *pods == least).count());
        self.least = least;
    }
}
