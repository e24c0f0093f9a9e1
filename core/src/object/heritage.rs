//! What the typed form of a version is made of when somebody first reads it: that of an older version, and what has changed
//! since. Versions that nobody reads cost nothing, and what nobody else holds is changed in place.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Object, Typed};
use crate::resource::Resource;
use crate::tree::Value;

/// Makes the typed form of a version, but for its number, of that of an older one, given the tree of the older and the
/// newer: a copy if others hold the older one, too. With `None` the version is decoded.
pub type Renew<K> = fn(Arc<K>, &Value, &Value) -> Option<Arc<K>>;

/// What a version is to come into.
pub(super) type Heritage = Mutex<Option<Box<dyn Known>>>;

/// What is known of an older version.
pub(super) trait Known: Any + Send + Sync {
    /// The typed form of what has become of it.
    fn renewed(self: Box<Self>, version: &str) -> Option<Typed>;

    fn as_any(&self) -> &dyn Any;
}

#[derive(Clone)]
struct Older<K> {
    typed: Arc<K>,
    was: Value,
    is: Value,
    renew: Renew<K>,
}

impl<K: Resource> Known for Older<K> {
    fn renewed(self: Box<Self>, version: &str) -> Option<Typed> {
        let mut typed = (self.renew)(self.typed, &self.was, &self.is)?;
        Arc::make_mut(&mut typed).metadata_mut().resource_version = Some(version.to_owned());
        Some(typed)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object {
    /// Has [`Object::lean`] give what `renew` makes of an older version, if that was decoded or is to be made so itself; the
    /// trees, without `managedFields`, are those of the older version and of this one. Until somebody asks, this
    /// version holds them.
    pub fn inherit<K: Resource>(&self, (old, was): (&Object, &Value), is: &Value, renew: Renew<K>) {
        let older = match old.known_typed() {
            Some(typed) => Some(Older { typed, was: was.clone(), is: is.clone(), renew }),
            // It was not read: this version takes its place.
            None => old.unread().map(|older| Older { is: is.clone(), renew, ..older }),
        };
        *self.heritage() = older.map(|older| Box::new(older) as Box<dyn Known>);
    }

    /// Makes what [`Object::lean`] is to give, if that is known.
    pub(super) fn come_into(&self) {
        let known = self.heritage().take();
        if let Some(typed) = known.and_then(|known| known.renewed(self.resource_version())) {
            // Another task may have been faster.
            let _ = self.0.lean.set(typed);
        }
    }

    fn unread<K: Resource>(&self) -> Option<Older<K>> {
        self.heritage().as_deref()?.as_any().downcast_ref().cloned()
    }

    fn heritage(&self) -> MutexGuard<'_, Option<Box<dyn Known>>> {
        self.0.heritage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;
    use crate::tree::json;

    fn version(version: &str) -> (Object, Value) {
        let tree =
            json!({"metadata": {"name": "a", "resourceVersion": version}, "data": {"version": version}});
        (Object::from_value(&tree).unwrap(), tree)
    }

    fn renew(mut map: Arc<ConfigMap>, was: &Value, is: &Value) -> Option<Arc<ConfigMap>> {
        assert_eq!(was["data"]["version"], map.data.as_ref()?["version"].as_str());
        let version = is["data"]["version"].as_str().filter(|version| *version != "unknown")?;
        Arc::make_mut(&mut map).data.as_mut()?.insert("version".to_owned(), version.to_owned());
        Some(map)
    }

    #[test]
    fn what_nobody_else_holds_becomes_the_next_version() {
        let ((one, one_tree), (two, two_tree), (three, three_tree)) =
            (version("1"), version("2"), version("3"));
        two.inherit((&one, &one_tree), &two_tree, renew);
        assert_eq!(two.known_lean::<ConfigMap>(), None, "nothing was known of the first");
        let read = one.lean::<ConfigMap>().unwrap();
        two.inherit((&one, &one_tree), &two_tree, renew);
        let copy = two.lean::<ConfigMap>().unwrap();
        assert_eq!((&read, &copy), (&version("1").0.lean().unwrap(), &version("2").0.lean().unwrap()));
        let place = Arc::as_ptr(&copy);
        three.inherit((&two, &two_tree), &three_tree, renew);
        drop((two, copy));
        assert_eq!(Arc::as_ptr(&three.lean::<ConfigMap>().unwrap()), place);
        assert_eq!(three.lean::<ConfigMap>().unwrap(), version("3").0.lean().unwrap());
    }

    #[test]
    fn versions_that_nobody_read_are_passed_over() {
        let ((one, one_tree), (two, two_tree), (three, three_tree)) =
            (version("1"), version("2"), version("3"));
        one.lean::<ConfigMap>().unwrap();
        two.inherit((&one, &one_tree), &two_tree, renew);
        three.inherit((&two, &two_tree), &three_tree, renew);
        for (object, number) in [(&three, "3"), (&two, "2"), (&one, "1")] {
            assert_eq!(object.known_lean::<ConfigMap>(), Some(version(number).0.lean().unwrap()));
        }
        let (unknown, tree) = version("unknown");
        unknown.inherit((&three, &three_tree), &tree, renew);
        assert_eq!(unknown.lean::<ConfigMap>().unwrap(), version("unknown").0.lean().unwrap());
    }
}
