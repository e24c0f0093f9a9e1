//! Nodes, namespaces, and what goes on in the cluster.

use std::collections::BTreeSet;

use steersman_core::tree::Value;

use super::Subject;
use crate::table::words::{NONE, or};
use crate::tree::Read;

const ROLE: &str = "node-role.kubernetes.io/";

pub(super) fn node(one: &Subject<'_>) -> Vec<Value> {
    let info = one.status().at("nodeInfo");
    let known = |field: &str| or(info.text(field), "<unknown>");
    let kernel = match info.text("architecture") {
        "" => known("kernelVersion").to_owned(),
        architecture => format!("{} ({architecture})", known("kernelVersion")),
    };
    vec![
        one.name(),
        node_status(one).into(),
        or(roles(one.metadata()), NONE).into(),
        one.age(),
        info.text("kubeletVersion").into(),
        address(one.status(), "InternalIP"),
        address(one.status(), "ExternalIP"),
        known("osImage").into(),
        kernel.into(),
        known("containerRuntimeVersion").into(),
    ]
}

fn node_status(one: &Subject<'_>) -> String {
    let mut conditions = one.status().items("conditions").iter();
    let ready = conditions.rfind(|condition| condition.text("type") == "Ready");
    let status =
        ready.map_or("Unknown", |ready| if ready.text("status") == "True" { "Ready" } else { "NotReady" });
    let disabled = if one.spec().flag("unschedulable") { ",SchedulingDisabled" } else { "" };
    format!("{status}{disabled}")
}

fn roles(metadata: &Value) -> String {
    let role = |(label, value): (&str, &Value)| match label.strip_prefix(ROLE) {
        Some(role) => Some(role.to_owned()),
        None if label == "kubernetes.io/role" => value.as_str().map(str::to_owned),
        None => None,
    };
    let roles: BTreeSet<String> =
        metadata.entries("labels").filter_map(role).filter(|role| !role.is_empty()).collect();
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn address(status: &Value, kind: &str) -> Value {
    let mut addresses = status.items("addresses").iter();
    addresses
        .find(|address| address.text("type") == kind)
        .map_or(NONE, |address| address.text("address"))
        .into()
}

pub(super) fn namespace(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.status().text("phase").into(), one.age()]
}

pub(super) fn lease(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), one.spec().text("holderIdentity").into(), one.age()]
}

pub(super) fn event(one: &Subject<'_>) -> Vec<Value> {
    let event = one.object;
    let (about, source, series) = (event.at("involvedObject"), event.at("source"), event.at("series"));
    let first = if event.has("firstTimestamp") { event.at("firstTimestamp") } else { event.at("eventTime") };
    let last = if event.has("lastTimestamp") { event.at("lastTimestamp") } else { first };
    let (last, count) = match series {
        // Events of the newer kind do not count themselves.
        Value::Null => (last, event.int("count").filter(|count| *count != 0).unwrap_or(1)),
        series => (series.at("lastObservedTime"), series.int("count").unwrap_or_default()),
    };
    let kind = about.text("kind").to_lowercase();
    let slash = if about.text("name").is_empty() { "" } else { "/" };
    let component = or(source.text("component"), event.text("reportingComponent"));
    let instance = or(source.text("host"), event.text("reportingInstance"));
    let comma = if instance.is_empty() { "" } else { ", " };
    vec![
        one.since(last).into(),
        event.text("type").into(),
        event.text("reason").into(),
        format!("{kind}{slash}{}", about.text("name")).into(),
        about.text("fieldPath").into(),
        format!("{component}{comma}{instance}").into(),
        event.text("message").trim().into(),
        one.since(first).into(),
        count.into(),
        one.name(),
    ]
}

pub(super) fn component_status(one: &Subject<'_>) -> Vec<Value> {
    let mut conditions = one.object.items("conditions").iter();
    let healthy = conditions.find(|condition| condition.text("type") == "Healthy").unwrap_or(&Value::Null);
    let status = match healthy {
        Value::Null => "Unknown",
        healthy if healthy.text("status") == "True" => "Healthy",
        _ => "Unhealthy",
    };
    vec![one.name(), status.into(), healthy.text("message").into(), healthy.text("error").into()]
}

pub(super) fn api_service(one: &Subject<'_>) -> Vec<Value> {
    let service = match one.spec().at("service") {
        Value::Null => "Local".to_owned(),
        service => format!("{}/{}", service.text("namespace"), service.text("name")),
    };
    let mut conditions = one.status().items("conditions").iter();
    let available = conditions.find(|condition| condition.text("type") == "Available");
    let available = available.map_or_else(
        || "Unknown".to_owned(),
        |condition| match condition.text("status") {
            "True" => "True".to_owned(),
            other => format!("{other} ({})", condition.text("reason")),
        },
    );
    vec![one.name(), service.into(), available.into(), one.age()]
}
