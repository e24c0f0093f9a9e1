//! Checks a pod spec as a whole; upstream's `ValidatePodSpec`.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Value, json};
use steersman_core::{addresses, formats, names};

use super::{
    affinity, containers, dns, env, platform, ports, resources, security, spread, tolerations, volumes,
    windows,
};
use crate::strategy::{checks, internal};
use crate::tree::Read;

/// What holds the spec.
#[derive(Clone, Copy, Debug)]
pub(in crate::strategy) enum Holder<'a> {
    /// A pod with this metadata.
    Pod(&'a Value),
    /// A template.
    Template,
}

impl<'a> Holder<'a> {
    /// The metadata of the pod; null in a template, whose pods have other metadata.
    pub(super) fn metadata(self) -> &'a Value {
        match self {
            Holder::Pod(metadata) => metadata,
            Holder::Template => &Value::Null,
        }
    }

    /// Whether it is a pod.
    pub(super) fn is_pod(self) -> bool {
        matches!(self, Holder::Pod(_))
    }
}

/// What is wrong with the spec at `at`.
pub(in crate::strategy) fn validate(spec: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let mountable = volumes::validate(spec, holder, &at.child("volumes"), errors);
    check_claims(spec, holder, &at.child("resourceClaims"), errors);
    containers::validate(spec, &mountable, at, errors);
    resources::validate_pod(spec, &at.child("resources"), errors);
    ports::on_host_network(spec, holder, &at.child("containers"), errors);
    let restart = at.child("restartPolicy");
    checks::required_one_of(spec.text("restartPolicy"), &["Always", "OnFailure", "Never"], &restart, errors);
    dns::validate_policy(spec, at, errors);
    checks::labels(spec.at("nodeSelector"), &at.child("nodeSelector"), errors);
    security::validate_pod(spec, at, errors);
    if spec.has("affinity") {
        affinity::validate(spec.at("affinity"), &at.child("affinity"), errors);
    }
    dns::validate_config(spec, at, errors);
    check_gates(spec, at, errors);
    spread::validate(spec, &at.child("topologySpreadConstraints"), errors);
    windows::validate_host_process(spec, at, errors);
    security::validate_host_users(spec, at, errors);
    check_host_name(spec, &at.child("hostnameOverride"), errors);
    check_scheduling(spec, at, errors);
    platform::validate(spec, at, errors);
    env::validate_files(spec, at, errors);
    if holder.is_pod() {
        check_pod(spec, at, errors);
    }
}

/// Who, where, how long, under which names.
fn check_scheduling(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["serviceAccountName", "nodeName"] {
        check_name(spec, field, names::dns1123_subdomain, at, errors);
    }
    if let Some(seconds) = spec.int("activeDeadlineSeconds") {
        let messages = formats::in_range(seconds, 1, i64::from(i32::MAX));
        checks::each(messages, seconds, &at.child("activeDeadlineSeconds"), errors);
    }
    for field in ["hostname", "subdomain"] {
        check_name(spec, field, names::dns1123_label, at, errors);
    }
    tolerations::validate(spec, &at.child("tolerations"), errors);
    check_aliases(spec, &at.child("hostAliases"), errors);
    check_name(spec, "priorityClassName", names::dns1123_subdomain, at, errors);
    if spec.has("runtimeClassName") {
        let class = spec.text("runtimeClassName");
        checks::each(names::dns1123_subdomain(class), class, &at.child("runtimeClassName"), errors);
    }
    if spec.has("preemptionPolicy") {
        let (policies, path) = (["PreemptLowerPriority", "Never"], at.child("preemptionPolicy"));
        checks::required_one_of(spec.text("preemptionPolicy"), &policies, &path, errors);
    }
    if spec.has("overhead") {
        let limits = json!({"limits": spec.at("overhead")});
        resources::validate_container(&limits, &at.child("overhead"), errors);
    }
}

fn check_name(
    spec: &Value,
    field: &str,
    rule: fn(&str) -> Vec<String>,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let name = spec.text(field);
    if !name.is_empty() {
        checks::each(rule(name), name, &at.child(field), errors);
    }
}

/// What pods obey and templates do not.
fn check_pod(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let list = at.child("volumes");
    let volumes = spec.items("volumes").iter().enumerate();
    for (index, volume) in volumes.filter(|_| spec.text("serviceAccountName").is_empty()) {
        let item = list.index(index);
        let projected = item.child("projected");
        let sources = projected.child("sources");
        let tokens = volume.at("projected").items("sources").iter().enumerate();
        for (index, _) in tokens.filter(|(_, source)| source.has("serviceAccountToken")) {
            let why = "must not be specified when serviceAccountName is not set";
            errors.push(Error::forbidden(&sources.index(index).child("serviceAccountToken"), why));
        }
    }
    for list in ["containers", "initContainers"] {
        let path = at.child(list);
        for (index, container) in spec.items(list).iter().enumerate() {
            containers::validate_image(container, &path.index(index), errors);
        }
    }
}

fn check_claims(spec: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let claims = spec.items("resourceClaims");
    for (index, claim) in claims.iter().enumerate() {
        if holder.metadata().at("annotations").has(MIRROR) {
            errors.push(Error::forbidden(&Path::ROOT, "static pods do not support resource claims"));
            continue;
        }
        let (path, name) = (at.index(index), claim.text("name"));
        let given = checks::required(claim, "name", &path, errors);
        if given && claims[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        } else if given {
            checks::each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        check_claim_source(claim, &path, errors);
    }
}

fn check_claim_source(claim: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let sources = ["resourceClaimName", "resourceClaimTemplateName"];
    let why = match sources.map(|source| claim.has(source)) {
        [true, true] => {
            Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
        }
        [false, false] => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
        _ => None,
    };
    errors.extend(why.map(|why| Error::invalid(at, internal::resource_claim(claim), why)));
    for source in sources.into_iter().filter(|source| claim.has(source)) {
        let name = claim.text(source);
        checks::each(names::dns1123_subdomain(name), name, &at.child(source), errors);
    }
}

/// The annotation of a pod that its kubelet has from elsewhere.
pub(in crate::strategy) const MIRROR: &str = "kubernetes.io/config.mirror";

fn check_gates(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("readinessGates");
    for (index, gate) in spec.items("readinessGates").iter().enumerate() {
        let kind = gate.text("conditionType");
        let messages = steersman_core::labels::qualified_name(kind);
        checks::each(messages, kind, &path.index(index).child("conditionType"), errors);
    }
    let (path, gates) = (at.child("schedulingGates"), spec.items("schedulingGates"));
    for (index, gate) in gates.iter().enumerate() {
        let (item, name) = (path.index(index), gate.text("name"));
        checks::each(steersman_core::labels::qualified_name(name), name, &item, errors);
        if gates[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item, name));
        }
    }
}

fn check_host_name(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !spec.has("hostnameOverride") {
        return;
    }
    for field in ["setHostnameAsFQDN", "hostNetwork"].into_iter().filter(|field| spec.flag(field)) {
        errors.push(Error::forbidden(at, format!("may not be specified when {field} is true")));
    }
    let name = spec.text("hostnameOverride");
    if name.len() > 64 {
        errors.push(Error::too_long(at, 64));
    }
    checks::each(names::dns1123_subdomain(name), name, at, errors);
}

fn check_aliases(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, alias) in spec.items("hostAliases").iter().enumerate() {
        let path = at.index(index);
        errors.extend(addresses::validate_ip(alias.text("ip"), &path.child("ip")));
        let list = path.child("hostnames");
        for (index, name) in alias.texts("hostnames").enumerate() {
            checks::each(names::dns1123_subdomain(name), name, &list.index(index), errors);
        }
    }
}
