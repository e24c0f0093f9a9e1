//! What of a pod its placement depends on: pods with equal signatures are judged alike.

use serde::Serialize;

use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::snapshot::Snapshot;

/// What of a pod the plugins of a profile look at, as they say themselves with [`crate::Plugin::sign`].
#[derive(Debug, Default)]
pub struct Signature {
    text: Vec<u8>,
    is_refused: bool,
    /// A bit for each part that was added.
    parts: u8,
}

/// What of a pod several plugins look at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Namespace,
    Labels,
    NodeSelector,
    NodeAffinity,
    Tolerations,
    Requests,
}

impl Signature {
    /// The signature of a pod; `None` if a plugin that judges nodes does not say what it depends on.
    pub(crate) fn of(pod: &PodInfo, nodes: &Snapshot, profile: &Profile) -> Option<Box<[u8]>> {
        let mut signature = Signature::default();
        // Pods that wait for room count for those that are no more important.
        signature.add(&pod.priority());
        for plugin in profile.plugins() {
            if plugin.filter().is_some() || plugin.score().is_some() {
                plugin.sign(pod, nodes, &mut signature);
            }
        }
        (!signature.is_refused).then(|| signature.text.into_boxed_slice())
    }

    /// Depends on this value.
    pub fn add(&mut self, value: &(impl Serialize + ?Sized)) {
        self.is_refused |= serde_json::to_writer(&mut self.text, value).is_err();
        self.text.push(b'\n');
    }

    /// Depends on a part of the pod, which is written once, whoever else looks at it.
    pub(crate) fn add_part(&mut self, part: Part, pod: &PodInfo) {
        let bit = 1 << part as u8;
        if self.parts & bit != 0 {
            return;
        }
        self.parts |= bit;
        let spec = pod.spec();
        match part {
            Part::Namespace => self.add(pod.namespace()),
            Part::Labels => self.add(pod.labels()),
            Part::NodeSelector => self.add(&spec.and_then(|spec| spec.node_selector.as_ref())),
            Part::NodeAffinity => {
                self.add(&spec.and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref()));
            }
            Part::Tolerations => {
                self.add(&spec.and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default())
            }
            Part::Requests => self.add(pod.requests()),
        }
    }

    /// Depends on what cannot be said: each such pod is judged on its own.
    pub fn refuse(&mut self) {
        self.is_refused = true;
    }
}
