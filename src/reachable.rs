//! The kubelets of this process, as the API server reaches them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steersman_core::{Kubelet, Kubelets};

/// Every kubelet that runs, by the name of its node. Cloning shares.
#[derive(Clone, Default)]
pub(crate) struct Reachable(Arc<Mutex<BTreeMap<String, Arc<dyn Kubelet>>>>);

impl Reachable {
    pub(crate) fn insert(&self, node: &str, kubelet: impl Kubelet) {
        self.kubelets().insert(node.to_owned(), Arc::new(kubelet));
    }

    pub(crate) fn remove(&self, node: &str) {
        self.kubelets().remove(node);
    }

    fn kubelets(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Kubelet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kubelets for Reachable {
    fn kubelet(&self, node: &str) -> Option<Arc<dyn Kubelet>> {
        self.kubelets().get(node).cloned()
    }
}
