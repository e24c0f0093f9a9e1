//! What the baseline standard forbids: known ways to more privileges.

use steersman_core::tree::Value;

use super::subject::{Finding, Subject, distinct, named, plural, quoted, setters};
use crate::tree::Read;

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Harmless sysctls, and the minor version since which they count as such.
const SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

const SELINUX: [(&str, u32); 5] = [
    ("", 0),
    ("container_t", 0),
    ("container_init_t", 0),
    ("container_kvm_t", 0),
    ("container_engine_t", 31),
];

/// How AppArmor profiles were given before there was a field.
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

fn security(container: &Value) -> &Value {
    container.at("securityContext")
}

pub(super) fn app_armor(subject: Subject<'_>) -> Option<Finding> {
    let bad = |security: &Value| {
        let kind = security.at("appArmorProfile").text("type");
        !matches!(kind, "" | "RuntimeDefault" | "Localhost")
    };
    let containers = subject.those(|container| bad(security(container)));
    let annotations = subject.metadata.at("annotations");
    let is_bad = |(key, value): &(&str, &Value)| {
        let value = value.as_str().unwrap_or_default();
        key.starts_with(APP_ARMOR)
            && !matches!(value, "" | "runtime/default")
            && !value.starts_with("localhost/")
    };
    let noted: Vec<(&str, &Value)> = subject.metadata.entries("annotations").filter(is_bad).collect();
    let mut told = setters(bad(subject.security()), &containers);
    let mut values: Vec<&str> = std::iter::once(subject.security())
        .chain(subject.containers().map(security))
        .filter(|security| bad(security))
        .map(|security| security.at("appArmorProfile").text("type"))
        .collect();
    if !noted.is_empty() {
        let keys: Vec<&str> = noted.iter().map(|(key, _)| *key).collect();
        let and = if told.is_empty() { "" } else { " and " };
        told = format!("{told}{and}{} {}", plural("annotation", keys.len()), keys.join(", "));
        values.extend(keys.iter().map(|key| annotations.text(key)));
    }
    let values = distinct(values);
    if values.is_empty() {
        return None;
    }
    let reason = plural("forbidden AppArmor profile", values.len());
    Finding::new(reason, format!("{told} must not set AppArmor profile type to {}", quoted(&values)))
}

pub(super) fn capabilities(subject: Subject<'_>) -> Option<Finding> {
    let added = |container: &Value| -> Vec<String> {
        let added = security(container).at("capabilities").texts("add");
        added.filter(|one| !CAPABILITIES.contains(one)).map(str::to_owned).collect()
    };
    let containers = subject.those(|container| !added(container).is_empty());
    let all: Vec<String> = subject.containers().flat_map(added).collect();
    if containers.is_empty() {
        return None;
    }
    let all = distinct(all.iter().map(String::as_str).collect());
    let detail = format!(
        "{} must not include {} in securityContext.capabilities.add",
        named(&containers),
        quoted(&all)
    );
    Finding::new("non-default capabilities", detail)
}

pub(super) fn host_namespaces(subject: Subject<'_>) -> Option<Finding> {
    let used = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| subject.spec.flag(field));
    let used: Vec<String> = used.map(|field| format!("{field}=true")).collect();
    (!used.is_empty()).then(|| Finding::new("host namespaces", used.join(", ")))?
}

pub(super) fn host_paths(subject: Subject<'_>) -> Option<Finding> {
    let volumes = subject.spec.items("volumes").iter().filter(|volume| volume.has("hostPath"));
    let names: Vec<&str> = volumes.map(|volume| volume.text("name")).collect();
    if names.is_empty() {
        return None;
    }
    Finding::new("hostPath volumes", format!("{} {}", plural("volume", names.len()), quoted(&names)))
}

pub(super) fn host_ports(subject: Subject<'_>) -> Option<Finding> {
    let ports = |container: &Value| -> Vec<String> {
        let ports = container.items("ports").iter().filter_map(|port| port.int("hostPort"));
        ports.filter(|port| *port != 0).map(|port| port.to_string()).collect()
    };
    let containers = subject.those(|container| !ports(container).is_empty());
    if containers.is_empty() {
        return None;
    }
    let all: Vec<String> = subject.containers().flat_map(ports).collect();
    let all = distinct(all.iter().map(String::as_str).collect());
    let uses = if containers.len() == 1 { "uses" } else { "use" };
    let ports = plural("hostPort", all.len());
    let detail = format!("{} {uses} {ports} {}", named(&containers), all.join(", "));
    Finding::new(ports, detail)
}

pub(super) fn probe_hosts(subject: Subject<'_>) -> Option<Finding> {
    if !subject.since(34) {
        return None;
    }
    let hosts = |container: &Value| -> Vec<String> {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| container.at(probe));
        let hooks = ["postStart", "preStop"].map(|hook| container.at("lifecycle").at(hook));
        let handlers = probes.into_iter().chain(hooks);
        let hosts =
            handlers.flat_map(|handler| ["httpGet", "tcpSocket"].map(|way| handler.at(way).text("host")));
        hosts.filter(|host| !host.is_empty()).map(str::to_owned).collect()
    };
    let containers = subject.those(|container| !hosts(container).is_empty());
    if containers.is_empty() {
        return None;
    }
    let all: Vec<String> = subject.containers().flat_map(hosts).collect();
    let all = distinct(all.iter().map(String::as_str).collect());
    let uses = if containers.len() == 1 { "uses" } else { "use" };
    let reason = plural("probe or lifecycle host", all.len());
    let detail = format!("{} {uses} {reason} {}", named(&containers), quoted(&all));
    Finding::new(reason, detail)
}

pub(super) fn privileged(subject: Subject<'_>) -> Option<Finding> {
    let containers = subject.those(|container| security(container).flag("privileged"));
    if containers.is_empty() {
        return None;
    }
    Finding::new("privileged", format!("{} must not set securityContext.privileged=true", named(&containers)))
}

pub(super) fn proc_mount(subject: Subject<'_>) -> Option<Finding> {
    if subject.has_own_users() { None } else { unmasked(subject) }
}

/// Containers that see more of `/proc` than is good for them, whoever their users are.
pub(super) fn unmasked(subject: Subject<'_>) -> Option<Finding> {
    let bad = |container: &Value| !matches!(security(container).text("procMount"), "" | "Default");
    let containers = subject.those(bad);
    if containers.is_empty() {
        return None;
    }
    let types = subject.containers().filter(|container| bad(container));
    let types = distinct(types.map(|container| security(container).text("procMount")).collect());
    let detail =
        format!("{} must not set securityContext.procMount to {}", named(&containers), quoted(&types));
    Finding::new("procMount", detail)
}

pub(super) fn selinux(subject: Subject<'_>) -> Option<Finding> {
    let allows = |kind: &str| SELINUX.iter().any(|(known, since)| *known == kind && subject.since(*since));
    let options = |security: &Value| security.at("seLinuxOptions").clone();
    let bad = |security: &Value| {
        let options = options(security);
        !allows(options.text("type")) || !options.text("user").is_empty() || !options.text("role").is_empty()
    };
    let containers = subject.those(|container| bad(security(container)));
    let told = setters(bad(subject.security()), &containers);
    if told.is_empty() {
        return None;
    }
    let all: Vec<Value> =
        std::iter::once(subject.security()).chain(subject.containers().map(security)).map(options).collect();
    let types = distinct(all.iter().map(|one| one.text("type")).filter(|kind| !allows(kind)).collect());
    let mut wrong = Vec::new();
    if !types.is_empty() {
        wrong.push(format!("{} {}", plural("type", types.len()), quoted(&types)));
    }
    for field in ["user", "role"] {
        if all.iter().any(|one| !one.text(field).is_empty()) {
            wrong.push(format!("{field} may not be set"));
        }
    }
    let detail = format!("{told} set forbidden securityContext.seLinuxOptions: {}", wrong.join("; "));
    Finding::new("seLinuxOptions", detail)
}

/// Profiles that are none. Before 1.19 they were given by annotations, which nobody reads any more.
pub(super) fn seccomp(subject: Subject<'_>) -> Option<Finding> {
    if !subject.since(19) {
        return None;
    }
    let kind = |security: &Value| security.at("seccompProfile").text("type").to_owned();
    let bad = |security: &Value| !matches!(kind(security).as_str(), "" | "RuntimeDefault" | "Localhost");
    let containers = subject.those(|container| bad(security(container)));
    let told = setters(bad(subject.security()), &containers);
    if told.is_empty() {
        return None;
    }
    let all = std::iter::once(subject.security()).chain(subject.containers().map(security));
    let kinds: Vec<String> = all.filter(|security| bad(security)).map(kind).collect();
    let kinds = distinct(kinds.iter().map(String::as_str).collect());
    let detail = format!("{told} must not set securityContext.seccompProfile.type to {}", quoted(&kinds));
    Finding::new("seccompProfile", detail)
}

pub(super) fn sysctls(subject: Subject<'_>) -> Option<Finding> {
    let allows = |name: &str| SYSCTLS.iter().any(|(known, since)| *known == name && subject.since(*since));
    let names = subject.security().items("sysctls").iter().map(|sysctl| sysctl.text("name"));
    let names = distinct(names.filter(|name| !allows(name)).collect());
    if names.is_empty() { None } else { Finding::new("forbidden sysctls", names.join(", ")) }
}

pub(super) fn host_process(subject: Subject<'_>) -> Option<Finding> {
    let bad = |security: &Value| security.at("windowsOptions").flag("hostProcess");
    let containers = subject.those(|container| bad(security(container)));
    let told = setters(bad(subject.security()), &containers);
    if told.is_empty() {
        return None;
    }
    Finding::new(
        "hostProcess",
        format!("{told} must not set securityContext.windowsOptions.hostProcess=true"),
    )
}
