//! Carries the owners of an object's replicas over to its scale, and back; upstream's `ScaleHandler`.

use serde_json::Value;

use super::managed::{Managed, Owned};
use super::set::Set;

/// The version of every scale.
const SCALE: &str = "autoscaling/v1";

/// The field of an object that its scale shows as `spec.replicas`.
pub(crate) struct Replicas(Set);

impl Replicas {
    /// The field at these steps.
    pub(crate) fn at(path: &[&str]) -> Self {
        Replicas(Set::of_fields(&[path]))
    }

    /// The `managedFields` of the scale of an object that has these.
    pub(crate) fn to_scale(&self, object: Option<&Value>) -> Option<Value> {
        let mut managed = read(object);
        managed.0.retain(|_, owned| has(owned, &self.0));
        for owned in managed.0.values_mut() {
            owned.api_version = SCALE.to_owned();
            owned.set = in_scale();
        }
        managed.encode()
    }

    /// The `managedFields` of an object that has `object`, after a write has left its scale with `scale`. Whoever no
    /// longer owns the replicas of the scale loses those of the object; what the scale's new owners get has no time.
    pub(crate) fn to_object(
        &self,
        object: Option<&Value>,
        scale: Option<&Value>,
        api_version: &str,
    ) -> Option<Value> {
        let (mut managed, mut owners) = (read(object), read(scale));
        owners.0.retain(|_, owned| has(owned, &in_scale()));
        for (manager, owned) in &mut managed.0 {
            if has(owned, &self.0) && owners.0.remove(manager).is_none() {
                owned.set.subtract(&self.0);
            }
        }
        managed.drop_idle();
        let set = || self.0.clone();
        let new = owners.0.into_keys();
        managed.0.extend(
            new.map(|manager| {
                (manager, Owned { api_version: api_version.to_owned(), time: None, set: set() })
            }),
        );
        managed.encode()
    }
}

fn read(list: Option<&Value>) -> Managed {
    list.and_then(|list| Managed::decode(list.clone())).unwrap_or_default()
}

fn in_scale() -> Set {
    Set::of_fields(&[&["spec", "replicas"]])
}

fn has(owned: &Owned, field: &Set) -> bool {
    !owned.set.intersection(field).is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_scales_takes_the_replicas_and_nothing_else() {
        let replicas = Replicas::at(&["spec", "replicas"]);
        let entry = |name: &str, version: &str, fields: Value| {
            json!({"manager": name, "operation": "Apply", "apiVersion": version, "fieldsType": "FieldsV1",
                   "fieldsV1": fields})
        };
        let both = json!({"f:spec": {"f:paused": {}, "f:replicas": {}}});
        let object = json!([entry("m", "apps/v1", both)]);
        let count = json!({"f:spec": {"f:replicas": {}}});
        assert_eq!(replicas.to_scale(Some(&object)), Some(json!([entry("m", SCALE, count.clone())])));
        let scale = json!([entry("other", SCALE, count.clone())]);
        assert_eq!(
            replicas.to_object(Some(&object), Some(&scale), "apps/v1"),
            Some(json!([
                entry("m", "apps/v1", json!({"f:spec": {"f:paused": {}}})),
                entry("other", "apps/v1", count)
            ]))
        );
    }
}
