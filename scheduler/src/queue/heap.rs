//! A heap of pods from which any pod can also be taken by its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Order, QueuedPod};

/// The order is given to each operation, and must be the same for all.
#[derive(Debug, Default)]
pub(super) struct Heap {
    /// The heap itself: numbers of slots.
    order: Vec<usize>,
    /// The pods stay where they are, and know their place in the heap.
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_key: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Slot {
    pod: QueuedPod,
    at: usize,
}

impl Heap {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn peek(&self) -> Option<&QueuedPod> {
        self.pod(*self.order.first()?)
    }

    pub(super) fn get(&self, key: &str) -> Option<&QueuedPod> {
        self.pod(*self.by_key.get(key)?)
    }

    /// The pod must not be in the heap.
    pub(super) fn push(&mut self, pod: QueuedPod, order: &dyn Order) {
        let (key, at) = (pod.pod().key().clone(), self.order.len());
        let slot = Some(Slot { pod, at });
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.by_key.insert(key, number);
        self.order.push(number);
        self.rise(at, order);
    }

    pub(super) fn pop(&mut self, order: &dyn Order) -> Option<QueuedPod> {
        self.take(*self.order.first()?, order)
    }

    pub(super) fn pop_if(
        &mut self,
        order: &dyn Order,
        wanted: impl Fn(&QueuedPod) -> bool,
    ) -> Option<QueuedPod> {
        if self.peek().is_some_and(wanted) { self.pop(order) } else { None }
    }

    pub(super) fn remove(&mut self, key: &str, order: &dyn Order) -> Option<QueuedPod> {
        self.take(*self.by_key.get(key)?, order)
    }

    fn pod(&self, number: usize) -> Option<&QueuedPod> {
        self.slots.get(number)?.as_ref().map(|slot| &slot.pod)
    }

    fn take(&mut self, number: usize, order: &dyn Order) -> Option<QueuedPod> {
        let Slot { pod, at } = self.slots.get_mut(number)?.take()?;
        self.by_key.remove(pod.pod().key());
        self.free.push(number);
        self.order.swap_remove(at);
        if at < self.order.len() {
            self.settle(at);
            self.sink(at, order);
            self.rise(at, order);
        }
        Some(pod)
    }

    fn rise(&mut self, mut at: usize, order: &dyn Order) {
        while at > 0 && self.is_before(at, (at - 1) / 2, order) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self, mut at: usize, order: &dyn Order) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.order.len() && self.is_before(child, first, order) {
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

    fn is_before(&self, a: usize, b: usize, order: &dyn Order) -> bool {
        let pods = self.pod(self.order[a]).zip(self.pod(self.order[b]));
        pods.is_some_and(|(a, b)| order.before(a, b))
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        self.settle(a);
        self.settle(b);
    }

    /// Has the pod at a place of the heap know its place.
    fn settle(&mut self, at: usize) {
        if let Some(slot) = &mut self.slots[self.order[at]] {
            slot.at = at;
        }
    }
}
