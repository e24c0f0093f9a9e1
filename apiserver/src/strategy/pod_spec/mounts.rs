//! Checks where containers mount volumes.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use super::items::check_relative;
use crate::strategy::checks;
use crate::tree::Read;

/// Checks the mounts of a container of a pod with these volumes.
pub(super) fn validate(container: &Value, volumes: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let list = at.child("volumeMounts");
    let (mounts, devices) = (container.items("volumeMounts"), container.items("volumeDevices"));
    for (index, mount) in mounts.iter().enumerate() {
        let path = list.index(index);
        check_volume(mount, volumes, &path, errors);
        checks::required(mount, "mountPath", &path, errors);
        let place = mount.text("mountPath");
        if mounts[..index].iter().any(|before| before.text("mountPath") == place) {
            errors.push(Error::invalid(&path.child("mountPath"), place, "must be unique"));
        }
        if devices.iter().any(|device| device.text("name") == mount.text("name")) {
            let why = "must not already exist in volumeDevices";
            errors.push(Error::invalid(&path.child("name"), mount.text("name"), why));
        }
        if devices.iter().any(|device| device.text("devicePath") == place) {
            let why = "must not already exist as a path in volumeDevices";
            errors.push(Error::invalid(&path.child("mountPath"), place, why));
        }
        check_sub_path(mount, &list, &path, errors);
        check_propagation(mount, container, &list.child("mountPropagation"), errors);
        check_recursion(mount, &list.child("recursiveReadOnly"), errors);
    }
    let list = at.child("volumeDevices");
    for (index, device) in devices.iter().enumerate() {
        let path = list.index(index);
        check_volume(device, volumes, &path, errors);
        checks::required(device, "devicePath", &path, errors);
    }
}

fn check_volume(mount: &Value, volumes: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let name = mount.text("name");
    checks::required(mount, "name", at, errors);
    if !volumes.iter().any(|volume| volume.text("name") == name) {
        errors.push(Error::not_found(&at.child("name"), name));
    }
}

fn check_sub_path(mount: &Value, list: &Path<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, expression) = (mount.text("subPath"), mount.text("subPathExpr"));
    if !path.is_empty() {
        check_relative(path, &list.child("subPath"), errors);
    }
    if expression.is_empty() {
        return;
    }
    if !path.is_empty() {
        let why = "subPathExpr and subPath are mutually exclusive";
        errors.push(Error::invalid(&at.child("subPathExpr"), expression, why));
    }
    check_relative(expression, &list.child("subPathExpr"), errors);
}

fn check_propagation(mount: &Value, container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !mount.has("mountPropagation") {
        return;
    }
    let propagation = mount.text("mountPropagation");
    checks::one_of(propagation, &["Bidirectional", "HostToContainer", "None"], at, errors);
    if propagation == "Bidirectional" && !container.at("securityContext").flag("privileged") {
        let why = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(Error::forbidden(at, why));
    }
}

fn check_recursion(mount: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match mount.text("recursiveReadOnly") {
        "" | "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.flag("readOnly") {
                errors.push(Error::forbidden(at, "may only be specified when readOnly is true"));
            }
            if !matches!(mount.text("mountPropagation"), "" | "None") {
                let why = "may only be specified when mountPropagation is None or not specified";
                errors.push(Error::forbidden(at, why));
            }
        }
        other => errors.push(Error::not_supported(at, other, &["Disabled", "Enabled", "IfPossible"])),
    }
}
