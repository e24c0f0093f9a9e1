//! One attempt to place a pod: its filters, prepared, and what they said.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::change::{Change, Reach};
use crate::decision::Diagnosis;
use crate::dry_runs::DryRuns;
use crate::plugin::{NodeFilter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::snapshot::{Domains, NodeView, Snapshot};
use crate::verdict::{Refusal, Rejection};

/// What a [`crate::PostFilter`] works with.
pub struct Attempt<'a> {
    /// The pod that no node would do for.
    pub pod: &'a Arc<PodInfo>,
    /// The cluster.
    pub snapshot: &'a Snapshot,
    /// Why each node was ruled out.
    pub diagnosis: &'a Diagnosis,
    /// The filters, to ask again about edited nodes; `None` if preparing them ended early.
    pub filters: Option<&'a mut Filters>,
    /// A random number, to choose among equals.
    pub tie: u64,
}

/// The filters of a profile, prepared for one pod.
pub struct Filters {
    pod: Arc<PodInfo>,
    prepared: Vec<(&'static str, Box<dyn NodeFilter>)>,
    among: Option<BTreeSet<String>>,
    among_plugins: BTreeSet<&'static str>,
    rejection: Option<Refusal>,
    dry_runs: DryRuns,
}

/// Preparing the filters ended early.
pub(crate) enum Ended {
    /// No node will do, and these plugins say so.
    Rejected(Rejection, BTreeSet<&'static str>),
    /// A plugin could not do its work.
    Error(String),
}

impl Filters {
    pub(crate) fn prepare<'p>(
        plugins: impl Iterator<Item = &'p dyn Plugin>,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
    ) -> Result<Self, Ended> {
        let mut filters = Filters {
            pod: pod.clone(),
            prepared: Vec::new(),
            among: None,
            among_plugins: BTreeSet::new(),
            rejection: None,
            dry_runs: DryRuns::default(),
        };
        for plugin in plugins {
            if let Some(filter) = plugin.filter() {
                filters.take(plugin.name(), filter.prepare(pod, snapshot))?;
            }
        }
        Ok(filters)
    }

    fn take(&mut self, plugin: &'static str, prepared: Prepared) -> Result<(), Ended> {
        match prepared {
            Prepared::Skip => {}
            Prepared::PerNode(filter) => self.prepared.push((plugin, filter)),
            Prepared::Among(names, filter) => {
                self.prepared.push((plugin, filter));
                self.narrow(plugin, names)?;
            }
            Prepared::Reject(rejection) if rejection.is_resolvable() => {
                // The others are still prepared: preemption may ask them.
                self.rejection = Some(Refusal { plugin, rejection });
            }
            Prepared::Reject(rejection) if rejection.is_rejection() => {
                return Err(Ended::Rejected(rejection, BTreeSet::from([plugin])));
            }
            Prepared::Reject(error) => {
                return Err(Ended::Error(format!("running PreFilter plugin \"{plugin}\": {error}")));
            }
        }
        Ok(())
    }

    fn narrow(&mut self, plugin: &'static str, names: BTreeSet<String>) -> Result<(), Ended> {
        self.among_plugins.insert(plugin);
        let narrowed = match self.among.take() {
            Some(among) => among.intersection(&names).cloned().collect(),
            None => names,
        };
        if narrowed.is_empty() {
            let reason = match self.among_plugins.len() {
                1 => format!("node(s) didn't satisfy plugin {plugin}"),
                _ => format!("node(s) didn't satisfy plugin(s) {} simultaneously", self.among_plugins()),
            };
            return Err(Ended::Rejected(Rejection::unresolvable(reason), self.among_plugins.clone()));
        }
        self.among = Some(narrowed);
        Ok(())
    }

    /// The nodes that come into question, by name; `None` is all.
    pub fn among(&self) -> Option<&BTreeSet<String>> {
        self.among.as_ref()
    }

    /// The plugins that narrowed the nodes.
    pub(crate) fn narrowing(&self) -> &BTreeSet<&'static str> {
        &self.among_plugins
    }

    /// What holds for the nodes that do not come into question.
    pub(crate) fn left_out(&self) -> Option<Rejection> {
        self.among.as_ref()?;
        Some(Rejection::unresolvable(format!("node(s) didn't satisfy plugin(s) {}", self.among_plugins())))
    }

    /// What rules out all nodes, while removing pods may help.
    pub(crate) fn rejection(&self) -> Option<&Refusal> {
        self.rejection.as_ref()
    }

    fn among_plugins(&self) -> String {
        format!("[{}]", self.among_plugins.iter().copied().collect::<Vec<_>>().join(" "))
    }

    /// The pod that is judged.
    pub fn pod(&self) -> &Arc<PodInfo> {
        &self.pod
    }

    /// Judges another pod from now on, which must have the same signature.
    pub(crate) fn judge(&mut self, pod: &Arc<PodInfo>) {
        self.pod = pod.clone();
    }

    /// What came of removing pods for trial, for pods of the same signature.
    pub(crate) fn dry_runs(&mut self) -> &mut DryRuns {
        &mut self.dry_runs
    }

    /// Whether all look at nothing but the node.
    pub(crate) fn are_local(&self) -> bool {
        self.prepared.iter().all(|(_, filter)| filter.is_local())
    }

    pub(crate) fn len(&self) -> usize {
        self.prepared.len()
    }

    /// Whether the pod can be on the node as it is, regardless of pods that wait for room there.
    pub fn check(&self, node: NodeView<'_>) -> Result<(), Refusal> {
        (0..self.len()).try_for_each(|filter| self.check_one(filter, node))
    }

    /// What one filter says.
    pub(crate) fn check_one(&self, filter: usize, node: NodeView<'_>) -> Result<(), Refusal> {
        let (plugin, filter) = &self.prepared[filter];
        filter.check(node).map_err(|rejection| Refusal { plugin, rejection })
    }

    /// What one filter says of all nodes of a domain alike.
    pub(crate) fn check_domain(
        &self,
        filter: usize,
        domains: &Arc<Domains>,
        domain: usize,
    ) -> Option<Result<(), Refusal>> {
        let (plugin, filter) = &self.prepared[filter];
        let verdict = filter.check_domain(domains, domain)?;
        Some(verdict.map_err(|rejection| Refusal { plugin, rejection }))
    }

    /// Has one filter take in what happened.
    pub(crate) fn follow_one(&mut self, filter: usize, changes: &[Change<'_>]) -> Reach {
        self.prepared[filter].1.follow(changes)
    }

    /// Whether the pod can be on the node, both with and without the pods that wait for room there and are no less
    /// important: they may never come, but if they do there must be room.
    pub fn check_with_nominated(&mut self, node: NodeView<'_>) -> Result<(), Refusal> {
        self.check_ahead(node)?;
        self.check(node)
    }

    /// Whether the pod can be on the node if those come that wait for room there and are no less important.
    pub(crate) fn check_ahead(&mut self, node: NodeView<'_>) -> Result<(), Refusal> {
        if node.waiting().is_empty() {
            return Ok(());
        }
        let goes_first =
            |other: &&Arc<PodInfo>| other.priority() >= self.pod.priority() && !other.is(&self.pod);
        let ahead: Vec<&Arc<PodInfo>> = node.waiting().iter().filter(goes_first).collect();
        if ahead.is_empty() {
            return Ok(());
        }
        let mut edited = node.edited();
        for pod in &ahead {
            edited.add(pod);
            self.suppose(Change { pod, node, by: 1 });
        }
        let verdict = self.check(edited.view(node.snapshot()));
        for pod in &ahead {
            self.suppose(Change { pod, node, by: -1 });
        }
        verdict
    }

    /// Counts in or out a pod that is put on or taken off a node for trial.
    pub fn suppose(&mut self, change: Change<'_>) {
        self.prepared.iter_mut().for_each(|(_, filter)| filter.suppose(change));
    }
}
