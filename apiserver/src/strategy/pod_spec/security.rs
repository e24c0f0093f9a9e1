//! Checks security contexts of pods and containers.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;

use super::ports;
use crate::strategy::{checks, internal};
use crate::tree::Read;

/// Checks what a whole pod may do on its host.
pub(super) fn validate_pod(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.flag("hostNetwork") {
        ports::on_host_network(spec.items("containers"), &at.child("containers"), errors);
        ports::on_host_network(spec.items("initContainers"), &at.child("initContainers"), errors);
    }
    let (context, path) = (spec.at("securityContext"), at.child("securityContext"));
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        check_id(context.at(field), &path.child(field), errors);
    }
    let groups = path.child("supplementalGroups");
    for (index, group) in context.items("supplementalGroups").iter().enumerate() {
        check_id(group, &groups.index(index), errors);
    }
    let share = spec.flag("shareProcessNamespace");
    if share && spec.flag("hostPID") {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(Error::invalid(&path.child("shareProcessNamespace"), true, why));
    }
    check_sysctls(spec, &path.child("sysctls"), errors);
    for (field, supported) in [
        ("fsGroupChangePolicy", ["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", ["Merge", "Strict"]),
        ("seLinuxChangePolicy", ["MountOption", "Recursive"]),
    ] {
        if context.has(field) {
            checks::one_of(context.text(field), &supported, &path.child(field), errors);
        }
    }
    check_profiles(context, &path, errors);
}

fn check_id(id: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(id) = id.as_i64() {
        checks::each(formats::user_id(id), id, at, errors);
    }
}

fn check_sysctls(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let sysctls = spec.at("securityContext").items("sysctls");
    for (index, sysctl) in sysctls.iter().enumerate() {
        let (path, name) = (at.index(index).child("name").to_string(), sysctl.text("name"));
        let path = Path::new(&path);
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if sysctls[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path, name));
        }
        if spec.flag("hostNetwork") && name.starts_with("net.") {
            errors.push(Error::invalid(&path, name, "may not be specified when 'hostNetwork' is true"));
        }
    }
}

/// Checks the seccomp and AppArmor profiles of a context.
fn check_profiles(context: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (field, words) in [("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")] {
        let (profile, path) = (context.at(field), at.child(field));
        if profile.is_null() {
            continue;
        }
        let (kind, local) = (profile.text("type"), path.child("localhostProfile"));
        let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
        checks::required_one_of(kind, &kinds, &path.child("type"), errors);
        let file = profile.text("localhostProfile");
        if kind == "Localhost" {
            if file.is_empty() {
                errors.push(Error::required(&local, format!("must be set when {words} type is Localhost")));
            } else if field == "seccompProfile" {
                super::items::check_relative(file, &local, errors);
            }
        } else if profile.has("localhostProfile") {
            errors.push(Error::invalid(
                &local,
                file,
                format!("can only be set when {words} type is Localhost"),
            ));
        }
    }
}

/// Checks what a container may do.
pub(super) fn validate_container(context: &Value, host_users: bool, at: &Path<'_>, errors: &mut ErrorList) {
    if context.is_null() {
        return;
    }
    check_id(context.at("runAsUser"), &at.child("runAsUser"), errors);
    check_id(context.at("runAsGroup"), &at.child("runAsGroup"), errors);
    check_profiles(context, at, errors);
    if context.has("procMount") {
        let (mount, path) = (context.text("procMount"), at.child("procMount"));
        checks::one_of(mount, &["Default", "Unmasked"], &path, errors);
        if mount == "Unmasked" && host_users {
            errors.push(Error::invalid(&path, mount, "`hostUsers` must be false to use `Unmasked`"));
        }
    }
    if context.at("allowPrivilegeEscalation").as_bool() == Some(false) {
        let shown = || internal::security_context(context);
        if context.flag("privileged") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(Error::invalid(at, shown(), why));
        }
        if context.at("capabilities").texts("add").any(|one| one == "CAP_SYS_ADMIN") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(Error::invalid(at, shown(), why));
        }
    }
}

/// A pod with users of its own has none of the host's namespaces.
pub(super) fn validate_host_users(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.at("hostUsers").as_bool() != Some(false) {
        return;
    }
    for (field, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if spec.flag(field) {
            errors.push(Error::forbidden(&at.child(shown), "when `hostUsers` is false"));
        }
    }
}
