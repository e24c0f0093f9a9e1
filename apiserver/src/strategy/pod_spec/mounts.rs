//! Checks where containers mount volumes.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::items::check_relative;
use crate::strategy::checks;
use crate::tree::Read;

/// Checks the mounts and devices of a container of a pod with these volumes.
pub(super) fn validate(container: &Value, volumes: &[&Value], at: &Path<'_>, errors: &mut ErrorList) {
    let list = at.child("volumeMounts");
    let (mounts, devices) = (container.items("volumeMounts"), container.items("volumeDevices"));
    for (index, mount) in mounts.iter().enumerate() {
        let path = list.index(index);
        checks::required(mount, "name", &path, errors);
        if find(volumes, mount).is_none() {
            errors.push(Error::not_found(&path.child("name"), mount.text("name")));
        }
        let (at, place) = (path.child("mountPath"), mount.text("mountPath"));
        checks::required(mount, "mountPath", &path, errors);
        if mounts[..index].iter().any(|before| before.text("mountPath") == place) {
            errors.push(Error::invalid(&at, place, "must be unique"));
        }
        if devices.iter().any(|device| device.text("name") == mount.text("name")) {
            let why = "must not already exist in volumeDevices";
            errors.push(Error::invalid(&path.child("name"), mount.text("name"), why));
        }
        if devices.iter().any(|device| device.text("devicePath") == place) {
            errors.push(Error::invalid(&at, place, "must not already exist as a path in volumeDevices"));
        }
        check_sub_path(mount, &list, &path, errors);
        check_propagation(mount, container, &list.child("mountPropagation"), errors);
        check_recursion(mount, &list.child("recursiveReadOnly"), errors);
    }
    let list = at.child("volumeDevices");
    for (index, device) in devices.iter().enumerate() {
        let path = list.index(index);
        check_device_name(device, &devices[..index], volumes, &path, errors);
        check_device_path(device, &devices[..index], &path, errors);
        if mounts.iter().any(|mount| mount.text("name") == device.text("name")) {
            let why = "must not already exist in volumeMounts";
            errors.push(Error::invalid(&path.child("name"), device.text("name"), why));
        }
        let place = device.text("devicePath");
        if mounts.iter().any(|mount| mount.text("mountPath") == place) {
            let why = "must not already exist as a path in volumeMounts";
            errors.push(Error::invalid(&path.child("devicePath"), place, why));
        }
    }
}

fn find<'a>(volumes: &[&'a Value], mount: &Value) -> Option<&'a Value> {
    volumes.iter().copied().find(|volume| volume.text("name") == mount.text("name"))
}

fn check_device_name(
    device: &Value,
    others: &[Value],
    volumes: &[&Value],
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let (name, path) = (device.text("name"), at.child("name"));
    let given = checks::required(device, "name", at, errors);
    if given && others.iter().any(|before| before.text("name") == name) {
        errors.push(Error::invalid(&path, name, "must be unique"));
    }
    match find(volumes, device) {
        None => errors.push(Error::not_found(&path, name)),
        Some(volume) if volume.has("persistentVolumeClaim") || volume.has("ephemeral") => {}
        Some(_) => {
            let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
            errors.push(Error::invalid(&path, name, why));
        }
    }
}

fn check_device_path(device: &Value, others: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let (place, path) = (device.text("devicePath"), at.child("devicePath"));
    let steps_back = |place: &str| place.split('/').any(|step| step == "..");
    checks::required(device, "devicePath", at, errors);
    if !steps_back(place) && others.iter().any(|before| before.text("devicePath") == place) {
        errors.push(Error::invalid(&path, place, "must be unique"));
    }
    if steps_back(place) {
        errors.push(Error::invalid(&path, place, "can not contain backsteps ('..')"));
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
        _ if !mount.has("recursiveReadOnly") => {}
        "Disabled" => {}
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

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_device_is_a_volume_of_blocks_at_a_path_of_its_own() {
        let (claim, directory) =
            (json!({"name": "b", "persistentVolumeClaim": {}}), json!({"name": "d", "emptyDir": {}}));
        let at = "c.volumeDevices";
        let cases = [
            (json!([{"name": "b", "devicePath": "/dev/b"}]), String::new()),
            (
                json!([{"name": "d", "devicePath": "/dev/d"}]),
                format!(
                    "{at}[0].name: Invalid value: \"d\": can only use volume source type of PersistentVolumeClaim or \
                     Ephemeral for block mode"
                ),
            ),
            (
                json!([{"name": "b", "devicePath": "/x"}, {"name": "b", "devicePath": "/x"}]),
                format!(
                    "{at}[1].name: Invalid value: \"b\": must be unique; {at}[1].devicePath: Invalid value: \"/x\": \
                     must be unique"
                ),
            ),
            (
                json!([{"name": "b", "devicePath": "../x"}]),
                format!("{at}[0].devicePath: Invalid value: \"../x\": can not contain backsteps ('..')"),
            ),
            (json!([{"name": "n", "devicePath": "/n"}]), format!("{at}[0].name: Not found: \"n\"")),
        ];
        for (devices, why) in cases {
            let mut errors = ErrorList::new();
            let container = json!({"volumeDevices": devices});
            validate(&container, &[&claim, &directory], &Path::new("c"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
