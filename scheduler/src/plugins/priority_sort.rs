//! Orders the queue: by priority, then by how long a pod has been waiting.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>

use std::cmp::Ordering;

use super::{Configured, NoArgs};
use crate::plugin::{Plugin, QueueSort};
use crate::queue::QueuedPod;

/// Orders the queue by priority, then by how long a pod has been waiting.
#[derive(Debug, Default)]
pub struct PrioritySort;

impl Plugin for PrioritySort {
    fn name(&self) -> &'static str {
        "PrioritySort"
    }

    fn queue_sort(&self) -> Option<&dyn QueueSort> {
        Some(self)
    }
}

impl QueueSort for PrioritySort {
    fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering {
        b.pod().priority().cmp(&a.pod().priority()).then_with(|| a.since().cmp(&b.since()))
    }
}

impl Configured for PrioritySort {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        PrioritySort
    }
}
