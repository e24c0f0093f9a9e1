//! The extension points: what a plugin can have a say in, each a small trait.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use steersman_core::Client;
use steersman_core::resource::GroupVersionResource;

use crate::attempt::Attempt;
use crate::decision::Nomination;
use crate::event::{Event, Wake};
use crate::pod::PodInfo;
use crate::queue::QueuedPod;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Rejection, Verdict};
use crate::waiting::Waiting;

/// A scheduler plugin: a name, and the extension points it takes part in.
///
/// ```
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
///     fn prepare<'a>(&'a self, _: &'a PodInfo, _: &'a Snapshot) -> Prepared<'a> {
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
}

/// Orders the queue. A profile has exactly one, and all profiles of a scheduler the same.
pub trait QueueSort {
    /// `Less` for what is to be tried first. Must be a total order.
    fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering;
}

/// Rules out nodes; upstream's PreFilter and Filter.
pub trait Filter {
    /// Does once for the pod what does not depend on the node. Pure: the same pod and nodes give the same answers.
    fn prepare<'a>(&'a self, pod: &'a PodInfo, nodes: &'a Snapshot) -> Prepared<'a>;
}

/// What a filter has to say about a pod.
pub enum Prepared<'a> {
    /// Nothing: every node will do.
    Skip,
    /// No node will do.
    Reject(Rejection),
    /// It depends on the node.
    PerNode(Box<dyn NodeFilter + 'a>),
    /// Only these nodes, by name, come into question, and they depend.
    Among(BTreeSet<String>, Box<dyn NodeFilter + 'a>),
}

impl<'a> Prepared<'a> {
    /// It depends on the node alone.
    pub fn per_node(check: impl Fn(NodeView<'_>) -> Verdict + 'a) -> Self {
        Prepared::PerNode(Box::new(check))
    }
}

/// A filter, prepared for one pod. Any `Fn(NodeView) -> Verdict` that looks at nothing but the node is one.
pub trait NodeFilter {
    /// Whether the pod can be on the node. The node may have been edited since the filter was prepared.
    fn check(&self, node: NodeView<'_>) -> Verdict;

    /// Counts in a pod that was put on a node. Needed only where pods of other nodes count: whether `node` shows the
    /// pod already is not said.
    fn pod_added(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        let _ = (pod, node);
    }

    /// Undoes [`NodeFilter::pod_added`] exactly, or counts out a pod that was there before.
    fn pod_removed(&mut self, pod: &PodInfo, node: NodeView<'_>) {
        let _ = (pod, node);
    }
}

impl<F: Fn(NodeView<'_>) -> Verdict> NodeFilter for F {
    fn check(&self, node: NodeView<'_>) -> Verdict {
        self(node)
    }
}

/// Looks for a remedy when no node is left.
pub trait PostFilter {
    /// `Ok` ends the search with the nomination; an unresolvable rejection or an error ends it without; another
    /// rejection leaves it to the next plugin. Pure.
    fn remedy(&self, attempt: &mut Attempt<'_, '_>) -> Result<Nomination, NoRemedy>;
}

/// Why a plugin found no remedy.
#[derive(Clone, Debug)]
pub struct NoRemedy {
    /// What is told.
    pub rejection: Rejection,
    /// Whether room that was made for the pod earlier is given up.
    pub withdraw: bool,
}

/// The best score; the worst is 0.
pub const MAX_SCORE: i64 = 100;

/// Ranks the nodes that are left; upstream's PreScore, Score and NormalizeScore.
pub trait Score {
    /// Does once for the pod what does not depend on the node. Pure.
    fn prepare<'a>(&'a self, pod: &'a PodInfo, nodes: &'a Snapshot, feasible: &'a [NodeIndex])
    -> Scoring<'a>;
}

/// What a score plugin has to say about a pod.
pub enum Scoring<'a> {
    /// Nothing: all nodes are equal.
    Skip,
    /// It cannot tell, and the cycle ends.
    Fail(Rejection),
    /// A raw score a node, and how raw scores become scores from 0 to [`MAX_SCORE`].
    PerNode {
        /// The raw score.
        score: NodeScore<'a>,
        /// How raw scores become scores.
        normalize: Normalize<'a>,
    },
}

/// A raw score for one node.
pub type NodeScore<'a> = Box<dyn Fn(NodeView<'_>) -> i64 + 'a>;

/// How raw scores become scores from 0 to [`MAX_SCORE`].
pub enum Normalize<'a> {
    /// They are.
    Not,
    /// In proportion: the highest becomes the best.
    Proportional,
    /// In proportion, the other way round: 0 becomes the best.
    Reversed,
    /// By a rule of its own, over the nodes' raw scores in place.
    With(Rule<'a>),
}

/// Brings the raw scores of nodes to the scale from 0 to [`MAX_SCORE`], in place.
pub type Rule<'a> = Box<dyn Fn(&[NodeIndex], &mut [i64]) + 'a>;

impl<'a> Scoring<'a> {
    /// A score that depends on the node alone.
    pub fn per_node(score: impl Fn(NodeView<'_>) -> i64 + 'a, normalize: Normalize<'a>) -> Self {
        Scoring::PerNode { score: Box::new(score), normalize }
    }
}

/// Keeps books of its own on what is placed.
pub trait Reserve {
    /// Called when a node was chosen, before anything is written; a rejection ends the cycle. Must not wait.
    fn reserve(&self, pod: &PodInfo, node: &str) -> Verdict;

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

/// Does what must be done before binding.
#[async_trait]
pub trait PreBind: Send + Sync {
    /// May wait; a rejection ends the cycle. May be repeated for the same pod in a later cycle.
    async fn pre_bind(&self, client: &Client, pod: &PodInfo, node: &str) -> Verdict;
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
