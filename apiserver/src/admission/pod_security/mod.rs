//! Holds pods to the standard of security that their namespace asks for.
//!
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>

mod baseline;
mod policy;
mod restricted;
mod subject;

use async_trait::async_trait;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::{Admission, Attributes, Operation};
use crate::tree::Read;
use policy::{Level, Policy, Standard, Version};
use subject::{Finding, Subject};

/// Before the names of annotations by which AppArmor and seccomp profiles were given.
const PROFILES: [&str; 2] =
    ["container.apparmor.security.beta.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/"];

/// Parts of a pod by which it gets nothing that it had not.
const HARMLESS: [&str; 8] =
    ["attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"];

type Check = fn(Subject<'_>) -> Option<Finding>;

/// The checks of the baseline, in upstream's order; those that a check of the restricted standard stands in for come with
/// the minor version since which it does.
const BASELINE: [(Check, Option<u32>); 12] = [
    (baseline::app_armor, None),
    (baseline::capabilities, Some(22)),
    (baseline::host_namespaces, None),
    (baseline::host_paths, Some(0)),
    (baseline::host_ports, None),
    (baseline::probe_hosts, None),
    (baseline::privileged, None),
    (baseline::proc_mount, Some(0)),
    (baseline::selinux, None),
    (baseline::seccomp, Some(19)),
    (baseline::sysctls, None),
    (baseline::host_process, None),
];

/// The checks of the restricted standard, and the minor version since which they are made.
const RESTRICTED: [(Check, u32); 7] = [
    (restricted::privilege_escalation, 8),
    (restricted::capabilities, 22),
    (restricted::proc_mount, 0),
    (restricted::volumes, 0),
    (restricted::non_root, 0),
    (restricted::user, 23),
    (restricted::seccomp, 19),
];

pub(super) struct PodSecurity;

#[async_trait]
impl Admission for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        is_namespace(write) || (judged(write).is_some() && !policy(write).is_lax())
    }

    /// Warns; whether it refuses is decided once nothing changes any more.
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if is_namespace(write) {
            relabelled(write)?.into_iter().for_each(|told| write.warn(told));
            return Ok(());
        }
        let policy = policy(write);
        let Some(pod) = judged(write) else { return Ok(()) };
        let is_refused = pod.is_pod && !findings(policy.enforce, &pod).is_empty();
        let found = findings(policy.warn, &pod);
        if !is_refused && !found.is_empty() {
            write.warn(format!("would violate PodSecurity \"{}\": {}", policy.warn, told(&found)));
        }
        Ok(())
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        if is_namespace(write) {
            return check_labels(write);
        }
        let Some(pod) = judged(write).filter(|pod| pod.is_pod) else { return Ok(()) };
        let enforced = policy(write).enforce;
        match findings(enforced, &pod) {
            found if found.is_empty() => Ok(()),
            found => Err(write.forbidden(format!("violates PodSecurity \"{enforced}\": {}", told(&found)))),
        }
    }
}

/// A pod, or the template that pods will be made of.
struct Judged<'a> {
    metadata: &'a Value,
    spec: &'a Value,
    is_pod: bool,
}

fn is_namespace(write: &Attributes<'_>) -> bool {
    write.is(Operation::Create, "", "namespaces") || write.is(Operation::Update, "", "namespaces")
}

/// What the write is judged by; nothing where it makes no difference.
fn judged<'a>(write: &'a Attributes<'_>) -> Option<Judged<'a>> {
    if !matches!(write.operation, Operation::Create | Operation::Update) {
        return None;
    }
    let object = &*write.object;
    let resource = (&*write.resource.group, &*write.resource.resource);
    let template = match resource {
        ("", "pods") if HARMLESS.contains(&write.subresource) => return None,
        ("", "pods") if write.old.is_some_and(|old| !is_significant(object, old)) => return None,
        ("", "pods") => object,
        _ if !write.subresource.is_empty() => return None,
        ("", "podtemplates") => object.at("template"),
        ("batch", "cronjobs") => object.at("spec").at("jobTemplate").at("spec").at("template"),
        ("", "replicationcontrollers")
        | ("apps", "daemonsets" | "deployments" | "replicasets" | "statefulsets")
        | ("batch", "jobs") => object.at("spec").at("template"),
        _ => return None,
    };
    let (metadata, spec) = (template.at("metadata"), template.at("spec"));
    Some(Judged { metadata, spec, is_pod: resource == ("", "pods") })
}

/// Whether an update of a pod may change what it can do.
fn is_significant(pod: &Value, old: &Value) -> bool {
    let differs = |field: &str| {
        let images = |pod: &Value| -> Vec<(String, String)> {
            let containers = pod.at("spec").items(field).iter();
            containers.map(|one| (one.text("name").to_owned(), one.text("image").to_owned())).collect()
        };
        images(pod) != images(old)
    };
    let profiles = |pod: &Value| -> Vec<(String, Value)> {
        let annotations = pod.at("metadata").entries("annotations");
        let own = annotations.filter(|(key, _)| PROFILES.iter().any(|prefix| key.starts_with(prefix)));
        own.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    };
    ["containers", "initContainers", "ephemeralContainers"].into_iter().any(differs)
        || profiles(pod) != profiles(old)
}

fn policy(write: &Attributes<'_>) -> Policy {
    let namespaces = GroupResource::new("", "namespaces");
    let namespace = write.cluster.get(&namespaces, "", write.namespace);
    let label = |key: &str| namespace.as_ref()?.metadata().labels.get(key).map(String::as_str);
    Policy::read(label).0
}

/// What keeps a pod from meeting a standard.
fn findings(standard: Standard, pod: &Judged<'_>) -> Vec<Finding> {
    let Standard { level, version } = standard;
    let subject = Subject { metadata: pod.metadata, spec: pod.spec, version };
    let is_replaced = |since: Option<u32>| {
        level == Level::Restricted && since.is_some_and(|since| version >= Version::Minor(since))
    };
    let mut checks: Vec<Check> = Vec::new();
    if level >= Level::Baseline {
        checks.extend(BASELINE.iter().filter(|(_, since)| !is_replaced(*since)).map(|(check, _)| *check));
    }
    if level >= Level::Restricted {
        let made = RESTRICTED.iter().filter(|(_, since)| version >= Version::Minor(*since));
        checks.extend(made.map(|(check, _)| *check));
    }
    checks.into_iter().filter_map(|check| check(subject)).collect()
}

fn told(findings: &[Finding]) -> String {
    let told: Vec<String> =
        findings.iter().map(|Finding { reason, detail }| format!("{reason} ({detail})")).collect();
    told.join(", ")
}

/// Labels that nobody understands are refused, unless they were there before.
fn check_labels(write: &Attributes<'_>) -> Result<()> {
    let (_, errors) = Policy::of(write.object);
    let were_wrong = write.old.is_some_and(|old| !Policy::of(old).1.is_empty());
    if errors.is_empty() || were_wrong {
        return Ok(());
    }
    Err(Error::invalid(write.kind, write.object.at("metadata").text("name"), &errors))
}

/// Which pods of a namespace do not meet the standard that it asks for from now on.
fn relabelled(write: &Attributes<'_>) -> Result<Vec<String>> {
    let Some(old) = write.old else { return Ok(Vec::new()) };
    let (policy, errors) = Policy::of(write.object);
    let (new, old) = (policy.enforce, Policy::of(old).0.enforce);
    let is_laxer = new.level <= old.level && new.version == old.version;
    if !errors.is_empty() || new == old || new.level == Level::Privileged || is_laxer {
        return Ok(Vec::new());
    }
    let name = write.object.at("metadata").text("name");
    // Pods that are wrong in the same way are told together.
    let mut wrong: Vec<(String, Vec<String>)> = Vec::new();
    for pod in write.cluster.list(&GroupResource::new("", "pods"), name) {
        let tree = pod.to_value()?;
        let judged = Judged { metadata: tree.at("metadata"), spec: tree.at("spec"), is_pod: true };
        let reasons: Vec<String> = findings(new, &judged).into_iter().map(|finding| finding.reason).collect();
        let reasons = reasons.join(", ");
        match wrong.iter_mut().find(|(known, _)| *known == reasons) {
            _ if reasons.is_empty() => {}
            Some((_, pods)) => pods.push(pod.name().to_owned()),
            None => wrong.push((reasons, vec![pod.name().to_owned()])),
        }
    }
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    let head =
        format!("existing pods in namespace {name:?} violate the new PodSecurity enforce level \"{new}\"");
    let lines = wrong.iter().map(|(reasons, pods)| match pods.as_slice() {
        [only] => format!("{only}: {reasons}"),
        [first, _] => format!("{first} (and 1 other pod): {reasons}"),
        [first, others @ ..] => format!("{first} (and {} other pods): {reasons}", others.len()),
        [] => reasons.clone(),
    });
    Ok(std::iter::once(head).chain(lines).collect())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn told_of(level: Level, version: Version, spec: Value) -> String {
        let pod = Judged { metadata: &Value::Null, spec: &spec, is_pod: true };
        told(&findings(Standard { level, version }, &pod))
    }

    #[test]
    fn a_standard_asks_for_what_its_version_asked_for() {
        let plain = || json!({"containers": [{"name": "c"}]});
        assert_eq!(told_of(Level::Baseline, Version::Latest, plain()), "");
        let old = told_of(Level::Restricted, Version::Minor(18), plain());
        assert_eq!(
            old,
            "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), \
             runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true)"
        );
        let mut windows = plain();
        windows["os"] = json!({"name": "windows"});
        assert!(!told_of(Level::Restricted, Version::Latest, windows).contains("seccompProfile"));
    }

    #[test]
    fn several_containers_are_told_together() {
        let container = |name: &str| json!({"name": name, "securityContext": {"privileged": true}});
        let pod = json!({"containers": [container("c")], "initContainers": [container("i")]});
        assert_eq!(
            told_of(Level::Baseline, Version::Latest, pod),
            "privileged (containers \"i\", \"c\" must not set securityContext.privileged=true)"
        );
    }
}
