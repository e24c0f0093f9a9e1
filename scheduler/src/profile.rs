//! Decides where a pod goes: a list of plugins, asked in upstream's order.

use std::cmp::Ordering;
use std::sync::Arc;

use steersman_core::field::Path;

use crate::attempt::{Attempt, Ended, Filters};
use crate::decision::{Decision, Diagnosis, NoFit};
use crate::evaluation::Evaluation;
use crate::plugin::{Plugin, PreEnqueue};
use crate::plugins;
use crate::pod::PodInfo;
use crate::points::{Point, Points};
use crate::queue::{Known, QueuedPod};
use crate::snapshot::Snapshot;
use crate::verdict::{Code, Refusal, Verdict};

/// Decides for the pods that name it as their scheduler. Cloning shares the plugins.
///
/// ```
/// use std::sync::Arc;
/// use steersman_scheduler::{Decision, PodInfo, Profile, Snapshot};
/// # let node = steersman_core::tree::json!({"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "4", "pods": "10"}}});
/// # let node: k8s_openapi::api::core::v1::Node = steersman_core::tree::from_value(node)?;
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
    plugins: Vec<Arc<dyn Plugin>>,
    points: Points,
    sampling: Sampling,
}

/// How many of the nodes that will do are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    All,
    Percent(u8),
    /// A share that shrinks as the cluster grows: upstream's default.
    Adaptive,
}

impl Default for Profile {
    /// `default-scheduler`, with upstream's default plugins and weights.
    fn default() -> Self {
        let mut profile = Profile::empty();
        for (plugin, weight) in plugins::defaults() {
            profile.put(plugin, weight);
        }
        profile
    }
}

impl Profile {
    /// `default-scheduler` without any plugin: every node will do.
    pub fn empty() -> Self {
        let name = "default-scheduler".to_owned();
        Profile { name, plugins: Vec::new(), points: Points::default(), sampling: Sampling::All }
    }

    /// What a configuration has put together.
    pub(crate) fn assembled(
        name: &str,
        plugins: Vec<Arc<dyn Plugin>>,
        points: Points,
        sampling: Sampling,
    ) -> Self {
        Profile { name: name.to_owned(), plugins, points, sampling }
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
        self.put(Arc::new(plugin), weight.into());
        self
    }

    fn put(&mut self, plugin: Arc<dyn Plugin>, weight: i64) {
        match self.plugins.iter().position(|have| have.name() == plugin.name()) {
            Some(at) => {
                self.points.replace(at, &*plugin);
                self.points.weigh(at, weight);
                self.plugins[at] = plugin;
            }
            None => {
                self.points.push(&*plugin, weight);
                self.plugins.push(plugin);
            }
        }
    }

    /// Gives a default plugin the arguments of a `KubeSchedulerConfiguration`, and adds it where it is missing.
    ///
    /// # Errors
    /// There is no such plugin, or it cannot work with them.
    pub fn configured(
        mut self,
        plugin: &str,
        args: steersman_core::tree::Value,
    ) -> Result<Self, plugins::InvalidArgs> {
        let made = plugins::make(plugin, Some(args), &Path::ROOT);
        let made = made.ok_or_else(|| plugins::InvalidArgs::Unknown(plugin.to_owned()))??;
        let have = self.plugins.iter().position(|have| have.name() == plugin);
        self.put(made, have.map_or(1, |at| self.points.weight(at)));
        Ok(self)
    }

    /// Removes a plugin by name.
    #[must_use]
    pub fn without(mut self, plugin: &str) -> Self {
        if let Some(at) = self.plugins.iter().position(|have| have.name() == plugin) {
            self.plugins.remove(at);
            self.points.remove(at);
        }
        self
    }

    /// Ranks no more than this share of the nodes, but at least 100 that will do; upstream's
    /// `percentageOfNodesToScore`. The default is 100, all of them: unlike upstream, whose default shrinks as the
    /// cluster grows.
    #[must_use]
    pub fn percentage_of_nodes_to_score(mut self, percentage: u8) -> Self {
        self.sampling = Sampling::Percent(percentage.clamp(1, 100));
        self
    }

    /// The name that pods ask for it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugins, each once.
    pub fn plugins(&self) -> impl Iterator<Item = &dyn Plugin> {
        self.plugins.iter().map(|plugin| &**plugin)
    }

    /// The plugins that take part in an extension point, in order.
    pub(crate) fn at(&self, point: Point) -> impl Iterator<Item = &dyn Plugin> {
        self.points.at(point).iter().map(|at| &*self.plugins[*at])
    }

    /// The plugins that score, in order, with their weights.
    pub(crate) fn scoring(&self) -> impl Iterator<Item = (&dyn Plugin, i64)> {
        self.points.at(Point::Score).iter().map(|at| (&*self.plugins[*at], self.points.weight(*at)))
    }

    /// A plugin by name.
    pub fn plugin(&self, name: &str) -> Option<&dyn Plugin> {
        self.plugins().find(|plugin| plugin.name() == name)
    }

    /// Whether the pod may be tried at all, regardless of its pod group and its claims.
    pub fn admit(&self, pod: &PodInfo) -> Result<(), Refusal> {
        self.held_back(|gate| gate.admit(pod))
    }

    /// Whether the pod may be tried, given its pod group and its claims.
    pub(crate) fn admit_among(&self, pod: &PodInfo, known: &Known) -> Result<(), Refusal> {
        self.held_back(|gate| gate.admit_among(pod, known))
    }

    fn held_back(&self, admit: impl Fn(&dyn PreEnqueue) -> Verdict) -> Result<(), Refusal> {
        self.at(Point::PreEnqueue).try_for_each(|plugin| match plugin.pre_enqueue().map(&admit) {
            Some(Err(rejection)) => Err(Refusal { plugin: plugin.name(), rejection }),
            _ => Ok(()),
        })
    }

    /// Which of two pods is tried first; `Equal` without a plugin that orders.
    pub fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering {
        self.at(Point::QueueSort)
            .find_map(|plugin| plugin.queue_sort())
            .map_or(Ordering::Equal, |sort| sort.compare(a, b))
    }

    /// Decides where the pod goes. Pure: the same pod, cluster and `tie` give the same decision. `tie` is a random
    /// number that decides among equals. For pod after pod, [`Picker`](crate::Picker) decides the same and is faster.
    pub fn pick(&self, pod: &Arc<PodInfo>, snapshot: &Snapshot, tie: u64) -> Decision {
        if snapshot.is_empty() {
            return Decision::NoFit(Box::default());
        }
        match Evaluation::new(self, pod, snapshot, tie) {
            Ok(mut evaluation) => self.decide(&mut evaluation, pod, snapshot, tie),
            Err(ended) => self.give_up(ended, pod, snapshot, tie),
        }
    }

    /// Decides by what the plugins say of the nodes.
    pub(crate) fn decide(
        &self,
        evaluation: &mut Evaluation,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        tie: u64,
    ) -> Decision {
        match evaluation.choose(self, snapshot, tie) {
            Ok(Some(choice)) => Decision::Node(choice),
            Ok(None) => {
                let (diagnosis, filters) = evaluation.diagnosis(snapshot);
                self.remedy(pod, snapshot, diagnosis, Some(filters), tie)
            }
            Err(why) => Decision::Error(why),
        }
    }

    /// Decides where asking the plugins ended early.
    pub(crate) fn give_up(
        &self,
        ended: Ended,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        tie: u64,
    ) -> Decision {
        match ended {
            Ended::Error(why) => Decision::Error(why),
            Ended::Rejected(rejection, plugins) => {
                let pod_wide = Some(rejection);
                let diagnosis =
                    Diagnosis { nodes: snapshot.len(), pod: pod_wide, plugins, ..Diagnosis::default() };
                self.remedy(pod, snapshot, diagnosis, None, tie)
            }
        }
    }

    /// How many feasible nodes are enough.
    pub(crate) fn enough(&self, nodes: usize) -> usize {
        const AT_LEAST: usize = 100;
        let percentage = match self.sampling {
            Sampling::All => 100,
            Sampling::Percent(percentage) => usize::from(percentage),
            Sampling::Adaptive => 50_usize.saturating_sub(nodes / 125).max(5),
        };
        if percentage >= 100 { nodes } else { (nodes * percentage / 100).max(AT_LEAST) }
    }

    /// Asks what can be done about a pod that no node will do for.
    fn remedy(
        &self,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        diagnosis: Diagnosis,
        mut filters: Option<&mut Filters>,
        tie: u64,
    ) -> Decision {
        let mut outcome = NoFit { diagnosis, ..NoFit::default() };
        let mut told: Vec<String> = Vec::new();
        for post_filter in self.at(Point::PostFilter).filter_map(Plugin::post_filter) {
            let diagnosis = &outcome.diagnosis;
            let filters = filters.as_deref_mut();
            let no_remedy = match post_filter.remedy(&mut Attempt { pod, snapshot, diagnosis, filters, tie })
            {
                Ok(nomination) => {
                    (outcome.nomination, outcome.said_before) = (Some(nomination), told);
                    return Decision::NoFit(Box::new(outcome));
                }
                Err(no_remedy) => no_remedy,
            };
            outcome.withdraw |= no_remedy.withdraw;
            outcome.deallocate = outcome.deallocate.or(no_remedy.deallocate);
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
