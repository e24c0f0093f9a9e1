//! Decides where a pod goes: a list of plugins, asked in upstream's order.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::attempt::{Attempt, Ended, Filters};
use crate::decision::{Choice, Decision, Diagnosis, NoFit};
use crate::plugin::Plugin;
use crate::plugins;
use crate::pod::PodInfo;
use crate::queue::QueuedPod;
use crate::scoring::{Scores, scores};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Code, Refusal};

/// Decides for the pods that name it as their scheduler. Cloning shares the plugins.
///
/// ```
/// use std::sync::Arc;
/// use steersman_scheduler::{Decision, PodInfo, Profile, Snapshot};
/// # let node = serde_json::json!({"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "4", "pods": "10"}}});
/// # let node: k8s_openapi::api::core::v1::Node = serde_json::from_value(node)?;
/// # let pod = k8s_openapi::api::core::v1::Pod::default();
///
/// let mut snapshot = Snapshot::new();
/// snapshot.set_node(node);
/// let decision = Profile::default().pick(&Arc::new(PodInfo::new(pod)), &snapshot, 0);
/// assert!(matches!(decision, Decision::Node(choice) if &*choice.node == "n1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Profile {
    name: String,
    plugins: Vec<Enabled>,
    percentage: u8,
}

#[derive(Clone)]
struct Enabled {
    plugin: Arc<dyn Plugin>,
    weight: i64,
}

impl Default for Profile {
    /// `default-scheduler`, with upstream's default plugins and weights.
    fn default() -> Self {
        let enable = |(plugin, weight)| Enabled { plugin, weight };
        Profile { plugins: plugins::defaults().into_iter().map(enable).collect(), ..Profile::empty() }
    }
}

impl Profile {
    /// `default-scheduler` without any plugin: every node will do.
    pub fn empty() -> Self {
        Profile { name: "default-scheduler".to_owned(), plugins: Vec::new(), percentage: 100 }
    }

    /// The same for pods that name another scheduler.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a plugin as the last, or replaces the one of its name; its scores count once.
    #[must_use]
    pub fn with(self, plugin: impl Plugin) -> Self {
        self.weighted(plugin, 1)
    }

    /// Adds a plugin as the last, or replaces the one of its name; its scores count `weight` times.
    #[must_use]
    pub fn weighted(mut self, plugin: impl Plugin, weight: u32) -> Self {
        let enabled = Enabled { plugin: Arc::new(plugin), weight: weight.into() };
        match self.plugins.iter_mut().find(|have| have.plugin.name() == enabled.plugin.name()) {
            Some(have) => *have = enabled,
            None => self.plugins.push(enabled),
        }
        self
    }

    /// Gives a default plugin the arguments of a `KubeSchedulerConfiguration`, and adds it where it is missing.
    pub fn configured(mut self, plugin: &str, args: serde_json::Value) -> Result<Self, plugins::InvalidArgs> {
        let plugin = plugins::configured(plugin, args)?;
        match self.plugins.iter_mut().find(|have| have.plugin.name() == plugin.name()) {
            Some(have) => have.plugin = plugin,
            None => self.plugins.push(Enabled { plugin, weight: 1 }),
        }
        Ok(self)
    }

    /// Removes a plugin by name.
    #[must_use]
    pub fn without(mut self, plugin: &str) -> Self {
        self.plugins.retain(|enabled| enabled.plugin.name() != plugin);
        self
    }

    /// Ranks no more than this share of the nodes, but at least 100 that will do; upstream's
    /// `percentageOfNodesToScore`. The default is 100, all of them: unlike upstream, whose default shrinks as the
    /// cluster grows.
    #[must_use]
    pub fn percentage_of_nodes_to_score(mut self, percentage: u8) -> Self {
        self.percentage = percentage.clamp(1, 100);
        self
    }

    /// The name that pods ask for it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugins, in order.
    pub fn plugins(&self) -> impl Iterator<Item = &dyn Plugin> {
        self.plugins.iter().map(|enabled| &*enabled.plugin)
    }

    /// The plugins with their weights, in order.
    pub(crate) fn weighted_plugins(&self) -> impl Iterator<Item = (&dyn Plugin, i64)> {
        self.plugins.iter().map(|enabled| (&*enabled.plugin, enabled.weight))
    }

    /// A plugin by name.
    pub fn plugin(&self, name: &str) -> Option<&dyn Plugin> {
        self.plugins().find(|plugin| plugin.name() == name)
    }

    /// Whether the pod may be tried at all.
    pub fn admit(&self, pod: &PodInfo) -> Result<(), Refusal> {
        self.plugins().try_for_each(|plugin| match plugin.pre_enqueue().map(|gate| gate.admit(pod)) {
            Some(Err(rejection)) => Err(Refusal { plugin: plugin.name(), rejection }),
            _ => Ok(()),
        })
    }

    /// Which of two pods is tried first; `Equal` without a plugin that orders.
    pub fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering {
        self.plugins()
            .find_map(|plugin| plugin.queue_sort())
            .map_or(Ordering::Equal, |sort| sort.compare(a, b))
    }

    /// Decides where the pod goes. Pure: the same pod, cluster and `tie` give the same decision. `tie` is a random
    /// number that decides among equals.
    pub fn pick(&self, pod: &Arc<PodInfo>, snapshot: &Snapshot, tie: u64) -> Decision {
        if snapshot.is_empty() {
            return Decision::NoFit(Box::default());
        }
        match Filters::prepare(self.plugins(), pod, snapshot) {
            Err(Ended::Error(why)) => Decision::Error(why),
            Err(Ended::Rejected(rejection, plugins)) => {
                let pod_wide = Some(rejection);
                let diagnosis =
                    Diagnosis { nodes: snapshot.len(), pod: pod_wide, plugins, ..Diagnosis::default() };
                self.remedy(pod, snapshot, diagnosis, None, tie)
            }
            Ok(mut filters) => match self.feasible(pod, snapshot, &mut filters, tie) {
                Err(why) => Decision::Error(why),
                Ok(found) if found.nodes.is_empty() => {
                    self.remedy(pod, snapshot, found.diagnosis, Some(&mut filters), tie)
                }
                Ok(found) => self.choose(pod, snapshot, &found, tie),
            },
        }
    }

    /// Finds the nodes that will do: room that was made for the pod earlier first.
    pub(crate) fn feasible(
        &self,
        pod: &PodInfo,
        snapshot: &Snapshot,
        filters: &mut Filters<'_>,
        tie: u64,
    ) -> Result<Found, String> {
        let mut found = Found::new(snapshot.len(), filters);
        if filters.rejection().is_some() {
            return Ok(found);
        }
        if let Some(node) = pod.nominated_node_name().and_then(|name| snapshot.node_named(name))
            && filters.among().is_none_or(|names| names.contains(&**node.name()))
            && filters.check_with_nominated(node).is_ok()
        {
            found.nodes.push(node.index());
            return Ok(found);
        }
        self.look_at_all(snapshot, filters, tie, &mut found)?;
        Ok(found)
    }

    fn look_at_all(
        &self,
        snapshot: &Snapshot,
        filters: &mut Filters<'_>,
        tie: u64,
        found: &mut Found,
    ) -> Result<(), String> {
        if let Some(names) = filters.among().cloned() {
            let mut nodes = names.iter().filter_map(|name| snapshot.node_named(name));
            return nodes.try_for_each(|node| found.look(filters, node));
        }
        let enough = self.enough(snapshot.len());
        if enough >= snapshot.len() {
            return snapshot.nodes().try_for_each(|node| found.look(filters, node));
        }
        let start = usize::try_from(tie % snapshot.len() as u64).unwrap_or_default();
        for node in snapshot.nodes().skip(start).chain(snapshot.nodes().take(start)) {
            found.look(filters, node)?;
            if found.nodes.len() >= enough {
                break;
            }
        }
        Ok(())
    }

    /// How many feasible nodes are enough.
    fn enough(&self, nodes: usize) -> usize {
        const AT_LEAST: usize = 100;
        if self.percentage >= 100 {
            nodes
        } else {
            (nodes * usize::from(self.percentage) / 100).max(AT_LEAST)
        }
    }

    fn choose(&self, pod: &PodInfo, snapshot: &Snapshot, found: &Found, tie: u64) -> Decision {
        let best = match found.nodes[..] {
            [only] => Ok(only),
            _ => self.best(pod, snapshot, &found.nodes, tie),
        };
        match best.map(|index| (index, snapshot.node(index))) {
            Ok((index, Some(node))) => Decision::Node(Choice {
                index,
                node: node.name().clone(),
                evaluated: found.nodes.len() + found.diagnosis.refusals.len(),
                feasible: found.nodes.len(),
            }),
            Ok((_, None)) => Decision::Error("the chosen node is not in the snapshot".to_owned()),
            Err(why) => Decision::Error(why),
        }
    }

    /// The highest total; among equals, the one that `tie` falls on.
    fn best(
        &self,
        pod: &PodInfo,
        snapshot: &Snapshot,
        nodes: &[NodeIndex],
        tie: u64,
    ) -> Result<NodeIndex, String> {
        let totals = total(nodes.len(), &self.scores(pod, snapshot, nodes)?);
        let highest = totals.iter().copied().max().unwrap_or_default();
        let best: Vec<NodeIndex> = nodes
            .iter()
            .zip(&totals)
            .filter(|(_, total)| **total == highest)
            .map(|(node, _)| *node)
            .collect();
        Ok(best[usize::try_from(tie % best.len() as u64).unwrap_or_default()])
    }

    /// Each plugin's scores of the nodes.
    pub(crate) fn scores(
        &self,
        pod: &PodInfo,
        snapshot: &Snapshot,
        nodes: &[NodeIndex],
    ) -> Result<Vec<Scores>, String> {
        let each =
            self.weighted_plugins().map(|(plugin, weight)| scores(plugin, weight, pod, snapshot, nodes));
        each.filter_map(Result::transpose).collect()
    }

    /// Asks what can be done about a pod that no node will do for.
    fn remedy(
        &self,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        diagnosis: Diagnosis,
        mut filters: Option<&mut Filters<'_>>,
        tie: u64,
    ) -> Decision {
        let mut outcome = NoFit { diagnosis, nomination: None, withdraw: false };
        let mut told: Vec<String> = Vec::new();
        for post_filter in self.plugins().filter_map(Plugin::post_filter) {
            let diagnosis = &outcome.diagnosis;
            let filters = filters.as_deref_mut();
            let no_remedy = match post_filter.remedy(&mut Attempt { pod, snapshot, diagnosis, filters, tie })
            {
                Ok(nomination) => {
                    outcome.nomination = Some(nomination);
                    return Decision::NoFit(Box::new(outcome));
                }
                Err(no_remedy) => no_remedy,
            };
            outcome.withdraw |= no_remedy.withdraw;
            if no_remedy.rejection.code != Code::Unschedulable {
                told = vec![no_remedy.rejection.to_string()];
                break;
            }
            told.push(no_remedy.rejection.to_string());
        }
        outcome.diagnosis.remedy = told.join(", ");
        Decision::NoFit(Box::new(outcome))
    }
}

/// The nodes that will do, and why the others will not.
pub(crate) struct Found {
    pub(crate) nodes: Vec<NodeIndex>,
    pub(crate) diagnosis: Diagnosis,
}

impl Found {
    fn new(nodes: usize, filters: &Filters<'_>) -> Self {
        let mut plugins: BTreeSet<&'static str> = filters.narrowing().clone();
        plugins.extend(filters.rejection().map(|refusal| refusal.plugin));
        let pod = filters.rejection().map(|refusal| refusal.rejection.clone());
        let diagnosis = Diagnosis { nodes, plugins, pod, others: filters.left_out(), ..Diagnosis::default() };
        Found { nodes: Vec::new(), diagnosis }
    }

    fn look(&mut self, filters: &mut Filters<'_>, node: NodeView<'_>) -> Result<(), String> {
        match filters.check_with_nominated(node) {
            Ok(()) => self.nodes.push(node.index()),
            Err(refusal) if refusal.rejection.is_rejection() => {
                self.diagnosis.plugins.insert(refusal.plugin);
                self.diagnosis.refusals.insert(node.index(), refusal);
            }
            Err(Refusal { plugin, rejection }) => {
                return Err(format!("running \"{plugin}\" filter plugin: {rejection}"));
            }
        }
        Ok(())
    }
}

/// The weighted sum of all plugins' scores, a node each.
pub(crate) fn total(nodes: usize, scores: &[Scores]) -> Vec<i64> {
    let mut totals = vec![0; nodes];
    for plugin in scores {
        for (total, score) in totals.iter_mut().zip(&plugin.normalized) {
            *total += score * plugin.weight;
        }
    }
    totals
}
