//! Tells what a new version of an object is as a typed object, where the last one was decoded: components in this process,
//! who read every version, need not decode what is as it was. So it is done for the kinds that are written most.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{DeserializeOwned, IgnoredAny};
use steersman_core::tree::Value;
use steersman_core::{Object, Resource};

/// Tells it of an object; the trees are those of the objects, without the owners of their fields.
pub(crate) fn tell(old: (&Object, &Value), new: (&Object, &Value)) {
    match (new.0.api_version(), new.0.kind()) {
        ("v1", "Pod") => {
            let of = |metadata, spec, status| Pod { metadata, spec, status };
            told(old, new, |pod: &Pod| (&pod.spec, &pod.status), of);
        }
        ("apps/v1", "ReplicaSet") => {
            let of = |metadata, spec, status| ReplicaSet { metadata, spec, status };
            told(old, new, |set: &ReplicaSet| (&set.spec, &set.status), of);
        }
        ("apps/v1", "Deployment") => {
            let of = |metadata, spec, status| Deployment { metadata, spec, status };
            told(old, new, |deployment: &Deployment| (&deployment.spec, &deployment.status), of);
        }
        ("coordination.k8s.io/v1", "Lease") => {
            let of = |metadata, spec, _| Lease { metadata, spec };
            told(old, new, |lease: &Lease| (&lease.spec, &IgnoredAny), of);
        }
        _ => {}
    }
}

/// Tells it of an object that differs in nothing but its version.
pub(crate) fn tell_version(old: &Object, new: &Object) {
    match (new.api_version(), new.kind()) {
        ("v1", "Pod") => told_version::<Pod>(old, new),
        ("apps/v1", "ReplicaSet") => told_version::<ReplicaSet>(old, new),
        ("apps/v1", "Deployment") => told_version::<Deployment>(old, new),
        ("coordination.k8s.io/v1", "Lease") => told_version::<Lease>(old, new),
        _ => {}
    }
}

fn told_version<K: Resource>(old: &Object, new: &Object) {
    if let Some(known) = old.known_lean::<K>() {
        let mut typed = K::clone(&known);
        typed.metadata_mut().resource_version = Some(new.resource_version().to_owned());
        new.set_lean(typed);
    }
}

/// `parts_of` and `of` take a kind apart, into spec and status, and put it together again.
fn told<K: Resource, P: Clone + DeserializeOwned, S: Clone + DeserializeOwned>(
    (old, old_tree): (&Object, &Value),
    (new, tree): (&Object, &Value),
    parts_of: fn(&K) -> (&P, &S),
    of: fn(ObjectMeta, P, S) -> K,
) {
    let Some(known) = old.known_lean::<K>() else { return };
    let (spec, status) = parts_of(&known);
    let next = || {
        let mut metadata = part(known.metadata(), old_tree, tree, "metadata")?;
        metadata.resource_version = Some(new.resource_version().to_owned());
        Some(of(metadata, part(spec, old_tree, tree, "spec")?, part(status, old_tree, tree, "status")?))
    };
    if let Some(next) = next() {
        new.set_lean(next);
    }
}

/// A part of an object as it is in the new tree, given what it is in the old one.
fn part<T: Clone + DeserializeOwned>(known: &T, old: &Value, new: &Value, name: &str) -> Option<T> {
    if old.get(name) == new.get(name) { Some(known.clone()) } else { T::deserialize(&new[name]).ok() }
}

#[cfg(test)]
mod tests {
    use steersman_core::store::Revision;
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
        let later = crate::encode::at_version(&new, Revision(9)).unwrap();
        tell_version(&new, &later);
        assert_eq!(later.known_lean::<K>(), Some(later.bare().object().lean::<K>().unwrap()), "{kind}");
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
