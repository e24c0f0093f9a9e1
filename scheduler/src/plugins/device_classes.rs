//! Which extended resources stand for devices of a class, so that pods which ask for them are given devices.
//!
//! KEP-5004, extended resources backed by device classes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::resource::v1::DeviceClass;
use steersman_core::resource::GroupVersionResource;

use crate::devices::spec;
use crate::amounts::is_extended;
use crate::event::Event;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// Before the name of a class: the resource that every class has.
const IMPLICIT: &str = "deviceclass.resource.kubernetes.io/";

/// Classes by the resources that they stand for.
pub(super) type Classes = BTreeMap<String, Arc<DeviceClass>>;

/// The resources that a pod asks for and that classes stand for.
pub(super) fn asked_by(pod: &PodInfo, nodes: &Snapshot) -> Classes {
    let asked = pod.requests().scalars.iter().filter(|(name, amount)| *amount != 0 && may_stand_for(name));
    asked.filter_map(|(name, _)| Some((name.to_owned(), class_of(name, nodes)?))).collect()
}

/// Whether a class may stand for a resource.
pub(super) fn may_stand_for(resource: &str) -> bool {
    is_extended(resource) || resource.starts_with(IMPLICIT)
}

/// Of several classes for one resource the newest counts, and of equally new ones the first by name.
fn class_of(resource: &str, nodes: &Snapshot) -> Option<Arc<DeviceClass>> {
    if let Some(name) = resource.strip_prefix(IMPLICIT) {
        return nodes.related().get::<DeviceClass>("", name);
    }
    let all = nodes.related().all::<DeviceClass>();
    let named = all.filter(|class| extended_resource(class) == Some(resource));
    named.max_by_key(|class| {
        let made = class.metadata.creation_timestamp.as_ref().map(|made| made.0);
        (made, Reverse(class.metadata.name.clone()))
    })
}

/// The resource that a class says it stands for.
fn extended_resource(class: &DeviceClass) -> Option<&str> {
    spec::of_class(class)?.extended_resource_name.as_deref()
}

/// Whether a class has come, or has changed the resource that it stands for, and the pod asks for that.
pub(super) fn may_help(pod: &PodInfo, event: &Event) -> bool {
    let (Event::Related { old, new: Some(_) }, Some(class)) = (event, event.related::<DeviceClass>()) else {
        return false;
    };
    let asks_for = |resource: &str| pod.requests().scalars.get(resource).is_some();
    let resource = extended_resource(&class);
    let named = || resource.is_some_and(asks_for);
    match old.as_ref().map(|old| old.lean::<DeviceClass>()) {
        None => named() || asks_for(&format!("{IMPLICIT}{}", class.metadata.name.as_deref().unwrap_or_default())),
        Some(Ok(old)) => extended_resource(&old) != resource && named(),
        Some(Err(_)) => named(),
    }
}

/// Whether an event tells of a class.
pub(super) fn is_meant(event: &Event) -> bool {
    event.related::<DeviceClass>().is_some()
}

/// What is read to find the classes.
pub(super) fn reads() -> Vec<GroupVersionResource> {
    vec![GroupVersionResource::of::<DeviceClass>()]
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;
    use steersman_core::Object;

    use super::*;

    #[test]
    fn the_newest_class_stands_for_a_resource() {
        let mut nodes = Snapshot::new();
        let mut add = |name: &str, resource: &str, made: &str| {
            let metadata = json!({"name": name, "creationTimestamp": format!("2026-01-0{made}T00:00:00Z")});
            let mut class = json!({"metadata": metadata, "spec": {"extendedResourceName": resource}});
            (class["apiVersion"], class["kind"]) = (json!("resource.k8s.io/v1"), json!("DeviceClass"));
            nodes.set_related(Object::from_value(&class).unwrap());
        };
        add("old", "example.com/gpu", "1");
        add("b", "example.com/gpu", "2");
        add("a", "example.com/gpu", "2");
        add("other", "example.com/tpu", "3");
        let cases = [
            ("example.com/gpu", Some("a")),
            ("example.com/tpu", Some("other")),
            ("example.com/npu", None),
            ("deviceclass.resource.kubernetes.io/old", Some("old")),
            ("deviceclass.resource.kubernetes.io/none", None),
        ];
        for (resource, class) in cases {
            let found = class_of(resource, &nodes).and_then(|class| class.metadata.name.clone());
            assert_eq!(found.as_deref(), class, "{resource}");
        }
    }
}
