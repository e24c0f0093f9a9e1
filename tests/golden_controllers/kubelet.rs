//! The corpus's scripted binder and kubelet: annotations on a pod say what becomes of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman::core::api::{GetOptions, ListOptions, Patch, Target, WatchEvent, WatchOptions, WriteOptions};
use steersman::core::resource::GroupVersionResource;
use steersman::core::tree::{Value, json};
use steersman::core::{Client, Env};

/// Pod addresses count up from here.
const FIRST_IP: u32 = 0x0a80_0001;

/// The kubelets and the binder of one scenario.
pub(crate) struct Script {
    client: Client,
    env: Env,
    next_ip: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    started: BTreeSet<String>,
    released: BTreeSet<String>,
    dead_nodes: BTreeSet<String>,
}

pub(crate) fn pods() -> Target {
    Target::all(GroupVersionResource::new("", "v1", "pods"))
}

impl Script {
    pub(crate) fn new(client: Client, env: Env) -> Arc<Self> {
        Arc::new(Script { client, env, next_ip: AtomicU32::new(FIRST_IP), state: Mutex::default() })
    }

    /// Acts on every change of a pod, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let Ok(mut events) = self.client.api().watch(&pods(), &WatchOptions::default()).await else {
                continue;
            };
            while let Some(event) = events.next().await {
                if let WatchEvent::Added(pod) | WatchEvent::Modified(pod) = event {
                    self.act(pod.namespace(), pod.name()).await;
                }
            }
        }
    }

    /// The kubelet of the node does nothing more.
    pub(crate) fn stop_node(&self, node: &str) {
        self.state().dead_nodes.insert(node.to_owned());
    }

    /// The kubelet of the node goes on, and looks at every pod of its own.
    pub(crate) async fn start_node(&self, node: &str) {
        self.state().dead_nodes.remove(node);
        let list = self.client.api().list(&pods(), &ListOptions::default()).await.unwrap_or_default();
        for pod in &list.items {
            self.act(pod.namespace(), pod.name()).await;
        }
    }

    /// Finishes the termination of a held pod.
    pub(crate) async fn release(&self, pod: &Value) {
        self.state().released.insert(text(pod, "/metadata/uid").to_owned());
        self.act(text(pod, "/metadata/namespace"), text(pod, "/metadata/name")).await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it looks")
    }

    async fn act(&self, namespace: &str, name: &str) {
        let target = pods().in_namespace(namespace).named(name);
        let Ok(pod) = self.client.api().get(&target, &GetOptions::default()).await else { return };
        let Ok(pod) = pod.to_value() else { return };
        let node = text(&pod, "/spec/nodeName");
        if node.is_empty() {
            self.bind(&target, &pod).await;
        } else if !self.state().dead_nodes.contains(node) {
            self.drive(&target, &pod).await;
        }
    }

    async fn bind(&self, target: &Target, pod: &Value) {
        let Some(node) = chosen_node(pod) else { return };
        let body = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": target.name, "namespace": target.namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node}
        });
        let target = target.clone().subresource("binding");
        // Refused for a pod that is gone or bound by now.
        let _ = self.client.api().create(&target, body, &WriteOptions::default()).await;
    }

    async fn drive(&self, target: &Target, pod: &Value) {
        let script = text(pod, "/metadata/annotations/golden~1kubelet");
        let (script, is_held) = script.strip_suffix(",hold").map_or((script, false), |script| (script, true));
        if script == "none" {
            return;
        }
        let uid = text(pod, "/metadata/uid");
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            if !is_held || self.state().released.contains(uid) {
                self.finish(target, pod).await;
            }
            return;
        }
        if text(pod, "/status/phase") != "Pending" || !self.state().started.insert(uid.to_owned()) {
            return;
        }
        let outcome = script_of_index(script, pod);
        self.report(target, pod, outcome, &json!({})).await;
    }

    async fn finish(&self, target: &Target, pod: &Value) {
        if pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64) == Some(0) {
            return;
        }
        let is_running = matches!(text(pod, "/status/phase"), "Pending" | "Running");
        if text(pod, "/spec/restartPolicy") != "Always" && is_running {
            self.report(target, pod, "fail:143", &json!({})).await;
        }
        let preconditions =
            Preconditions { uid: Some(text(pod, "/metadata/uid").to_owned()), resource_version: None };
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Some(preconditions),
            ..DeleteOptions::default()
        };
        // Gone already is as good.
        let _ = self.client.api().delete(target, &options).await;
    }

    /// Writes the status that `outcome` stands for: `ready`, `running`, `succeed`, `fail:N`.
    pub(crate) async fn report(&self, target: &Target, pod: &Value, outcome: &str, extra: &Value) {
        let Some(status) = self.status(pod, outcome, extra) else { return };
        let target = target.clone().subresource("status");
        let patch = Patch::Merge(json!({ "status": status }));
        // A pod that is gone by now needs no status.
        let _ = self.client.api().patch(&target, patch, &WriteOptions::default()).await;
    }

    fn status(&self, pod: &Value, outcome: &str, extra: &Value) -> Option<Value> {
        let (outcome, code) = outcome.split_once(':').unwrap_or((outcome, "0"));
        let (phase, is_ready, reason) = match outcome {
            "" | "ready" => ("Running", true, ""),
            "running" | "notready" => ("Running", false, "ContainersNotReady"),
            "succeed" => ("Succeeded", false, "PodCompleted"),
            "fail" => ("Failed", false, "PodFailed"),
            _ => return None,
        };
        let code: i64 = code.parse().unwrap_or_default();
        let now = self.env.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut status = json!({
            "phase": phase,
            "conditions": conditions(pod, is_ready, reason, extra, &now),
            "containerStatuses": containers(pod, phase, is_ready, code, &now),
            "hostIP": "192.168.0.1",
            "startTime": pod.pointer("/status/startTime").cloned().unwrap_or_else(|| now.clone().into()),
        });
        let ips = self.addresses(pod);
        status["podIP"] = ips[0].clone();
        status["podIPs"] = ips.iter().map(|ip| json!({ "ip": ip })).collect();
        for field in ["reason", "message"] {
            if let Some(value) = extra.get(field) {
                status[field] = value.clone();
            }
        }
        Some(status)
    }

    fn addresses(&self, pod: &Value) -> Vec<Value> {
        if let Some(known) = pod.pointer("/status/podIPs").and_then(Value::as_array) {
            return known.iter().map(|one| one["ip"].clone()).collect();
        }
        let wished = text(pod, "/metadata/annotations/golden~1ip");
        if !wished.is_empty() {
            return wished.split(',').map(Value::from).collect();
        }
        let ip = std::net::Ipv4Addr::from(self.next_ip.fetch_add(1, Ordering::Relaxed));
        vec![ip.to_string().into()]
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn chosen_node(pod: &Value) -> Option<String> {
    let is_gated =
        pod.pointer("/spec/schedulingGates").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let is_held = text(pod, "/metadata/annotations/golden~1bind") == "none";
    if text(pod, "/spec/schedulerName") != "default-scheduler" || is_gated || is_held {
        return None;
    }
    let affinity = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0\
                    /matchFields/0/values/0";
    let wishes =
        [affinity, "/metadata/annotations/golden~1node", "/spec/nodeSelector/kubernetes.io~1hostname"];
    let wish = wishes.iter().map(|pointer| text(pod, pointer)).find(|wish| !wish.is_empty());
    Some(wish.unwrap_or("pool-1").to_owned())
}

/// `index:0=fail:1,*=ready` picks by the pod's job completion index.
fn script_of_index<'a>(script: &'a str, pod: &Value) -> &'a str {
    let Some(cases) = script.strip_prefix("index:") else { return script };
    let index = text(pod, "/metadata/annotations/batch.kubernetes.io~1job-completion-index");
    let mut cases = cases.split(',').filter_map(|case| case.split_once('='));
    cases.find(|(key, _)| *key == index || *key == "*").map_or("ready", |(_, outcome)| outcome)
}

fn conditions(pod: &Value, is_ready: bool, reason: &str, extra: &Value, now: &str) -> Vec<Value> {
    let old = pod.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let gates = pod.pointer("/spec/readinessGates").and_then(Value::as_array).into_iter().flatten();
    let is_open =
        |gate: &Value| old.iter().any(|one| one["type"] == gate["conditionType"] && one["status"] == "True");
    let is_held_by_gate = is_ready && !gates.into_iter().all(is_open);
    let (ready, ready_reason) =
        if is_held_by_gate { (false, "ReadinessGatesNotReady") } else { (is_ready, reason) };
    let mut own = vec![
        condition("Initialized", true, "", &old, now),
        condition("Ready", ready, ready_reason, &old, now),
        condition("ContainersReady", is_ready, reason, &old, now),
        condition("PodScheduled", true, "", &old, now),
    ];
    for added in extra["conditions"].as_array().into_iter().flatten() {
        let mut added = added.clone();
        added["lastTransitionTime"] = now.into();
        own.push(added);
    }
    let foreign = old.into_iter().filter(|one| !own.iter().any(|mine| mine["type"] == one["type"]));
    let foreign: Vec<Value> = foreign.collect();
    own.extend(foreign);
    own
}

fn condition(name: &str, holds: bool, reason: &str, old: &[Value], now: &str) -> Value {
    let status = if holds { "True" } else { "False" };
    let before = old.iter().find(|one| one["type"] == name && one["status"] == status);
    let since = before.map_or_else(|| now.into(), |one| one["lastTransitionTime"].clone());
    let mut condition = json!({"type": name, "status": status, "lastTransitionTime": since});
    if !reason.is_empty() {
        condition["reason"] = reason.into();
    }
    condition
}

fn containers(pod: &Value, phase: &str, is_ready: bool, code: i64, now: &str) -> Vec<Value> {
    let all = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let state = if phase == "Running" {
        json!({"running": {"startedAt": now}})
    } else {
        let reason = if code == 0 { "Completed" } else { "Error" };
        json!({"terminated": {"startedAt": now, "finishedAt": now, "reason": reason, "exitCode": code}})
    };
    let status = |container: &Value| {
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0,
            "ready": is_ready, "started": phase == "Running", "state": state
        })
    };
    all.map(status).collect()
}
