//! Checks security contexts of pods and containers.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::Value;

use super::items::check_relative;
use super::platform::each_container;
use super::{sysctls, windows};
use crate::strategy::{checks, internal};
use crate::tree::Read;

/// Checks the security context of a whole pod.
pub(super) fn validate_pod(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (context, path) = (spec.at("securityContext"), at.child("securityContext"));
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        check_id(context.at(field), &path.child(field), errors);
    }
    let groups = path.child("supplementalGroups");
    for (index, group) in context.items("supplementalGroups").iter().enumerate() {
        check_id(group, &groups.index(index), errors);
    }
    if spec.flag("shareProcessNamespace") && spec.flag("hostPID") {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(Error::invalid(&path.child("shareProcessNamespace"), true, why));
    }
    sysctls::validate(spec, &path.child("sysctls"), errors);
    check_policy(context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], &path, errors);
    check_seccomp(context.at("seccompProfile"), &path.child("seccompProfile"), errors);
    windows::validate_options(context.at("windowsOptions"), &path.child("windowsOptions"), errors);
    check_app_armor(context.at("appArmorProfile"), &path.child("appArmorProfile"), errors);
    check_policy(context, "supplementalGroupsPolicy", &["Merge", "Strict"], &path, errors);
    // Mounting with a label is behind a gate that is off by default.
    check_policy(context, "seLinuxChangePolicy", &["Recursive"], &path, errors);
}

fn check_id(id: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(id) = id.as_i64() {
        checks::each(formats::user_id(id), id, at, errors);
    }
}

fn check_policy(context: &Value, field: &str, values: &[&str], at: &Path<'_>, errors: &mut ErrorList) {
    if context.has(field) {
        checks::one_of(context.text(field), values, &at.child(field), errors);
    }
}

const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

fn check_seccomp(profile: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if profile.is_null() {
        return;
    }
    let (kind, path, file) = (profile.text("type"), at.child("type"), at.child("localhostProfile"));
    if kind.is_empty() {
        errors.push(Error::required(&path, "type is required when seccompProfile is set"));
    } else {
        checks::one_of(kind, &PROFILES, &path, errors);
    }
    match (kind == "Localhost", profile.has("localhostProfile")) {
        (true, true) => check_relative(profile.text("localhostProfile"), &file, errors),
        (true, false) => {
            errors.push(Error::required(&file, "must be set when seccomp type is Localhost"));
        }
        (false, true) => {
            let why = "can only be set when seccomp type is Localhost";
            errors.push(Error::invalid(&file, internal::seccomp_profile(profile), why));
        }
        (false, false) => {}
    }
}

fn check_app_armor(profile: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, file) = (at.child("type"), profile.text("localhostProfile"));
    match profile.text("type") {
        _ if profile.is_null() => {}
        "Localhost" => check_app_armor_file(file, &at.child("localhostProfile"), errors),
        "RuntimeDefault" | "Unconfined" if profile.has("localhostProfile") => {
            let why = "can only be set when AppArmor type is Localhost";
            errors.push(Error::invalid(&at.child("localhostProfile"), file, why));
        }
        "" => errors.push(Error::required(&path, "type is required when appArmorProfile is set")),
        kind => checks::one_of(kind, &PROFILES, &path, errors),
    }
}

/// The longest path that Linux knows.
const MOST_PATH_BYTES: usize = 4095;

fn check_app_armor_file(file: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if file.trim() != file {
        errors.push(Error::invalid(at, file, "must not be padded with whitespace"));
    } else if file.is_empty() {
        errors.push(Error::required(at, "must be set when AppArmor type is Localhost"));
    }
    if file.len() > MOST_PATH_BYTES {
        errors.push(Error::too_long(at, MOST_PATH_BYTES));
    }
}

/// Checks what a container may do.
pub(super) fn validate_container(context: &Value, host_users: bool, at: &Path<'_>, errors: &mut ErrorList) {
    if context.is_null() {
        return;
    }
    check_id(context.at("runAsUser"), &at.child("runAsUser"), errors);
    check_id(context.at("runAsGroup"), &at.child("runAsGroup"), errors);
    if context.has("procMount") {
        let (mount, path) = (context.text("procMount"), at.child("procMount"));
        checks::one_of(mount, &["Default", "Unmasked"], &path, errors);
        if mount == "Unmasked" && host_users {
            errors.push(Error::invalid(&path, mount, "`hostUsers` must be false to use `Unmasked`"));
        }
    }
    check_seccomp(context.at("seccompProfile"), &at.child("seccompProfile"), errors);
    if context.at("allowPrivilegeEscalation").as_bool() == Some(false) {
        check_not_privileged(context, at, errors);
    }
    windows::validate_options(context.at("windowsOptions"), &at.child("windowsOptions"), errors);
    check_app_armor(context.at("appArmorProfile"), &at.child("appArmorProfile"), errors);
}

/// What has all privileges cannot be kept from getting more.
fn check_not_privileged(context: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let shown = || internal::security_context(context);
    if context.flag("privileged") {
        let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.push(Error::invalid(at, shown(), why));
    }
    let all = context.at("capabilities").texts("add").filter(|one| *one == "CAP_SYS_ADMIN");
    errors.extend(all.map(|_| {
        let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        Error::invalid(at, shown(), why)
    }));
}

/// A pod with users of its own has none of the host's namespaces, and no devices.
pub(super) fn validate_host_users(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.at("hostUsers").as_bool() != Some(false) {
        return;
    }
    let why = "when `hostUsers` is false";
    for (field, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if spec.flag(field) {
            errors.push(Error::forbidden(&at.child(shown), why));
        }
    }
    each_container(spec, at, &mut |container, path| {
        if !container.items("volumeDevices").is_empty() {
            errors.push(Error::forbidden(&path.child("volumeDevices"), why));
        }
    });
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn profiles_are_checked_as_upstream_checks_them() {
        let seccomp = |profile: Value| json!({"seccompProfile": profile});
        let app_armor = |profile: Value| json!({"appArmorProfile": profile});
        let cases = [
            (seccomp(json!({"type": "Localhost", "localhostProfile": ""})), ""),
            (
                seccomp(json!({})),
                "c.seccompProfile.type: Required value: type is required when seccompProfile is set",
            ),
            (
                seccomp(json!({"type": "Unconfined", "localhostProfile": "a"})),
                "c.seccompProfile.localhostProfile: Invalid value: \
                 {\"Type\":\"Unconfined\",\"LocalhostProfile\":\"a\"}: can only be set when seccomp type is Localhost",
            ),
            (
                app_armor(json!({})),
                "c.appArmorProfile.type: Required value: type is required when appArmorProfile is set",
            ),
            (
                app_armor(json!({"type": "X", "localhostProfile": "a"})),
                "c.appArmorProfile.type: Unsupported value: \"X\": supported values: \"Localhost\", \"RuntimeDefault\", \
                 \"Unconfined\"",
            ),
            (
                app_armor(json!({"type": "Localhost", "localhostProfile": " a"})),
                "c.appArmorProfile.localhostProfile: Invalid value: \" a\": must not be padded with whitespace",
            ),
        ];
        for (context, why) in cases {
            let mut errors = ErrorList::new();
            validate_container(&context, true, &Path::new("c"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
