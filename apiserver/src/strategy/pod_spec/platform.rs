//! Checks that a pod asks for nothing that its operating system does not have.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::tree::Read;

const NOT_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_LINUX: &str = "windows options cannot be set for a linux pod";

/// What a pod cannot say on Windows, in upstream's order: of its security context, or of itself.
const POD_FIELDS: &[(bool, &str)] = &[
    (true, "appArmorProfile"),
    (true, "seLinuxOptions"),
    (false, "hostUsers"),
    (false, "hostPID"),
    (false, "hostIPC"),
    (true, "seccompProfile"),
    (true, "fsGroup"),
    (true, "fsGroupChangePolicy"),
    (true, "sysctls"),
    (false, "shareProcessNamespace"),
    (true, "runAsUser"),
    (true, "runAsGroup"),
    (true, "supplementalGroups"),
    (true, "supplementalGroupsPolicy"),
    (true, "seLinuxChangePolicy"),
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
    match name {
        "" => errors.push(Error::required(&path.child("name"), "")),
        "windows" => check_windows(spec, at, errors),
        "linux" => check_linux(spec, at, errors),
        other => errors.push(Error::not_supported(&path, other, &["linux", "windows"])),
    }
}

fn check_windows(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (context, path) = (spec.at("securityContext"), at.child("securityContext"));
    for (in_context, field) in POD_FIELDS {
        let (holder, at) = if *in_context { (context, &path) } else { (spec, at) };
        let is_set = match *field {
            "hostPID" | "hostIPC" => holder.flag(field),
            "sysctls" => !holder.items(field).is_empty(),
            field => holder.has(field),
        };
        if is_set {
            errors.push(Error::forbidden(&at.child(field), NOT_WINDOWS));
        }
    }
    each_container(spec, at, &mut |container, path| {
        let (context, at) = (container.at("securityContext"), path.child("securityContext"));
        let set = CONTAINER_FIELDS.iter().filter(|field| context.has(field));
        errors.extend(set.map(|field| Error::forbidden(&at.child(field), NOT_WINDOWS)));
    });
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

/// Visits all containers with their paths, in upstream's order.
pub(in crate::strategy) fn each_container(
    spec: &Value,
    at: &Path<'_>,
    visit: &mut dyn FnMut(&Value, &Path<'_>),
) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let path = at.child(list);
        spec.items(list)
            .iter()
            .enumerate()
            .for_each(|(index, container)| visit(container, &path.index(index)));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_pod_on_windows_says_nothing_of_linux() {
        let cases = [
            (
                json!({"os": {"name": "plan9"}}),
                "s.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"".to_owned(),
            ),
            (
                json!({"os": {"name": "windows"}, "hostPID": false, "shareProcessNamespace": true}),
                format!("s.shareProcessNamespace: Forbidden: {NOT_WINDOWS}"),
            ),
            (
                json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {}}}),
                format!("s.securityContext.windowsOptions: Forbidden: {NOT_LINUX}"),
            ),
        ];
        for (spec, why) in cases {
            let mut errors = ErrorList::new();
            validate(&spec, &Path::new("s"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
