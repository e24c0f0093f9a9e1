//! What one part of a request may read of the rest of the cluster.

use steersman_core::Object;
use steersman_core::resource::GroupResource;

/// Reads of other objects from the watch cache: at most a moment old, never blocking.
///
/// Admission and subresources look at namespaces, classes, accounts and budgets through it.
pub trait Reader: Send + Sync {
    /// One object; the namespace is empty for cluster-scoped resources.
    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Object>;

    /// All objects of a resource in a namespace (in all, if it is empty), ordered by namespace and name.
    fn list(&self, resource: &GroupResource, namespace: &str) -> Vec<Object>;

    /// Whether there is any object of a resource.
    fn has_any(&self, resource: &GroupResource) -> bool {
        !self.list(resource, "").is_empty()
    }
}
