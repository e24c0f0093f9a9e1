//! One attempt to place a pod: its filters, prepared, and what they said.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::decision::Diagnosis;
use crate::plugin::{NodeFilter, Plugin, Prepared};
use crate::pod::PodInfo;
use crate::snapshot::{NodeView, Snapshot};
use crate::verdict::{Refusal, Rejection};

/// What a [`crate::PostFilter`] works with.
pub struct Attempt<'s, 'f> {
    /// The pod that no node would do for.
    pub pod: &'s Arc<PodInfo>,
    /// The cluster.
    pub snapshot: &'s Snapshot,
    /// Why each node was ruled out.
    pub diagnosis: &'s Diagnosis,
    /// The filters, to ask again about edited nodes; `None` if preparing them ended early.
    pub filters: Option<&'s mut Filters<'f>>,
    /// A random number, to choose among equals.
    pub tie: u64,
}

/// The filters of a profile, prepared for one pod.
pub struct Filters<'a> {
    pod: &'a PodInfo,
    prepared: Vec<(&'static str, Box<dyn NodeFilter + 'a>)>,
    among: Option<BTreeSet<String>>,
    among_plugins: BTreeSet<&'static str>,
    rejection: Option<Refusal>,
}

/// Preparing the filters ended early.
pub(crate) enum Ended {
    /// No node will do, and these plugins say so.
    Rejected(Rejection, BTreeSet<&'static str>),
    /// A plugin could not do its work.
    Error(String),
}

impl<'a> Filters<'a> {
    pub(crate) fn prepare(
        plugins: impl Iterator<Item = &'a dyn Plugin>,
        pod: &'a PodInfo,
        snapshot: &'a Snapshot,
    ) -> Result<Self, Ended> {
        let mut filters = Filters {
            pod,
            prepared: Vec::new(),
            among: None,
            among_plugins: BTreeSet::new(),
            rejection: None,
        };
        for plugin in plugins {
            if let Some(filter) = plugin.filter() {
                filters.take(plugin.name(), filter.prepare(pod, snapshot))?;
            }
        }
        Ok(filters)
    }

    fn take(&mut self, plugin: &'static str, prepared: Prepared<'a>) -> Result<(), Ended> {
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

    /// Whether the pod can be on the node as it is, regardless of pods that wait for room there.
    pub fn check(&self, node: NodeView<'_>) -> Result<(), Refusal> {
        for (plugin, filter) in &self.prepared {
            filter.check(node).map_err(|rejection| Refusal { plugin, rejection })?;
        }
        Ok(())
    }

    /// Whether the pod can be on the node, both with and without the pods that wait for room there and are no less
    /// important: they may never come, but if they do there must be room.
    pub fn check_with_nominated(&mut self, node: NodeView<'_>) -> Result<(), Refusal> {
        let pod = self.pod;
        let ahead: Vec<&Arc<PodInfo>> = node.snapshot().nominated.on(node.name()).iter().collect();
        let ahead: Vec<_> =
            ahead.into_iter().filter(|other| other.priority() >= pod.priority() && !other.is(pod)).collect();
        if !ahead.is_empty() {
            self.check_with(node, &ahead)?;
        }
        self.check(node)
    }

    fn check_with(&mut self, node: NodeView<'_>, others: &[&Arc<PodInfo>]) -> Result<(), Refusal> {
        let (index, mut edited) = (node.index(), node.snapshot().clone());
        for other in others {
            edited.add_pod(index, other);
            self.pod_added(other, node);
        }
        let verdict = edited.node(index).map_or(Ok(()), |node| self.check(node));
        for other in others {
            self.pod_removed(other, node);
        }
        verdict
    }

    /// Counts in a pod that was put on the node in an edited snapshot.
    pub fn pod_added(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.prepared.iter_mut().for_each(|(_, filter)| filter.pod_added(pod, node));
    }

    /// Counts out a pod that was taken off the node in an edited snapshot.
    pub fn pod_removed(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        self.prepared.iter_mut().for_each(|(_, filter)| filter.pod_removed(pod, node));
    }
}
