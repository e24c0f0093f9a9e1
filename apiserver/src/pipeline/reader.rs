//! Other objects, as admission and strategies see them: from the watch cache.

use steersman_core::Object;
use steersman_core::resource::GroupResource;

use super::Core;
use crate::reader::Reader;
use crate::watch_cache::Selection;

impl Reader for Core {
    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Object> {
        let rows = self.registry.rows();
        let row = rows.preferred(resource)?;
        row.collection.as_ref()?.get(&row.key(namespace, name))
    }

    fn list(&self, resource: &GroupResource, namespace: &str) -> Vec<Object> {
        let rows = self.registry.rows();
        let collection = rows.preferred(resource).and_then(|row| row.collection.as_ref());
        let selection = Selection::in_namespace(namespace);
        collection.map_or_else(Vec::new, |collection| collection.list(&selection, None, 0).objects)
    }

    fn has_any(&self, resource: &GroupResource) -> bool {
        let rows = self.registry.rows();
        let collection = rows.preferred(resource).and_then(|row| row.collection.as_ref());
        collection.is_some_and(|collection| !collection.is_empty())
    }
}
