//! The extension points: what a plugin can have a say in, each a small trait.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use steersman_core::events::Recorder;
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Client, Env};

use crate::attempt::Attempt;
use crate::bare::Bare;
use crate::change::{Change, Reach};
use crate::decision::Nomination;
use crate::event::{Event, Wake};
use crate::pod::PodInfo;
use crate::queue::{Known, QueuedPod};
use crate::signature::Signature;
use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};
use crate::verdict::{Rejection, Verdict};
use crate::waiting::Waiting;

/// A scheduler plugin: a name, and the extension points it takes part in.
///
/// ```
/// use std::sync::Arc;
/// use steersman_scheduler::{Filter, NodeView, Plugin, PodInfo, Prepared, Rejection, Snapshot};
///
/// /// Keeps every pod off nodes whose name starts with `old-`.
/// struct NotOld;
///
/// impl Plugin for NotOld {
///     fn name(&self) -> &'static str {
///         "NotOld"
///     }
///     fn filter(&self) -> Option<&dyn Filter> {
///         Some(self)
///     }
/// }
///
/// impl Filter for NotOld {
///     fn prepare(&self, _: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
///         Prepared::per_node(|node| match node.name().starts_with("old-") {
///             true => Err(Rejection::unresolvable("node(s) were old")),
///             false => Ok(()),
///         })
///     }
/// }
///
/// let profile = steersman_scheduler::Profile::default().with(NotOld);
/// ```
pub trait Plugin: Send + Sync + 'static {
    /// The name, unique in a profile.
    fn name(&self) -> &'static str;

    /// Whether a rejected pod should be tried again after an event. Asked only of plugins that rejected the pod.
    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        let _ = (pod, event);
        Wake::Queue
    }

    /// Whether such an event may change its mind about any pod at all; upstream's `EventsToRegister`. Asked once an event,
    /// before [`Plugin::wakes`] is asked about each pod, and not about changes of a waiting pod itself.
    fn heeds(&self, event: &Event) -> bool {
        let _ = event;
        true
    }

    /// Adds to the signature all of the pod that its filter and its score depend on, and what they depend on that stands
    /// in objects which the pod names. What was worked out for one pod is then used for others of the same signature,
    /// and brought up to date as pods come and go; what a plugin looks at for all pods alike, nodes and
    /// [`Snapshot::related`], need not be said: of controllers (the group `apps`), that is whom they select. By default the
    /// plugin may depend on anything, and each pod is judged on its own; one such plugin in a profile is enough for that.
    fn sign(&self, pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
        let _ = (pod, nodes);
        signature.refuse();
    }

    /// The resources, other than nodes and pods, that it reads from [`Snapshot::related`].
    fn reads(&self) -> Vec<GroupVersionResource> {
        Vec::new()
    }

    /// Holds pods back before they are queued.
    fn pre_enqueue(&self) -> Option<&dyn PreEnqueue> {
        None
    }

    /// Orders the queue.
    fn queue_sort(&self) -> Option<&dyn QueueSort> {
        None
    }

    /// Rules out nodes.
    fn filter(&self) -> Option<&dyn Filter> {
        None
    }

    /// Looks for a remedy when no node is left.
    fn post_filter(&self) -> Option<&dyn PostFilter> {
        None
    }

    /// Ranks the nodes that are left.
    fn score(&self) -> Option<&dyn Score> {
        None
    }

    /// Keeps books of its own on what is placed.
    fn reserve(&self) -> Option<&dyn Reserve> {
        None
    }

    /// Delays or prevents binding.
    fn permit(&self) -> Option<&dyn Permit> {
        None
    }

    /// Does what must be done before binding.
    fn pre_bind(&self) -> Option<&dyn PreBind> {
        None
    }

    /// Binds.
    fn bind(&self) -> Option<&dyn Bind> {
        None
    }

    /// Is told of bound pods.
    fn post_bind(&self) -> Option<&dyn PostBind> {
        None
    }
}

/// Holds pods back before they are queued.
pub trait PreEnqueue {
    /// A rejected pod is not tried until an event wakes it. Pure.
    fn admit(&self, pod: &PodInfo) -> Verdict;

    /// The same for a pod in the queue, where it is known what its pod group and its claims are.
    fn admit_among(&self, pod: &PodInfo, known: &Known) -> Verdict {
        let _ = known;
        self.admit(pod)
    }
}

/// Orders the queue. A profile has exactly one, and all profiles of a scheduler the same.
pub trait QueueSort {
    /// `Less` for what is to be tried first. Must be a total order.
    fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering;
}

/// Rules out nodes; upstream's PreFilter and Filter.
pub trait Filter {
    /// Does once for the pod what does not depend on the node. Pure: the same pod and nodes give the same answers.
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared;
}

/// What a filter has to say about a pod.
pub enum Prepared {
    /// Nothing: every node will do, whatever pods come and go.
    Skip,
    /// No node will do.
    Reject(Rejection),
    /// It depends on the node.
    PerNode(Box<dyn NodeFilter>),
    /// Only these nodes, by name, come into question, and they depend.
    Among(BTreeSet<String>, Box<dyn NodeFilter>),
}

impl Prepared {
    /// It depends on the node alone.
    pub fn per_node(check: impl Fn(NodeView<'_>) -> Verdict + Send + 'static) -> Self {
        Prepared::PerNode(Box::new(check))
    }

    /// It depends on the node alone, and not on the pods there.
    pub fn per_bare_node(check: impl Fn(NodeView<'_>) -> Verdict + Send + 'static) -> Self {
        Prepared::PerNode(Box::new(Bare(check)))
    }
}

/// A filter, prepared for one pod. Any `Fn(NodeView) -> Verdict` that looks at nothing but the node is one.
pub trait NodeFilter: Send {
    /// Whether the pod can be on the node. The node may have been edited since the filter was prepared.
    fn check(&self, node: NodeView<'_>) -> Verdict;

    /// What it says of each node of a domain, if it is sure to say the same of all of them, edited or not.
    fn check_domain(&self, domains: &Arc<Domains>, domain: usize) -> Option<Verdict> {
        let _ = (domains, domain);
        None
    }

    /// Takes in what happened in the cluster since it was last asked, in order, so that it judges as if it were prepared
    /// now. What is undone by a later change reaches nothing.
    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let _ = changes;
        Reach::Unknown
    }

    /// Whether it looks at nothing but the node, as it stands now.
    fn is_local(&self) -> bool {
        false
    }

    /// Counts in, or with -1 out, a pod that is put on or taken off a node for trial. Needed only where pods of other
    /// nodes count: whether the node shows the pod already is not said. Upstream's AddPod and RemovePod.
    fn suppose(&mut self, change: Change<'_>) {
        let _ = change;
    }
}

impl<F: Fn(NodeView<'_>) -> Verdict + Send> NodeFilter for F {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        self(node)
    }

    fn follow(&mut self, _: &[Change<'_>]) -> Reach {
        Reach::Node
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// Looks for a remedy when no node is left.
pub trait PostFilter {
    /// `Ok` ends the search with the nomination; an unresolvable rejection or an error ends it without; another
    /// rejection leaves it to the next plugin. Pure.
    fn remedy(&self, attempt: &mut Attempt<'_>) -> Result<Nomination, NoRemedy>;
}

/// Why a plugin found no remedy.
#[derive(Clone, Debug)]
pub struct NoRemedy {
    /// What is told.
    pub rejection: Rejection,
    /// Whether room that was made for the pod earlier is given up.
    pub withdraw: bool,
    /// A resource claim of the pod, by name, that is to give its devices back.
    pub deallocate: Option<String>,
}

impl NoRemedy {
    /// Nothing is to be done but telling.
    pub fn because(rejection: Rejection) -> Self {
        NoRemedy { rejection, withdraw: false, deallocate: None }
    }
}

/// The best score; the worst is 0.
pub const MAX_SCORE: i64 = 100;

/// Ranks the nodes that are left; upstream's PreScore, Score and NormalizeScore.
pub trait Score {
    /// Does once for the pod what does not depend on the node. Pure.
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, feasible: &[NodeIndex]) -> Scoring;
}

/// What a score plugin has to say about a pod.
pub enum Scoring {
    /// Nothing: all nodes are equal, whatever pods come and go.
    Skip,
    /// It cannot tell, and the cycle ends.
    Fail(Rejection),
    /// A raw score a node, and how raw scores become scores from 0 to [`MAX_SCORE`].
    PerNode {
        /// The raw score.
        score: Box<dyn NodeScore>,
        /// How raw scores become scores.
        normalize: Normalize,
    },
}

/// A score, prepared for one pod. Any `Fn(NodeView) -> i64` that looks at nothing but the node is one.
pub trait NodeScore: Send {
    /// The raw score of a node that will do; `None` leaves it out: its score is 0, and no part of the range.
    fn score(&self, node: NodeView<'_>) -> Option<i64>;

    /// Takes in what happened in the cluster since it was last asked, in order, so that it scores as if it were prepared
    /// now.
    fn follow(&mut self, changes: &[Change<'_>]) -> Reach {
        let _ = changes;
        Reach::Unknown
    }

    /// The domains of which all nodes have one score, if there are such; they may be others after
    /// [`NodeScore::follow`]. Nodes that are in none have one score, too.
    fn domains(&self) -> Option<Arc<Domains>> {
        None
    }

    /// Takes in that nodes have begun to do for the pod, or with `false` have ceased to.
    fn feasible_changed(&mut self, nodes: &[(NodeIndex, bool)]) -> Reach {
        let _ = nodes;
        Reach::Unknown
    }
}

impl<F: Fn(NodeView<'_>) -> i64 + Send> NodeScore for F {
    fn score(&self, node: NodeView<'_>) -> Option<i64> {
        Some(self(node))
    }

    fn follow(&mut self, _: &[Change<'_>]) -> Reach {
        Reach::Node
    }

    fn feasible_changed(&mut self, _: &[(NodeIndex, bool)]) -> Reach {
        Reach::Node
    }
}

/// How raw scores become scores from 0 to [`MAX_SCORE`].
pub enum Normalize {
    /// They are.
    Not,
    /// Each by itself, whatever the others are.
    Each(fn(i64) -> i64),
    /// In proportion: the highest becomes the best.
    Proportional,
    /// In proportion, the other way round: 0 becomes the best.
    Reversed,
    /// By a rule of its own, from a raw score and the range of all.
    With(fn(i64, Range) -> i64),
}

/// The lowest and the highest raw score of the nodes that will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest.
    pub lowest: i64,
    /// The highest.
    pub highest: i64,
}

impl Scoring {
    /// A score that depends on the node alone.
    pub fn per_node(score: impl Fn(NodeView<'_>) -> i64 + Send + 'static, normalize: Normalize) -> Self {
        Scoring::PerNode { score: Box::new(score), normalize }
    }

    /// A score that depends on the node alone, and not on the pods there.
    pub fn per_bare_node(score: impl Fn(NodeView<'_>) -> i64 + Send + 'static, normalize: Normalize) -> Self {
        Scoring::PerNode { score: Box::new(Bare(score)), normalize }
    }
}

/// Keeps books of its own on what is placed.
pub trait Reserve {
    /// Called when a node was chosen, before anything is written; a rejection ends the cycle. The pod is on the node
    /// already in what is seen. Must not wait.
    fn reserve(&self, pod: &PodInfo, node: &str, nodes: &Snapshot) -> Verdict;

    /// Undoes [`Reserve::reserve`]; called also where that was not called or failed.
    fn unreserve(&self, pod: &PodInfo, node: &str);
}

/// Delays or prevents binding.
pub trait Permit {
    /// Called last before binding. Must not wait: to wait, it answers [`Permission::Wait`], and [`Waiting::allow`]
    /// or [`Waiting::reject`] is called later.
    fn permit(&self, pod: &PodInfo, node: &str, waiting: &Waiting) -> Permission;
}

/// A permit plugin's answer.
#[derive(Clone, Debug)]
pub enum Permission {
    /// Bind.
    Allow,
    /// Do not bind.
    Reject(Rejection),
    /// Wait for another's word, at most this long (and never longer than 15 minutes).
    Wait(Duration),
}

/// A pod that is about to be bound to a node.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Binding<'a> {
    /// Time and randomness.
    pub env: &'a Env,
    /// The API server.
    pub client: &'a Client,
    /// Records events in the scheduler's name.
    pub recorder: &'a Recorder,
    /// The pod.
    pub pod: &'a PodInfo,
    /// The name of the node.
    pub node: &'a str,
}

/// Does what must be done before binding.
#[async_trait]
pub trait PreBind: Send + Sync {
    /// Whether there is anything to do for the pod; upstream's PreBindPreFlight. If so, or if it has to wait for permission,
    /// its status says which node it is about to be bound to; if not, [`PreBind::pre_bind`] is not called. Pure.
    fn has_work(&self, pod: &PodInfo, nodes: &Snapshot) -> bool {
        let _ = (pod, nodes);
        true
    }

    /// May wait; a rejection ends the cycle. May be repeated for the same pod in a later cycle.
    async fn pre_bind(&self, binding: &Binding<'_>) -> Verdict;

    /// Takes back what it wrote for a pod that could not be bound; called also where it rejected the pod, or was not
    /// called. Comes before [`Reserve::unreserve`]. May wait; what fails is left to the next cycle.
    async fn undo(&self, binding: &Binding<'_>) {
        let _ = binding;
    }
}

/// Binds.
#[async_trait]
pub trait Bind: Send + Sync {
    /// Whether this plugin binds the pod; if not, the next one is asked.
    fn binds(&self, pod: &PodInfo) -> bool {
        let _ = pod;
        true
    }

    /// Tells the API server where the pod is to run. May wait.
    async fn bind(&self, client: &Client, pod: &Arc<PodInfo>, node: &str) -> Verdict;
}

/// Is told of bound pods.
pub trait PostBind {
    /// Called once a pod is bound. Must not wait.
    fn post_bind(&self, pod: &PodInfo, node: &str);
}
