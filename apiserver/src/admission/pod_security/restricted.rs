//! What the restricted standard asks for beyond the baseline: what is known of hardening pods.

use steersman_core::tree::Value;

use super::baseline;
use super::subject::{Finding, Subject, distinct, named, plural, quoted, setters};
use crate::tree::Read;

const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn security(container: &Value) -> &Value {
    container.at("securityContext")
}

pub(super) fn privilege_escalation(subject: Subject<'_>) -> Option<Finding> {
    if !subject.since(8) || subject.is_windows() {
        return None;
    }
    let containers = subject.those(|container| security(container).at("allowPrivilegeEscalation") != false);
    if containers.is_empty() {
        return None;
    }
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", named(&containers));
    Finding::new("allowPrivilegeEscalation != false", detail)
}

pub(super) fn capabilities(subject: Subject<'_>) -> Option<Finding> {
    if subject.is_windows() {
        return None;
    }
    let capabilities = |container: &Value| security(container).at("capabilities").clone();
    let keeps = subject.those(|container| !capabilities(container).texts("drop").any(|one| one == "ALL"));
    let added = |container: &Value| -> Vec<String> {
        let capabilities = capabilities(container);
        capabilities.texts("add").filter(|one| *one != "NET_BIND_SERVICE").map(str::to_owned).collect()
    };
    let adds = subject.those(|container| !added(container).is_empty());
    let mut details = Vec::new();
    if !keeps.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named(&keeps)));
    }
    if !adds.is_empty() {
        let all: Vec<String> = subject.containers().flat_map(added).collect();
        let all = quoted(&distinct(all.iter().map(String::as_str).collect()));
        details.push(format!("{} must not include {all} in securityContext.capabilities.add", named(&adds)));
    }
    if details.is_empty() { None } else { Finding::new("unrestricted capabilities", details.join("; ")) }
}

pub(super) fn proc_mount(subject: Subject<'_>) -> Option<Finding> {
    baseline::unmasked(subject)
}

pub(super) fn volumes(subject: Subject<'_>) -> Option<Finding> {
    let source = |volume: &Value| {
        let fields = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        fields.into_iter().find(|key| *key != "name").unwrap_or("unknown").to_owned()
    };
    let volumes = subject.spec.items("volumes").iter();
    let bad: Vec<(&str, String)> = volumes
        .map(|volume| (volume.text("name"), source(volume)))
        .filter(|(_, source)| !VOLUMES.contains(&source.as_str()))
        .collect();
    if bad.is_empty() {
        return None;
    }
    let names: Vec<&str> = bad.iter().map(|(name, _)| *name).collect();
    let types = distinct(bad.iter().map(|(_, source)| source.as_str()).collect());
    let uses = if names.len() == 1 { "uses" } else { "use" };
    let (volumes, kinds) = (plural("volume", names.len()), plural("restricted volume type", types.len()));
    let detail = format!("{volumes} {} {uses} {kinds} {}", quoted(&names), quoted(&types));
    Finding::new("restricted volume types", detail)
}

pub(super) fn non_root(subject: Subject<'_>) -> Option<Finding> {
    if subject.has_own_users() {
        return None;
    }
    let says = |security: &Value| security.at("runAsNonRoot").as_bool();
    let pod = says(subject.security());
    let roots = subject.those(|container| says(security(container)) == Some(false));
    let silent = subject.those(|container| says(security(container)).is_none() && pod != Some(true));
    let told = setters(pod == Some(false), &roots);
    let reason = "runAsNonRoot != true";
    if !told.is_empty() {
        return Finding::new(reason, format!("{told} must not set securityContext.runAsNonRoot=false"));
    }
    if silent.is_empty() {
        return None;
    }
    Finding::new(reason, format!("pod or {} must set securityContext.runAsNonRoot=true", named(&silent)))
}

pub(super) fn user(subject: Subject<'_>) -> Option<Finding> {
    if !subject.since(23) || subject.has_own_users() {
        return None;
    }
    let is_root = |security: &Value| security.int("runAsUser") == Some(0);
    let containers = subject.those(|container| is_root(security(container)));
    let told = setters(is_root(subject.security()), &containers);
    if told.is_empty() {
        None
    } else {
        Finding::new("runAsUser=0", format!("{told} must not set runAsUser=0"))
    }
}

pub(super) fn seccomp(subject: Subject<'_>) -> Option<Finding> {
    if subject.is_windows() {
        return None;
    }
    if let Some(finding) = baseline::seccomp(subject) {
        return Some(finding);
    }
    let has_profile = |security: &Value| security.at("seccompProfile").has("type");
    if has_profile(subject.security()) {
        return None;
    }
    let silent = subject.those(|container| !has_profile(security(container)));
    if silent.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        named(&silent)
    );
    Finding::new("seccompProfile", detail)
}
