//! Brings a live object into the form in which the corpus shows it.

use steersman::core::tree::{Map, Value, json};

use crate::witness::Seen;

/// What normalising may know of the scenario.
pub(crate) struct View<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) namespace: &'a str,
    pub(crate) hide_nodes: bool,
}

/// Kinds whose spec is the scenario's own input, so that only its size is shown.
const WORKLOADS: &[&str] = &[
    "CertificateSigningRequest",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Job",
    "PodDisruptionBudget",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "StatefulSet",
    "ValidatingAdmissionPolicy",
];

const LONG_LISTS: usize = 10;

/// The object as the corpus shows it, without `_since`.
pub(crate) fn object(view: &View<'_>, object: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap_or_default();
    let mut shown = object.as_object().cloned().unwrap_or_default();
    ["apiVersion", "kind"].iter().for_each(|field| drop(shown.remove(field)));
    let metadata = shown.remove("metadata").unwrap_or_default();
    let generation = metadata["generation"].as_i64().unwrap_or_default();
    let is_owned = metadata["ownerReferences"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["controller"] == true));
    spec(view, kind, is_owned, &mut shown);
    status(kind, &mut shown);
    lists(kind, &mut shown);
    secret(kind, &mut shown);
    shown.extend(meta(&metadata));
    let mut shown = Value::Object(shown);
    generations(&mut shown, generation);
    strings(view, &mut shown);
    shown
}

fn meta(metadata: &Value) -> Map {
    let mut shown = Map::new();
    for field in ["labels", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        shown.extend(
            metadata
                .get(field)
                .filter(|value| !is_empty(value))
                .map(|value| (field.to_owned(), value.clone())),
        );
    }
    let annotations: Map = metadata["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !key.starts_with("golden/"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !annotations.is_empty() {
        shown.insert("annotations".to_owned(), annotations.into());
    }
    if let Some(mut owners) =
        metadata["ownerReferences"].as_array().cloned().filter(|owners| !owners.is_empty())
    {
        owners.sort_by_key(|owner| (owner["kind"].to_string(), owner["name"].to_string()));
        shown.insert("ownerReferences".to_owned(), owners.into());
    }
    shown
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        _ => false,
    }
}

fn spec(view: &View<'_>, kind: &str, is_owned: bool, shown: &mut Map) {
    let Some(spec) = shown.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if WORKLOADS.contains(&kind) && !is_owned {
        spec.retain(|field, _| field == "replicas" || field == "suspend");
    }
    if kind == "Node" {
        node_spec(spec);
    }
    if view.hide_nodes && kind == "Pod" {
        spec.remove("nodeName");
        spec.remove("affinity");
    }
    if spec.is_empty() {
        shown.remove("spec");
    } else if let Some(spec) = shown.get_mut("spec") {
        drop_pod_defaults(spec);
    }
}

fn node_spec(spec: &mut Map) {
    if let Some(taints) = spec.get_mut("taints").and_then(Value::as_array_mut) {
        taints.sort_by_key(|taint| (taint["key"].to_string(), taint["effect"].to_string()));
    }
    // Only the ranges of the cluster's own pool are given out in an order that nobody promises.
    let of_pool = |range: &Value| range.as_str().is_some_and(|range| range.starts_with("10.200."));
    if spec.get("podCIDR").is_some_and(of_pool) {
        spec.insert("podCIDR".to_owned(), "<podcidr>".into());
        spec.insert("podCIDRs".to_owned(), json!(["<podcidr>"]));
    }
}

/// Drops what defaulting put into a pod spec, wherever one is.
pub(crate) fn drop_pod_defaults(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(drop_pod_defaults),
        Value::Object(fields) => {
            if fields.contains_key("containers") {
                let defaults = json!({
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                    "securityContext": {}, "terminationGracePeriodSeconds": 30, "enableServiceLinks": true,
                    "priority": 0, "preemptionPolicy": "PreemptLowerPriority"
                });
                drop_equal(fields, &defaults);
                for list in ["containers", "initContainers", "ephemeralContainers"] {
                    let containers = fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
                    containers.filter_map(Value::as_object_mut).for_each(drop_container_defaults);
                }
            }
            fields.values_mut().for_each(drop_pod_defaults);
        }
        _ => {}
    }
}

fn drop_container_defaults(container: &mut Map) {
    let defaults = json!({
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent", "resources": {}
    });
    drop_equal(container, &defaults);
}

fn drop_equal(fields: &mut Map, defaults: &Value) {
    fields.retain(|field, value| defaults.get(field) != Some(value));
}

fn status(kind: &str, shown: &mut Map) {
    let Some(status) = shown.get_mut("status").and_then(Value::as_object_mut) else { return };
    let kept: Option<&[&str]> = match kind {
        "Pod" => Some(&[
            "phase",
            "conditions",
            "reason",
            "message",
            "nominatedNodeName",
            "resourceClaimStatuses",
            "extendedResourceClaimStatus",
        ]),
        "Node" => Some(&["conditions", "volumesAttached", "volumesInUse"]),
        _ => None,
    };
    if let Some(kept) = kept {
        status.retain(|field, _| kept.contains(&field.as_str()));
    }
    conditions(kind, status);
    if status.is_empty() {
        shown.remove("status");
    }
}

fn conditions(kind: &str, status: &mut Map) {
    let Some(all) = status.get_mut("conditions").and_then(Value::as_array_mut) else { return };
    all.retain(|one| is_shown_condition(kind, one));
    for condition in all.iter_mut().filter_map(Value::as_object_mut) {
        condition.retain(|field, value| !field.ends_with("Time") && !is_empty(value) && value != "");
    }
    all.sort_by_key(|one| one["type"].to_string());
    if all.is_empty() {
        status.remove("conditions");
    }
}

fn is_shown_condition(kind: &str, condition: &Value) -> bool {
    let name = condition["type"].as_str().unwrap_or_default();
    match kind {
        "Pod" => {
            let is_routine = matches!(name, "Initialized" | "ContainersReady");
            !(is_routine || name == "PodScheduled" && condition["status"] == "True")
        }
        "Node" => name == "Ready" || condition["status"] != "False",
        _ => true,
    }
}

/// Orders, and where they are long counts, the lists whose order means nothing.
pub(crate) fn lists(kind: &str, shown: &mut Map) {
    match kind {
        "EndpointSlice" => {
            none_is_empty(shown, "endpoints");
            sort_lists(shown, &["endpoints", "ports"]);
        }
        "Endpoints" => {
            none_is_empty(shown, "subsets");
            if let Some(subsets) = shown.get_mut("subsets").and_then(Value::as_array_mut) {
                subsets.iter_mut().filter_map(Value::as_object_mut).for_each(|subset| {
                    sort_lists(subset, &["addresses", "notReadyAddresses", "ports"]);
                });
                subsets.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// The corpus shows no list and an empty list alike.
fn none_is_empty(shown: &mut Map, field: &str) {
    if shown.get(field).is_none_or(Value::is_null) {
        shown.insert(field.to_owned(), json!([]));
    }
}

fn sort_lists(shown: &mut Map, fields: &[&str]) {
    for field in fields {
        let Some(all) = shown.get_mut(field).and_then(Value::as_array_mut) else { continue };
        if all.len() <= LONG_LISTS {
            all.sort_by_key(Value::to_string);
            continue;
        }
        let mut counted = json!({"count": all.len()});
        if *field == "endpoints" {
            counted["ready"] = all.iter().filter(|one| one["conditions"]["ready"] == true).count().into();
        }
        shown.insert((*field).to_owned(), counted);
    }
}

fn secret(kind: &str, shown: &mut Map) {
    if kind != "Secret" {
        return;
    }
    for (key, value) in shown.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten() {
        if matches!(key.as_str(), "ca.crt" | "token") {
            *value = format!("<{key}>").into();
        }
    }
}

fn generations(value: &mut Value, generation: i64) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.as_i64().filter(|_| field == "observedGeneration") {
                    Some(observed) if observed == generation => *value = "<gen>".into(),
                    Some(observed) => *value = format!("<gen-{}>", generation - observed).into(),
                    None => generations(value, generation),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| generations(one, generation)),
        _ => {}
    }
}

/// Replaces what no two runs share inside every string: uids, times, generated names, certificates.
pub(crate) fn strings(view: &View<'_>, value: &mut Value) {
    match value {
        Value::String(text) => *text = string(view, text).into(),
        Value::Array(all) => all.iter_mut().for_each(|one| strings(view, one)),
        Value::Object(fields) => fields.values_mut().for_each(|one| strings(view, one)),
        _ => {}
    }
}

fn string(view: &View<'_>, text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() && text.starts_with("2026-") {
        return "<time>".to_owned();
    }
    if text.contains("-----BEGIN") {
        return "<pem>".to_owned();
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.octets()[0] == 10 && ip.octets()[1] >= 128) {
        return "<podip>".to_owned();
    }
    if is_uid(text) {
        return uid(view, text);
    }
    let shown = refused(mask(view, &with_uids(view, text)));
    match shown.find("(combined from similar events)") {
        Some(at) => shown[..at + "(combined from similar events)".len()].to_owned(),
        None => shown,
    }
}

/// A message with the generated name of a pod that a quota has refused masked: nobody has seen that pod.
fn refused(text: String) -> String {
    let name = text.strip_prefix("Error creating: ").unwrap_or(&text).strip_prefix("pods \"");
    let name = name.and_then(|rest| rest.split_once("\" is forbidden: exceeded quota"));
    let suffix = name.and_then(|(name, _)| name.get(name.len().checked_sub(5)?..));
    match suffix {
        Some(suffix) => text.replacen(&format!("{suffix}\" is"), "<rand>\" is", 1),
        None => text,
    }
}

fn is_uid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Whose uid it is: `<uid:Kind/name>`, or `<uid>` of something that never was.
fn uid(view: &View<'_>, uid: &str) -> String {
    let Some((object, namespace)) = view.seen.uids.get(uid) else { return "<uid>".to_owned() };
    let (kind, name) = object.split_once('/').unwrap_or((object, ""));
    let name = mask(view, name);
    let is_ours = namespace == view.namespace || name.ends_with(&format!(".{}", view.namespace));
    let is_elsewhere = !namespace.is_empty() && !is_ours;
    if is_elsewhere { format!("<uid:{kind}/{namespace}/{name}>") } else { format!("<uid:{kind}/{name}>") }
}

/// A sentence with the uids inside it replaced.
fn with_uids(view: &View<'_>, text: &str) -> String {
    let parts = text.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-');
    let shown = parts.map(|part| match part.get(..36).filter(|start| is_uid(start) && part.len() <= 37) {
        Some(start) => format!("{}{}", uid(view, start), &part[36..]),
        None => part.to_owned(),
    });
    shown.collect()
}

/// Generated names with their suffix masked: `web-x7k2p` as `web-<rand>`.
pub(crate) fn mask(view: &View<'_>, text: &str) -> String {
    let mut masked = text.to_owned();
    for (name, prefix) in &view.seen.generated {
        if masked.contains(name.as_str()) {
            masked = masked.replace(name.as_str(), &format!("{prefix}<rand>"));
        }
    }
    masked
}
