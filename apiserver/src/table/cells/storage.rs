//! Volumes and what provides them.

use steersman_core::tree::Value;

use super::Subject;
use crate::table::words::{NONE, UNSET, or, shown, size};
use crate::tree::Read;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

const DEFAULT_CLASS: &[&str] =
    &["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

pub(super) fn volume(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let claim = spec.at("claimRef");
    let claim = match claim {
        Value::Null => String::new(),
        claim => format!("{}/{}", claim.text("namespace"), claim.text("name")),
    };
    vec![
        one.name(),
        storage(spec.at("capacity")).into(),
        modes(spec).into(),
        spec.text("persistentVolumeReclaimPolicy").into(),
        phase(one).into(),
        claim.into(),
        class_of(one).into(),
        chosen(spec, "volumeAttributesClassName"),
        status.text("reason").into(),
        one.age(),
        chosen(spec, "volumeMode"),
    ]
}

pub(super) fn claim(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let is_bound = !spec.text("volumeName").is_empty();
    let (capacity, modes) =
        if is_bound { (storage(status.at("capacity")), modes(status)) } else { Default::default() };
    vec![
        one.name(),
        phase(one).into(),
        spec.text("volumeName").into(),
        capacity.into(),
        modes.into(),
        class_of(one).into(),
        chosen(spec, "volumeAttributesClassName"),
        one.age(),
        chosen(spec, "volumeMode"),
    ]
}

fn phase(one: &Subject<'_>) -> String {
    if one.is_terminating() { "Terminating".to_owned() } else { one.status().text("phase").to_owned() }
}

fn storage(capacity: &Value) -> String {
    shown(capacity.at("storage")).unwrap_or_else(|| "0".to_owned())
}

fn modes(of: &Value) -> String {
    const MODES: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let given = MODES.iter().filter(|(mode, _)| of.texts("accessModes").any(|one| one == *mode));
    given.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

fn class_of(one: &Subject<'_>) -> String {
    let annotated = one.metadata().at("annotations").at(CLASS).as_str();
    annotated.unwrap_or(one.spec().text("storageClassName")).to_owned()
}

fn chosen(spec: &Value, field: &str) -> Value {
    spec.at(field).as_str().unwrap_or(UNSET).into()
}

pub(super) fn class(one: &Subject<'_>) -> Vec<Value> {
    let object = one.object;
    vec![
        one.name_of_class(DEFAULT_CLASS),
        object.text("provisioner").into(),
        or(object.text("reclaimPolicy"), "Delete").into(),
        or(object.text("volumeBindingMode"), "Immediate").into(),
        object.flag("allowVolumeExpansion").into(),
        one.age(),
    ]
}

pub(super) fn attributes_class(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.object.text("driverName").into(), one.age()]
}

pub(super) fn csi_driver(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    let modes: Vec<&str> = spec.texts("volumeLifecycleModes").collect();
    let audiences: Vec<&str> = spec.items("tokenRequests").iter().map(|one| one.text("audience")).collect();
    vec![
        one.name(),
        spec.at("attachRequired").as_bool().unwrap_or(true).into(),
        spec.flag("podInfoOnMount").into(),
        spec.flag("storageCapacity").into(),
        if spec.has("tokenRequests") { audiences.join(",") } else { UNSET.to_owned() }.into(),
        spec.flag("requiresRepublish").into(),
        or(modes.join(","), NONE).into(),
        one.age(),
    ]
}

pub(super) fn csi_node(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), size(one.spec().at("drivers")).into(), one.age()]
}

pub(super) fn attachment(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    vec![
        one.name(),
        spec.text("attacher").into(),
        spec.at("source").text("persistentVolumeName").into(),
        spec.text("nodeName").into(),
        one.status().flag("attached").into(),
        one.age(),
    ]
}
