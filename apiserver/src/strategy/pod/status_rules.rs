//! What a write to the status of a pod may say.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{addresses, formats, labels, names};

use super::device_health;
use crate::strategy::{checks, internal};
use crate::tree::Read;

/// The conditions whose names are not looked at.
const SYSTEM: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// The statuses of containers, with the containers that they are of.
const STATUSES: [(&str, &str); 3] = [
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", "ephemeralContainers"),
];

/// What is wrong with the status of a pod that was `old` before.
pub(super) fn validate(pod: &Value, old: &Value, errors: &mut ErrorList) {
    let (status, was, at) = (pod.at("status"), old.at("status"), Path::new("status"));
    check_conditions(status, &at.child("conditions"), errors);
    check_nomination(status, old, &at.child("nominatedNodeName"), errors);
    check_generation(status, &at, errors);
    checks::unchanged(status, was, "qosClass", &at, errors);
    let all_restart = restarts_all(old.at("spec"));
    for (list, containers) in STATUSES {
        let check = containers == "ephemeralContainers" || !all_restart;
        if check {
            check_transitions(status, old, (list, containers), &at.child(list), errors);
        }
    }
    check_claims(pod, &at.child("resourceClaimStatuses"), errors);
    if status.has("extendedResourceClaimStatus") {
        check_extended(pod, &at.child("extendedResourceClaimStatus"), errors);
    }
    check_addresses(status, was, "podIPs", &at.child("podIPs"), errors);
    let path = at.child("hostIPs");
    if let Some(first) = status.items("hostIPs").first().filter(|one| one.text("ip") != status.text("hostIP"))
    {
        let why = "must be equal to `hostIP`";
        errors.push(Error::invalid(&path.index(0).child("ip"), first.text("ip"), why));
    }
    check_addresses(status, was, "hostIPs", &path, errors);
    for (list, _) in STATUSES {
        check_users(pod, list, &at.child(list), errors);
    }
    for (list, containers) in STATUSES {
        let (statuses, at) = (status.items(list), at.child(list));
        match containers {
            "ephemeralContainers" => device_health::refuse(statuses, &at, errors),
            _ => device_health::check(statuses, pod.at("spec").items(containers), &at, errors),
        }
    }
}

fn check_conditions(status: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for (index, condition) in status.items("conditions").iter().enumerate() {
        let (item, kind) = (at.index(index), condition.text("type"));
        check_generation(condition, &item, errors);
        if !SYSTEM.contains(&kind) {
            // Upstream names the field so.
            checks::each(labels::qualified_name(kind), kind, &item.child("Type"), errors);
        }
    }
}

fn check_generation(holder: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(seen) = holder.int("observedGeneration").filter(|seen| *seen < 0) {
        errors.push(Error::invalid(&at.child("observedGeneration"), seen, "must be a non-negative integer"));
    }
}

/// A pod that has a node is nominated for no other.
fn check_nomination(status: &Value, old: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let node = status.text("nominatedNodeName");
    if node.is_empty() || node == old.at("status").text("nominatedNodeName") {
        return;
    }
    checks::each(names::dns1123_subdomain(node), node, at, errors);
    if !old.at("spec").text("nodeName").is_empty() {
        errors.push(Error::forbidden(at, "may not be set on pods that are already bound to a node"));
    }
}

/// Whether a container may restart all of them.
fn restarts_all(spec: &Value) -> bool {
    let containers = ["containers", "initContainers"].into_iter().flat_map(|list| spec.items(list));
    let mut rules = containers.flat_map(|container| container.items("restartPolicyRules"));
    rules.any(|rule| rule.text("action") == "RestartAllContainers")
}

/// What has ended runs again only if it restarts.
fn check_transitions(
    status: &Value,
    old: &Value,
    (list, containers): (&str, &str),
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    let spec = old.at("spec");
    for (index, before) in old.at("status").items(list).iter().enumerate() {
        let (ended, name) = (before.at("state").at("terminated"), before.text("name"));
        let mut now = status.items(list).iter().filter(|now| now.text("name") == name);
        if ended.is_null() || !now.any(|now| !now.at("state").has("terminated")) {
            continue;
        }
        let container = spec.items(containers).iter().find(|container| container.text("name") == name);
        let code = ended.int("exitCode").unwrap_or_default();
        let may = containers != "ephemeralContainers"
            && container.is_some_and(|container| may_restart(container, spec, code));
        if !may {
            let why = "may not be transitioned to non-terminated state";
            errors.push(Error::forbidden(&at.index(index).child("state"), why));
        }
    }
}

/// Whether a container that ended with `code` starts again: its rules say first, then itself, then the pod.
fn may_restart(container: &Value, spec: &Value, code: i64) -> bool {
    let matches = |rule: &Value| {
        let codes = rule.at("exitCodes");
        let is_there = codes.items("values").iter().any(|one| one.as_i64() == Some(code));
        match codes.text("operator") {
            "In" => is_there,
            "NotIn" => !is_there,
            _ => false,
        }
    };
    if container.items("restartPolicyRules").iter().any(matches) {
        return true;
    }
    let holder = if container.has("restartPolicy") { container } else { spec };
    match holder.text("restartPolicy") {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}

fn check_claims(pod: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let statuses = pod.at("status").items("resourceClaimStatuses");
    for (index, status) in statuses.iter().enumerate() {
        let (item, name) = (at.index(index), status.text("name"));
        let path = item.child("name");
        if !pod.at("spec").items("resourceClaims").iter().any(|claim| claim.text("name") == name) {
            let why = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(Error::invalid(&path, name, why));
        }
        if statuses[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path, name));
        }
        if status.has("resourceClaimName") {
            let claim = status.text("resourceClaimName");
            checks::each(names::dns1123_subdomain(claim), claim, &item.child("resourceClaimName"), errors);
        }
    }
}

/// The claim that was made for extended resources.
fn check_extended(pod: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (status, spec) = (pod.at("status").at("extendedResourceClaimStatus"), pod.at("spec"));
    let (mappings, list) = (status.items("requestMappings"), at.child("requestMappings"));
    if mappings.is_empty() {
        errors.push(Error::required(&list, "at least one request mapping is required"));
    }
    let fields = ["containerName", "resourceName", "requestName"];
    for (index, mapping) in mappings.iter().enumerate() {
        let item = list.index(index);
        let [container, resource, request] = fields.map(|field| mapping.text(field));
        let mut all = ["containers", "initContainers"].into_iter().flat_map(|list| spec.items(list));
        match all.find(|one| one.text("name") == container) {
            None => {
                let why =
                    "must match the name of an entry in spec.initContainers.name or spec.containers.name";
                errors.push(Error::invalid(&item.child("containerName"), container, why));
            }
            Some(one) if one.at("resources").at("requests").has(resource) => {}
            Some(_) => {
                let why = "must match the extended resource name of an entry in spec.initContainers.resources.requests \
                           or spec.containers.resources.requests";
                errors.push(Error::invalid(&item.child("resourceName"), resource, why));
            }
        }
        checks::each(names::dns1123_label(request), request, &at.child("requestName"), errors);
        let is_same = |one: &Value| fields.iter().all(|field| one.text(field) == mapping.text(field));
        if mappings[..index].iter().any(is_same) {
            errors.extend(fields.map(|field| Error::duplicate(&item.child(field), mapping.text(field))));
        }
    }
    let name = status.text("resourceClaimName");
    if checks::required(status, "resourceClaimName", at, errors) {
        checks::each(names::dns1123_subdomain(name), name, &at.child("resourceClaimName"), errors);
    }
}

/// Addresses that were there before are not looked at again; two are one of each family.
fn check_addresses(status: &Value, was: &Value, list: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let all: Vec<&str> = status.items(list).iter().map(|one| one.text("ip")).collect();
    for (index, address) in all.iter().enumerate() {
        if !was.items(list).iter().any(|one| one.text("ip") == *address) {
            errors.extend(addresses::validate_ip(address, &at.index(index)));
        }
    }
    if all.len() < 2 {
        return;
    }
    let bad = all.iter().position(|address| addresses::parse_ip(address).is_none());
    if let Some(index) = bad {
        let why = format!("failed to check for dual stack with error:invalid IP[{index}]: {}", all[index]);
        errors.push(Error::internal(at, why));
    }
    let is_v6 = |address: &&str| addresses::parse_ip(address).is_some_and(|address| address.is_ipv6());
    let sixes = all.iter().filter(|address| is_v6(address)).count();
    if bad.is_some() || all.len() > 2 || sixes != 1 {
        let why = "may specify no more than one IP for each IP family";
        errors.push(Error::invalid(at, internal::pod_addresses(status.items(list)), why));
    }
}

/// Who a container runs as.
fn check_users(pod: &Value, list: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let is_windows = || pod.at("spec").at("os").text("name") == "windows";
    for (index, status) in pod.at("status").items(list).iter().enumerate() {
        let (user, item) = (status.at("user").at("linux"), at.index(index));
        let path = item.child("user");
        let path = path.child("linux");
        if user.is_null() {
            continue;
        }
        if is_windows() {
            errors.push(Error::forbidden(&path, "cannot be set for a windows pod"));
            continue;
        }
        for field in ["uid", "gid"] {
            let id = user.int(field).unwrap_or_default();
            checks::each(formats::user_id(id), id, &path.child(field), errors);
        }
        let groups = path.child("supplementalGroups");
        for (index, group) in user.items("supplementalGroups").iter().enumerate() {
            let id = group.as_i64().unwrap_or_default();
            checks::each(formats::user_id(id), id, &groups.index(index), errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(pod: &Value, old: &Value) -> String {
        let mut errors = ErrorList::new();
        validate(pod, old, &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_container_that_has_ended_runs_again_only_if_it_restarts() {
        let pod = |own: &Value, state: Value| {
            let container = json!({"name": "c", "restartPolicyRules": own});
            json!({
                "spec": {"restartPolicy": "OnFailure", "containers": [container]},
                "status": {"containerStatuses": [{"name": "c", "state": state}]},
            })
        };
        let ended = |code: i64| json!({"terminated": {"exitCode": code}});
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [0]}}]);
        let why =
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
        for (own, code, expected) in [(json!([]), 1, ""), (json!([]), 0, why), (rules, 0, "")] {
            let old = pod(&own, ended(code));
            assert_eq!(texts(&pod(&own, json!({"running": {}})), &old), expected);
        }
    }

    #[test]
    fn a_status_says_what_can_be() {
        let cases = [
            (
                json!({"qosClass": "Burstable"}),
                "status.qosClass: Invalid value: \"Burstable\": field is immutable",
            ),
            (
                json!({"hostIP": "1.1.1.1", "hostIPs": [{"ip": "1.1.1.2"}]}),
                "status.hostIPs[0].ip: Invalid value: \"1.1.1.2\": must be equal to `hostIP`",
            ),
            (
                json!({"podIPs": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}]}),
                "status.podIPs: Invalid value: [{\"IP\":\"1.1.1.1\"},{\"IP\":\"1.1.1.2\"}]: may specify no more than \
                 one IP for each IP family",
            ),
            (json!({"podIPs": [{"ip": "1.1.1.1"}, {"ip": "::1"}]}), ""),
            (
                json!({"nominatedNodeName": "m"}),
                "status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node",
            ),
            (
                json!({"resourceClaimStatuses": [{"name": "a"}]}),
                "status.resourceClaimStatuses[0].name: Invalid value: \"a\": must match the name of an entry in \
                 `spec.resourceClaims`",
            ),
            (
                json!({"observedGeneration": -1}),
                "status.observedGeneration: Invalid value: -1: must be a non-negative integer",
            ),
        ];
        for (status, why) in cases {
            let pod = json!({"spec": {"nodeName": "n"}, "status": status});
            assert_eq!(texts(&pod, &json!({"spec": {"nodeName": "n"}})), why);
        }
    }
}
