//! Checks a pod spec as a whole; upstream's `ValidatePodSpec`.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::{addresses, formats, names};

use super::{affinity, containers, dns, platform, resources, security, spread, tolerations, volumes};
use crate::strategy::{checks, internal};
use crate::tree::Read;

/// What holds the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strategy) enum Holder {
    /// A pod.
    Pod,
    /// A template.
    Template,
}

/// What is wrong with the spec at `at`.
pub(in crate::strategy) fn validate(spec: &Value, holder: Holder, at: &Path<'_>, errors: &mut ErrorList) {
    volumes::validate(spec, &at.child("volumes"), errors);
    check_claims(spec, &at.child("resourceClaims"), errors);
    containers::validate(spec, holder, at, errors);
    resources::validate_pod(spec.at("resources"), &at.child("resources"), errors);
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
    security::validate_host_users(spec, at, errors);
    check_names(spec, at, errors);
    if let Some(seconds) = spec.int("activeDeadlineSeconds") {
        let messages = formats::in_range(seconds, 1, i64::from(i32::MAX));
        checks::each(messages, seconds, &at.child("activeDeadlineSeconds"), errors);
    }
    check_host_names(spec, at, errors);
    tolerations::validate(spec, &at.child("tolerations"), errors);
    check_aliases(spec, &at.child("hostAliases"), errors);
    if spec.has("preemptionPolicy") {
        let policies = ["PreemptLowerPriority", "Never"];
        checks::one_of(spec.text("preemptionPolicy"), &policies, &at.child("preemptionPolicy"), errors);
    }
    platform::validate(spec, at, errors);
}

fn check_claims(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let claims = spec.items("resourceClaims");
    for (index, claim) in claims.iter().enumerate() {
        let (path, name) = (at.index(index), claim.text("name"));
        if claims[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        } else {
            checks::each(names::dns1123_label(name), name, &path.child("name"), errors);
        }
        let why = match (claim.has("resourceClaimName"), claim.has("resourceClaimTemplateName")) {
            (true, true) => {
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            }
            (false, false) => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            _ => continue,
        };
        errors.push(Error::invalid(&path, internal::resource_claim(claim), why));
    }
}

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
        checks::each(steersman_core::labels::qualified_name(name), name, &item.child("name"), errors);
        if gates[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item, name));
        }
    }
}

/// Names of other objects.
fn check_names(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        let name = spec.text(field);
        if !name.is_empty() {
            checks::each(names::dns1123_subdomain(name), name, &at.child(field), errors);
        }
    }
}

fn check_host_names(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["hostname", "subdomain"] {
        let name = spec.text(field);
        if !name.is_empty() {
            checks::each(names::dns1123_label(name), name, &at.child(field), errors);
        }
    }
    if !spec.has("hostnameOverride") {
        return;
    }
    let (path, name) = (at.child("hostnameOverride"), spec.text("hostnameOverride"));
    checks::each(names::dns1123_subdomain(name), name, &path, errors);
    if name.len() > 64 {
        errors.push(Error::too_long(&path, 64));
    }
    for (field, set) in
        [("setHostnameAsFQDN", spec.flag("setHostnameAsFQDN")), ("hostNetwork", spec.flag("hostNetwork"))]
    {
        if set {
            errors.push(Error::forbidden(&path, format!("may not be specified when {field} is true")));
        }
    }
}

fn check_aliases(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, alias) in spec.items("hostAliases").iter().enumerate() {
        let path = at.index(index);
        errors.extend(addresses::validate_ip(alias.text("ip"), &path.child("ip")));
        for name in alias.texts("hostnames") {
            checks::each(names::dns1123_subdomain(name), name, &path.child("hostnames"), errors);
        }
    }
}
