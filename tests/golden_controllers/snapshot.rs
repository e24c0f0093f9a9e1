//! What the corpus shows of a namespace at one moment, and how it is compared with what was recorded.

use std::collections::BTreeMap;

use steersman::core::Client;
use steersman::core::api::{ListOptions, Target};
use steersman::core::tree::{Map, Value, json};

use crate::corpus::{Expect, Scenario};
use crate::hashes::Hashes;
use crate::normal::{self, View};
use crate::witness::Witness;

const KINDS: &[&str] = &[
    "CertificateSigningRequest",
    "ClusterRole",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Endpoints",
    "HorizontalPodAutoscaler",
    "Job",
    "Lease",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "ReplicaSet",
    "ReplicationController",
    "ResourceClaim",
    "ResourceQuota",
    "Secret",
    "ServiceAccount",
    "ServiceCIDR",
    "StatefulSet",
    "ValidatingAdmissionPolicy",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// The snapshots of one scenario so far.
#[derive(Default)]
pub(crate) struct Snapshots {
    /// uid → the snapshot in which it was first seen.
    pub(crate) since: BTreeMap<String, usize>,
    count: usize,
    expected: Map,
    pub(crate) hashes: Hashes,
    shown_events: Vec<Value>,
}

impl Snapshots {
    /// The first difference between the cluster and what was recorded.
    pub(crate) async fn compare(
        &mut self,
        client: &Client,
        scenario: &Scenario,
        expect: &Expect,
        witness: &Witness,
    ) -> Option<String> {
        let objects = live(client, scenario, expect).await;
        let events = list(client, "Event").await;
        let seen = witness.seen();
        let view = View { seen: &seen, namespace: &scenario.namespace, hide_nodes: scenario.hide_nodes };
        self.resolve(expect);
        self.hashes.bind(&Value::Object(self.expected.clone()), &objects);
        for object in &objects {
            self.since.entry(text(object, "/metadata/uid").to_owned()).or_insert(self.count);
        }
        self.count += 1;
        let actual = self.shown(&view, &objects);
        let differs = first_difference("", &Value::Object(self.expected.clone()), &Value::Object(actual));
        differs.or_else(|| self.compare_events(&view, scenario, expect, &events))
    }

    /// Replaces `"="` by what the previous snapshot had, and orders what has no order.
    fn resolve(&mut self, expect: &Expect) {
        let mut resolved = Map::new();
        for (key, value) in &expect.objects {
            let kind = key.split('/').next().unwrap_or_default();
            let mut value = if value == "=" {
                self.expected.get(key).cloned().unwrap_or_default()
            } else {
                value.clone()
            };
            match &mut value {
                Value::Object(object) => normal::lists(kind, object),
                Value::Array(all) => all.sort_by_key(Value::to_string),
                _ => {}
            }
            resolved.insert(key.clone(), value);
        }
        self.expected = resolved;
    }

    fn shown(&self, view: &View<'_>, objects: &[Value]) -> Map {
        let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for raw in objects {
            let mut shown = self.hashes.translate(&normal::object(view, raw));
            if let Some(shown) = shown.as_object_mut() {
                normal::lists(text(raw, "/kind"), shown);
            }
            shown["_since"] = self.since.get(text(raw, "/metadata/uid")).copied().unwrap_or_default().into();
            groups.entry(self.key(view, raw)).or_default().push(shown);
        }
        groups.into_iter().map(|(key, all)| (key.clone(), grouped(&key, all))).collect()
    }

    fn key(&self, view: &View<'_>, raw: &Value) -> String {
        let name = normal::mask(view, text(raw, "/metadata/name"));
        let key = self.hashes.translate(&json!(format!("{}/{name}", text(raw, "/kind"))));
        key.as_str().unwrap_or_default().to_owned()
    }

    fn compare_events(
        &mut self,
        view: &View<'_>,
        scenario: &Scenario,
        expect: &Expect,
        events: &[Value],
    ) -> Option<String> {
        let mut new: Vec<Value> = Vec::new();
        for event in events.iter().filter(|event| concerns(event, &scenario.namespace)) {
            let shown = self.hashes.translate(&shown_event(view, event));
            let is_noise = shown["reason"] == "CIDRAssignmentFailed";
            if !is_noise && !self.shown_events.contains(&shown) && !new.contains(&shown) {
                new.push(shown);
            }
        }
        // What was not shown in one snapshot is news in the next.
        if scenario.no_events || expect.no_events {
            return None;
        }
        self.shown_events.extend(new.iter().cloned());
        new.sort_by_key(Value::to_string);
        let mut wanted = expect.new_events.clone();
        wanted.sort_by_key(Value::to_string);
        first_difference("newEvents", &wanted.into(), &new.into())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One object as it is; objects with a generated name as a list of the distinct ones with their counts.
fn grouped(key: &str, mut all: Vec<Value>) -> Value {
    if !key.contains("<rand>") && !key.contains("<minute>") {
        return all.swap_remove(0);
    }
    let mut distinct: Vec<(Value, usize)> = Vec::new();
    for one in all {
        match distinct.iter_mut().find(|(known, _)| *known == one) {
            Some((_, count)) => *count += 1,
            None => distinct.push((one, 1)),
        }
    }
    let counted = distinct.into_iter().map(|(mut one, count)| {
        if count > 1 {
            one["_count"] = count.into();
        }
        one
    });
    let mut shown: Vec<Value> = counted.collect();
    shown.sort_by_key(Value::to_string);
    shown.into()
}

async fn live(client: &Client, scenario: &Scenario, expect: &Expect) -> Vec<Value> {
    let mut found = Vec::new();
    let kinds = expect.kinds.as_ref().or(scenario.kinds.as_ref());
    for kind in KINDS.iter().filter(|kind| kinds.is_none_or(|kinds| kinds.iter().any(|one| one == *kind))) {
        found.extend(list(client, kind).await.into_iter().filter(|object| is_shown(scenario, object)));
    }
    found
}

fn is_shown(scenario: &Scenario, object: &Value) -> bool {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let namespace = text(object, "/metadata/namespace");
    if scenario.also.contains(&format!("{kind}/{namespace}/{name}")) {
        return true;
    }
    let is_default =
        matches!((kind, name), ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt"));
    if kind == "Namespace" {
        return scenario.show_namespace && name == scenario.namespace;
    }
    let is_ours = namespace == scenario.namespace
        || namespace.is_empty() && name.ends_with(&format!(".{}", scenario.namespace));
    is_ours && (scenario.show_defaults || !is_default)
}

/// Every object of a kind; none where the kind is not served.
async fn list(client: &Client, kind: &str) -> Vec<Value> {
    let Ok(resources) = client.api().discover().await else { return Vec::new() };
    let Some(row) = resources.iter().find(|row| row.kind == kind && row.serves("list")) else {
        return Vec::new();
    };
    let target = Target::all(row.resource.clone());
    let Ok(list) = client.api().list(&target, &ListOptions::default()).await else { return Vec::new() };
    list.items.iter().filter_map(|object| object.to_value().ok()).collect()
}

fn concerns(event: &Value, namespace: &str) -> bool {
    let name = text(event, "/involvedObject/name");
    text(event, "/involvedObject/namespace") == namespace
        || text(event, "/metadata/namespace") == namespace
        || name == namespace
        || name.ends_with(&format!(".{namespace}"))
}

fn shown_event(view: &View<'_>, event: &Value) -> Value {
    let mut shown = json!({
        "reason": event["reason"], "type": event["type"], "involvedKind": event["involvedObject"]["kind"],
        "involvedName": event["involvedObject"]["name"], "message": event["message"],
        "reportingComponent": event["reportingComponent"]
    });
    normal::strings(view, &mut shown);
    shown
}

/// The first place where two trees differ, with both sides.
pub(crate) fn first_difference(at: &str, expected: &Value, got: &Value) -> Option<String> {
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(key)));
            keys.into_iter().find_map(|key| {
                let side = |map: &Map| map.get(key).cloned().unwrap_or_default();
                first_difference(&format!("{at}/{key}"), &side(left), &side(right))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(index, (left, right))| first_difference(&format!("{at}/{index}"), left, right))
        }
        _ if expected == got => None,
        _ => Some(format!("{at}\n      expected {expected}\n      got      {got}")),
    }
}
