//! What the engine decides is to be done about a pod.

use std::sync::Arc;
use std::time::Duration;

use super::{GroupOutcome, GroupTrial};
use crate::decision::NoFit;
use crate::extender::Consultation;
use crate::pod::PodInfo;
use crate::queue::QueuedPod;
use crate::verdict::Refusal;
use crate::waiting::Answer;

/// What is to be done about a pod.
pub(crate) enum Step {
    /// Bind it, once it is permitted.
    Bind(Placement),
    /// Tell that it has no node, and make room if that was decided.
    Tell(Failure),
    /// Tell that it is not tried, as it is being deleted.
    TellLeaving(Arc<PodInfo>),
    /// Tell what came of a pod group.
    TellGroup(GroupOutcome),
    /// Ask the extenders; [`super::Engine::consulted`] is told what came of it.
    Consult(QueuedPod, Box<Consultation>),
    /// Ask the extenders about a pod of a group; [`super::Engine::group_consulted`] is told what came of it.
    ConsultGroup(GroupTrial, Box<Consultation>),
}

/// A pod that has a node.
pub(crate) struct Placement {
    pub(crate) queued: QueuedPod,
    pub(crate) node: Arc<str>,
    /// What it waits for before it is bound.
    pub(crate) permission: Option<Permitting>,
    /// The plugins that have something to do before it is.
    pub(crate) before: Vec<&'static str>,
    /// Whether it is told of its node first, as it may take time until it is bound.
    pub(crate) is_announced: bool,
}

/// Plugins let a pod wait.
pub(crate) struct Permitting {
    /// The one that has the least patience.
    pub(crate) plugin: &'static str,
    /// How long that lets it wait.
    pub(crate) limit: Duration,
    /// What comes of it.
    pub(crate) answer: Answer,
}

/// A pod that has no node.
pub(crate) struct Failure {
    pub(crate) pod: Arc<PodInfo>,
    /// Whether something broke, rather than that no node would do.
    pub(crate) is_error: bool,
    pub(crate) message: String,
    pub(crate) no_fit: Option<Box<NoFit>>,
    /// Whether room that was made for the pod earlier is given up.
    pub(crate) withdraws: bool,
    /// Whether the pod was told of a node that it is not bound to after all.
    pub(crate) was_announced: bool,
    /// The pod as it goes back to the queue once room was made, and the plugins that are asked what wakes it.
    pub(crate) back: Option<(QueuedPod, Vec<&'static str>)>,
}

/// What came of a step.
pub(crate) enum Outcome {
    /// The API server knows of the placement.
    Bound(Placement),
    /// A plugin of the extension point would not have the pod on the node after all.
    Refused(Placement, &'static str, Refusal),
    /// What was in the pod's way is told to go; the pod goes back, and these plugins are asked what wakes it.
    RoomMade(QueuedPod, Vec<&'static str>),
    /// What there was to tell is told.
    Told,
}
