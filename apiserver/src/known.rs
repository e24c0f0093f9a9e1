//! Tells what a new version of an object is as a typed object, where the last one was decoded: components in this process,
//! who read most versions, need not decode what is as it was. So it is done for the kinds that are written most, when
//! somebody first reads the version.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use steersman_core::tree::Value;
use steersman_core::{Object, Resource};

/// Tells it of an object; the trees are those of the objects, without the owners of their fields.
pub(crate) fn tell(old: (&Object, &Value), (new, tree): (&Object, &Value)) {
    match (new.api_version(), new.kind()) {
        ("v1", "Pod") => new.inherit::<Pod>(old, tree, renewed),
        ("apps/v1", "ReplicaSet") => new.inherit::<ReplicaSet>(old, tree, renewed),
        ("apps/v1", "Deployment") => new.inherit::<Deployment>(old, tree, renewed),
        ("coordination.k8s.io/v1", "Lease") => new.inherit::<Lease>(old, tree, renewed),
        _ => {}
    }
}

/// What an object was, and what it has become since.
struct Since<'a> {
    was: &'a Value,
    is: &'a Value,
}

impl Since<'_> {
    fn is_same(&self, name: &str) -> bool {
        self.was.get(name) == self.is.get(name)
    }

    /// A copy of a part, if it is the same.
    fn copy<T: Clone + Default>(&self, name: &str, part: &T) -> T {
        if self.is_same(name) { part.clone() } else { T::default() }
    }

    /// Reads a part anew, unless it is the same.
    fn read<T: DeserializeOwned>(&self, name: &str, part: &mut T) -> Option<()> {
        if !self.is_same(name) {
            *part = T::deserialize(&self.is[name]).ok()?;
        }
        Some(())
    }
}

/// A kind whose objects are known part by part.
trait Parted: Resource {
    /// A copy of the parts that are the same.
    fn copy(&self, since: &Since<'_>) -> Self;

    /// Reads the other parts anew.
    fn read(&mut self, since: &Since<'_>) -> Option<()>;
}

macro_rules! parted {
    ($kind:ident of $($part:ident),*) => {
        impl Parted for $kind {
            fn copy(&self, since: &Since<'_>) -> Self {
                $kind { $($part: since.copy(stringify!($part), &self.$part)),* }
            }

            fn read(&mut self, since: &Since<'_>) -> Option<()> {
                $(since.read(stringify!($part), &mut self.$part)?;)*
                Some(())
            }
        }
    };
}

parted!(Pod of metadata, spec, status);
parted!(ReplicaSet of metadata, spec, status);
parted!(Deployment of metadata, spec, status);
parted!(Lease of metadata, spec);

/// What is known of an object that has become another version: the same, changed, unless others hold it.
fn renewed<K: Parted>(mut known: Arc<K>, was: &Value, is: &Value) -> Option<Arc<K>> {
    let since = Since { was, is };
    if Arc::get_mut(&mut known).is_none() {
        known = Arc::new(known.copy(&since));
    }
    Arc::get_mut(&mut known)?.read(&since)?;
    Some(known)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn object(kind: &str, status: Value, spec: Value) -> (Object, Value) {
        let api_version = match kind {
            "Pod" => "v1",
            "Lease" => "coordination.k8s.io/v1",
            _ => "apps/v1",
        };
        let metadata = json!({"name": "x", "namespace": "n", "labels": {"a": "b"}, "generation": 3});
        let tree = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "spec": spec, "status": status});
        let mut stored = tree.clone();
        stored["metadata"]["resourceVersion"] = "7".into();
        stored["metadata"]["managedFields"] = json!([{"manager": "m"}]);
        (Object::from_value(&stored).unwrap(), tree)
    }

    fn check<K: Resource + PartialEq + std::fmt::Debug>(kind: &str, spec: Value, statuses: [Value; 2]) {
        let [before, after] = statuses;
        let ((old, old_tree), (new, tree)) =
            (object(kind, before, spec.clone()), object(kind, after, spec.clone()));
        tell((&old, &old_tree), (&new, &tree));
        assert_eq!(new.known_lean::<K>(), None, "{kind}: what was never decoded is not known");
        old.lean::<K>().unwrap();
        tell((&old, &old_tree), (&new, &tree));
        let told = new.known_lean::<K>().unwrap();
        assert_eq!(*told, *Object::from_json(new.json().clone()).unwrap().lean::<K>().unwrap(), "{kind}");
        let again = old.bare().object();
        tell((&new, &tree), (&again, &old_tree));
        let place = Arc::as_ptr(&told);
        drop((told, new));
        let told = again.known_lean::<K>().unwrap();
        assert_eq!((Arc::as_ptr(&told), told), (place, old.lean::<K>().unwrap()), "{kind}: nobody held it");
        let other = json!({"minReadySeconds": 9, "nodeName": "other", "holderIdentity": "other"});
        let (other, other_tree) = object(kind, json!({}), other);
        tell((&old, &old_tree), (&other, &other_tree));
        assert_eq!(other.known_lean::<K>(), Some(other.bare().object().lean::<K>().unwrap()), "{kind}");
        let (mut marked, mut marked_tree) = (old.to_value().unwrap(), old_tree.clone());
        for tree in [&mut marked, &mut marked_tree] {
            tree["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let marked = Object::from_value(&marked).unwrap();
        tell((&old, &old_tree), (&marked, &marked_tree));
        assert_eq!(marked.known_lean::<K>(), Some(marked.bare().object().lean::<K>().unwrap()), "{kind}");
    }

    #[test]
    fn what_is_told_is_what_would_be_decoded() {
        let time = "2026-01-01T00:00:00Z";
        check::<Pod>(
            "Pod",
            json!({"nodeName": "a", "containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}),
            [json!({}), json!({"phase": "Running", "startTime": time, "podIPs": [{"ip": "10.0.0.1"}]})],
        );
        check::<ReplicaSet>(
            "ReplicaSet",
            json!({"replicas": 2, "selector": {"matchLabels": {"a": "b"}}}),
            [json!({"replicas": 1}), json!({"replicas": 2, "readyReplicas": 1})],
        );
        let condition = json!({"type": "Available", "status": "True", "lastUpdateTime": time, "lastTransitionTime": time});
        check::<Deployment>(
            "Deployment",
            json!({"selector": {}, "template": {}, "strategy": {"rollingUpdate": {"maxSurge": "25%"}}}),
            [json!(null), json!({"replicas": 2, "conditions": [condition]})],
        );
        let lease = json!({"holderIdentity": "a", "renewTime": "2026-01-01T00:00:00.000000Z"});
        check::<Lease>("Lease", lease, [json!(null), json!(null)]);
    }
}
