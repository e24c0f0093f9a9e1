//! Carries the owners of an object's replicas over to its scale, and back; upstream's `ScaleHandler`.

use super::Owners;
use super::managed::Owned;
use super::set::Set;

/// The version of every scale.
const SCALE: &str = "autoscaling/v1";

/// The field of an object that its scale shows as `spec.replicas`.
pub(crate) struct Replicas<'p>(Set<'p>);

impl<'p> Replicas<'p> {
    /// The field at these steps.
    pub(crate) fn at(path: &[&'p str]) -> Self {
        Replicas(Set::of_fields(&[path]))
    }

    /// The owners of the scale of an object that has these.
    pub(crate) fn to_scale(&self, object: &Owners) -> Owners {
        let mut managed = object.read().unwrap_or_default();
        managed.0.retain(|_, owned| has(owned, &self.0));
        for (_, owned) in managed.0.iter_mut() {
            owned.api_version = SCALE.into();
            *owned.set_mut() = in_scale();
        }
        Owners::from(managed)
    }

    /// The owners of an object that has `object`, after a write has left its scale with `scale`. Whoever no longer owns
    /// the replicas of the scale loses those of the object; what the scale's new owners get has no time.
    pub(crate) fn to_object(&self, object: &Owners, scale: &Owners, api_version: &str) -> Owners {
        let (mut managed, mut owners) = (object.read().unwrap_or_default(), scale.read().unwrap_or_default());
        owners.0.retain(|_, owned| has(owned, &in_scale()));
        for (manager, owned) in managed.0.iter_mut() {
            if has(owned, &self.0) && owners.0.remove(manager).is_none() {
                owned.set_mut().subtract(&self.0);
            }
        }
        managed.drop_idle();
        for manager in owners.0.into_managers() {
            managed.0.insert(manager, Owned::new(api_version, self.0.clone()));
        }
        Owners::from(managed)
    }
}

fn in_scale() -> Set<'static> {
    Set::of_fields(&[&["spec", "replicas"]])
}

fn has(owned: &Owned<'_>, field: &Set<'_>) -> bool {
    owned.meets(field)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    #[test]
    fn whoever_scales_takes_the_replicas_and_nothing_else() {
        let replicas = Replicas::at(&["spec", "replicas"]);
        let entry = |name: &str, version: &str, fields: Value| {
            json!({"manager": name, "operation": "Apply", "apiVersion": version, "fieldsType": "FieldsV1",
                   "fieldsV1": fields})
        };
        let both = json!({"f:spec": {"f:paused": {}, "f:replicas": {}}});
        let owners = |entries: Value| Owners::of(&entries.to_string());
        let object = owners(json!([entry("m", "apps/v1", both)]));
        let count = json!({"f:spec": {"f:replicas": {}}});
        assert_eq!(replicas.to_scale(&object), owners(json!([entry("m", SCALE, count.clone())])));
        let scale = owners(json!([entry("other", SCALE, count.clone())]));
        assert_eq!(
            replicas.to_object(&object, &scale, "apps/v1"),
            owners(json!([
                entry("m", "apps/v1", json!({"f:spec": {"f:paused": {}}})),
                entry("other", "apps/v1", count)
            ]))
        );
    }
}
