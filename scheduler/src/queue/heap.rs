//! A heap of pods from which any pod can also be taken by its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Order, QueuedPod};

/// The order is given to each operation, and must be the same for all.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pods: Vec<QueuedPod>,
    places: BTreeMap<Arc<str>, usize>,
}

impl Heap {
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn peek(&self) -> Option<&QueuedPod> {
        self.pods.first()
    }

    pub(super) fn get(&self, key: &str) -> Option<&QueuedPod> {
        self.places.get(key).map(|at| &self.pods[*at])
    }

    /// The pod must not be in the heap.
    pub(super) fn push(&mut self, pod: QueuedPod, order: &dyn Order) {
        let last = self.pods.len();
        self.places.insert(pod.pod().key().clone(), last);
        self.pods.push(pod);
        self.rise(last, order);
    }

    pub(super) fn pop(&mut self, order: &dyn Order) -> Option<QueuedPod> {
        (!self.pods.is_empty()).then(|| self.take(0, order))
    }

    pub(super) fn pop_if(
        &mut self,
        order: &dyn Order,
        wanted: impl Fn(&QueuedPod) -> bool,
    ) -> Option<QueuedPod> {
        if self.peek().is_some_and(wanted) { self.pop(order) } else { None }
    }

    pub(super) fn remove(&mut self, key: &str, order: &dyn Order) -> Option<QueuedPod> {
        self.places.get(key).copied().map(|at| self.take(at, order))
    }

    fn take(&mut self, at: usize, order: &dyn Order) -> QueuedPod {
        let last = self.pods.len() - 1;
        self.swap(at, last);
        let taken = self.pods.remove(last);
        self.places.remove(taken.pod().key());
        if at < last {
            self.sink(at, order);
            self.rise(at, order);
        }
        taken
    }

    fn rise(&mut self, mut at: usize, order: &dyn Order) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !order.before(&self.pods[at], &self.pods[parent]) {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    fn sink(&mut self, mut at: usize, order: &dyn Order) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.pods.len() && order.before(&self.pods[child], &self.pods[first]) {
                    first = child;
                }
            }
            if first == at {
                break;
            }
            self.swap(at, first);
            at = first;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.pods.swap(a, b);
        for at in [a, b] {
            self.places.insert(self.pods[at].pod().key().clone(), at);
        }
    }
}
