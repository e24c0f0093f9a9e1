//! Holds pods that a permit plugin lets wait, until every such plugin has allowed them or one has not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::pod::PodInfo;
use crate::verdict::{Refusal, Rejection};

/// The pods that have a node and wait for permission to be bound to it. Cloning shares.
#[derive(Clone, Default)]
pub struct Waiting {
    waiting: Arc<Mutex<BTreeMap<Arc<str>, Waiter>>>,
    /// The pods that plugins prepare to be bound.
    preparing: Arc<Mutex<BTreeMap<Arc<str>, oneshot::Sender<()>>>>,
}

/// What comes of waiting; an error if the pod is gone.
pub(crate) type Answer = oneshot::Receiver<Result<(), Refusal>>;

/// Comes when a pod that plugins prepare is not to be bound after all.
pub(crate) type Called = oneshot::Receiver<()>;

struct Waiter {
    pod: Arc<PodInfo>,
    missing: BTreeSet<&'static str>,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

impl Waiting {
    /// The pods that wait.
    pub fn pods(&self) -> Vec<Arc<PodInfo>> {
        self.lock().values().map(|waiter| waiter.pod.clone()).collect()
    }

    /// A plugin has nothing against a pod, by key, any more. `false` if the pod does not wait for it.
    pub fn allow(&self, pod: &str, plugin: &str) -> bool {
        let mut waiting = self.lock();
        let Some(waiter) = waiting.get_mut(pod) else { return false };
        let removed = waiter.missing.remove(plugin);
        if waiter.missing.is_empty()
            && let Some(waiter) = waiting.remove(pod)
        {
            // Whoever waited may have given up, which is no concern of the plugin.
            let _ = waiter.answer.send(Ok(()));
        }
        removed
    }

    /// A plugin will not have a pod, by key, bound. `false` if the pod does not wait.
    pub fn reject(&self, pod: &str, plugin: &'static str, rejection: Rejection) -> bool {
        match self.lock().remove(pod) {
            Some(waiter) => waiter.answer.send(Err(Refusal { plugin, rejection })).is_ok(),
            None => false,
        }
    }

    /// The pod is gone: whoever waits for the answer is told that there will be none.
    pub(crate) fn abandon(&self, pod: &str) {
        self.lock().remove(pod);
    }

    pub(crate) fn wait(&self, pod: &Arc<PodInfo>, missing: BTreeSet<&'static str>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.lock().insert(pod.key().clone(), Waiter { pod: pod.clone(), missing, answer });
        answered
    }

    /// Plugins begin to prepare a pod, by key, to be bound.
    pub(crate) fn begin(&self, pod: &Arc<str>) -> Called {
        let (call, called) = oneshot::channel();
        self.preparing().insert(pod.clone(), call);
        called
    }

    /// They are done with it: it cannot be called off any more. `false` if it was.
    pub(crate) fn end(&self, pod: &str) -> bool {
        self.preparing().remove(pod).is_some()
    }

    /// A pod, by key, is not to be bound after all. `false` if no plugin prepares it.
    pub(crate) fn call_off(&self, pod: &str) -> bool {
        match self.preparing().remove(pod) {
            // Who does not listen finds out at the end.
            Some(call) => {
                let _ = call.send(());
                true
            }
            None => false,
        }
    }

    fn preparing(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, oneshot::Sender<()>>> {
        self.preparing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}
