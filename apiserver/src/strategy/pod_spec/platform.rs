//! Checks that a pod asks for nothing that its operating system does not have.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use crate::strategy::checks;
use crate::tree::Read;

const NOT_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_LINUX: &str = "windows options cannot be set for a linux pod";

const POD_FIELDS: &[&str] = &[
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
];

const CONTAINER_FIELDS: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// Checks `os` and what follows from it.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !spec.has("os") {
        return;
    }
    let (name, path) = (spec.at("os").text("name"), at.child("os"));
    checks::required_one_of(name, &["linux", "windows"], &path.child("name"), errors);
    match name {
        "windows" => check_windows(spec, at, errors),
        "linux" => check_linux(spec, at, errors),
        _ => {}
    }
}

fn check_windows(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (context, path) = (spec.at("securityContext"), at.child("securityContext"));
    forbid(context, &["appArmorProfile", "seLinuxOptions"], &path, errors);
    for field in ["hostUsers", "hostPID", "hostIPC"] {
        if spec.has(field) {
            errors.push(Error::forbidden(&at.child(field), NOT_WINDOWS));
        }
    }
    forbid(context, POD_FIELDS, &path, errors);
    if spec.has("shareProcessNamespace") {
        errors.push(Error::forbidden(&path.child("shareProcessNamespace"), NOT_WINDOWS));
    }
    each_container(spec, at, &mut |container, path| {
        forbid(container.at("securityContext"), CONTAINER_FIELDS, &path.child("securityContext"), errors);
    });
}

fn forbid(context: &Value, fields: &[&str], at: &Path<'_>, errors: &mut ErrorList) {
    let set = fields.iter().filter(|field| context.has(field));
    errors.extend(set.map(|field| Error::forbidden(&at.child(field), NOT_WINDOWS)));
}

fn check_linux(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("securityContext");
    if spec.at("securityContext").has("windowsOptions") {
        errors.push(Error::forbidden(&path.child("windowsOptions"), NOT_LINUX));
    }
    each_container(spec, at, &mut |container, path| {
        if container.at("securityContext").has("windowsOptions") {
            errors.push(Error::forbidden(&path.child("securityContext").child("windowsOptions"), NOT_LINUX));
        }
    });
}

fn each_container(spec: &Value, at: &Path<'_>, visit: &mut dyn FnMut(&Value, &Path<'_>)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let path = at.child(list);
        spec.items(list)
            .iter()
            .enumerate()
            .for_each(|(index, container)| visit(container, &path.index(index)));
    }
}
