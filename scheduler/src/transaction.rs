//! Places several pods, all of them or none.

use std::sync::Arc;

use crate::decision::Decision;
use crate::picker::Picker;
use crate::pod::PodInfo;
use crate::snapshot::{NodeIndex, Snapshot};

/// Placements that are taken back unless they are [committed](Transaction::commit).
///
/// ```
/// # use std::sync::Arc;
/// use steersman_scheduler::{Decision, Picker, PodInfo, Profile, Snapshot, Transaction};
/// # let node = steersman_core::tree::json!({"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "1", "pods": "1"}}});
/// # let node: k8s_openapi::api::core::v1::Node = steersman_core::tree::from_value(node)?;
/// # let pod = |name: &str| {
/// #     let mut pod = k8s_openapi::api::core::v1::Pod::default();
/// #     pod.metadata.name = Some(name.to_owned());
/// #     Arc::new(PodInfo::new(pod))
/// # };
///
/// let (mut picker, mut snapshot) = (Picker::new(Profile::default()), Snapshot::new());
/// let index = snapshot.set_node(node);
/// let mut transaction = Transaction::new(&mut picker, &mut snapshot);
/// assert!(matches!(transaction.place(&pod("one"), 0), Decision::Node(_)));
/// assert!(matches!(transaction.place(&pod("two"), 0), Decision::NoFit(_)));
/// drop(transaction);
/// assert!(snapshot.node(index).is_some_and(|node| node.pods().is_empty()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct Transaction<'a> {
    picker: &'a mut Picker,
    snapshot: &'a mut Snapshot,
    placed: Vec<(NodeIndex, Arc<PodInfo>)>,
}

impl<'a> Transaction<'a> {
    /// Nothing placed yet.
    pub fn new(picker: &'a mut Picker, snapshot: &'a mut Snapshot) -> Self {
        Transaction { picker, snapshot, placed: Vec::new() }
    }

    /// Decides where the pod goes, and puts it there. Room is not made: no pod is removed.
    pub fn place(&mut self, pod: &Arc<PodInfo>, tie: u64) -> Decision {
        let decision = self.picker.pick(pod, self.snapshot, tie);
        if let Decision::Node(choice) = &decision {
            self.snapshot.add_pod(choice.index, pod);
            self.placed.push((choice.index, pod.clone()));
        }
        decision
    }

    /// The cluster with what was placed so far.
    pub fn snapshot(&self) -> &Snapshot {
        self.snapshot
    }

    /// Leaves the pods where they are, and tells where that is.
    pub fn commit(mut self) -> Vec<(NodeIndex, Arc<PodInfo>)> {
        std::mem::take(&mut self.placed)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        for (node, pod) in self.placed.drain(..).rev() {
            self.snapshot.remove_pod(node, &pod);
        }
    }
}
