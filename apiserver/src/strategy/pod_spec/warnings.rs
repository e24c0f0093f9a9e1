//! Warns of what a pod spec says that has no effect, or a surprising one.

use std::str::FromStr;

use steersman_core::field::{Path, quote};
use steersman_core::tree::Value;
use steersman_core::{Quantity, addresses, labels};

use super::app_armor::{self, APP_ARMOR};
use super::platform::each_container;
use super::{overlaps, ports};
use crate::tree::Read;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Volume sources that no longer do anything: the field, its name in the warning, and what is said of it.
const GONE: &[(&str, &str, &str)] = &[
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
];

/// The warnings for a persistent volume that is of one of those kinds that no longer do anything.
pub(in crate::strategy) fn of_volume_source(spec: &Value, kinds: &[&str], at: &Path<'_>) -> Vec<String> {
    let gone = GONE.iter().filter(|(field, _, _)| kinds.contains(field) && spec.has(field));
    gone.map(|(_, name, why)| format!("{}: {why}", at.child(name))).collect()
}

/// The warnings for a pod, which is at the root, or a template.
pub(in crate::strategy) fn warnings(pod: &Value, at: &Path<'_>, holder: Subject) -> Vec<String> {
    let (spec, path) = (pod.at("spec"), at.child("spec"));
    let mut warnings = Vec::new();
    of_node_labels(spec, &path, &mut warnings);
    of_spread(spec, &path.child("topologySpreadConstraints"), &mut warnings);
    of_annotations(pod, at, &mut warnings);
    of_volumes(spec, &path.child("volumes"), &mut warnings);
    warnings.extend(overlaps::warnings(spec.items("volumes")));
    of_repeated(spec, &path, &mut warnings);
    for name in ["memory", "ephemeral-storage"] {
        warnings.extend(of_bytes(spec.at("overhead"), name, &path.child("overhead")));
    }
    of_seccomp(pod, "seccomp.security.alpha.kubernetes.io/pod", spec, at, &mut warnings);
    each_container(spec, &path, &mut |container, path| {
        of_profiles(pod, container, holder, at, &mut warnings);
        of_container(container, path, &mut warnings);
    });
    warnings.extend(ports::warnings(spec, &path));
    warnings.extend(ports::name_warnings(spec, &path));
    of_grace(spec, &path, &mut warnings);
    of_affinity(spec, &path.child("affinity"), &mut warnings);
    of_addresses(spec, &path, &mut warnings);
    warnings
}

/// What is warned of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::strategy) enum Subject {
    /// A pod.
    Pod,
    /// A template.
    Template,
}

/// Labels of nodes that have other names now.
const RENAMED: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];

/// Why a label of nodes is not to be used any more, if it is one of those.
pub(in crate::strategy) fn renamed(label: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(name, _)| *name == label).map(|(_, why)| *why)
}

fn of_node_labels(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let path = at.child("nodeSelector");
    for (key, _) in spec.entries("nodeSelector") {
        warnings.extend(renamed(key).map(|why| format!("{}: {why}", path.key(key))));
    }
    let (affinity, path) = (spec.at("affinity").at("nodeAffinity"), at.child("affinity"));
    let path = path.child("nodeAffinity");
    let required = path.child(REQUIRED);
    let list = required.child("nodeSelectorTerms");
    for (index, term) in affinity.at(REQUIRED).items("nodeSelectorTerms").iter().enumerate() {
        of_node_term(term, false, &list.index(index), warnings);
    }
    let list = path.child(PREFERRED);
    for (index, preferred) in affinity.items(PREFERRED).iter().enumerate() {
        let item = list.index(index);
        of_node_term(preferred.at("preference"), true, &item.child("preference"), warnings);
    }
}

/// The warnings for a term of a selector of nodes. A value that no label has is no fault where a term is only preferred.
pub(in crate::strategy) fn of_node_term(
    term: &Value,
    with_values: bool,
    at: &Path<'_>,
    warnings: &mut Vec<String>,
) {
    let list = at.child("matchExpressions");
    for (index, expression) in term.items("matchExpressions").iter().enumerate() {
        let (item, key) = (list.index(index), expression.text("key"));
        warnings.extend(renamed(key).map(|why| format!("{}: {key} is {why}", item.child("key"))));
        let values = item.child("values");
        for (index, value) in expression.texts("values").enumerate().filter(|_| with_values) {
            let faults = labels::label_value(value).into_iter();
            warnings.extend(faults.map(|why| format!("{}: {value} is invalid, {why}", values.index(index))));
        }
    }
}

fn of_spread(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for (index, constraint) in spec.items("topologySpreadConstraints").iter().enumerate() {
        let (item, key) = (at.index(index), constraint.text("topologyKey"));
        warnings.extend(renamed(key).map(|why| format!("{}: {key} is {why}", item.child("topologyKey"))));
        of_selector(constraint, &item, warnings);
    }
}

/// No selector means no pod at all.
fn of_selector(term: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    if !term.has("labelSelector") {
        let path = at.child("labelSelector");
        warnings.push(format!("{path}: a null labelSelector results in matching no pod"));
    }
}

/// Only of a template: a pod has no such period any more when it is looked at.
fn of_grace(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let field = "terminationGracePeriodSeconds";
    if spec.int(field).is_some_and(|seconds| seconds < 0) {
        let why = "must be >= 0; negative values are invalid and will be treated as 1";
        warnings.push(format!("{}: {why}", at.child(field)));
    }
}

fn of_affinity(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        let (pods, path) = (spec.at("affinity").at(kind), at.child(kind));
        let list = path.child(REQUIRED);
        for (index, term) in pods.items(REQUIRED).iter().enumerate() {
            of_selector(term, &list.index(index), warnings);
        }
        let list = path.child(PREFERRED);
        for (index, weighted) in pods.items(PREFERRED).iter().enumerate() {
            let item = list.index(index);
            of_selector(weighted.at("podAffinityTerm"), &item.child("podAffinityTerm"), warnings);
        }
    }
}

/// Annotations that fields have taken the place of.
const ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

fn of_annotations(pod: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let annotations = annotations(pod);
    for (key, why) in ANNOTATIONS {
        of_annotation(annotations, key, why, at, warnings);
    }
}

fn annotations(pod: &Value) -> &Value {
    pod.at("metadata").at("annotations")
}

fn of_annotation(annotations: &Value, key: &str, why: &str, at: &Path<'_>, warnings: &mut Vec<String>) {
    if annotations.has(key) {
        let path = at.child("metadata");
        let path = path.child("annotations");
        warnings.push(format!("{}: {why}", path.key(key)));
    }
}

/// The annotation does nothing without the field of its holder, a pod's spec or a container.
fn of_seccomp(pod: &Value, key: &str, holder: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    if !holder.at("securityContext").has("seccompProfile") {
        let why = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
        of_annotation(annotations(pod), key, why, at, warnings);
    }
}

/// The annotation is told where neither the container nor the whole pod says the same.
fn of_app_armor(pod: &Value, container: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let key = format!("{APP_ARMOR}{}", container.text("name"));
    let whole = pod.at("spec").at("securityContext").at("appArmorProfile");
    let Some(annotation) = annotations(pod).at(&key).as_str() else { return };
    let is_said = app_armor::profile_of(annotation).is_some_and(|profile| profile == *whole);
    if !container.at("securityContext").has("appArmorProfile") && !is_said {
        of_annotation(annotations(pod), &key, app_armor::DEPRECATED, at, warnings);
    }
}

/// Annotations that confined a container before it had fields for that.
fn of_profiles(pod: &Value, container: &Value, holder: Subject, at: &Path<'_>, warnings: &mut Vec<String>) {
    if annotations(pod).is_null() {
        return;
    }
    let key = format!("container.seccomp.security.alpha.kubernetes.io/{}", container.text("name"));
    of_seccomp(pod, &key, container, at, warnings);
    if holder == Subject::Template {
        of_app_armor(pod, container, at, warnings);
    }
}

fn of_volumes(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for (index, volume) in spec.items("volumes").iter().enumerate() {
        let gone = GONE.iter().filter(|(field, _, _)| volume.has(field));
        let path = at.index(index);
        warnings.extend(gone.map(|(_, name, why)| format!("{}: {why}", path.child(name))));
        let (template, path) = (volume.at("ephemeral").at("volumeClaimTemplate"), path.child("ephemeral"));
        let path = path.child("volumeClaimTemplate");
        let path = path.child("spec");
        let (resources, path) = (template.at("spec").at("resources"), path.child("resources"));
        for list in ["requests", "limits"] {
            warnings.extend(of_bytes(resources.at(list), "storage", &path.child(list)));
        }
    }
}

/// What is said twice.
fn of_repeated(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for (list, field) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
        let (items, path) = (spec.items(list), at.child(list));
        for (index, item) in items.iter().enumerate() {
            let value = item.text(field);
            if items[..index].iter().any(|before| before.text(field) == value) {
                let path = path.index(index);
                warnings.push(format!("{}: duplicate {field} {}", path.child(field), quote(value)));
            }
        }
    }
    let path = at.child("imagePullSecrets");
    let secrets = spec.items("imagePullSecrets").iter().enumerate();
    for (index, _) in secrets.filter(|(_, one)| one.text("name").is_empty()) {
        warnings.push(format!("{}: invalid empty name \"\"", path.index(index).child("name")));
    }
}

/// Bytes come in whole numbers.
pub(in crate::strategy) fn of_bytes(amounts: &Value, name: &str, at: &Path<'_>) -> Option<String> {
    let (path, amount) = (at.key(name), amounts.at(name).as_str()?);
    let is_fraction = Quantity::from_str(amount).is_ok_and(|quantity| !quantity.is_whole());
    is_fraction
        .then(|| format!("{path}: fractional byte value {} is invalid, must be an integer", quote(amount)))
}

fn of_container(container: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let (resources, path) = (container.at("resources"), at.child("resources"));
    for name in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            warnings.extend(of_bytes(resources.at(list), name, &path.child(list)));
        }
    }
    let (path, env) = (at.child("env"), container.items("env"));
    for (index, variable) in env.iter().enumerate() {
        let name = variable.text("name");
        let is_repeated = env[..index].iter().any(|before| before.text("name") == name);
        if is_repeated && !extends(variable) {
            let (path, name) = (path.index(index), quote(name));
            warnings.push(format!(
                "{path}: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
    }
}

/// Whether a variable says more than what it was before, which is part of it.
fn extends(variable: &Value) -> bool {
    let before = format!("$({})", variable.text("name"));
    let value = variable.text("value");
    !variable.has("valueFrom") && value != before && value.contains(&before)
}

fn of_addresses(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let path = at.child("dnsConfig");
    let path = path.child("nameservers");
    for (index, server) in spec.at("dnsConfig").texts("nameservers").enumerate() {
        warnings.extend(addresses::warn_of_ip(server, &path.index(index)));
    }
    let path = at.child("hostAliases");
    for (index, alias) in spec.items("hostAliases").iter().enumerate() {
        warnings.extend(addresses::warn_of_ip(alias.text("ip"), &path.index(index).child("ip")));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn of(spec: Value) -> Vec<String> {
        warnings(&json!({"spec": spec}), &Path::ROOT, Subject::Pod)
    }

    #[test]
    fn ports_and_variables_are_said_once() {
        let container = |ports: Value| json!({"containers": [{"name": "c", "ports": ports}]});
        let at = "spec.containers[0].ports";
        let port = json!({"containerPort": 1, "protocol": "TCP"});
        let with_host = |host: i64, ip: &str| json!({"containerPort": 1, "protocol": "TCP", "hostPort": host, "hostIP": ip});
        let cases = [
            (container(json!([port, port])), format!("{at}[1]: duplicate port definition with {at}[0]")),
            (
                container(json!([port, with_host(2, "")])),
                format!("{at}[1]: overlapping port definition with {at}[0]"),
            ),
            (
                container(json!([with_host(2, ""), with_host(2, "1.1.1.1")])),
                format!("{at}[1]: dangerously ambiguous port definition with {at}[0]"),
            ),
            (container(json!([with_host(2, ""), with_host(3, "")])), String::new()),
            (
                container(json!([with_host(0, "1.1.1.1")])),
                format!(
                    "{at}[0]: hostIP set without hostPort: {{Name: HostPort:0 ContainerPort:1 Protocol:TCP \
                     HostIP:1.1.1.1}}"
                ),
            ),
            (
                json!({"containers": [{"env": [
                    {"name": "A", "value": "x"}, {"name": "A", "value": "$(A)y"}, {"name": "A", "value": "z"}
                ]}]}),
                "spec.containers[0].env[2]: hides previous definition of \"A\", which may be dropped when using apply"
                    .to_owned(),
            ),
            (
                json!({"hostAliases": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}]}),
                "spec.hostAliases[1].ip: duplicate ip \"1.1.1.1\"".to_owned(),
            ),
        ];
        for (spec, warning) in cases {
            assert_eq!(of(spec).join("; "), warning);
        }
    }

    #[test]
    fn what_has_another_name_now_is_told() {
        let spec = json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}, "containers": [{"name": "c"}]});
        let annotations = json!({"container.apparmor.security.beta.kubernetes.io/c": "unconfined"});
        let template = json!({"metadata": {"annotations": annotations}, "spec": spec});
        let at = "template.metadata.annotations";
        assert_eq!(
            warnings(&template, &Path::new("template"), Subject::Template),
            [
                "template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" \
                 instead"
                    .to_owned(),
                format!(
                    "{at}[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the \
                     \"appArmorProfile\" field instead"
                ),
            ]
        );
    }
}
