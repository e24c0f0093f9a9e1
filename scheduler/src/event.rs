//! What happened in the cluster that may make a waiting pod schedulable.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use steersman_core::resource::group_of;
use steersman_core::{Object, Resource};

use crate::pod::PodInfo;

/// A change in the cluster. Cloning shares.
///
/// A pod that was rejected waits until an event wakes it: each plugin that rejected it is asked by
/// [`crate::Plugin::wakes`] whether the event may have changed its mind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A node has come.
    NodeAdded(Arc<Node>),
    /// A node has changed.
    NodeUpdated {
        /// The node before.
        old: Arc<Node>,
        /// The node now.
        new: Arc<Node>,
    },
    /// A node is gone.
    NodeDeleted(Arc<Node>),
    /// A pod of a pod group has come, and has no node yet. Not told of other pods.
    PendingPodAdded(Arc<PodInfo>),
    /// A pod on a node has come, perhaps only assumed to be there.
    AssignedPodAdded(Arc<PodInfo>),
    /// A pod on a node has changed.
    AssignedPodUpdated {
        /// The pod before.
        old: Arc<PodInfo>,
        /// The pod now.
        new: Arc<PodInfo>,
    },
    /// A pod on a node is gone.
    AssignedPodDeleted(Arc<PodInfo>),
    /// The waiting pod itself has changed.
    PodUpdated {
        /// The pod before.
        old: Arc<PodInfo>,
        /// The pod now.
        new: Arc<PodInfo>,
    },
    /// Any other object has come, changed or gone.
    Related {
        /// The object before, if there was one.
        old: Option<Object>,
        /// The object now, if there is one.
        new: Option<Object>,
    },
}

impl Event {
    /// The node that came or changed, as it is now.
    pub fn node(&self) -> Option<&Arc<Node>> {
        match self {
            Event::NodeAdded(node) | Event::NodeUpdated { new: node, .. } => Some(node),
            _ => None,
        }
    }

    /// The object of type `K` that came, changed or went, in its last state.
    pub fn related<K: Resource>(&self) -> Option<Arc<K>> {
        let Event::Related { old, new } = self else { return None };
        let object = new.as_ref().or(old.as_ref())?;
        let is_of_type = object.kind() == K::KIND && group_of(object.api_version()) == K::GROUP;
        if is_of_type { object.lean().ok() } else { None }
    }
}

/// Whether an event may have changed a plugin's mind about a pod; upstream's `QueueingHint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Try the pod again.
    Queue,
    /// Leave it waiting.
    Skip,
}

impl Wake {
    /// [`Wake::Queue`] if it may help.
    pub fn when(helps: bool) -> Self {
        if helps { Wake::Queue } else { Wake::Skip }
    }
}
